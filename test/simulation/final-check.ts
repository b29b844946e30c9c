import { usageId } from "../../src/core/event.ts";
import { receiptBy } from "../../src/http/find-receipt.ts";
import { auditAccount } from "../../src/ledger/account-audit.ts";
import { consumeLedger } from "../../src/ledger/consumer.ts";
import { consumeDeadLetters } from "../../src/ledger/dead-letter.ts";
import { readRequest } from "../../src/ledger/entry-rows.ts";
import type { Cast } from "./cast.ts";

/** What must hold when everything has come to rest. */
export async function checkAtRest(cast: Cast): Promise<void> {
  noteLate(cast);
  await checkLedger(cast);
  checkCharges(cast);
  checkAcknowledged(cast);
  checkDenials(cast);
  await checkReceipts(cast);
  await checkReplay(cast);
  await checkQuarantine(cast);
}

function noteLate({ world, database }: Cast): void {
  const late = database.all("SELECT id FROM quarantine WHERE reason = 'not of the present epoch'");
  if (late.length > 0) world.reach("entry of an epoch that has ended");
}

/** I1–I3, I6, I9: the ledger says what the object says, and adds up. */
async function checkLedger({ world, hosts, watches, database, offers, givenUp }: Cast): Promise<void> {
  for (const [id, host] of hosts) {
    if (givenUp.has(id)) continue;
    const headOf = async () => host.look((account) => account.head());
    const { differences, head } = await auditAccount({ db: database.db, rateOf: offers.rateOf, headOf }, id);
    const [difference] = differences;
    if (difference) world.violate("the ledger adds up at rest", `${id}: ${JSON.stringify(difference)}`);
    const [balance] = database.all<{ balance: number; entries: number }>(
      "SELECT * FROM balances WHERE account_id = ?",
      id,
    );
    if ((balance?.balance ?? 0) !== head?.balance || (balance?.entries ?? 0) !== head?.seq) {
      world.violate(
        "I2: the ledger's balance is the object's",
        `${id}: ${JSON.stringify(balance)}, ${head?.balance} at ${head?.seq}`,
      );
    }
    const watch = watches.get(id);
    if (watch && watch.audit.seq !== head?.seq) world.violate("I6: the journal was seen whole", id);
  }
}

/** I15, and its other side: no usage is lost whose end was acknowledged. */
function checkCharges({ world, promises }: Cast): void {
  for (const [key, { owed }] of promises.executions) {
    const charged = promises.charged.get(key) ?? 0;
    if (owed !== null && charged !== owed) {
      world.violate("what was used is charged", `${key}: owed ${owed}, charged ${charged}`);
    }
  }
  for (const [key, owed] of promises.jobs) {
    const charged = promises.charged.get(key) ?? 0;
    if (charged !== owed) world.violate("a job is charged what it came to", `${key}: owed ${owed}, charged ${charged}`);
  }
  for (const key of promises.reserved) {
    const [accountId = "", attempt = ""] = key.split(" ");
    const dot = attempt.lastIndexOf(".");
    const id = usageId(attempt.slice(0, dot), Number(attempt.slice(dot + 1)));
    if (!promises.hasUsage(accountId, id)) world.violate("I5: every reservation ends in a usage event", key);
  }
}

function checkAcknowledged({ world, promises }: Cast): void {
  for (const [key, amount] of promises.grantsAcknowledged) {
    if (promises.granted.get(key) !== amount) world.violate("I11: an acknowledged top-up is there", key);
  }
  for (const [key, refunds] of promises.refundsAcknowledged) {
    const acknowledged = [...refunds.values()].reduce((sum, amount) => sum + amount, 0);
    const refunded = promises.refunded.get(key) ?? 0;
    if (refunded < acknowledged)
      world.violate("an acknowledged refund is made", `${key}: ${refunded} of ${acknowledged}`);
    const attempt = key.replace(" mon_", " req_");
    if (refunded > (promises.corrections.cameTo(attempt)?.price ?? 0)) {
      world.violate("no refund above the charge", `${key}: ${refunded}`);
    }
  }
}

/** Whoever was charged is shown it, whatever else became of the same id. */
async function checkReceipts({ world, hosts, promises, database }: Cast): Promise<void> {
  for (const [accountId, host] of hosts) {
    for (const { end, price, refunded } of promises.corrections.attempts(accountId, (cameTo) => cameTo.price > 0)) {
      const { requestId } = end;
      const known = host.look((account) => account.receipt(requestId));
      const receipt = await receiptBy(known, () => readRequest(database.db, accountId, requestId));
      if (receipt?.charge?.amount === price && receipt.refunded === refunded) continue;
      const told = `${receipt?.charge?.amount}, refunded ${receipt?.refunded}`;
      world.violate("a receipt tells what was charged", `${end.id}: ${told}; ${price}, ${refunded}`);
    }
  }
}

