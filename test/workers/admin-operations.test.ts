import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { dayWithRoom, WITH_MIDNIGHT } from "../support/calendar.ts";
import { MINUTE, reportOf, worth } from "../support/core-fixtures.ts";
import {
  accountOf,
  ask,
  asOperator,
  confirmedReceipt,
  eventually,
  grant,
  newAccount,
  openGateway,
  operator,
  putPlan,
  receiptOf,
  requestIdOf,
  type TestAccount,
} from "../support/gateway.ts";
import { hold, objects, outboxOf } from "../support/object.ts";
import { CARD, CREDITS_PLAN, includedPlan } from "../support/offer.ts";
import type { ErrorBody, Page, Receipt } from "../support/wire.ts";

beforeAll(openGateway);

afterEach(() => {
  vi.useRealTimers();
});

/** Costs exactly two credits. */
const TWO_CREDITS = { model: "flat-1", input: "x", max_output_tokens: 20 };

async function charged(account: TestAccount, body: object = TWO_CREDITS): Promise<string> {
  const id = requestIdOf(await ask(account, body));
  await confirmedReceipt(account, id);
  return id;
}

/** Everything that the account wrote is in the ledger. */
function settled(account: { id: string }): Promise<void> {
  return eventually(async () => expect(await outboxOf(account)).toEqual([]));
}

/** Moves the clock of everything, without waiting. */
function wait(ms: number): void {
  const now = Date.now();
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(now + ms);
}

async function refusal(response: Response): Promise<[status: number, code: string]> {
  return [response.status, (await response.json<ErrorBody>()).error.code];
}

describe("the list of accounts", () => {
  interface Listed {
    readonly id: string;
    readonly name: string | null;
    readonly balance: string;
    readonly entries: number;
    readonly last_entry_at: string | null;
  }

  const NAMED: readonly (readonly [id: string, name: string | null, credits: string | null])[] = [
    ["list_a", "Zebra", "30"],
    ["list_b", "apple 100%", null],
    ["list_c", null, "10"],
    ["list_d", "Čeněk_list", "20"],
  ];

  beforeAll(async () => {
    for (const [id, name, credits] of NAMED) {
      await asOperator("POST", "/admin/accounts", { id, plan: "credits", name });
      if (credits !== null) await grant({ id }, credits);
      await settled({ id });
    }
  });

  async function listed(query: string): Promise<string[]> {
    const ids: string[] = [];
    let cursor = "";
    for (;;) {
      const page: Page<Listed> = await asOperator("GET", `/admin/accounts?search=list_&limit=1&${query}${cursor}`);
      ids.push(...page.data.map(({ id }) => id.replace("list_", "")));
      if (page.next_cursor === null) return ids;
      cursor = `&cursor=${page.next_cursor}`;
    }
  }

  test.each([
    ["", "dcba"],
    ["sort=created_at&order=asc", "abcd"],
    ["sort=id", "abcd"],
    ["sort=id&order=desc", "dcba"],
    ["sort=name", "cbad"],
    ["sort=name&order=desc", "dabc"],
    ["sort=balance", "adcb"],
    ["sort=balance&order=asc", "bcda"],
  ])("has every account once, page by page: %s", async (query, expected) => {
    expect((await listed(query)).join("")).toBe(expected);
  });

  test("finds a part of an id or of a name, whatever its case, and takes nothing for a pattern", async () => {
    const found = async (search: string) =>
      (await asOperator<Page<Listed>>("GET", `/admin/accounts?sort=id&search=${encodeURIComponent(search)}`)).data.map(
        ({ id }) => id,
      );
    expect(await found("zEB")).toEqual(["list_a"]);
    expect(await found("LIST_C")).toEqual(["list_c"]);
    expect(await found("ček")).toEqual([]);
    expect(await found("Čen")).toEqual(["list_d"]);
    expect(await found("0%")).toEqual(["list_b"]);
    expect(await found("%a%")).toEqual([]);
    expect(await found("'; DROP TABLE accounts; --")).toEqual([]);
  });

  test("tells what the ledger has of each", async () => {
    const { data } = await asOperator<Page<Listed>>("GET", "/admin/accounts?search=list_a");
    expect(data).toEqual([
      {
        id: "list_a",
        name: "Zebra",
        created_at: expect.any(String),
        balance: "30.000000",
        entries: 1,
        last_entry_at: expect.any(String),
      },
    ]);
    const none = await asOperator<Page<Listed>>("GET", "/admin/accounts?search=list_b");
    expect(none.data[0]).toMatchObject({ balance: "0.000000", entries: 0, last_entry_at: null });
  });

  test("refuses what it does not know", async () => {
    const get = async (query: string) => refusal(await operator("GET", `/admin/accounts?${query}`));
    expect(await get("sort=status")).toEqual([400, "invalid_sort"]);
    expect(await get("order=up")).toEqual([400, "invalid_order"]);
    expect(await get("cursor=nonsense")).toEqual([400, "invalid_cursor"]);
    expect(await get(`search=${"x".repeat(201)}`)).toEqual([400, "invalid_search"]);
    const page = await asOperator<Page<Listed>>("GET", "/admin/accounts?limit=1&sort=id");
    expect(await get(`sort=name&cursor=${page.next_cursor}`)).toEqual([400, "invalid_cursor"]);
  });
});

