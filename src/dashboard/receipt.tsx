import type { AccountReply } from "../../durable-objects/commands.ts";
import type { Considered } from "../core/draw.ts";
import type { Rate } from "../core/rate-card.ts";
import type { Receipt } from "../core/receipt.ts";
import type { Usage } from "../core/usage.ts";
import type { HttpContext } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { findReceipt, rateOf } from "../http/find-receipt.ts";
import { pricesText, pricesWire } from "../wire/prices.ts";
import { usageWire } from "../wire/receipt.ts";
import { receiptSentence } from "../wire/sentence.ts";
import { countText, creditsText, quantityOf, unitName } from "./amounts.tsx";
import { BarLegend } from "./charts/bar.tsx";
import { Countdown, Instant } from "./instants.tsx";
import { Outcome } from "./outcomes.tsx";
import { page } from "./page.tsx";
import { byId, type SourceNames, sourceNames } from "./source-names.ts";
import { frameOf, visitOf } from "./visit.ts";
import { Waterfall } from "./waterfall.tsx";
import { pictureOf } from "./waterfall-steps.ts";

const PATH = "/dashboard/requests";

/** The receipt of one request: what was decided, who paid, and why. */
export async function receipt(c: HttpContext): Promise<Response> {
  const visit = await visitOf(c);
  const found = await findReceipt(c, visit.account.id, c.req.param("id") ?? "");
  if (!found) throw new HttpFault(404, "request_not_found", "There is no such request in this account.");
  const names = await namesIn(c, visit.account, found);
  const children = (
    <>
      <p class="small">
        <a href={PATH}>Requests</a>
      </p>
      <h1>Receipt</h1>
      <ReceiptView receipt={found} rate={await rateOf(c, found)} names={names} />
      <p class="small below">
        <a href={`/api/requests/${found.requestId}`}>This receipt as JSON</a>
      </p>
    </>
  );
  return page(c, { ...frameOf(visit, "Receipt", PATH), children });
}

interface ReceiptParts {
  readonly receipt: Receipt;
  /** At which it was priced. */
  readonly rate: Rate | null;
  readonly names?: SourceNames;
}

/** A receipt: its sentence, its sums, the waterfall and what is to be known beside them. */
export function ReceiptView({ receipt, rate, names = byId }: ReceiptParts) {
  const picture = pictureOf(receipt);
  const sources = picture.steps.flatMap(({ source }) => source ?? []);
  const sentence = sources.reduce((text, id) => text.replaceAll(id, () => named(id, names)), receiptSentence(receipt));
  return (
    <>
      <p class="sentence">{sentence}</p>
      <Money receipt={receipt} />
      <section aria-labelledby="waterfall">
        <h2 id="waterfall">Who was asked, and who paid</h2>
        {picture.steps.length === 0 ? (
          <p class="nothing">No source was asked: the request was free, or refused before.</p>
        ) : (
          <>
            <Waterfall picture={picture} names={names} />
            <Legend receipt={receipt} />
          </>
        )}
        <Gates considered={receipt.considered} />
      </section>
      <section aria-labelledby="details">
        <h2 id="details">Details</h2>
        <Details receipt={receipt} rate={rate} />
      </section>
    </>
  );
}

/** The names of the grants of a receipt. */
export function namesIn(c: HttpContext, account: AccountReply, receipt: Receipt): Promise<SourceNames> {
  return sourceNames(
    c,
    account,
    pictureOf(receipt).steps.flatMap(({ source }) => source ?? []),
  );
}

/** The sentence has grants by their names; an allowance is called by its id anyway. */
function named(id: string, names: SourceNames): string {
  return names(id) === id ? id : `“${names(id)}”`;
}

const LACKING = { kind: "lack", text: "lacking" } as const;

function Legend({ receipt: { charge, denial } }: { receipt: Receipt }) {
  if (denial) return <BarLegend entries={[{ kind: "held", text: "could be had" }, LACKING]} />;
  if (!charge) return <BarLegend entries={[{ kind: "held", text: "reserved" }]} />;
  return (
    <BarLegend
      entries={[
        { kind: "used", text: "paid" },
        { kind: "held", text: "reserved before, in its own scale" },
        ...(charge.overshoot > 0 ? [{ kind: "lack", text: "paid by nobody" } as const] : []),
      ]}
    />
  );
}

