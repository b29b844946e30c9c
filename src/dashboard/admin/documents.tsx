import { Hono } from "hono";
import type { HttpContext, HttpEnv } from "../../http/context.ts";
import { HttpFault } from "../../http/fault.ts";
import { textOf } from "../fields.tsx";
import type { RefusalStatus } from "../gateway-api.ts";
import type { Notice } from "../layout.tsx";
import type { AdminApi } from "./api.ts";
import type { AskedBacktest, BacktestAnswer } from "./backtest.tsx";
import { checkText } from "./checked-text.ts";
import { DocumentEditor, type PreviewAnswer } from "./document-editor.tsx";
import { canBacktest, type DocumentKind } from "./document-kinds.ts";
import { reasonOf } from "./fields.tsx";
import { consolePage } from "./frame.tsx";
import { type Operator, operatorOf, readOperatorForm } from "./operator.ts";
import { prettyJson } from "./pretty-json.ts";

/** A document of 256 KB, as forms write it. */
const FORM_BYTES = 1024 * 1024;
const DAY_MS = 24 * 3_600_000;
const DAYS_USUAL = 30;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Editing documents of one kind: check, compare, try, save. */
export function documentPages(api: AdminApi, kind: DocumentKind): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/:id", async (c) => {
    const operator = await operatorOf(c);
    const version = versionOf(c);
    const running = await kind.stored(c.env.DB, idOf(c), version);
    if (!running && version !== null) throw noSuchVersion();
    const text = prettyJson(running ?? kind.example);
    const note = `No ${kind.name} has this id yet. Saving makes its first version.`;
    return editorPage(c, operator, kind, { text }, running ? null : { tone: "note", text: note });
  });
  routes.post("/:id/compare", async (c) => {
    const { operator, text } = await sentBy(c);
    return compared(c, api, operator, kind, text);
  });
  routes.post("/:id/back-test", (c) => backtest(c, api, kind));
  routes.post("/:id/save", (c) => save(c, api, kind));
  return routes;
}

function idOf(c: HttpContext): string {
  const id = c.req.param("id") ?? "";
  if (!NAME.test(id)) throw new HttpFault(404, "unknown_url", "An id is 1 to 64 letters, digits, '.', '_' or '-'.");
  return id;
}

/** `?version=`: an older version to look at, or to go on from. */
function versionOf(c: HttpContext): number | null {
  const text = c.req.query("version") ?? "";
  if (text === "") return null;
  if (!/^\d{1,9}$/.test(text)) throw noSuchVersion();
  return Number(text);
}

function noSuchVersion(): HttpFault {
  return new HttpFault(404, "unknown_url", "There is no such version.");
}

async function sentBy(c: HttpContext) {
  const operator = await operatorOf(c);
  const form = await readOperatorForm(c, operator, FORM_BYTES);
  // Forms send lines as CR LF.
  return { operator, form, text: (form.get("document") ?? "").replaceAll("\r\n", "\n").trim() };
}

interface Shown {
  readonly text: string;
  readonly faults?: Parameters<typeof DocumentEditor>[0]["faults"];
  readonly preview?: PreviewAnswer;
  readonly asked?: AskedBacktest;
  readonly result?: BacktestAnswer;
}

function editorPage(
  c: HttpContext,
  operator: Operator,
  kind: DocumentKind,
  shown: Shown,
  notice: Notice | null = null,
  status: 200 | RefusalStatus = 200,
): Response | Promise<Response> {
  const id = idOf(c);
  const { text, faults = [], preview = null, asked = usualSpan(), result = null } = shown;
  const title = `${kind.name[0]?.toUpperCase()}${kind.name.slice(1)} ${id}`;
  const children = (
    <>
      <p class="small">
        <a href={kind.path}>{kind.plural}</a>
      </p>
      <h1>{title}</h1>
      <DocumentEditor {...{ operator, kind, id, text, faults, preview, asked, result }} />
    </>
  );
  return consolePage(c, operator, { title, current: kind.path, notice, status, children });
}