describe("a dry run", () => {
  interface Preview {
    readonly version: number | null;
    readonly running_version: number | null;
    readonly changes: readonly { path: string; kind: string }[];
    readonly document: object;
  }

  test("of a plan tells its version and what would change, and stores nothing", async () => {
    const dry = (id: string, plan: object) => asOperator<Preview>("PUT", `/admin/plans/${id}?dry_run=true`, plan);
    expect(await dry("dry", CREDITS_PLAN)).toMatchObject({ version: 1, running_version: null });
    expect(JSON.stringify(await asOperator("GET", "/admin/plans"))).not.toContain('"dry"');
    const { version } = await putPlan("dry", includedPlan("1", "5"));
    const same = await dry("dry", includedPlan("1", "5"));
    expect(same).toMatchObject({ dry_run: true, id: "dry", version, running_version: version, changes: [] });
    expect(same.document).toMatchObject({ degraded: "closed" });
    expect(await dry("dry", includedPlan("2", "5"))).toMatchObject({
      version: version + 1,
      running_version: version,
      changes: [{ path: "allowances.included.windows[0].limit", kind: "changed", before: "1", after: "2" }],
    });
    expect((await putPlan("dry", includedPlan("1", "5"))).version).toBe(version);
  });

  test("of a rate card compares with the prices in force, also when others were announced", async () => {
    const dry = (card: object) => asOperator<Preview>("PUT", "/admin/rate-cards/default?dry_run=true", card);
    const present = await dry(CARD);
    expect(present).toMatchObject({ running_version: present.version, changes: [] });
    const announced = { effective_at: "2099-01-01T00:00:00Z", models: { "free-1": CARD.models["free-1"] } };
    const put = (card: object) =>
      asOperator<{ version: number; in_force: boolean }>("PUT", "/admin/rate-cards/default", card);
    expect((await put(CARD)).in_force).toBe(true);
    const { version, in_force } = await put(announced);
    expect(in_force).toBe(false);
    expect(await dry(announced)).toMatchObject({ version, running_version: present.version });
    const again = await dry(CARD);
    expect(again).toMatchObject({ version: version + 1, running_version: present.version, changes: [] });
    const cheaper = { ...CARD.models["flat-1"], per_million_tokens: { input: "1", output: "50000" } };
    expect((await dry({ models: { ...CARD.models, "flat-1": cheaper } })).changes.map(({ path }) => path)).toEqual([
      'models["flat-1"].per_million_tokens.cache_write',
      'models["flat-1"].per_million_tokens.cached_input',
      'models["flat-1"].per_million_tokens.input',
      'models["flat-1"].per_million_tokens.output',
    ]);
  });

  test("of an upstream has no version", async () => {
    const upstream = { base_url: "https://dry.test/v1", key_secret: "UPSTREAM_DRY" };
    const preview = await asOperator<Preview>("PUT", "/admin/upstreams/dry?dry_run=true", upstream);
    expect(preview).toMatchObject({ version: null, running_version: null });
    expect(preview.changes).toContainEqual({ path: "base_url", kind: "added", after: "https://dry.test/v1" });
    expect(JSON.stringify(await asOperator("GET", "/admin/upstreams"))).not.toContain("dry.test");
  });

  test("refuses what a PUT refuses", async () => {
    const dry = async (path: string, body: object) => refusal(await operator("PUT", `/admin/${path}`, body));
    expect(await dry("plans/dry?dry_run=true", { name: "x" })).toEqual([400, "invalid_plan"]);
    expect(await dry("rate-cards/default?dry_run=true", {})).toEqual([400, "invalid_rate_card"]);
    expect(await dry("plans/dry?dry_run=perhaps", CREDITS_PLAN)).toEqual([400, "invalid_dry_run"]);
  });
});