function Money({ receipt: { reserved, charge, refunded, denial } }: { receipt: Receipt }) {
  const figures: (readonly [name: string, amount: number])[] = [];
  if (charge) figures.push(["credits charged", charge.amount]);
  if (denial && denial.needed > 0) figures.push(["credits needed", denial.needed], ["could be had", denial.available]);
  if (!denial) figures.push(["reserved", reserved]);
  if (charge) figures.push(["returned", charge.returned]);
  if (charge && charge.overshoot > 0) figures.push(["overshoot, refunded at once", charge.overshoot]);
  if (refunded > 0) figures.push(["given back later", refunded]);
  if (figures.length === 0) return null;
  return (
    <dl class="figures">
      {figures.map(([name, amount]) => (
        <div>
          <dt>{name}</dt>
          <dd>{creditsText(amount)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** The gates that the request had to pass first. */
function Gates({ considered }: { considered: readonly Considered[] }) {
  const gates = considered.filter(({ kind }) => kind === "gate");
  if (gates.length === 0) return null;
  return (
    <details>
      <summary>
        {gates.length} limit{gates.length === 1 ? "" : "s"} looked at before
      </summary>
      <ul class="plain">
        {gates.map(({ source, unit, available, taken }) => (
          <li>
            {source}: had room for {quantityOf(unit, available)} {unitName(unit)}, took {quantityOf(unit, taken)}
          </li>
        ))}
      </ul>
    </details>
  );
}

function Details({ receipt, rate }: Omit<ReceiptParts, "names">) {
  const { requestId, attempt, at, model, feature, keyId, plan, rateCard, outcome, estimated, usage, rows } = receipt;
  const prices = rate && usage ? pricesText(pricesWire(rate), usageWire(usage, receipt)) : "";
  return (
    <dl class="facts">
      <dt>Request</dt>
      <dd class="id">{requestId}</dd>
      <dt>Decided</dt>
      <dd>
        <Instant at={at} />
        {attempt > 1 ? `, attempt ${attempt}` : ""}
      </dd>
      <dt>Outcome</dt>
      <dd>
        {outcome === null ? <span class="tag held">in flight</span> : <Outcome outcome={outcome} />}
        {receipt.expiresAt === null ? null : (
          <>
            {" "}
            held at most <Countdown at={receipt.expiresAt} />
          </>
        )}
      </dd>
      <dt>Model</dt>
      <dd>
        {model} <span class="soft">({feature})</span>
      </dd>
      {usage === null ? null : (
        <>
          <dt>Used</dt>
          <dd>
            {usageText(usage)}
            {estimated ? <span class="soft"> — counted here, since the provider reported none</span> : null}
          </dd>
        </>
      )}
      <dt>Priced by</dt>
      <dd>
        {rateCard === null ? "nothing" : `rate card ${rateCard.id}, version ${rateCard.version}`}
        {prices === "" ? null : (
          <>
            <br />
            <span class="soft">{prices}</span>
          </>
        )}
      </dd>
      <dt>Decided by</dt>
      <dd>
        plan {plan.id}, version {plan.version}
      </dd>
      <dt>Key</dt>
      <dd class="id">{keyId === "" ? "—" : keyId}</dd>
      {rows === null ? null : (
        <>
          <dt>Ledger</dt>
          <dd>
            entry {rows.seq}, {rows.confirmed ? "confirmed" : "on its way"}
            <br />
            <span class="id small soft">
              {[rows.usageEvent, rows.monetizationEvent, ...rows.balanceUpdates].filter((id) => id !== null).join(" ")}
            </span>
          </dd>
        </>
      )}
    </dl>
  );
}

function usageText(usage: Usage): string {
  const parts: string[] = [];
  if (usage.inputTokens > 0) parts.push(`${countText(usage.inputTokens)} input tokens`);
  if (usage.cachedInputTokens > 0) parts.push(`${countText(usage.cachedInputTokens)} of them cached`);
  if (usage.cacheWriteTokens > 0) parts.push(`${countText(usage.cacheWriteTokens)} written to the cache`);
  if (usage.outputTokens > 0) parts.push(`${countText(usage.outputTokens)} output tokens`);
  if (usage.reasoningTokens > 0) parts.push(`${countText(usage.reasoningTokens)} of them for reasoning`);
  if (usage.seconds > 0) parts.push(`${usage.seconds} seconds${usage.size === null ? "" : ` of ${usage.size}`}`);
  for (const [call, times] of Object.entries(usage.calls)) if (times > 0) parts.push(`${countText(times)} × ${call}`);
  if (usage.serviceTier !== null) parts.push(`service tier ${usage.serviceTier}`);
  return parts.length === 0 ? "nothing" : parts.join(", ");
}
