import { Hono } from "hono";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { wordIn } from "../http/query.ts";
import type { AccountAct, AccountApi } from "./account-api.ts";
import { type AlertsPage, AlertTable } from "./alert-list.tsx";
import { AlertSettingsFacts, AlertSettingsForm, type AlertSettingsWire, alertSettingsOf } from "./alert-settings.tsx";
import { newWebhookOf, WebhookSecret, Webhooks, type WebhookWire } from "./alert-webhooks.tsx";
import { readForm } from "./form.ts";
import type { RefusalStatus } from "./gateway-api.ts";
import { CsrfField, type Notice } from "./layout.tsx";
import { page } from "./page.tsx";
import { Paging } from "./paging.tsx";
import { frameOf, type Visit, visitOf } from "./visit.ts";

export const ALERTS_PATH = "/dashboard/alerts";
const SETTINGS_PATH = `${ALERTS_PATH}/settings`;
const WEBHOOKS_PATH = `${ALERTS_PATH}/webhooks`;
const ALERTS_SHOWN = "20";

/** What the account was told of, what it is to be told of, and where that is sent. */
export function alertPages(api: AccountApi): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/", async (c) => {
    const notice = wordIn(c, "done", DONE);
    return alertsPage(c, api, await visitOf(c), { notice });
  });
  routes.post("/seen", (c) => follow(c, api, "seen", () => ({ method: "POST", path: "/alerts/acknowledge" })));
  routes.post("/settings", (c) =>
    follow(c, api, "saved", (form) => ({ method: "PUT", path: "/alert-settings", body: alertSettingsOf(form) })),
  );
  routes.post("/settings/usual", (c) => follow(c, api, "usual", () => ({ method: "DELETE", path: "/alert-settings" })));
  routes.post("/webhooks", (c) =>
    makeSecret(c, api, (form) => ({ method: "POST", path: "/alert-endpoints", body: newWebhookOf(form) })),
  );
  routes.post("/webhooks/:id/rotate", (c) =>
    makeSecret(c, api, () => ({ method: "POST", path: `${webhookOf(c)}/rotate` })),
  );
  routes.post("/webhooks/:id/test", (c) =>
    follow(c, api, "sent", () => ({ method: "POST", path: `${webhookOf(c)}/test` })),
  );
  routes.post("/webhooks/:id/remove", (c) =>
    follow(c, api, "removed", () => ({ method: "DELETE", path: webhookOf(c) })),
  );
  return routes;
}

const DONE: Readonly<Record<string, Notice>> = {
  seen: { tone: "done", text: "All alerts are marked as seen." },
  saved: { tone: "done", text: "The settings are saved. They count from now on." },
  usual: { tone: "done", text: "The usual settings count again." },
  sent: { tone: "done", text: "A test is on its way to the webhook; it is in the list as well." },
  removed: { tone: "done", text: "The webhook is removed." },
};

function webhookOf(c: HttpContext): string {
  return `/alert-endpoints/${encodeURIComponent(c.req.param("id") ?? "")}`;
}

type ActOf = (form: URLSearchParams) => AccountAct;

/** Does what a form asks for and leads back to the page, or shows there why it was refused. */
async function follow(c: HttpContext, api: AccountApi, done: string, actOf: ActOf): Promise<Response> {
  const visit = await visitOf(c);
  const form = await readForm(c, visit.session);
  const outcome = await api.act(c, visit, actOf(form));
  if (outcome.done) return c.redirect(`${ALERTS_PATH}?done=${done}`, 303);
  return alertsPage(c, api, visit, { notice: wrong(outcome.text), status: outcome.status, typed: form });
}

/** The same for what makes a secret, which is shown once. */
async function makeSecret(c: HttpContext, api: AccountApi, actOf: ActOf): Promise<Response> {
  const visit = await visitOf(c);
  const form = await readForm(c, visit.session);
  const outcome = await api.act<WebhookWire & { secret: string }>(c, visit, actOf(form));
  if (!outcome.done) {
    return alertsPage(c, api, visit, { notice: wrong(outcome.text), status: outcome.status, typed: form });
  }
  const { url, secret } = outcome.body;
  const children = (
    <>
      <h1>Secret of the webhook</h1>
      <WebhookSecret url={url} secret={secret} back={ALERTS_PATH} />
    </>
  );
  return page(c, { ...frameOf(visit, "Secret of the webhook", ALERTS_PATH), children }, 201);
}

