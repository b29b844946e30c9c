import type { LocalD1 } from "../../scripts/d1-migrations.ts";

/** Rows are written in statements of this many entries, so that no transaction is long. */
const AT_ONCE = 20_000;
const NUMBERS = "WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)";
/** 9 October 2025, 08:53:20 UTC. */
const SINCE = 1_760_000_000_000;
const BETWEEN_MS = 10_000;

/** Registers accounts `from` to `to`, without objects. */
export async function registerAccounts(d1: LocalD1, from: number, to: number): Promise<void> {
  for (const [first, last] of steps(from, to)) {
    await d1
      .prepare(
        `${NUMBERS} INSERT INTO accounts (id, name, created_at)
        SELECT printf('acct_row%013d', i), 'Customer ' || i, ${SINCE} + (i * 7919) % 100000 FROM n`,
      )
      .bind(first, last)
      .run();
  }
}

/** One grant for each of these accounts, as an entry of its ledger; the trigger makes its balance. */
export async function grantAccounts(d1: LocalD1, from: number, to: number): Promise<void> {
  for (const [first, last] of steps(from, to)) {
    await d1
      .prepare(
        `${NUMBERS} INSERT INTO balance_updates (account_id, epoch, seq, draw, id, v, at, kind, source, amount, delta,
          balance_after, cause, detail, usage_id, monetization_id, prev, hash)
        SELECT printf('acct_row%013d', i), 1, 1, 0, printf('bal_row%013d.1.1.0', i), 1, ${SINCE} + i, 'grant',
          printf('grt_%d', i), 1000000 + i % 977, 1000000 + i % 977, 1000000 + i % 977, printf('grt_%d', i),
          '{"kind":"paid","priority":50,"effectiveAt":0,"expiresAt":null,"features":null,"reason":"bought"}',
          NULL, NULL, printf('%064d', 0), printf('%064d', 1) FROM n`,
      )
      .bind(first, last)
      .run();
  }
}

/** Every tenth entry belongs to this account, whose own history so grows with the ledger. */
export const LONG_ACCOUNT = "acct_row9999999999999";
const OTHERS = 1_000;

const ACCOUNT = `CASE i % 10 WHEN 0 THEN '${LONG_ACCOUNT}' ELSE printf('acct_row%013d', i % ${OTHERS}) END`;
const USAGE = `'{"inputTokens":200,"cachedInputTokens":0,"cacheWriteTokens":0,"outputTokens":100,"reasoningTokens":0,"seconds":0,"size":null,"calls":{},"serviceTier":null}'`;
const DECISION = `'{"plan":{"id":"bench","version":1},"rateCard":{"id":"default","version":1},"considered":[{"source":"grt_1","kind":"grant","unit":"credits","available":99000000,"taken":5460}],"draws":[{"kind":"grant","source":"grt_1","amount":22825}],"reservedAt":${SINCE},"reserved":22825}'`;

/** `i` numbers the entries of the whole ledger; one in ten is of the long account, which so has 864 a day. */
const ENTRIES: readonly string[] = [
  `INSERT INTO usage_events (account_id, id, epoch, seq, at, request_id, attempt, key_id, feature, model, outcome,
    estimated, usage, decision)
  SELECT ${ACCOUNT}, printf('use_%032x.1', i), 1, 2 + i, ${SINCE} + i * ${BETWEEN_MS}, printf('req_%032x', i), 1, 'key_1',
    'codex', CASE i % 3 WHEN 0 THEN 'gpt-5.4' ELSE 'gpt-5.4-mini' END, 'completed', 0, ${USAGE}, ${DECISION} FROM n`,
  `INSERT INTO monetization_events (account_id, id, usage_id, epoch, seq, at, card_id, card_version, model, amount)
  SELECT ${ACCOUNT}, printf('mon_%032x.1', i), printf('use_%032x.1', i), 1, 2 + i, ${SINCE} + i * ${BETWEEN_MS}, 'default', 1,
    'gpt-5.4-mini', 5460 FROM n`,
  `INSERT INTO balance_updates (account_id, epoch, seq, draw, id, v, at, kind, source, amount, delta, balance_after,
    cause, detail, usage_id, monetization_id, prev, hash)
  SELECT ${ACCOUNT}, 1, 2 + i, 0, printf('bal_row.1.%d.0', i), 1, ${SINCE} + i * ${BETWEEN_MS}, 'debit', 'grt_1', 5460, -5460,
    1000000, printf('mon_%032x.1', i), NULL, printf('use_%032x.1', i), printf('mon_%032x.1', i), printf('%064d', i),
    printf('%064d', i + 1) FROM n`,
];

/** Entries `from` to `to` of one charge each: three rows, through the ledger's real tables and triggers. */
export async function writeCharges(d1: LocalD1, from: number, to: number): Promise<void> {
  for (const [first, last] of steps(from, to)) {
    await d1.batch(ENTRIES.map((sql) => d1.prepare(`${NUMBERS} ${sql}`).bind(first, last)));
  }
}

/** The id of a request of the long account. */
export function requestOf(entry: number): string {
  return `req_${(entry - (entry % 10)).toString(16).padStart(32, "0")}`;
}

function steps(from: number, to: number): [first: number, last: number][] {
  const all: [number, number][] = [];
  for (let first = from; first < to; first += AT_ONCE) all.push([first, Math.min(to, first + AT_ONCE)]);
  return all;
}