/** Checks the text here, so that faults have their lines, and asks the API what it would change. */
async function compared(
  c: HttpContext,
  api: AdminApi,
  operator: Operator,
  kind: DocumentKind,
  text: string,
  more: Pick<Shown, "asked" | "result"> = {},
  notice: Notice | null = null,
): Promise<Response> {
  const checked = checkText(text, (raw) => kind.read(idOf(c), raw));
  if (!checked.ok) return editorPage(c, operator, kind, { text, faults: checked.faults }, null, 400);
  const outcome = await preview(c, api, operator, kind, checked.document);
  if (!outcome.done)
    return editorPage(c, operator, kind, { text }, { tone: "wrong", text: outcome.text }, outcome.status);
  return editorPage(c, operator, kind, { text, preview: outcome.body, ...more }, notice);
}

function preview(c: HttpContext, api: AdminApi, operator: Operator, kind: DocumentKind, document: unknown) {
  const path = `${kind.api}/${idOf(c)}`;
  return api.act<PreviewAnswer>(c, operator, { method: "PUT", path, body: document, query: { dry_run: "true" } });
}

async function backtest(c: HttpContext, api: AdminApi, kind: DocumentKind): Promise<Response> {
  const { operator, form, text } = await sentBy(c);
  if (kind.backtest === null || !canBacktest(kind, idOf(c))) {
    throw new HttpFault(404, "unknown_url", "This cannot be tried on stored usage.");
  }
  const checked = checkText(text, (raw) => kind.read(idOf(c), raw));
  if (!checked.ok) return editorPage(c, operator, kind, { text, faults: checked.faults }, null, 400);
  const usual = usualSpan();
  const asked = {
    from: textOf(form, "from") ?? usual.from,
    to: textOf(form, "to") ?? usual.to,
    account: textOf(form, "account") ?? "",
  };
  const span = spanOf(asked);
  if (!span) {
    const wrong = { tone: "wrong", text: "From and to are days, from before to." } as const;
    return compared(c, api, operator, kind, text, { asked }, wrong);
  }
  const tried =
    kind.backtest === "plan"
      ? { plan: { id: idOf(c), document: checked.document } }
      : { rate_card: { document: checked.document } };
  const body = { ...tried, ...span, ...(asked.account === "" ? {} : { account: asked.account }) };
  const outcome = await api.act<BacktestAnswer>(c, operator, { method: "POST", path: "/backtests", body });
  if (outcome.done) return compared(c, api, operator, kind, text, { asked, result: outcome.body });
  return compared(c, api, operator, kind, text, { asked }, { tone: "wrong", text: outcome.text });
}

/** The last thirty days. */
function usualSpan(): AskedBacktest {
  const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  return { from: isoDay(today - DAYS_USUAL * DAY_MS), to: isoDay(today), account: "" };
}

function isoDay(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** Both days are in it; `null` when they are no days, or the last is before the first. */
function spanOf({ from, to }: AskedBacktest): { from: string; to: string } | null {
  const [first, last] = [from, to].map((day) => (/^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(day) : Number.NaN));
  if (first === undefined || last === undefined || !(first <= last)) return null;
  return { from: new Date(first).toISOString(), to: new Date(last + DAY_MS).toISOString() };
}

async function save(c: HttpContext, api: AdminApi, kind: DocumentKind): Promise<Response> {
  const { operator, form, text } = await sentBy(c);
  const reason = reasonOf(form);
  const checked = checkText(text, (raw) => kind.read(idOf(c), raw));
  if (!checked.ok) return editorPage(c, operator, kind, { text, faults: checked.faults }, null, 400);
  const before = await preview(c, api, operator, kind, checked.document);
  // What was compared is what is replaced: nobody's version is overwritten unseen.
  if (before.done && String(before.body.running_version ?? "") !== (form.get("running") ?? "")) {
    const told = `Version ${before.body.running_version} was saved meanwhile. Look at what would change now.`;
    return compared(c, api, operator, kind, text, {}, { tone: "wrong", text: told });
  }
  const act = { method: "PUT", path: `${kind.api}/${idOf(c)}`, body: checked.document, reason } as const;
  const outcome = await api.act(c, operator, act);
  if (outcome.done) return c.redirect(`${kind.path}/${idOf(c)}?done=saved`, 303);
  return editorPage(c, operator, kind, { text }, { tone: "wrong", text: outcome.text }, outcome.status);
}
