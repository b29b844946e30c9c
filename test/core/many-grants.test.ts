import { expect, it } from "vitest";
import { applyChange } from "../../src/core/account.ts";
import { MESSAGE_BYTES } from "../../src/core/ledger-message.ts";
import { reserve } from "../../src/core/reserve.ts";
import { settle } from "../../src/core/settlement.ts";
import { PAYING_GRANTS } from "../../src/core/sources.ts";
import { utf8Length } from "../../src/core/utf8.ts";
import { accountWith, commandOf, credits, grantOf, planOf, sha256, T0, usageOf } from "../support/core-fixtures.ts";

const GRANTS = Array.from({ length: 3 * PAYING_GRANTS }, (_, n) => grantOf(`g${n}`, 1));

it("an account with any number of grants has its requests paid by a hundred of them at most", () => {
  const state = accountWith({ plan: planOf({}) }, GRANTS);
  const paid = reserve(state, null, commandOf("req_1", PAYING_GRANTS), T0);
  expect(paid.answer.kind).toBe("reserved");
  const beyond = reserve(state, null, commandOf("req_2", PAYING_GRANTS + 1), T0);
  expect(beyond.answer).toMatchObject({
    kind: "denied",
    denial: { reason: "credits_exhausted", available: credits(PAYING_GRANTS) },
  });
});

it("the entry of a request that was paid by so many fits one message to the ledger", () => {
  const state = accountWith({ plan: planOf({}) }, GRANTS);
  const { answer, change } = reserve(state, null, commandOf("req_1", PAYING_GRANTS), T0);
  if (answer.kind !== "reserved") throw new Error(answer.kind);
  applyChange(state, change);
  const report = { usage: usageOf({ outputTokens: PAYING_GRANTS }), outcome: "completed", estimated: false } as const;
  const [entry] = settle(state, answer.reservation, report, T0, sha256).change.entries;
  expect(entry?.updates).toHaveLength(PAYING_GRANTS);
  expect(utf8Length(JSON.stringify(entry))).toBeLessThan(MESSAGE_BYTES);
});
