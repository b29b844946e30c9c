import { expect, test } from "vitest";
import { buildCatalog } from "../../src/catalog/catalog.ts";
import type { JsonObject } from "../../src/protocol/adapter.ts";
import { isFault } from "../../src/protocol/fault.ts";
import type { Connection } from "../../src/proxy/websocket/connection.ts";
import { readFrameRequest } from "../../src/proxy/websocket/frame-request.ts";
import { ConnectionMemory, continued, NOTHING_SAID } from "../../src/proxy/websocket/memory.ts";
import { CODEX_RATE } from "../support/core-fixtures.ts";

const MODEL = "gpt-5.4";
const CATALOG = buildCatalog([], [{ id: "default", version: 1, effectiveAt: 0, models: { [MODEL]: CODEX_RATE } }]);
const REASONING = { type: "reasoning", id: "rs_1", summary: [] };

/** Items that a frame names, on a bridged connection whose answer `resp_1` was `REASONING`. */
function namedBy(body: JsonObject, previousResponse: string | null = "resp_1"): readonly string[] {
  const memory = new ConnectionMemory();
  memory.remember("resp_1", { kind: "said", conversation: continued(NOTHING_SAID, [REASONING]) });
  const frame = { kind: "create", streamId: null, generate: true, previousResponse, bytes: 0 } as const;
  const connection = { memory, socket: null } as unknown as Connection;
  const request = readFrameRequest(connection, { ...frame, body: { model: MODEL, ...body } }, CATALOG);
  if (isFault(request)) throw new Error(request.message);
  return request.prepared.references.items;
}

test("reasoning of an answer that nobody stored is said again, and not looked for by its id", () => {
  expect(namedBy({ input: "go on", store: false })).toEqual([]);
});

test("reasoning of an answer that upstream keeps goes back to where it is kept", () => {
  expect(namedBy({ input: "go on" })).toEqual(["rs_1"]);
});

test("what a frame itself names is looked for, stored or not", () => {
  for (const store of [true, false]) expect(namedBy({ input: [REASONING], store }, null)).toEqual(["rs_1"]);
});
