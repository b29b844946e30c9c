import { describe, expect, it } from "vitest";
import type { Considered } from "../../src/core/draw.ts";
import type { Denial } from "../../src/core/waterfall.ts";
import { renderDenial } from "../../src/protocol/denial.ts";
import { renderFault } from "../../src/protocol/error-body.ts";
import { credits, T0 } from "../support/core-fixtures.ts";

const CONTEXT = { requestId: "req_0000", now: T0, feature: "codex", model: "gpt-5.4" };
const SECOND = 1_000;

function denied(denial: Partial<Denial>, requestId = CONTEXT.requestId) {
  const base: Denial = {
    outcome: "denied",
    reason: "gate",
    limit: null,
    resetsAt: null,
    available: 0,
    needed: 0,
    considered: [],
  };
  return renderDenial({ ...base, ...denial }, { ...CONTEXT, requestId });
}

describe("a denial says the same thing to every client", () => {
  it("included use used up: Codex stops, the SDK stops, both show our words", () => {
    const resetsAt = T0 + 90 * SECOND + 1;
    const answer = denied({
      reason: "allowance_exhausted",
      limit: "codex-included",
      resetsAt,
      available: credits(0.1),
      needed: credits(0.4375),
    });
    expect(answer).toEqual({
      status: 429,
      headers: {
        "content-type": "application/json",
        "x-request-id": "req_0000",
        "retry-after": "91",
        "retry-after-ms": "90001",
        "x-should-retry": "false",
        "x-codex-promo-message": "Your included use is used up: add credits (unless paid use is on hold)",
      },
      body: {
        error: {
          message:
            "Your included use is used up. This request may cost 0.4375 credits; 0.10 credits are available. Add credits (unless paid use of this account is on hold), or try again after 2026-11-22 12:01:31 UTC.",
          type: "usage_limit_reached",
          param: null,
          code: "insufficient_quota",
          resets_at: T0 / SECOND + 91,
          request_id: "req_0000",
          spillway: {
            reason: "allowance_exhausted",
            limit: "codex-included",
            remedy: "wait_or_add_credits",
            resets_at: "2026-11-22T12:01:30.001Z",
            available: "0.100000",
            needed: "0.437500",
          },
        },
      },
    });
  });

  it("no credits and no reset in sight: the same, without an instant to wait for", () => {
    const { status, headers, body } = denied({ reason: "credits_exhausted", available: 0, needed: credits(2) });
    expect(status).toBe(429);
    expect(headers).toEqual({
      "content-type": "application/json",
      "x-request-id": "req_0000",
      "x-should-retry": "false",
      "x-codex-promo-message": "You do not have enough credits: add credits to go on",
    });
    expect(body.error).toEqual({
      message:
        "You do not have enough credits. This request may cost 2.00 credits; 0.00 credits are available. Add credits, or ask for less output.",
      type: "usage_limit_reached",
      param: null,
      code: "insufficient_quota",
      request_id: "req_0000",
      spillway: {
        reason: "credits_exhausted",
        limit: null,
        remedy: "add_credits",
        available: "0.000000",
        needed: "2.000000",
      },
    });
  });

  it("a gate: wait for whole seconds", () => {
    const { status, headers, body } = denied({ reason: "gate", limit: "codex-rpm", resetsAt: T0 + 2_500 });
    expect(status).toBe(429);
    expect(headers).toMatchObject({ "retry-after": "3", "retry-after-ms": "2500" });
    expect(headers).not.toHaveProperty("x-should-retry");
    expect(headers).not.toHaveProperty("x-codex-promo-message");
    expect(body.error).toMatchObject({
      type: "rate_limit_error",
      code: "rate_limit_exceeded",
      spillway: { reason: "gate", limit: "codex-rpm", remedy: "retry", resets_at: "2026-11-22T12:00:02.500Z" },
    });
    expect(body.error).not.toHaveProperty("resets_at");
    expect(body.error.spillway).not.toHaveProperty("needed");
  });

  it.each([T0, T0 - 5_000, T0 + 1])("the wait is never less than a second (reset at %i)", (resetsAt) => {
    expect(denied({ reason: "gate", limit: "g", resetsAt }).headers["retry-after"]).toBe("1");
  });

  it("a request larger than its gate is told to shrink and not to wait", () => {
    const { headers, body } = denied({ reason: "gate", limit: "tpm" });
    expect(headers).toMatchObject({ "retry-after": "1", "x-should-retry": "false" });
    expect(body.error.spillway).toMatchObject({ remedy: "reduce_request" });
    expect(body.error.message).toBe(
      "This request is larger than the limit tpm ever allows. Make it smaller, or ask for less output.",
    );
  });

  it.each<[Considered["unit"], string]>([
    ["requests", "You have reached the limit g (requests). Try again after 2026-11-22 12:00:02 UTC."],
    ["input_tokens", "You have reached the limit g (input tokens). Try again after 2026-11-22 12:00:02 UTC."],
    ["concurrency", "You have reached the limit g (requests at a time). Try again after 2026-11-22 12:00:02 UTC."],
  ])("a gate says that it counts %s, whatever the operator called it", (unit, message) => {
    const considered = [{ source: "g", kind: "gate", unit, available: 0, taken: 0 } as const];
    const { body } = denied({ reason: "gate", limit: "g", resetsAt: T0 + 2 * SECOND, considered });
    expect(body.error.message).toBe(message);
  });

  it("credits held by requests in flight: a short wait, not a purchase", () => {
    const { status, headers, body } = denied({
      reason: "credits_reserved",
      resetsAt: T0 + 2_000,
      available: 1,
      needed: 2,
    });
    expect(status).toBe(429);
    expect(headers["retry-after"]).toBe("2");
    expect(body.error).toMatchObject({
      type: "rate_limit_error",
      code: "credits_reserved",
      spillway: { remedy: "retry" },
    });
    expect(headers).not.toHaveProperty("x-codex-promo-message");
  });

  it("included use used up while paid use is on hold: waiting is offered, and credits never as a sure way", () => {
    const { headers, body } = denied({ reason: "allowance_exhausted", limit: "codex-included", resetsAt: T0 + 1 });
    for (const text of [body.error.message, headers["x-codex-promo-message"] ?? ""]) {
      expect(text).toMatch(/add credits \(unless paid use (of this account )?is on hold\)/i);
    }
    expect(body.error.message).toContain("try again after 2026-11-22 12:00:01 UTC");
    expect(denied({ reason: "account_frozen" }).body.error.message).not.toMatch(/add credits/i);
  });

  it("those who wait for one reset come back one after the other, and never before it", () => {
    const wait = 3_600_000;
    const waitOf = (requestId: string, resetsAt = T0 + wait, reason: Denial["reason"] = "allowance_exhausted") =>
      Number(denied({ reason, resetsAt }, requestId).headers["retry-after-ms"]);
    const ids = ["0000", "1fff", "8000", "ffff"].map((end) => `req_${"0".repeat(28)}${end}`);
    const waits = ids.map((id) => waitOf(id));
    expect(waits).toEqual([wait, wait + 7_500, wait + 30_001, wait + 60_000]);
    expect(ids.map((id) => waitOf(id))).toEqual(waits);
    // A short wait is spread by a twentieth of itself; an id that is none by nothing.
    expect(waitOf(ids[3] ?? "", T0 + 10_000)).toBe(10_500);
    expect(waitOf("req_zzzz", T0 + 10_000)).toBe(10_000);
    // A gate lets in again what it can, and says when exactly.
    expect(waitOf(ids[3] ?? "", T0 + 10_000, "gate")).toBe(10_000);
  });

  it("the reset itself is told as it is enforced, whatever the wait", () => {
    const resetsAt = T0 + 3_600_000;
    const { body } = denied({ reason: "allowance_exhausted", resetsAt }, "req_ffff");
    expect(body.error).toMatchObject({
      resets_at: resetsAt / SECOND,
      spillway: { resets_at: "2026-11-22T13:00:00.000Z" },
    });
    expect(body.error.message).toContain("2026-11-22 13:00:00 UTC");
  });

  it.each([
    ["feature_not_entitled", 404, "invalid_request_error", "model_not_found", "change_plan"],
    ["model_not_entitled", 404, "invalid_request_error", "model_not_found", "change_plan"],
    ["unpriced", 400, "invalid_request_error", "model_not_found", "change_request"],
    ["account_suspended", 403, "account_suspended", "account_suspended", "contact_operator"],
    ["account_frozen", 403, "account_suspended", "account_suspended", "contact_operator"],
  ] as const)("%s is %i and final", (reason, status, type, code, remedy) => {
    const answer = denied({ reason, limit: "x" });
    expect(answer.status).toBe(status);
    expect(answer.body.error).toMatchObject({ type, code, spillway: { reason, limit: "x", remedy } });
    expect(Object.keys(answer.headers)).toEqual(["content-type", "x-request-id"]);
    expect(answer.body.error.message).toMatch(/^[A-Z].*\.$/);
  });
});

it("a fault of the request names the field", () => {
  const fault = {
    status: 400,
    type: "invalid_request_error",
    code: "invalid_value",
    message: "No.",
    param: "n",
  } as const;
  expect(renderFault(fault, "req_0000")).toEqual({
    status: 400,
    headers: { "content-type": "application/json", "x-request-id": "req_0000" },
    body: {
      error: {
        message: "No.",
        type: "invalid_request_error",
        param: "n",
        code: "invalid_value",
        request_id: "req_0000",
      },
    },
  });
});