describe("a back-test", () => {
  interface Paid {
    readonly charged: string;
    readonly allowances: string;
    readonly grants: string;
  }
  interface Backtest {
    readonly accounts: number;
    readonly truncated: boolean;
    readonly totals: {
      readonly requests: number;
      readonly before: Paid;
      readonly after: Paid;
      readonly difference: string;
    };
    readonly data: readonly {
      readonly account: string;
      readonly requests: number;
      readonly before: Paid;
      readonly after: Paid;
      readonly difference: string;
      readonly denied_before: number;
      readonly denied_after: number;
      readonly denied_after_by_reason: Readonly<Record<string, number>>;
    }[];
  }

  const ALWAYS = { from: "2020-01-01T00:00:00Z", to: "2090-01-01T00:00:00Z" };
  const run = (body: object) => asOperator<Backtest>("POST", "/admin/backtests", { ...ALWAYS, ...body });
  const paid = ({ charged, allowances, grants }: Paid) => [charged, allowances, grants].map(Number);

  let rich: TestAccount;
  let poor: TestAccount;

  beforeAll(async () => {
    await putPlan("tested", includedPlan("3", "50"));
    rich = await newAccount({ plan: "tested", credits: "20" });
    poor = await newAccount({ plan: "tested", credits: "1.5" });
    for (let index = 0; index < 3; index += 1) await charged(rich);
    await charged(poor);
    await charged(poor);
    expect((await ask(poor, TWO_CREDITS)).status).toBe(429);
  });

  test("of the running plan repeats the ledger", async () => {
    const result = await run({ plan: { id: "tested", document: includedPlan("3", "50") } });
    expect(result).toMatchObject({ accounts: 2, truncated: false, totals: { requests: 5, difference: "0.000000" } });
    expect(paid(result.totals.before)).toEqual([10, 6, 4]);
    expect(paid(result.totals.after)).toEqual([10, 6, 4]);
    expect(result.data.map(({ account }) => account)).toEqual([rich.id, poor.id].sort());
  });

  test("of a smaller plan tells who would pay more, and who would be refused", async () => {
    const result = await run({ plan: { id: "tested", document: includedPlan("1", "50") } });
    expect(result.totals).toMatchObject({ accounts_paying_more: 1, accounts_paying_less: 0, accounts_denied: 1 });
    const [most, least] = result.data;
    expect([most?.account, most?.difference, most?.denied_after]).toEqual([rich.id, "2.000000", 0]);
    expect(paid(most?.after ?? { charged: "", allowances: "", grants: "" })).toEqual([6, 1, 5]);
    expect(least).toMatchObject({
      account: poor.id,
      requests: 2,
      denied_after: 1,
      denied_after_by_reason: { credits_exhausted: 1 },
    });
  });

  test("of a plan that nobody has finds nobody; of one account, it is tried on that", async () => {
    const document = includedPlan("100", "100");
    expect(await run({ plan: { id: "nobodys", document } })).toMatchObject({ accounts: 0, data: [] });
    const result = await run({ plan: { id: "nobodys", document }, account: rich.id });
    expect(result.data.map(({ account, difference }) => [account, difference])).toEqual([[rich.id, "-3.000000"]]);
  });

  test("of other prices charges everybody's requests at them, each under its own plan", async () => {
    const cheaper = { ...CARD.models["flat-1"], per_million_tokens: { input: "0", output: "50000" } };
    const result = await run({
      rate_card: { document: { models: { ...CARD.models, "flat-1": cheaper } } },
      account: rich.id,
    });
    expect(result.data).toMatchObject([{ account: rich.id, difference: "-3.000000", denied_after: 0 }]);
    expect(paid(result.totals.after)).toEqual([3, 3, 0]);
    const none = await run({
      rate_card: { document: { models: { "gpt-5.4": CARD.models["gpt-5.4"] } } },
      account: rich.id,
    });
    expect(none.data[0]?.denied_after_by_reason).toEqual({ unpriced: 3 });
  });

  test("begins with what was left at its beginning", async () => {
    const receipt = await receiptOf(rich, await charged(rich));
    expect(receipt.charge?.amount).toBe("2.000000");
    const { data } = await asOperator<Page<{ at: string }>>("GET", `/admin/accounts/${rich.id}/usage-events?limit=1`);
    const from = data[0]?.at ?? "";
    const result = await run({ plan: { id: "tested", document: CREDITS_PLAN }, account: rich.id, from });
    expect(result.data).toMatchObject([{ requests: 1, denied_after: 0, after: { grants: "2.000000" } }]);
  });

  test("changes nothing", async () => {
    const before = [await accountOf(rich), await accountOf(poor)];
    await run({ plan: { id: "tested", document: CREDITS_PLAN } });
    expect([await accountOf(rich), await accountOf(poor)]).toEqual(before);
    expect(JSON.stringify(await asOperator("GET", "/admin/plans"))).not.toContain('"version":2,"name":"Credits"');
  });

  test("refuses what cannot be tried", async () => {
    const post = async (body: object) => refusal(await operator("POST", "/admin/backtests", { ...ALWAYS, ...body }));
    const plan = { id: "tested", document: CREDITS_PLAN };
    expect(await post({})).toEqual([400, "invalid_request"]);
    expect(await post({ plan, from: ALWAYS.to, to: ALWAYS.from })).toEqual([400, "invalid_request"]);
    expect(await post({ plan: { id: "tested", document: { name: "x" } } })).toEqual([400, "invalid_plan"]);
    expect(await post({ rate_card: { document: { models: {} } } })).toEqual([400, "invalid_rate_card"]);
    expect(await post({ plan, account: "nobody" })).toEqual([404, "account_not_found"]);
  });
});

