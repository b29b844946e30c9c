import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import rateCards from "../../config/rate-cards.json" with { type: "json" };
import { AdminClient } from "../../scripts/admin-client.ts";
import { type Customer, makeCustomer, micro, type Receipt, readReceipt, until } from "./customer.ts";
import { freePort, GatewayProcess, type GatewayProcessOptions } from "./gateway-process.ts";
import { type Attempt, type ReportedUsage, repeat, runLoad } from "./load.ts";

const MODEL = "gpt-5.4-mini";
const ADMIN_TOKEN = "operator-of-the-kill-test";
const CLIENTS = 8;
const LOAD_MS = 3_000;
/** The longest that a slow machine may take to answer {@link ENOUGH}. */
const BUSY_MS = 60_000;
const ENOUGH = { json: 21, sse: 6 };
/** What was lost with the queue is sent again by its account soon after the restart. */
const SETTLING_MS = 60_000;
const CODEX = { codex: { models: ["*"] } };
const PLANS = {
  // So small that requests are paid by the allowance, by credits, and by both at once.
  mixed: {
    name: "Mixed",
    features: CODEX,
    allowances: [
      {
        id: "included",
        features: ["codex"],
        unit: "credits",
        windows: [
          { kind: "anchored", period: "5h", limit: "0.2" },
          { kind: "sliding", period: "7d", limit: "0.3" },
        ],
      },
    ],
  },
  paid: { name: "Paid", features: CODEX },
};

let stateDir: string;
let options: GatewayProcessOptions;
let gateway: GatewayProcess;
let admin: AdminClient;
const customers: Customer[] = [];

/** One kill: what clients had seen when it came, and what they were told when they asked again. */
interface Kill {
  readonly before: readonly Attempt[];
  readonly repeated: readonly Attempt[];
  /** When its last process had ended (epoch ms). */
  readonly goneAt: number;
  /** Request ids of the reservations that stood open after the restart. */
  readonly left: ReadonlySet<string>;
}
const kills: Kill[] = [];

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "spillway-kill-"));
  options = { port: await freePort(), stateDir, adminToken: ADMIN_TOKEN };
  gateway = await GatewayProcess.start(options);
  admin = new AdminClient(gateway.url, ADMIN_TOKEN);
  for (const [id, plan] of Object.entries(PLANS)) await admin.request("PUT", `/admin/plans/${id}`, { body: plan });
  for (const plan of ["mixed", "mixed", "paid"]) customers.push(await makeCustomer(admin, { plan, credits: "50" }));
  for (let round = 0; round < 2; round += 1) kills.push(await killInTheMiddle());
  await until(
    "an empty outbox",
    SETTLING_MS,
    async () => ((await reconcile()).pending.outbox === 0 ? true : null),
    500,
  );
});

afterAll(async () => {
  await gateway?.kill();
  await rm(stateDir, { recursive: true, force: true });
});

/** Load, SIGKILL while it runs, restart on the same state, and every client whose request broke asks once more. */
async function killInTheMiddle(): Promise<Kill> {
  const stop = new AbortController();
  const before: Attempt[] = [];
  const load = runLoad({
    origin: gateway.url,
    customers,
    model: MODEL,
    clients: CLIENTS,
    signal: stop.signal,
    attempts: before,
  });
  await sleep(LOAD_MS);
  await until("a gateway that was busy for a while", BUSY_MS, async () => (wasBusy(before) ? true : null), 5);
  await gateway.kill();
  const goneAt = Date.now();
  stop.abort();
  await load;
  gateway = await GatewayProcess.start(options);
  const left = new Set((await pendingReservations()).map((reservation) => reservation.request_id));
  const broken = before.filter(({ outcome }) => outcome === "broken");
  const repeated = await Promise.all(broken.map((attempt) => repeat(gateway.url, attempt)));
  return { before, repeated, goneAt, left };
}

function count(attempts: readonly Attempt[], outcome: Attempt["outcome"]): number {
  return attempts.filter((attempt) => attempt.outcome === outcome).length;
}

