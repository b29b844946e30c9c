import OpenAI from "openai";
import { ResponsesWS } from "openai/resources/responses/ws";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../scripts/local-gateway.ts";
import { deltas, type JournalBody, json, KEY, RESPONSES, types } from "./client.ts";
import { type Message, Socket, upgradeOf } from "./socket.ts";

const START_MS = 30_000;
const authorization = `Bearer ${KEY}`;

let simulator: Simulator;
let socket: Socket;

beforeAll(async () => {
  simulator = await startSimulator("none");
}, START_MS);

afterAll(() => simulator.dispose());

beforeEach(async () => {
  await fetch(`${simulator.url}/simulator/requests`, { method: "DELETE" });
  socket = await Socket.open(simulator.url);
  return () => socket.close();
});

const journal = () => json<JournalBody>(fetch(`${simulator.url}/simulator/requests`));
const error = (messages: Message[]) => messages.at(-1)?.error;
const idOf = (messages: Message[]) => messages.at(-1)?.response.id;
const lane = (messages: Message[], id: string) => messages.filter((message) => message.stream_id === id);

describe("the upgrade", () => {
  it("carries the turn's state and headers that a gateway must stop", async () => {
    const { status, headers } = await upgradeOf(simulator.url, { authorization });
    expect(status).toBe(101);
    expect(headers["x-codex-turn-state"]).toMatch(/^turn-state-/);
    expect(headers["openai-model"]).toBe("gpt-simulated-2026-10-01");
    expect(headers["x-request-id"]).toMatch(/^req_/);
  });

  it.each([
    ["", {}, 401],
    ["ws_refuse", { authorization }, 426],
    ["status=429;retry_after=3", { authorization }, 429],
    ["outptu=1", { authorization }, 400],
  ])("with the controls '%s' and the headers %o is answered with %i", async (controls, headers, status) => {
    expect((await upgradeOf(simulator.url, { ...headers, "x-simulate": controls })).status).toBe(status);
  });

  it("alone makes a WebSocket of that address", async () => {
    const response = await fetch(simulator.url + RESPONSES, { headers: { authorization } });
    expect(response.status).toBe(404);
  });
});

