import { describe, expect, test } from "vitest";
import { newAccount, newKey, newRefund, newRerating } from "../../src/admin/schemas.ts";
import { describeFaults, readDocument } from "../../src/catalog/document.ts";

describe("a body that is refused says what would be accepted", () => {
  test.each<[string, Parameters<typeof readDocument>[0], unknown, string]>([
    ["what is missing", newAccount, {}, "plan: is required: a text"],
    ["what is of another type", newAccount, { plan: "plus", name: 5 }, "name: must be a text"],
    [
      "how long a text may be",
      newAccount,
      { plan: "p".repeat(65), name: "" },
      "plan: must be a text whose length is at most 64; name: must be a text whose length is at least 1",
    ],
    ["which words there are", newKey, { scopes: ["all"] }, 'scopes[0]: must be one of "inference", "read", "manage"'],
    ["a body that is no object", newAccount, [], "must be an object"],
    [
      "unknown fields, each once and by itself",
      newAccount,
      { plan: "plus", credits: "5", key: "k" },
      "credits: is not a known field; key: is not a known field",
    ],
    ["a request that is not named", newRefund, { reason: "late" }, "request_id: is required: a text"],
    [
      "a list, and numbers in it",
      newRerating,
      { versions: [0], to_version: "2", from: "2026-11-22T00:00:00Z", to: "2026-11-23T00:00:00Z", reason: "dear" },
      "versions[0]: must be at least 1; to_version: must be a number",
    ],
  ])("%s", (_what, schema, body, said) => {
    const parsed = readDocument(schema, body);
    expect(parsed.ok ? "accepted" : describeFaults(parsed.faults)).toBe(said);
  });
});