describe("a grant that expires", () => {
  test("is answered as the first time when it is asked for again, also once it is over", async () => {
    const account = await newAccount();
    wait(0);
    const terms = {
      amount: "3",
      kind: "promotional",
      expires_at: new Date(Date.now() + 10 * MINUTE).toISOString(),
      reason: "a trial",
    };
    const order = () => operator("POST", `/admin/accounts/${account.id}/grants`, terms, { "idempotency-key": "trial" });
    const first = await order();
    expect(first.status).toBe(201);
    const { id } = await first.json<{ id: string }>();
    wait(11 * MINUTE);
    const again = await order();
    expect([again.status, await again.json()]).toMatchObject([201, { id, amount: "3.000000" }]);
    // Which makes no room for another that would be over before it was there.
    const late = await operator("POST", `/admin/accounts/${account.id}/grants`, terms, { "idempotency-key": "late" });
    expect(await refusal(late)).toEqual([400, "invalid_request"]);
  });
});

describe("a pending reservation", () => {
  interface Pending {
    readonly request_id: string;
    readonly reserved: string;
    readonly seen: string | null;
    readonly age_seconds: number;
    readonly overdue: boolean;
  }

  async function pendingOf({ id }: TestAccount): Promise<readonly Pending[]> {
    return (await asOperator<Page<Pending>>("GET", `/admin/reservations?state=pending&account=${id}`)).data;
  }

  function resolve({ id }: TestAccount, requestId: string, body: object): Promise<Response> {
    return operator("POST", `/admin/accounts/${id}/reservations/${requestId}/resolve`, body);
  }

  test("is listed once, oldest first, however short the pages", async () => {
    const [one, two] = [await newAccount({ credits: "10" }), await newAccount({ credits: "10" })];
    wait(0);
    const held: string[] = [];
    for (const account of [one, two, one, one]) {
      held.push(`${account.id} ${(await hold(account, 1)).requestId}`);
      wait(1_000);
    }
    const walk = async (query: string): Promise<string[]> => {
      const listed: string[] = [];
      for (let cursor = ""; ; ) {
        const page = await asOperator<Page<Pending & { account: string }>>(
          "GET",
          `/admin/reservations?${query}${cursor}`,
        );
        expect(page.data.length).toBeLessThanOrEqual(2);
        listed.push(...page.data.map(({ account, request_id }) => `${account} ${request_id}`));
        if (page.next_cursor === null) return listed;
        cursor = `&cursor=${page.next_cursor}`;
      }
    };
    const ofOne = [held[0], held[2], held[3]];
    expect(await walk(`limit=2&account=${one.id}`)).toEqual(ofOne);
    for (const limit of [1, 2]) {
      const all = (await walk(`limit=${limit}`)).filter((line) => [one.id, two.id].some((id) => line.startsWith(id)));
      expect(all).toEqual(one.id < two.id ? [...ofOne, held[1]] : [held[1], ...ofOne]);
    }
    for (const cursor of ["x", "acct_1", btoa('["a",1]'), btoa('["a",1.5,"b"]'), btoa("{}")]) {
      expect(await refusal(await operator("GET", `/admin/reservations?cursor=${cursor}`))).toEqual([
        400,
        "invalid_cursor",
      ]);
    }
  });

  test("is not ended by hand while it may still run", async () => {
    const account = await newAccount({ credits: "10" });
    const { requestId } = await hold(account, 4);
    expect(await pendingOf(account)).toMatchObject([{ request_id: requestId, reserved: "4.000000", overdue: false }]);
    const release = { action: "release", reason: "it hangs" };
    expect(await refusal(await resolve(account, requestId, release))).toEqual([409, "reservation_not_overdue"]);
    expect((await accountOf(account)).credits.reserved).toBe("4.000000");
  });

  test("that is overdue is released, and nothing is charged", async () => {
    const account = await newAccount({ credits: "10" });
    wait(0);
    const { requestId } = await hold(account, 4, { holdMs: 60 * MINUTE });
    wait(16 * MINUTE);
    expect(await pendingOf(account)).toMatchObject([{ overdue: true, age_seconds: 960 }]);
    const response = await resolve(account, requestId, { action: "release", reason: "upstream lost it" });
    expect([response.status, await response.json()]).toEqual([
      200,
      { account: account.id, request_id: requestId, action: "release", charge: "0.000000" },
    ]);
    expect((await accountOf(account)).credits).toMatchObject({ available: "10.000000", reserved: "0.000000" });
    expect(await refusal(await resolve(account, requestId, { action: "release", reason: "again" }))).toEqual([
      404,
      "reservation_not_found",
    ]);
    const log = await asOperator<Page<object>>("GET", `/admin/log?account=${account.id}&limit=1`);
    expect(log.data).toMatchObject([
      {
        action: "reservation.release",
        target: requestId,
        reason: "upstream lost it",
        before: { reserved: "4.000000" },
      },
    ]);
  });

  test("is settled for what was seen of it, and its own later end charges nothing more", async () => {
    const account = await newAccount({ credits: "10" });
    const { requestId, attempt } = await hold(account, 4);
    const settle = { action: "settle_checkpoint", reason: "it hangs", force: true };
    expect(await refusal(await resolve(account, requestId, settle))).toEqual([409, "no_checkpoint"]);
    await objects.checkpoint(account.id, { requestId, attempt, usage: worth(3), holdMs: MINUTE });
    expect((await pendingOf(account))[0]?.seen).toBe("3.000000");
    expect(await (await resolve(account, requestId, settle)).json()).toMatchObject({ charge: "3.000000" });
    await objects.settle(account.id, { requestId, attempt, report: reportOf(worth(4)) });
    expect((await accountOf(account)).credits).toMatchObject({ available: "7.000000", used: "3.000000" });
    expect((await receiptOf(account, requestId)).usage).toMatchObject({ outcome: "abandoned", estimated: true });
  });

  test("is resolved with a reason and by a known action", async () => {
    const account = await newAccount({ credits: "10" });
    const { requestId } = await hold(account, 4);
    const bad = async (body: object) => refusal(await resolve(account, requestId, body));
    expect(await bad({ action: "release", force: true })).toEqual([400, "invalid_request"]);
    expect(await bad({ action: "settle", reason: "x", force: true })).toEqual([400, "invalid_request"]);
    expect(await refusal(await resolve({ ...account, id: "nobody" }, requestId, {}))).toEqual([
      404,
      "account_not_found",
    ]);
  });
});