describe("a response over a WebSocket", () => {
  it("is the same sequence of events, after the operator's own limits", async () => {
    const messages = await socket.response("output=3");
    expect(types(messages)).toEqual([
      "codex.rate_limits",
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      ...Array(3).fill("response.output_text.delta"),
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    expect(messages.slice(1).map((message) => message.sequence_number)).toEqual([...messages.slice(1).keys()]);
    expect(messages.at(-1)?.response.usage.output_tokens).toBe(3);
    expect(messages.every((message) => !("stream_id" in message))).toBe(true);
  });

  it("is counted apart from the upgrade, with what was asked for", async () => {
    await socket.response("output=1");
    await socket.response("status=500");
    const { counters, requests } = await journal();
    expect(counters.by_route).toEqual({ "GET /v1/responses": 1, "WS /v1/responses": 2 });
    expect(requests.map(({ method, status, ending }) => [method, status, ending])).toEqual([
      ["GET", 101, "open"],
      ["WS", 200, "complete"],
      ["WS", 500, "complete"],
    ]);
    expect(requests[1]).toMatchObject({ host: new URL(simulator.url).host, fields: { model: "gpt-5.4", input: "Hi" } });
    expect(requests[1]?.headers.authorization).toMatch(/^Bearer sha256:/);
  });

  it("only warms up with generate: false", async () => {
    const messages = await socket.response("", { generate: false, store: false });
    expect(types(messages).slice(1)).toEqual(["response.created", "response.completed"]);
    const { usage } = messages.at(-1)?.response ?? {};
    expect(usage).toMatchObject({ output_tokens: 0, total_tokens: usage?.input_tokens });
    const next = await socket.response("output=2", { previous_response_id: idOf(messages), store: false });
    expect(next.at(-1)?.response.usage.input_tokens).toBeGreaterThan(usage?.input_tokens ?? 0);
  });

  it("reads controls per request, on top of those of the upgrade", async () => {
    const other = await Socket.open(simulator.url, "output=5;cached=3");
    const plain = await other.response("");
    expect(plain.at(-1)?.response.usage).toMatchObject({
      output_tokens: 5,
      input_tokens_details: { cached_tokens: 3 },
    });
    const changed = await other.response("output=2;failed");
    expect(changed.at(-1)).toMatchObject({ type: "response.failed", response: { usage: { output_tokens: 2 } } });
    other.close();
  });

  it("is what the OpenAI SDK understands", async () => {
    const client = new OpenAI({ apiKey: KEY, baseURL: `${simulator.url}/v1` });
    const ws = new ResponsesWS(client);
    ws.send({
      type: "response.create",
      model: "gpt-5.4",
      input: "Hi",
      stream_id: "a",
      metadata: { simulate: "pace=0" },
    });
    for await (const event of ws.stream()) {
      if (event.type === "error") throw event.error;
      if (event.type !== "message" || event.message.type !== "response.completed") continue;
      expect(event.message.response.usage?.output_tokens).toBeGreaterThan(0);
      expect(event.message.stream_id).toBe("a");
      break;
    }
    ws.close();
  });
});

describe("what a connection remembers", () => {
  it("is the last response, even if it is not stored", async () => {
    const first = await socket.response("output=200", { store: false });
    const follow = { previous_response_id: idOf(first), store: false };
    const second = await socket.response("output=1", follow);
    expect(second.at(-1)?.response.usage.input_tokens).toBeGreaterThan(200);
    expect(error(await socket.response("", follow))).toMatchObject({ code: "previous_response_not_found" });
  });

  it("is not known to others, and what is stored is known to all", async () => {
    const other = await Socket.open(simulator.url);
    const unstored = idOf(await socket.response("output=1", { store: false }));
    const refused = (await other.response("", { previous_response_id: unstored })).at(-1);
    expect(refused).toMatchObject({ type: "error", status: 400, error: { code: "previous_response_not_found" } });
    const stored = idOf(await socket.response("output=1"));
    expect((await other.response("output=1", { previous_response_id: stored })).at(-1)?.type).toBe(
      "response.completed",
    );
    expect((await fetch(`${simulator.url}${RESPONSES}/${stored}`, { headers: { authorization } })).status).toBe(200);
    other.close();
  });
});

describe("several requests in one connection", () => {
  it("run side by side under names of their own, and in turn under one", async () => {
    socket.create("output=4;pace=20", { stream_id: "slow" });
    socket.create("output=1", { stream_id: "quick" });
    socket.create("output=2", { stream_id: "slow" });
    const completed = (message: Message) => message.type === "response.completed";
    await socket.next((message) => completed(message) && message.response.usage.output_tokens === 2);
    const events = socket.messages.filter((message) => message.type !== "codex.rate_limits");
    expect(events.filter(completed).map((message) => message.stream_id)).toEqual(["quick", "slow", "slow"]);
    expect(events.every((message) => message.stream_id !== undefined)).toBe(true);
    const slow = lane(events, "slow").filter(({ type }) => /created|completed/.test(type));
    expect(types(slow)).toEqual(Array(2).fill(["response.created", "response.completed"]).flat());
    expect(deltas(lane(events, "quick"))).toHaveLength(1);
  });

  it("need names: a second one without is refused, or waits where it is asked to", async () => {
    const both = async (controls: string) => {
      socket.create(`output=3;pace=20`);
      socket.create(`output=2;${controls}`);
      await socket.next(({ type, response }) => type === "response.completed" && response.usage.output_tokens === 3);
      if (controls !== "") await socket.next(({ response }) => response?.usage?.output_tokens === 2);
      return socket.messages.splice(0);
    };
    const refused = (await both("")).filter(({ type }) => type === "error");
    expect(refused).toMatchObject([{ status: 400, error: { code: "response_in_progress" } }]);
    expect(types(await both("ws_queue")).filter((type) => type === "response.completed")).toHaveLength(2);
  });

  it("have names of few letters, and at most 32 of them", async () => {
    expect(error(await socket.response("", { stream_id: "" }))?.code).toBe("invalid_stream_id");
    expect(error(await socket.response("", { stream_id: "a b" }))?.code).toBe("invalid_stream_id");
    for (let i = 0; i < 32; i++) await socket.response("output=1", { stream_id: `s.${i}` });
    const last = (await socket.response("", { stream_id: "s.32" })).at(-1);
    expect(last).toMatchObject({ stream_id: "s.32", error: { code: "websocket_stream_limit_reached" } });
    expect((await socket.response("output=1")).at(-1)?.type).toBe("response.completed");
  });
});

describe("what goes wrong in a connection", () => {
  it.each([
    ["status=429;retry_after=7;code=insufficient_quota", {}, 429, "insufficient_quota"],
    ["outptu=1", {}, 400, "invalid_control"],
    ["redirect", {}, 400, "invalid_control"],
    ["", { background: true }, 400, null],
    ["", { model: 5 }, 400, null],
  ])("is told in an error frame, and the connection goes on: '%s' %o", async (controls, body, status, code) => {
    const messages = await socket.response(controls, { stream_id: "a", ...body });
    expect(messages).toMatchObject([{ type: "error", status, stream_id: "a", error: { code } }]);
    if (status === 429) expect(messages[0]?.headers).toEqual({ "retry-after": "7" });
    expect((await socket.response("output=1")).at(-1)?.type).toBe("response.completed");
  });

  it.each(["not json", "[]", '{"type":"response.fly"}', new Uint8Array([123, 125])])(
    "is a frame that is no client event: %s",
    async (data) => {
      socket.send(data);
      expect(await socket.next(({ type }) => type === "error")).toMatchObject({ status: 400 });
    },
  );

  it.each([
    ["ws_close=4001", 4001, 1],
    ["cut_after=3", 1011, 3],
    ["eof_after=2", 1000, 2],
  ])("is a close at %s", async (control, code, said) => {
    socket.create(`output=9;${control}`);
    expect(await socket.closed).toBe(code);
    expect(deltas(socket.messages)).toHaveLength(said);
    const endings = (await journal()).requests.map(({ ending }) => ending);
    expect(endings).toEqual(["broken", "broken"]);
  });

  it("is the end of its hour", async () => {
    const [limit] = await socket.response("ws_limit");
    expect(limit).toMatchObject({ status: 400, error: { code: "websocket_connection_limit_reached" } });
    expect(await socket.closed).toBe(1000);
  });

  it("is a client that leaves", async () => {
    socket.create("output=1000;pace=20");
    await socket.next(({ type }) => type === "response.output_text.delta");
    socket.close();
    await socket.closed;
    expect((await journal()).requests.map(({ ending }) => ending)).toEqual(["cancelled", "cancelled"]);
  });

  it("is a message that is not JSON, or very long", async () => {
    const messages = await socket.response("output=2;big_line=300000;malformed");
    expect(messages.map((message) => JSON.stringify(message).length)).toContain(300_000);
    expect(types(messages)).toContain("unreadable");
  });
});

describe("steering", () => {
  const steer = (id: string | undefined, input: unknown) =>
    socket.send(JSON.stringify({ type: "response.steer", previous_response_id: id, input }));

  it("ends the running response and begins another", async () => {
    socket.create("output=500;pace=10", { stream_id: "a" });
    await socket.next(({ type }) => type === "response.output_text.delta");
    const created = await socket.next(({ type }) => type === "response.created");
    steer(created.response.id, "Shorter, please.");
    const accepted = await socket.next(({ type }) => type === "response.steer.accepted");
    expect(accepted).toMatchObject({ stream_id: "a", steer: { previous_response_id: created.response.id } });
    const stopped = await socket.next(({ type }) => type === "response.incomplete");
    expect(stopped.response).toMatchObject({ incomplete_details: { reason: "steered" } });
    expect(stopped.response.usage.output_tokens).toBe(deltas(socket.messages).length);
    const isSuccessor = ({ type, response }: Message) =>
      type === "response.created" && response.id !== created.response.id;
    const successor = await socket.next(isSuccessor);
    expect(successor).toMatchObject({
      stream_id: "a",
      response: { previous_response_id: created.response.id },
    });
  });

  it("fails where nothing is running, or nothing is said", async () => {
    const over = idOf(await socket.response("output=1"));
    steer("resp_unknown", "Hello");
    steer(over, "Hello");
    steer(over, []);
    await socket.next(({ error }) => error?.code === "invalid_input");
    expect(socket.messages.map((message) => [message.type, message.error.code])).toEqual([
      ["response.steer.failed", "response_not_found"],
      ["response.steer.failed", "response_already_completed"],
      ["response.steer.failed", "invalid_input"],
    ]);
  });
});
