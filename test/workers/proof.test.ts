import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { AccountClient } from "../../durable-objects/client.ts";
import { verifyLedger } from "../../scripts/verify.mjs";
import type { ChainedEntry } from "../../src/core/event.ts";
import { writeEntries } from "../../src/ledger/write.ts";
import {
  accountOf,
  ask,
  asOperator,
  bearer,
  CANARY,
  call,
  eventually,
  grant,
  look,
  newAccount,
  openGateway,
  operator,
  type TestAccount,
} from "../support/gateway.ts";
import { objects, outboxOf, replaceQueue } from "../support/object.ts";
import { CARD } from "../support/offer.ts";

interface ProofBody {
  readonly account: string;
  readonly epoch: number;
  readonly as_of_seq: number;
  readonly head: string;
  readonly genesis: string;
  readonly entries: number;
  readonly verified: boolean;
  readonly balance: string;
  readonly grants: Readonly<Record<string, string>>;
  readonly first_difference: { readonly rule: string; readonly seq: number } | null;
  readonly pending: number;
  readonly checked_at: string;
}

beforeAll(openGateway);

/** Costs exactly one credit. */
const ONE_CREDIT = { model: "flat-1", input: "x", max_output_tokens: 10 };

/** The queue drops everything: what is in the ledger is what a test writes there. */
async function quietAccount(): Promise<TestAccount> {
  const account = await newAccount();
  await replaceQueue(account, async () => {});
  return account;
}

/** Entries of the object's outbox go to the ledger, and are confirmed, as the consumer would do it. */
async function deliver(account: TestAccount, which: (entry: ChainedEntry) => boolean = () => true): Promise<void> {
  const entries = (await outboxOf(account)).filter(which);
  await writeEntries(env.DB, entries);
  await objects.confirm(
    account.id,
    1,
    entries.map(({ seq }) => seq),
  );
}

function proofOf(account: TestAccount): Promise<ProofBody> {
  return look<ProofBody>(account, "/api/ledger/proof");
}

async function exportOf(account: TestAccount): Promise<string> {
  const response = await call("/api/ledger/export", { headers: bearer(account.key) });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toMatch(/^application\/x-ndjson/);
  // workerd warns when text is asked of a type that it does not know to be text.
  return new TextDecoder().decode(await response.arrayBuffer());
}

function verify(text: string) {
  return verifyLedger([new TextEncoder().encode(text)]);
}

/** A grant and four charges, all in the ledger. */
async function accountWithHistory(): Promise<TestAccount> {
  const account = await quietAccount();
  await grant(account, "10");
  for (let index = 0; index < 4; index += 1) await (await ask(account, ONE_CREDIT)).text();
  await eventually(async () => expect((await accountOf(account)).credits.reserved).toBe("0.000000"));
  await deliver(account);
  return account;
}

describe("everyone can have the own ledger proven", () => {
  test("a true one is verified against the account itself", async () => {
    const account = await accountWithHistory();
    const head = await objects.head(account.id);
    const proof = await proofOf(account);
    expect(proof).toMatchObject({
      account: account.id,
      epoch: 1,
      as_of_seq: 5,
      head: head?.head,
      entries: 5,
      verified: true,
      balance: "6.000000",
      first_difference: null,
      pending: 0,
    });
    expect(Object.values(proof.grants)).toEqual(["6.000000"]);
    expect(proof.genesis).toMatch(/^[0-9a-f]{64}$/);
    expect(Date.parse(proof.checked_at)).toBeGreaterThan(0);
  });

  test("what is on its way is counted, and what is there is verified", async () => {
    const account = await accountWithHistory();
    await grant(account, "1");
    await grant(account, "2");
    expect(await proofOf(account)).toMatchObject({ as_of_seq: 5, verified: true, balance: "6.000000", pending: 2 });
    await deliver(account, ({ seq }) => seq === 7);
    expect(await proofOf(account)).toMatchObject({ as_of_seq: 5, verified: true, pending: 1 });
    await deliver(account);
    expect(await proofOf(account)).toMatchObject({ as_of_seq: 7, verified: true, balance: "9.000000", pending: 0 });
  });

  test("it is verified also where prices change meanwhile", async () => {
    const account = await accountWithHistory();
    vi.spyOn(AccountClient.prototype, "head").mockImplementationOnce(async (id) => {
      const models = { ...CARD.models, "new-1": CARD.models["flat-1"] };
      await asOperator("PUT", "/admin/rate-cards/default", { models });
      await (await ask(account, { ...ONE_CREDIT, model: "new-1" })).text();
      await eventually(async () => expect((await accountOf(account)).credits.reserved).toBe("0.000000"));
      await deliver(account);
      return objects.head(id);
    });
    expect(await proofOf(account)).toMatchObject({ entries: 6, verified: true, first_difference: null });
  });

  test("an entry that was confirmed and is not there is told, with its number", async () => {
    const account = await accountWithHistory();
    await grant(account, "1");
    await objects.confirm(account.id, 1, [6]);
    expect(await proofOf(account)).toMatchObject({
      as_of_seq: 5,
      verified: false,
      first_difference: { rule: "gap", seq: 6 },
      pending: 0,
    });
  });

  test("an account where nothing happened yet has the proof of nothing", async () => {
    const account = await quietAccount();
    const proof = await proofOf(account);
    expect(proof).toMatchObject({ as_of_seq: 0, entries: 0, verified: true, balance: "0.000000", grants: {} });
    expect(proof.head).toBe(proof.genesis);
  });
});