function wrong(text: string): Notice {
  return { tone: "wrong", text };
}

interface Told {
  readonly notice: Notice | null;
  readonly status?: 200 | RefusalStatus;
  /** A form that was refused. */
  readonly typed?: URLSearchParams;
}

async function alertsPage(
  c: HttpContext,
  api: AccountApi,
  visit: Visit,
  { notice, status = 200, typed }: Told,
): Promise<Response> {
  const cursor = c.req.method === "GET" ? (c.req.query("cursor") ?? null) : null;
  const [alerts, settings, webhooks] = await Promise.all([
    api.get<AlertsPage>(c, "/alerts", { limit: ALERTS_SHOWN, ...(cursor === null ? {} : { cursor }) }),
    api.get<AlertSettingsWire>(c, "/alert-settings"),
    api.get<{ data: readonly WebhookWire[] }>(c, "/alert-endpoints"),
  ]);
  const isWebhookTyped = typed?.has("url") ?? false;
  const children = (
    <>
      <h1>Alerts</h1>
      <p class="lead">Each is told once when it comes about, within a minute or so.</p>
      <AlertTable alerts={alerts.data} nothing="Nothing was to be told yet." />
      <Paging path={ALERTS_PATH} query={{}} cursor={cursor} next={alerts.next_cursor} />
      <MarkSeen visit={visit} alerts={alerts} />
      <section aria-labelledby="settings">
        <h2 id="settings">What you are told of</h2>
        <Settings visit={visit} settings={settings} typed={isWebhookTyped ? null : (typed ?? null)} />
      </section>
      <section aria-labelledby="webhooks">
        <h2 id="webhooks">Webhooks</h2>
        <Webhooks
          webhooks={webhooks.data}
          visit={visit}
          action={WEBHOOKS_PATH}
          typed={isWebhookTyped ? (typed ?? null) : null}
        />
      </section>
    </>
  );
  return page(c, { ...frameOf(visit, "Alerts", ALERTS_PATH), notice, children }, status);
}

function MarkSeen({ visit, alerts }: { visit: Visit; alerts: AlertsPage }) {
  if (!visit.may("manage") || alerts.data.every(({ acknowledged_at }) => acknowledged_at !== null)) return null;
  return (
    <form method="post" action={`${ALERTS_PATH}/seen`} class="below">
      <CsrfField token={visit.csrfToken} />
      <button class="quiet" type="submit">
        Mark all as seen
      </button>
    </form>
  );
}

const FROM: Readonly<Record<AlertSettingsWire["from"], string>> = {
  account: "These are your own settings.",
  operator: "These are the settings of this gateway’s operator, until you save your own.",
  usual: "These are the usual settings, until you save your own.",
};

interface SettingsProps {
  readonly visit: Visit;
  readonly settings: AlertSettingsWire;
  readonly typed: URLSearchParams | null;
}

function Settings({ visit, settings, typed }: SettingsProps) {
  if (!visit.may("manage")) {
    return (
      <>
        <AlertSettingsFacts settings={settings} />
        <p class="soft below">
          You signed in with a key that may look, but not change them: it lacks the scope “manage”.
        </p>
      </>
    );
  }
  return (
    <>
      <p class="soft">{FROM[settings.from]}</p>
      <AlertSettingsForm settings={settings} csrfToken={visit.csrfToken} action={SETTINGS_PATH} typed={typed} />
      {settings.from === "account" ? (
        <form method="post" action={`${SETTINGS_PATH}/usual`} class="below">
          <CsrfField token={visit.csrfToken} />
          <button class="quiet" type="submit">
            Go back to the usual settings
          </button>
        </form>
      ) : null}
    </>
  );
}
