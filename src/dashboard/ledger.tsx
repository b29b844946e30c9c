import type { HeadReply } from "../../durable-objects/commands.ts";
import { formatCredits } from "../core/amount.ts";
import { type BalanceUpdateKind, requestIdOf } from "../core/event.ts";
import type { HttpContext } from "../http/context.ts";
import { listQueryOf } from "../http/query.ts";
import { checkLedger } from "../http/whole-ledger.ts";
import type { LedgerProof, TooLong } from "../ledger/proof.ts";
import { listBalanceUpdates, type PlacedBalanceUpdate } from "../ledger/read.ts";
import { creditsText } from "./amounts.tsx";
import { Instant } from "./instants.tsx";
import { page } from "./page.tsx";
import { Paging } from "./paging.tsx";
import { byId, readableReason, type SourceNames, sourceNames } from "./source-names.ts";
import { frameOf, visitOf } from "./visit.ts";

const PATH = "/dashboard/ledger";

/** Every change of the balance, and what it proves. */
export async function ledger(c: HttpContext): Promise<Response> {
  const visit = await visitOf(c);
  const { id } = visit.account;
  const query = listQueryOf(c);
  const [updates, head] = await Promise.all([
    listBalanceUpdates(c.env.DB, id, query),
    c.var.services.accounts.head(id),
  ]);
  const names = await sourceNames(
    c,
    visit.account,
    updates.data.flatMap(({ update }) => update.source ?? []),
  );
  const proof = c.req.query("verify") === undefined ? null : await checkLedger(c, id);
  const children = (
    <>
      <h1>Ledger</h1>
      <p class="lead">
        Every change of your balance, numbered without gaps, each entry sealed with the hash of the one before it. What
        is in it cannot be changed without showing.
      </p>
      <Proof path={PATH} head={head} proof={proof} />
      <p class="actions below">
        <a class="button quiet" href="/api/ledger.csv">
          Export as CSV
        </a>
        <a class="button quiet" href="/api/ledger/export">
          Export as NDJSON, to verify yourself
        </a>
      </p>
      <section aria-labelledby="rows">
        <h2 id="rows">Entries, newest first</h2>
        {updates.data.length === 0 ? (
          <p class="nothing">Nothing yet.</p>
        ) : (
          <LedgerRows updates={updates.data} names={names} />
        )}
        <Paging path={PATH} query={{}} cursor={c.req.query("cursor") ?? null} next={updates.nextCursor} />
      </section>
    </>
  );
  return page(c, { ...frameOf(visit, "Ledger", PATH), children });
}

interface ProofProps {
  /** Where checking is asked for. */
  readonly path: string;
  readonly head: HeadReply | null;
  readonly proof: LedgerProof | TooLong | null;
}

export function Proof({ path, head, proof }: ProofProps) {
  const pending = head?.unconfirmed.length ?? 0;
  return (
    <>
      <dl class="facts">
        <dt>Newest entry</dt>
        <dd>
          {head?.seq ?? 0}
          {pending === 0 ? ", all of them in the ledger" : `, ${pending} on their way to the ledger`}
        </dd>
        <dt>Its hash</dt>
        <dd class="id">{head?.head ?? "—"}</dd>
        <dt>Proof</dt>
        <dd>
          <ProofResult proof={proof} />
        </dd>
      </dl>
      <form method="get" action={path} class="below">
        <button class="quiet" type="submit" name="verify" value="1">
          Check every entry now
        </button>
      </form>
    </>
  );
}

function ProofResult({ proof }: { proof: LedgerProof | TooLong | null }) {
  if (proof === null) return <>not checked on this page</>;
  if ("tooLong" in proof) {
    return <>{proof.tooLong} entries are more than a page can check: export it and verify it yourself.</>;
  }
  const { firstDifference, entries, balance } = proof;
  if (firstDifference === null) {
    return (
      <>
        <span class="tag good">verified</span> {entries} entries: numbers, hashes, prices and sums hold, and come to a
        balance of {creditsText(balance)} credits.
      </>
    );
  }
  return (
    <>
      <span class="tag wrong">does not hold</span> entry {firstDifference.seq}, {firstDifference.rule}:{" "}
      {firstDifference.subject} should be {firstDifference.expected} and is {firstDifference.found}.
    </>
  );
}

const KINDS: Readonly<Record<BalanceUpdateKind, string>> = {
  allowance: "included use",
  debit: "charge",
  none: "nothing charged",
  grant: "grant",
  expiry: "expired",
  void: "voided",
  refund: "refund",
  overshoot: "overshoot",
  overshoot_refund: "overshoot refunded",
  carry_over: "carried over",
};

export function LedgerRows({
  updates,
  names = byId,
}: {
  updates: readonly PlacedBalanceUpdate[];
  names?: SourceNames;
}) {
  return (
    <table class="stacks entries">
      <thead>
        <tr>
          <th scope="col">Entry</th>
          <th scope="col">At</th>
          <th scope="col">What</th>
          <th scope="col">Source</th>
          <th scope="col" class="number">
            Amount
          </th>
          <th scope="col" class="number">
            Change
          </th>
          <th scope="col" class="number">
            Balance
          </th>
        </tr>
      </thead>
      <tbody>
        {updates.map((row) => (
          <Row row={row} names={names} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ row, names }: { row: PlacedBalanceUpdate; names: SourceNames }) {
  const { place, at, update, usageId, hash } = row;
  const request = usageId === null ? null : requestIdOf(usageId);
  const reason = update.detail === null || update.kind === "grant" ? null : update.detail.reason;
  return (
    <tr>
      <td data-label="Entry">
        <span class="cell" title={`hash ${hash}`}>
          {place.seq}
          <span class="soft">{place.draw === 0 ? "" : `.${place.draw}`}</span>
        </span>
      </td>
      <td data-label="At">
        <span class="cell">
          <Instant at={at} />
        </span>
      </td>
      <td data-label="What">
        <span class="cell">
          {request === null ? KINDS[update.kind] : <a href={`/dashboard/requests/${request}`}>{KINDS[update.kind]}</a>}
          {reason === null ? null : <span class="soft small"> {readableReason(reason)}</span>}
        </span>
      </td>
      <td data-label="Source">
        <span class="cell" title={update.source ?? undefined}>
          {update.source === null ? "—" : names(update.source)}
        </span>
      </td>
      <td class="number" data-label="Amount">
        <span class="cell">{formatCredits(update.amount)}</span>
      </td>
      <td class="number" data-label="Change">
        <span class="cell">{signed(update.delta)}</span>
      </td>
      <td class="number" data-label="Balance">
        <span class="cell">{formatCredits(update.balanceAfter)}</span>
      </td>
    </tr>
  );
}

function signed(delta: number): string {
  return delta > 0 ? `+${formatCredits(delta)}` : formatCredits(delta).replace("-", "−");
}
