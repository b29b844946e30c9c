import { describe, expect, test } from "vitest";
import { headersToClient } from "../../src/proxy/upstream-headers.ts";

describe("the upstream's headers", () => {
  test("that belong to the answer pass to the client", () => {
    const answer = { "content-type": "text/event-stream", "x-codex-turn-state": "turn", "openai-processing-ms": "7" };
    expect(headersToClient(new Headers(answer))).toEqual(answer);
  });

  test.each([
    ["openai-model", "gpt-other"],
    ["openai-organization", "org-operator"],
    ["set-cookie", "session=1"],
    ["x-ratelimit-remaining-requests", "9"],
    ["x-codex-primary-used-percent", "99"],
    // Codex fetches its list of models again whenever this differs from the tag of the list it has.
    ["x-models-etag", '"upstream"'],
  ])("stop at the gateway when they speak of the operator's account or offer: %s", (name, value) => {
    expect(headersToClient(new Headers({ [name]: value }))).toEqual({});
  });
});