describe("what is told of the ledger", () => {
  interface Day {
    readonly day: string;
    readonly totals: readonly { kind: string; count: number; amount: string }[];
  }

  test("its totals by day, what was written off among them", WITH_MIDNIGHT, async () => {
    await dayWithRoom();
    const account = await newAccount({ credits: "2" });
    const { requestId, attempt } = await hold(account, 1);
    await objects.settle(account.id, { requestId, attempt, report: reportOf(worth(5)) });
    await settled(account);
    const today = new Date().toISOString().slice(0, 10);
    const { data } = await asOperator<Page<Day>>("GET", `/admin/totals/daily?account=${account.id}`);
    expect(data).toEqual([
      {
        day: today,
        totals: [
          { kind: "debit", count: 1, amount: "2.000000" },
          { kind: "grant", count: 1, amount: "2.000000" },
          { kind: "overshoot", count: 1, amount: "3.000000" },
          { kind: "overshoot_refund", count: 1, amount: "3.000000" },
        ],
      },
    ]);
    const before = await asOperator<Page<Day>>("GET", "/admin/totals/daily?from=2020-01-01&to=2020-12-31");
    expect(before.data).toEqual([]);
    const long = await operator("GET", "/admin/totals/daily?from=2020-01-01&to=2022-01-01");
    expect(await refusal(long)).toEqual([400, "span_too_long"]);
  });

  test("an account's receipts and use, as its holder sees them", async () => {
    const account = await newAccount({ credits: "5" });
    const other = await newAccount();
    const id = await charged(account);
    const receipt = await asOperator<Receipt>("GET", `/admin/accounts/${account.id}/requests/${id}`);
    expect(receipt).toEqual(await receiptOf(account, id));
    const foreign = await operator("GET", `/admin/accounts/${other.id}/requests/${id}`);
    expect(await refusal(foreign)).toEqual([404, "request_not_found"]);
    const usage = await asOperator<Page<object>>("GET", `/admin/accounts/${account.id}/usage?group_by=model`);
    expect(usage.data).toMatchObject([{ model: "flat-1", requests: 1, charge: "2.000000" }]);
  });
});