describe("everyone can take the own ledger home", () => {
  test("and verify it without the gateway", async () => {
    const account = await accountWithHistory();
    const text = await exportOf(account);
    const verified = await verify(text);
    const proof = await proofOf(account);
    expect(verified).toMatchObject({ ok: true, summary: { entries: 5, balance: 6_000_000, head: proof.head } });
    const [header, ...lines] = text.trimEnd().split("\n");
    expect(JSON.parse(header ?? "")).toMatchObject({
      type: "spillway-ledger",
      v: 1,
      account: account.id,
      epoch: 1,
      genesis: proof.genesis,
    });
    // Only the one that was used.
    expect(Object.values<object>(JSON.parse(header ?? "").rates).map(Object.keys)).toEqual([["flat-1"]]);
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ type: "end", seq: 5, entries: 5, balance: 6_000_000 });
  });

  test("and the operator gets the same file and the same proof", async () => {
    const account = await accountWithHistory();
    const path = `/admin/accounts/${account.id}/ledger`;
    const file = await operator("GET", `${path}/export`);
    expect(file.headers.get("content-type")).toBe("application/x-ndjson; charset=utf-8");
    const text = await file.text();
    const linesOf = (ledger: string) => ledger.trimEnd().split("\n").slice(1, -1);
    expect(linesOf(text)).toEqual(linesOf(await exportOf(account)));
    expect(await verify(text)).toMatchObject({ ok: true, summary: { entries: 5 } });
    const { checked_at: _, ...proven } = await proofOf(account);
    expect(await asOperator("GET", `${path}/proof`)).toMatchObject({ ...proven, verified: true });
    for (const below of ["export", "proof"]) {
      expect((await operator("GET", `/admin/accounts/nobody/ledger/${below}`)).status).toBe(404);
      expect((await call(`${path}/${below}`, { headers: bearer(account.key) })).status).toBe(401);
    }
  });

  test("up to what is in the ledger, and with what is lost missing", async () => {
    const account = await accountWithHistory();
    await grant(account, "1");
    expect(await verify(await exportOf(account))).toMatchObject({ ok: true, summary: { entries: 5 } });
    await objects.confirm(account.id, 1, [6]);
    // The object says that the ledger has it: the export does not end quietly before it.
    expect(await verify(await exportOf(account))).toMatchObject({ ok: false, line: 7 });
  });

  test("without any secret and without anybody else in it", async () => {
    const [account, other] = [await accountWithHistory(), await accountWithHistory()];
    const text = await exportOf(account);
    expect(text).not.toContain(other.id);
    expect(text).not.toContain(CANARY);
    const secret = account.key.split("-").at(-2) ?? account.key;
    expect(text).not.toContain(secret);
    expect(text).not.toContain("sk-spill");
    expect(text).not.toContain("digest");
  });

  test.each(["/api/ledger/proof", "/api/ledger/export"])("only with a key of the account: %s", async (path) => {
    expect((await call(path)).status).toBe(401);
    expect((await call(path, { headers: bearer("sk-spill-acct_test1-key_x-y-z") })).status).toBe(401);
  });
});
