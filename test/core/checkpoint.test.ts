import { describe, expect, it } from "vitest";
import { checkpoint } from "../../src/core/checkpoint.ts";
import { expire } from "../../src/core/settlement.ts";
import {
  accountWith,
  commandOf,
  grantOf,
  HOUR,
  hold,
  MINUTE,
  sha256,
  T0,
  usageOf,
  worth,
} from "../support/core-fixtures.ts";

function pending() {
  return hold(accountWith({}, [grantOf("paid", 10)]), commandOf("req_1", 8));
}

describe("a checkpoint only ever raises what an expiry would charge", () => {
  it("keeps the newest amount while it grows", () => {
    const later = checkpoint(checkpoint(pending(), worth(2), T0, MINUTE), worth(5), T0, MINUTE);
    expect(later.checkpoint).toEqual(worth(5));
  });

  it.each([
    ["less than before", worth(4)],
    ["nothing", worth(0)],
    ["usage that has no price", usageOf({ outputTokens: 9, calls: { unknown: 1 } })],
    ["usage that does not add up", usageOf({ outputTokens: 9, reasoningTokens: 10 })],
  ])("%s changes nothing", (_, usage) => {
    const before = checkpoint(pending(), worth(5), T0, MINUTE);
    expect(checkpoint(before, usage, T0, MINUTE).checkpoint).toEqual(worth(5));
  });

  it("an account whose request reported nonsense while it ran can still let it expire", () => {
    const state = accountWith({}, [grantOf("paid", 10)]);
    const nonsense = usageOf({ outputTokens: 3, reasoningTokens: 4 });
    const pending = checkpoint(hold(state, commandOf("req_1", 8)), nonsense, T0, MINUTE);
    expect(expire(state, pending, T0 + HOUR, sha256).settlement).toMatchObject({ charge: 0, outcome: "expired" });
  });

  it("moves no money and changes no draw", () => {
    const before = pending();
    const { checkpoint: _usage, expiresAt: _expiresAt, ...rest } = checkpoint(before, worth(5), T0 + HOUR, HOUR);
    expect(before).toMatchObject(rest);
  });
});

describe("a checkpoint gives a running request more time, and never takes any", () => {
  it.each([
    ["extends", T0 + 9 * MINUTE, 5 * MINUTE, T0 + 14 * MINUTE],
    ["does not shorten", T0, MINUTE, T0 + 10 * MINUTE],
    ["does not shorten when the clock went back", T0 - HOUR, 10 * MINUTE, T0 + 10 * MINUTE],
  ])("%s", (_, now, holdMs, expiresAt) => {
    expect(checkpoint(pending(), worth(1), now, holdMs).expiresAt).toBe(expiresAt);
  });
});