/** Denials live in memory for a minute: a crash may lose some, nothing may invent one. */
function checkDenials({ world, hosts, promises: { denials } }: Cast): void {
  const crashed = [...hosts.values()].some(({ crashes }) => crashes > 0);
  if (!crashed && denials.journaled < denials.told) {
    world.violate("every denial is journaled", `${denials.journaled} of ${denials.told}`);
  }
}

const REPLAYED_AT_ONCE = 25;

/** I16: delivering everything again, in any order, changes nothing. */
async function checkReplay({ world, queue, database, givenUp }: Cast): Promise<void> {
  // What a ledger lacks that is given up may still be among it.
  const isKept = (body: string) => ![...givenUp].some((id) => body.includes(`"accountId":"${id}"`));
  const good = [...new Set(queue.archive)].filter(isKept);
  const before = contents(database);
  const written = database.rowsWritten();
  const shuffled = world.random.shuffle(good);
  for (let from = 0; from < shuffled.length; from += REPLAYED_AT_ONCE) {
    const bodies = shuffled.slice(from, from + REPLAYED_AT_ONCE);
    await consumeLedger(batchOf(bodies), {
      db: database.db,
      confirm: async () => {},
      freeze: async () => {},
      now: () => world.now,
    });
  }
  const rows = database.rowsWritten() - written;
  const quarantined = database.all<{ n: number }>("SELECT count(*) AS n FROM quarantine")[0]?.n ?? 0;
  if (contents(database) !== before) world.violate("I16: a replay changes nothing", "the ledger differs afterwards");
  if (quarantined === 0 && rows !== 0) world.violate("I16: a replay writes no row", `${rows} rows`);
}

function contents(database: Cast["database"]): string {
  const sums = (table: string, columns: string) => database.all(`SELECT count(*) AS n, ${columns} FROM ${table}`);
  return JSON.stringify([
    sums("usage_events", "sum(seq) AS seqs, sum(at) AS ats"),
    sums("monetization_events", "sum(seq) AS seqs, sum(amount) AS amounts"),
    sums("balance_updates", "sum(seq) AS seqs, sum(delta) AS deltas, sum(amount) AS amounts"),
    database.all("SELECT * FROM balances ORDER BY account_id"),
  ]);
}

/** Only what was spoilt is in quarantine, or what the queue gave up on. */
async function checkQuarantine({ world, queue, database, poison }: Cast): Promise<void> {
  const rows = database.all<{ reason: string; body: string }>("SELECT reason, body FROM quarantine");
  for (const { reason, body } of rows) {
    world.reach("quarantine hit");
    if (reason === "fork") world.reach("forged second history refused");
    if (reason.includes("hash does not match")) world.reach("good entry beside a bad one");
    const spoilt = [...poison].some((mark) => body.includes(mark));
    if (!spoilt) world.violate("nothing good is in quarantine", `${reason}: ${body.slice(0, 300)}`);
  }
  if (queue.dead.length === 0) return;
  await consumeDeadLetters(batchOf(queue.dead), { db: database.db, now: () => world.now });
  const dead = database.all<{ body: string }>("SELECT body FROM quarantine WHERE reason = 'undelivered'");
  const kept = new Set(dead.flatMap(({ body }) => partsOf(body)));
  const lost = queue.dead.flatMap(partsOf).filter((part) => !kept.has(part));
  if (lost.length > 0) world.violate("what the queue gave up on is kept", `${lost.length} of ${queue.dead.length}`);
}

/** The entries of a message, or what else it is. */
function partsOf(text: string): string[] {
  const body = JSON.parse(text) as { entries?: readonly unknown[] };
  return (body.entries ?? [body]).map((part) => JSON.stringify(part));
}

function batchOf(bodies: readonly string[]): MessageBatch {
  const messages = bodies.map((json, index) => ({
    id: `again ${index}`,
    attempts: 1,
    timestamp: new Date(0),
    body: json,
    ack() {},
    retry() {},
  }));
  return { queue: "spillway-ledger", messages, ackAll() {}, retryAll() {} } as unknown as MessageBatch;
}