function wasBusy(attempts: readonly Attempt[]): boolean {
  return count(attempts, "json") >= ENOUGH.json && count(attempts, "sse") >= ENOUGH.sse;
}

interface Reconciliation {
  readonly checked: { readonly accounts: number; readonly events: number };
  readonly pending: { readonly reservations: number; readonly outbox: number };
  readonly differences: readonly unknown[];
  readonly unchecked: readonly unknown[];
}

async function reconcile(): Promise<Reconciliation> {
  return (await admin.request("POST", "/admin/reconciliations", { body: {} })) as Reconciliation;
}

interface PendingReservation {
  readonly account: string;
  readonly request_id: string;
  readonly reserved_at: string;
  readonly expires_at: string;
}

async function pendingReservations(): Promise<PendingReservation[]> {
  return readList<PendingReservation>("/admin/reservations?state=pending");
}

async function readList<Item>(path: string): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | null = null;
  do {
    const url: string = `${path}${path.includes("?") ? "&" : "?"}limit=500${cursor === null ? "" : `&cursor=${cursor}`}`;
    const page = (await admin.request("GET", url)) as { data: Item[]; next_cursor: string | null };
    items.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return items;
}

interface UsageEvent {
  readonly id: string;
  readonly request_id: string;
}
interface MonetizationEvent {
  readonly usage_event: string;
  readonly amount: string;
}
interface BalanceUpdate {
  readonly seq: number;
  readonly kind: string;
  readonly amount: string;
  readonly delta: string;
}

/** The three datasets of an account. */
async function ledgerOf({ id }: Customer) {
  const [usage, monetization, updates] = await Promise.all([
    readList<UsageEvent>(`/admin/accounts/${id}/usage-events`),
    readList<MonetizationEvent>(`/admin/accounts/${id}/monetization-events`),
    readList<BalanceUpdate>(`/admin/accounts/${id}/balance-updates`),
  ]);
  return { usage, monetization, updates };
}

interface AccountBody {
  readonly credits: { readonly available: string; readonly reserved: string; readonly used: string };
  readonly allowances: readonly { readonly windows: readonly { readonly used: string }[] }[];
}

const sumOf = (amounts: readonly string[]): number => amounts.reduce((total, amount) => total + micro(amount), 0);

/** The price of a request in micro-credits, from the rate card's file and nothing of the gateway's own code. */
function priceOf({ input_tokens, output_tokens }: ReportedUsage): number {
  const { input, output } = rateCards.default.models[MODEL].per_million_tokens;
  return Math.floor((input_tokens * Number(input) * 1_000 + output_tokens * Number(output) * 1_000) / 1_000);
}

const attempts = () => kills.flatMap(({ before, repeated }) => [...before, ...repeated]);

async function receiptOf({ customer, requestId }: Attempt): Promise<Receipt> {
  const receipt = requestId === null ? null : await readReceipt(gateway.url, customer, requestId);
  if (!receipt) throw new Error(`There is no receipt of ${requestId}`);
  return receipt;
}

