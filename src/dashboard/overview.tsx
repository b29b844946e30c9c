import type { HttpContext } from "../http/context.ts";
import { wordIn } from "../http/query.ts";
import { readBurn } from "../ledger/burn.ts";
import type { AccountApi } from "./account-api.ts";
import { AccountFigures } from "./account-figures.tsx";
import { type AlertsPage, NewAlerts, OVERVIEW_MOST } from "./alert-list.tsx";
import { ALERTS_PATH } from "./alerts.tsx";
import { aboutText } from "./amounts.tsx";
import { type Forecast, forecast, PACE_DAYS, paceOf } from "./forecast.ts";
import { Grants } from "./grants.tsx";
import { InFlight } from "./in-flight.tsx";
import { Instant } from "./instants.tsx";
import type { Notice } from "./layout.tsx";
import { Allowances, Gates } from "./limits.tsx";
import { page } from "./page.tsx";
import { namesOf } from "./source-names.ts";
import { frameOf, type Visit, visitOf } from "./visit.ts";

const PACE_MS = PACE_DAYS * 24 * 3_600_000;

/** What may be used, what is held and what is left. */
export async function overview(c: HttpContext, api: AccountApi): Promise<Response> {
  const visit = await visitOf(c);
  const { account } = visit;
  const now = Date.now();
  const [burn, pending, alerts] = await Promise.all([
    readBurn(c.env.DB, account.id, now - PACE_MS),
    c.var.services.accounts.pending(account.id),
    api.get<AlertsPage>(c, "/alerts", { acknowledged: "false", limit: String(OVERVIEW_MOST + 1) }),
  ]);
  const perDay = paceOf(burn, now);
  const future = forecast(account.grants, perDay, now);
  const { limits, grants } = account;
  const children = (
    <>
      <h1>Overview</h1>
      <Standing visit={visit} />
      <NewAlerts alerts={alerts.data} path={ALERTS_PATH} />
      <AccountFigures credits={limits.credits} />
      <p>
        <Pace perDay={perDay} future={future} available={limits.credits.available} />{" "}
        {c.var.services.config.stripe && visit.may("manage") ? <a href="/dashboard/credits">Buy credits</a> : null}
      </p>
      <section aria-labelledby="included">
        <h2 id="included">Included use</h2>
        <Allowances allowances={limits.allowances} now={now} />
      </section>
      <section aria-labelledby="credits">
        <h2 id="credits">Credits, in the order in which they burn</h2>
        <Grants grants={grants} lapsing={future.lapsing} now={now} />
      </section>
      <section aria-labelledby="in-flight">
        <h2 id="in-flight">In flight</h2>
        <InFlight pending={pending} names={namesOf(grants)} />
      </section>
      <section aria-labelledby="limits">
        <h2 id="limits">Limits that credits do not lift</h2>
        <Gates gates={limits.gates} />
      </section>
    </>
  );
  const notice = wordIn(c, "checkout", CHECKOUTS);
  return page(c, { ...frameOf(visit, "Overview", "/dashboard"), notice, children });
}

/** Said to a buyer who comes back from Stripe. Only Stripe's word counts, which comes another way. */
const CHECKOUTS: Readonly<Record<string, Notice>> = {
  success: {
    tone: "done",
    text: (
      <>
        Thank you. The credits are here as soon as Stripe confirms the payment, usually in a moment; a bank transfer may
        take days. <a href="/dashboard/credits">Your payments</a>
      </>
    ),
  },
  cancelled: {
    tone: "note",
    text: (
      <>
        The purchase was cancelled; nothing was charged. <a href="/dashboard/credits">Back to the credits</a>
      </>
    ),
  },
};

/** Said only where the account is not as usual. */
function Standing({ visit: { account } }: { visit: Visit }) {
  if (account.status === "active") return null;
  const what =
    account.status === "suspended"
      ? "This account is suspended: requests are refused."
      : "Paid use of this account is stopped until a person has looked at it. Included use goes on, and nothing is lost.";
  return (
    <div class="notice wrong" role="status">
      {what}
    </div>
  );
}

function Pace({ perDay, future, available }: { perDay: number; future: Forecast; available: number }) {
  if (available === 0) return <>No credits are left to use.</>;
  if (perDay === 0) return <>No credits were used in the last {PACE_DAYS} days, so none are expected to run out.</>;
  const pace = `At the pace of the last ${PACE_DAYS} days, about ${aboutText(perDay)} a day, they last`;
  if (future.exhaustedAt === null) return <>{pace} for more than a year.</>;
  return (
    <>
      {pace} until <Instant at={future.exhaustedAt} style="day" />.
    </>
  );
}
