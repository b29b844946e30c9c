import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { USAGE } from "../../bench/answers.ts";
import { Asker } from "../../bench/reference/attempts.ts";
import { findPrograms, hasPrograms, INSTALL } from "../../bench/reference/programs.ts";
import { priceOf } from "../../bench/reference/server/price.ts";
import type { AccountingName } from "../../bench/reference/server/process-settings.ts";
import { ReferenceSystem } from "../../bench/reference/system.ts";
import { startUpstream, type Upstream } from "../../bench/servers.ts";

const PAID = 10;
const ASKED = 40;

if (!hasPrograms()) console.warn(`The reference of the benchmarks is not tried here. It needs: ${INSTALL}`);

describe.skipIf(!hasPrograms())("the reference that Spillway is compared with", () => {
  let upstream: Upstream;
  beforeAll(async () => {
    upstream = await startUpstream();
  });
  afterAll(() => upstream?.process.disconnect());

  const run = async (accounting: AccountingName, kind: "json" | "stream") => {
    await using cleanup = new AsyncDisposableStack();
    const place = { stateRoot: tmpdir(), upstreamUrl: upstream.url };
    const system = await ReferenceSystem.start(findPrograms(), { ...place, accounting });
    cleanup.defer(() => system.dispose());
    const asker = new Asker(system.port);
    cleanup.defer(() => asker.close());
    const [account] = await system.makeAccounts(1, PAID * priceOf(USAGE));
    const key = account?.key ?? "";
    const attempts = await Promise.all(Array.from({ length: ASKED }, () => asker.ask(kind, key)));
    const answered = attempts.filter(({ outcome }) => outcome === "answered").length;
    await expect.poll(() => system.checkBooks(answered).then(() => "right", String), { timeout: 30_000 }).toBe("right");
    const unknown = await asker.ask("json", "sk-ref-of-nobody");
    return { answered, unknown: unknown.outcome };
  };

  it("lets too many through when it checks the balance and debits it afterwards", async () => {
    const { answered, unknown } = await run("check-then-debit", "stream");
    expect(answered).toBeGreaterThan(PAID);
    expect(unknown).toBe("refused");
  });

  it("lets no more through than are paid when it reserves and settles", async () => {
    const { answered, unknown } = await run("reserve-and-settle", "json");
    expect(answered).toBeGreaterThan(PAID / 2);
    expect(answered).toBeLessThanOrEqual(PAID);
    expect(unknown).toBe("refused");
  });
});
