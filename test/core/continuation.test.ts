import { describe, expect, it } from "vitest";
import { continuationOf, type Made, type References, withContext } from "../../src/core/continuation.ts";
import type { Resource } from "../../src/core/resource.ts";
import type { Usage } from "../../src/core/usage.ts";
import { T0, usageOf } from "../support/core-fixtures.ts";

function response(id: string, part: Partial<Resource> = {}): Resource {
  return {
    id,
    kind: "response",
    upstream: "openai",
    model: "gpt-5.4",
    requestId: `req_${id}`,
    attempt: 1,
    createdAt: T0,
    contextTokens: 1_000,
    outputTokens: 100,
    itemIds: [],
    details: null,
    job: null,
    ...part,
  };
}

const RESPONSES = [
  response("resp_1", { contextTokens: 500, outputTokens: 40, itemIds: ["msg_1", "rs_1"] }),
  response("resp_2", { contextTokens: 900, outputTokens: 70, itemIds: ["msg_2"] }),
  response("resp_elsewhere", { upstream: "azure", itemIds: ["msg_elsewhere"] }),
];

const MADE: Made = {
  response: (id) => RESPONSES.find((made) => made.id === id) ?? null,
  ownerOf: (item) => RESPONSES.find(({ itemIds }) => itemIds.includes(item)) ?? null,
};

describe("what a request goes on from", () => {
  it.each<[string, Partial<References>, number, string | null]>([
    ["nothing", {}, 0, null],
    ["a response: its whole context", { previousResponse: "resp_1" }, 500, "openai"],
    ["an item: at most the output it is part of", { items: ["msg_1"] }, 40, "openai"],
    ["two items of one output: that output once", { items: ["msg_1", "rs_1"] }, 40, "openai"],
    ["the same item twice: once", { items: ["msg_1", "msg_1"] }, 40, "openai"],
    ["items of two outputs: both", { items: ["msg_1", "msg_2"] }, 110, "openai"],
    ["an item of the previous response: nothing more", { previousResponse: "resp_1", items: ["rs_1"] }, 500, "openai"],
    ["an item of another one: its output more", { previousResponse: "resp_1", items: ["msg_2"] }, 570, "openai"],
  ])("%s", (_, references, tokens, upstream) => {
    expect(continuationOf({ previousResponse: null, items: [], ...references }, MADE)).toEqual({
      kind: "continues",
      tokens,
      upstream,
    });
  });

  it.each<[string, Partial<References>, string]>([
    ["a response that the account never made", { previousResponse: "resp_9" }, "resp_9"],
    ["an item that it never got", { items: ["msg_1", "msg_9"] }, "msg_9"],
    ["an item as if it were a response", { previousResponse: "msg_1" }, "msg_1"],
    ["an item that another upstream keeps", { previousResponse: "resp_1", items: ["msg_elsewhere"] }, "msg_elsewhere"],
    ["items of two upstreams", { items: ["msg_elsewhere", "msg_1"] }, "msg_1"],
    ["several at once: the first of them", { previousResponse: "resp_8", items: ["msg_9"] }, "resp_8"],
  ])("is unknown: %s", (_, references, id) => {
    expect(continuationOf({ previousResponse: null, items: [], ...references }, MADE)).toEqual({ kind: "unknown", id });
  });
});

describe("the worst case grows by what is read again", () => {
  it.each<[string, Partial<Usage>, Partial<Usage>]>([
    [
      "plain input",
      { inputTokens: 10, outputTokens: 5 },
      { inputTokens: 110, outputTokens: 5, cacheWriteTokens: 0, cachedInputTokens: 0 },
    ],
    [
      "all of it written to a cache where that was the worst case",
      { inputTokens: 10, cacheWriteTokens: 10 },
      { inputTokens: 110, cacheWriteTokens: 110 },
    ],
    [
      "nothing more written where only a part is",
      { inputTokens: 10, cacheWriteTokens: 4 },
      { inputTokens: 110, cacheWriteTokens: 4 },
    ],
    ["no cache where there was no input", {}, { inputTokens: 100, cacheWriteTokens: 0 }],
  ])("%s", (_, bound, grown) => {
    expect(withContext(usageOf(bound), 100)).toEqual(usageOf(grown));
  });

  it("and stays as it is without", () => {
    const bound = usageOf({ inputTokens: 10 });
    expect(withContext(bound, 0)).toBe(bound);
  });
});