describe("a gateway that is killed in the middle of its work, twice", () => {
  it("was busy when it was killed", () => {
    for (const { before } of kills) {
      expect(wasBusy(before)).toBe(true);
      // A client may have read an answer to its end that was on its way when the gateway ended.
      expect(count(before, "broken")).toBeGreaterThanOrEqual(CLIENTS / 2);
      expect(count(before, "refused")).toBe(0);
    }
  });

  it("finds no difference between its accounts and its ledger", async () => {
    const result = await reconcile();
    expect(result).toMatchObject({ differences: [], unchecked: [], pending: { outbox: 0 } });
    expect(result.checked.accounts).toBe(customers.length);
    expect(await admin.request("GET", "/admin/quarantine")).toMatchObject({ data: [] });
  });

  it("has charged every client that saw a JSON answer exactly for the usage in it, and has it in the ledger", async () => {
    const answered = attempts().filter(({ outcome }) => outcome === "json");
    expect(answered.length).toBeGreaterThan(40);
    for (const attempt of answered) {
      const receipt = await receiptOf(attempt);
      expect(receipt).toMatchObject({
        reservation: { state: "settled" },
        usage: { ...pick(attempt.usage), outcome: "completed", estimated: false },
        ledger: { confirmed: true },
      });
      expect(micro(receipt.charge?.amount ?? "")).toBe(attempt.usage && priceOf(attempt.usage));
    }
  });

  it("has charged every stream that was read to its end for the usage in it, unless the kill came before its settlement", async () => {
    for (const { before, left } of kills) {
      for (const attempt of before.filter(({ outcome }) => outcome === "sse")) {
        const receipt = await receiptOf(attempt);
        if (receipt.reservation.state === "pending") {
          expect(left).toContain(attempt.requestId);
        } else {
          expect(micro(receipt.charge?.amount ?? "")).toBe(attempt.usage && priceOf(attempt.usage));
        }
      }
    }
  });

  it("charges no request twice, however often its client asks", async () => {
    for (const customer of customers) {
      const { usage, monetization } = await ledgerOf(customer);
      const requests = usage.map(({ request_id }) => request_id);
      expect(requests.length).toBeGreaterThan(0);
      expect(new Set(requests).size).toBe(requests.length);
      const charged = monetization.map(({ usage_event }) => usage_event);
      expect(new Set(charged).size).toBe(charged.length);
    }
    for (const { repeated } of kills) {
      expect(repeated.map(({ outcome }) => outcome)).not.toContain("refused");
      expect(repeated.map(({ outcome }) => outcome)).not.toContain("broken");
    }
  });

  it("has the same sum in its receipts, its events, its balance updates and its balances", async () => {
    for (const customer of customers) {
      const { usage, monetization, updates } = await ledgerOf(customer);
      const receipts = await Promise.all(usage.map(({ request_id }) => readReceipt(gateway.url, customer, request_id)));
      const charged = sumOf(receipts.map((receipt) => receipt?.charge?.amount ?? ""));
      expect(charged).toBeGreaterThan(0);
      expect(sumOf(monetization.map(({ amount }) => amount))).toBe(charged);

      const paid = (kind: string) =>
        sumOf(updates.filter((update) => update.kind === kind).map(({ amount }) => amount));
      expect(paid("allowance") + paid("debit") + paid("overshoot")).toBe(charged);

      const account = (await admin.request("GET", `/admin/accounts/${customer.id}`)) as AccountBody;
      expect(micro(account.credits.used)).toBe(paid("debit"));
      expect(sumOf(updates.map(({ delta }) => delta))).toBe(
        micro(account.credits.available) + micro(account.credits.reserved),
      );
      for (const window of account.allowances.flatMap(({ windows }) => windows)) {
        expect(micro(window.used)).toBe(paid("allowance"));
      }
      const numbers = [...new Set(updates.map(({ seq }) => seq))].sort((a, b) => a - b);
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    }
  });

  it("keeps no reservation but those in flight at a kill, and all of them end by themselves", async () => {
    const left = new Set(kills.flatMap((kill) => [...kill.left]));
    const unanswered = new Set(
      attempts()
        .filter(({ outcome }) => outcome !== "json")
        .map(({ requestId }) => requestId),
    );
    for (const reservation of await pendingReservations()) {
      expect(left).toContain(reservation.request_id);
      expect(unanswered).toContain(reservation.request_id);
      const holdMs = Date.parse(reservation.expires_at) - Date.parse(reservation.reserved_at);
      expect(holdMs).toBeLessThanOrEqual(15 * 60_000);
      expect(kills.some(({ goneAt }) => Date.parse(reservation.reserved_at) <= goneAt)).toBe(true);
    }
    for (const kill of kills) expect(kill.left.size).toBeGreaterThan(0);
  });
});

function pick(usage: ReportedUsage | null) {
  return { input_tokens: usage?.input_tokens, output_tokens: usage?.output_tokens };
}
