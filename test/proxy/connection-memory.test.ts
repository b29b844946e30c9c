import { describe, expect, test } from "vitest";
import {
  ConnectionMemory,
  type Conversation,
  continued,
  inputItems,
  itemsOf,
  NOTHING_SAID,
} from "../../src/proxy/websocket/memory.ts";

const BOUNDS = { responses: 3, bytes: 100, conversationBytes: 60 };

/** A conversation of one item of about `bytes`. */
function talk(bytes: number, before: Conversation = NOTHING_SAID): Conversation {
  return continued(before, ["x".repeat(bytes - 4)]);
}

function said(conversation: Conversation) {
  return { kind: "said", conversation } as const;
}

describe("what a connection remembers", () => {
  test("a conversation is said again in order", () => {
    const first = continued(NOTHING_SAID, inputItems("hello"));
    const second = continued(continued(first, [{ type: "reasoning" }]), inputItems([{ type: "function_call_output" }]));
    expect(itemsOf(second)).toEqual([
      { type: "message", role: "user", content: "hello" },
      { type: "reasoning" },
      { type: "function_call_output" },
    ]);
  });

  test("the oldest response is forgotten beyond the most responses", () => {
    const memory = new ConnectionMemory(BOUNDS);
    for (const id of ["a", "b", "c", "d"]) memory.remember(id, { kind: "held", contextTokens: 1 });
    expect(["a", "b", "c", "d"].map((id) => memory.recall(id) !== null)).toEqual([false, true, true, true]);
  });

  test("conversations are forgotten, the oldest first, beyond the most bytes", () => {
    const memory = new ConnectionMemory(BOUNDS);
    memory.remember("a", said(talk(50)));
    memory.remember("b", said(talk(50)));
    expect(memory.recall("a")).not.toBeNull();
    memory.remember("c", said(talk(20)));
    expect(["a", "b", "c"].map((id) => memory.recall(id) !== null)).toEqual([false, true, true]);
  });

  test("what conversations have in common counts once", () => {
    const memory = new ConnectionMemory(BOUNDS);
    const common = talk(40);
    memory.remember("a", said(talk(20, common)));
    memory.remember("b", said(talk(20, common)));
    expect(memory.recall("a")).not.toBeNull();
  });

  test("a conversation that could not be sent in one request is not kept, and pushes no other out", () => {
    const memory = new ConnectionMemory(BOUNDS);
    memory.remember("a", said(talk(50)));
    memory.remember("b", said(talk(70)));
    expect(memory.recall("b")).toBeNull();
    expect(memory.recall("a")).not.toBeNull();
  });
});
