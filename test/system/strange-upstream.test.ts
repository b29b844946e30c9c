import { on, once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { deflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { AdminClient } from "../../scripts/admin-client.ts";
import { type LocalGateway, startLocalGateway } from "../../scripts/local-gateway.ts";
import { CARD } from "../support/offer.ts";
import { type Customer, endedReceipt, makeCustomer, readOwn } from "./customer.ts";

const UPSTREAM_KEY = "sk-upstream-canary-0123456789";

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

const USAGE = { input_tokens: 1, output_tokens: 2, total_tokens: 3 };
const OUTPUT = [{ type: "message", id: "msg_1", role: "assistant", content: [{ type: "output_text", text: "hello" }] }];
const WHOLE = { id: "resp_1", object: "response", status: "completed", model: "flat-1", output: OUTPUT, usage: USAGE };

const told =
  (status: number, body: string | Uint8Array, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);

/** The answer as it stands on the wire. */
const bytes =
  (answer: string): Answer =>
  ({ socket }) =>
    socket?.end(Buffer.from(answer, "latin1"));

const PLAN = { name: "Credits", features: { codex: { models: ["*"] }, sora: { models: ["*"] } } };
const JSON_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
const HTML = "<html><body><h1>400</h1>nginx/1.18 at 10.0.0.7</body></html>";
const keyOf = (request: IncomingMessage) => request.headers.authorization ?? "";

let answer: Answer = told(200, JSON.stringify(WHOLE));
let upstream: Server;
let gateway: LocalGateway;
let setWebSocket: (mode: "pass" | "bridge") => Promise<unknown>;
let customer: Customer;

beforeAll(async () => {
  upstream = createServer(async (request, response) => {
    await text(request);
    answer(response, request);
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const address = upstream.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const vars = {
    SPILLWAY_ADMIN_TOKEN: "operator-of-the-strange-upstream-test",
    SPILLWAY_KEY_SECRET: "key-secret-of-the-strange-upstream-test",
    UPSTREAM_BASE_URL: `http://127.0.0.1:${port}/v1`,
    UPSTREAM_API_KEY: UPSTREAM_KEY,
  };
  gateway = await startLocalGateway({ port: 0, vars, log: "none" });
  const admin = new AdminClient(gateway.url, vars.SPILLWAY_ADMIN_TOKEN);
  setWebSocket = (websocket) => admin.upstreams.put("default", { base_url: vars.UPSTREAM_BASE_URL, websocket });
  await admin.request("PUT", "/admin/rate-cards/default", { body: CARD });
  await admin.request("PUT", "/admin/plans/credits", { body: PLAN });
  customer = await makeCustomer(admin, { plan: "credits", credits: "1000" });
});

afterAll(async () => {
  await gateway?.dispose();
  upstream?.close();
});

const ROUTES = {
  "/v1/responses": { model: "flat-1", input: "x", max_output_tokens: 10 },
  "/v1/chat/completions": { model: "flat-1", messages: [{ role: "user", content: "x" }], max_completion_tokens: 10 },
};
type Route = keyof typeof ROUTES;

interface Asked {
  readonly route?: Route;
  readonly stream?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks while upstream answers so. */
async function ask(
  told: Answer,
  { route = "/v1/responses", stream = false, headers = {} }: Asked = {},
): Promise<Response> {
  answer = told;
  return fetch(gateway.url + route, {
    method: "POST",
    headers: { ...headers, authorization: `Bearer ${customer.key}`, "content-type": "application/json" },
    body: JSON.stringify({ ...ROUTES[route], stream }),
  });
}

interface Refused {
  readonly error: { readonly code: string | null; readonly message: string; readonly request_id?: string };
}

/** What a refusal is in the protocol, whoever speaks it; and that it has cost nothing. */
async function expectRefusal(response: Response, status: number, code: string | null, outcome: string): Promise<void> {
  const body = await response.text();
  expect(response.status, body).toBe(status);
  expect(response.headers.get("content-type")).toContain("application/json");
  expect(body).not.toContain(UPSTREAM_KEY);
  const { error } = JSON.parse(body) as Refused;
  expect(error.code).toBe(code);
  expect(error.message.length).toBeGreaterThan(10);
  expect(error.message).not.toContain("nginx");
  const receipt = await endedReceipt(gateway.url, customer, response.headers.get("x-request-id") ?? "");
  expect(receipt).toMatchObject({
    reservation: { state: "released" },
    usage: { outcome },
    charge: { amount: "0.000000" },
  });
}

describe.each([
  ["/v1/responses", false],
  ["/v1/responses", true],
  ["/v1/chat/completions", false],
] as const)("%s (stream: %s)", (route, stream) => {
  test.each<[name: string, answer: Answer]>([
    ["nothing", told(200, "")],
    ["204", (response) => response.writeHead(204).end()],
    ["206: a part of one", told(206, JSON.stringify(WHOLE).slice(0, 40), { "content-range": "bytes 0-39/300" })],
    ["null", told(200, "null")],
    ["an array", told(200, "[]")],
    ["an empty object", told(200, "{}")],
    ["half a JSON", told(200, JSON.stringify(WHOLE).slice(0, -20))],
    ["a million brackets", told(200, "[".repeat(1_000_000))],
    ["a page", told(200, "<html>It works!</html>", { "content-type": "text/html" })],
    [
      "a coding that nobody asked for",
      told(200, deflateSync(JSON.stringify(WHOLE)), { "content-encoding": "deflate" }),
    ],
    ["the end of HTTP", bytes("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")],
  ])("an answer that cannot be read is no answer, and free: %s", async (_, unreadable) => {
    const response = await ask(unreadable, { route, stream });
    await expectRefusal(response, 502, "upstream_protocol", "upstream_error");
  });

  test.each<[name: string, answer: Answer]>([
    ["402: the operator's account is empty", told(402, '{"error":{"message":"Insufficient Balance of org-operator"}}')],
    ["408", told(408, "{}")],
    ["421", told(421, "{}")],
    ["425", told(425, "{}")],
    ["426", told(426, '{"error":{"message":"Use another protocol"}}')],
    ["broken chunks", bytes(`${JSON_HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n`)],
    ["chunks that end early", bytes(`${JSON_HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\n{"id"\r\n`)],
    ["less than it announced", bytes(`${JSON_HEAD}Content-Length: 500\r\n\r\n{"id"`)],
    ["gzip that is none", told(200, "{}", { "content-encoding": "gzip" })],
    ["no HTTP", bytes("\x00\x01 hello\r\n\r\n")],
  ])("what concerns the operator or the way there is no refusal of the request: %s", async (_, trouble) => {
    const response = await ask(trouble, { route, stream });
    await expectRefusal(response, 503, "server_is_overloaded", "upstream_error");
  });

  test.each<[name: string, status: number, answer: Answer]>([
    ["a page", 400, told(400, HTML, { "content-type": "text/html" })],
    ["a page of something between", 413, told(413, HTML, { "content-type": "text/html" })],
    ["nothing", 400, told(400, "")],
    ["null", 422, told(422, "null")],
    ["text", 404, told(404, "nginx: not found", { "content-type": "text/plain" })],
    ["an essay", 400, told(400, JSON.stringify({ error: { message: "nginx".repeat(10_000) } }))],
  ])("a refusal that is none of the protocol is told in the gateway's words: %s", async (_, status, refusal) => {
    const response = await ask(refusal, { route, stream });
    await expectRefusal(response, status, "upstream_refused", "rejected");
  });

  test("304: nothing in place of an answer is none either", async () => {
    const response = await ask((told) => told.writeHead(304, { etag: '"1"' }).end(), { route, stream });
    await expectRefusal(response, 502, "upstream_redirect", "upstream_error");
  });

  test("a refusal that tells the operator's key tells it to nobody", async () => {
    const leak: Answer = (response, request) =>
      told(400, JSON.stringify({ error: { code: "bad", message: `Not with ${keyOf(request)}, sorry` } }))(
        response,
        request,
      );
    await expectRefusal(await ask(leak, { route, stream }), 400, "bad", "rejected");
  });
});

test("an answer that tells the operator's key tells it to nobody", async () => {
  const leak: Answer = (response, request) =>
    told(200, JSON.stringify({ ...WHOLE, metadata: { debug: keyOf(request) } }))(response, request);
  const response = await ask(leak);
  expect(response.status).toBe(200);
  expect(await response.text()).not.toContain(UPSTREAM_KEY);
});

const told200 = (body: string): Answer => told(200, body, { "content-type": "text/event-stream" });

/** Asks over a WebSocket, and gives the frames up to the last of the answer. */
async function askByFrames(): Promise<string> {
  const socket = new WebSocket(`${gateway.url}/v1/responses`, { headers: { authorization: `Bearer ${customer.key}` } });
  await once(socket, "open");
  socket.send(JSON.stringify({ type: "response.create", ...ROUTES["/v1/responses"] }));
  const frames: string[] = [];
  for await (const [data] of on(socket, "message")) {
    frames.push(String(data));
    if (/^\{"type":"(?:error|response\.failed)"/.test(String(data))) break;
  }
  socket.close();
  return frames.join("\n");
}

test.each([
  ["error", (key: string) => ({ type: "error", code: "odd", message: `Incorrect API key: ${key}` })],
  ["response.failed", (key: string) => ({ type: "response.failed", response: { ...WHOLE, error: { message: key } } })],
] as const)(
  "an event %s that tells the operator's key tells it to nobody, in a stream and in frames",
  async (_, event) => {
    const leak: Answer = (response, request) =>
      told200(`data: ${JSON.stringify(event(keyOf(request)))}\n\n`)(response, request);
    const streamed = await ask(leak, { stream: true });
    expect(streamed.status).toBe(200);
    expect(await streamed.text()).toSatisfy((text: string) => text.includes("****") && !text.includes(UPSTREAM_KEY));
    expect(await askByFrames()).not.toContain(UPSTREAM_KEY);
  },
);

describe("an answer in frames that breaks off with an error", () => {
  const SAID = "It was a dark and stormy night, and rain fell in torrents over the whole of it. ";
  const ERROR = { type: "error", status: 500, error: { type: "server_error", code: null, message: "It broke." } };
  const broken = (usage: object | null) => [
    { type: "response.created", response: { ...WHOLE, status: "in_progress", output: [], usage: null } },
    { type: "response.output_text.delta", delta: SAID },
    ERROR,
    { type: "response.failed", response: { ...WHOLE, status: "failed", output: [], usage } },
  ];
  let frames: readonly object[] = [];
  let sockets: WebSocketServer;

  beforeAll(() => {
    sockets = new WebSocketServer({ server: upstream });
    sockets.on("connection", (socket) =>
      socket.on("message", () => {
        for (const frame of frames) socket.send(JSON.stringify(frame));
      }),
    );
  });

  afterAll(async () => {
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
    await setWebSocket("bridge");
  });

  /** Asks for two answers over one connection; gives the ends that the client hears of, and the charges of both. */
  async function askTwice(): Promise<{ ends: string[]; charges: unknown[] }> {
    answer = told200(frames.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join(""));
    const socket = new WebSocket(`${gateway.url}/v1/responses`, {
      headers: { authorization: `Bearer ${customer.key}` },
    });
    await once(socket, "open");
    const ask = () =>
      socket.send(JSON.stringify({ type: "response.create", ...ROUTES["/v1/responses"], model: "gpt-5.4" }));
    ask();
    const ids: string[] = [];
    const ends: string[] = [];
    for await (const [data] of on(socket, "message")) {
      const { type, spillway } = JSON.parse(String(data)) as { type: string; spillway?: { request_id: string } };
      if (spillway) ids.push(spillway.request_id);
      if (!/^(?:error|response\.(?:failed|completed))$/.test(type)) continue;
      ends.push(type);
      if (ends.length === 2) break;
      ask();
    }
    socket.close();
    const receipts = await Promise.all(ids.map((id) => endedReceipt(gateway.url, customer, id)));
    return {
      ends,
      charges: receipts.map(({ usage, charge }) => [usage?.output_tokens, usage?.estimated, charge?.amount]),
    };
  }

  describe.each(["pass", "bridge"] as const)("%s", (mode) => {
    beforeAll(() => setWebSocket(mode));

    test("is charged as upstream says after it, and ends once for its client", async () => {
      frames = broken(USAGE);
      expect(await askTwice()).toEqual({
        ends: ["error", "error"],
        charges: [
          [2, false, "0.021000"],
          [2, false, "0.021000"],
        ],
      });
    });

    test("is charged as it was counted where upstream says nothing after it", async () => {
      frames = broken(null).slice(0, 3);
      const { ends, charges } = await askTwice();
      expect(ends).toEqual(["error", "error"]);
      expect(charges).toEqual(Array(2).fill([expect.any(Number), true, expect.stringMatching(/^0\.(?!000000)/)]));
    });
  });
});

describe("an answer that ends because of the operator's account with upstream", () => {
  const QUOTA = {
    type: "insufficient_quota",
    code: "insufficient_quota",
    message: "You (org-operator) exceeded your current quota, please check your plan and billing details.",
    param: null,
  };
  const LIMIT = {
    type: "tokens",
    code: "rate_limit_exceeded",
    message: "Rate limit reached for gpt-5.4 in organization org-operator on tokens per min. Please try again in 1.5s.",
    param: null,
  };
  const inEvent = (event: object): Answer => told200(`data: ${JSON.stringify(event)}\n\n`);
  const failed = ({ code, message }: typeof QUOTA) => ({
    type: "response.failed",
    response: { ...WHOLE, status: "failed", output: [], usage: null, error: { code, message } },
  });

  test.each([
    ["/v1/responses", "its money", inEvent(failed(QUOTA)), "server_is_overloaded", ""],
    ["/v1/responses", "its limit", inEvent(failed(LIMIT)), "rate_limit_exceeded", "Please try again in 1.5s."],
    ["/v1/responses", "flat", inEvent({ ...QUOTA, type: "error", sequence_number: 1 }), "server_is_overloaded", ""],
    ["/v1/responses", "within", inEvent({ type: "error", error: QUOTA }), "server_is_overloaded", ""],
    ["/v1/chat/completions", "its money", inEvent({ error: QUOTA }), "server_is_overloaded", ""],
    ["/v1/chat/completions", "its limit", inEvent({ error: LIMIT }), "rate_limit_exceeded", "try again in 1.5s"],
  ] as const)("says so in no word of the operator's: %s, %s", async (route, _, answered, code, said) => {
    const response = await ask(answered, { route, stream: true });
    expect(response.status).toBe(200);
    const text = await response.text();
    expect(text).not.toMatch(/org-operator|billing|quota/);
    expect(text).toContain(`"code":"${code}"`);
    expect(text).toContain(said);
    const receipt = await endedReceipt(gateway.url, customer, response.headers.get("x-request-id") ?? "");
    expect(receipt.charge?.amount).toBe("0.000000");
  });

  test("nor in frames, nor when it is fetched later", async () => {
    answer = inEvent(failed(LIMIT));
    const frames = await askByFrames();
    expect(frames).toMatch(/"rate_limit_exceeded".*try again in 1\.5s/);
    expect(frames).not.toContain("org-operator");

    const id = "resp_that_failed";
    expect((await ask(told(200, JSON.stringify({ ...WHOLE, id })))).status).toBe(200);
    answer = told(200, JSON.stringify({ ...failed(QUOTA).response, id }));
    const headers = { authorization: `Bearer ${customer.key}` };
    const fetched = await fetch(`${gateway.url}/v1/responses/${id}`, { headers });
    expect(await fetched.json()).toMatchObject({ id, error: { code: "server_is_overloaded" } });
  });

  test("while an error of the request's own, or of upstream's, is told as it is", async () => {
    const error = { code: "server_error", message: "An error occurred; you may ask again. [org-none]" };
    const event = { type: "response.failed", response: { ...WHOLE, output: [], usage: null, error } };
    expect(await (await ask(inEvent(event), { stream: true })).text()).toBe(`data: ${JSON.stringify(event)}\n\n`);
  });
});

test.each<[name: string, line: string]>([
  ["that a client could not read", "openai-version: a\x01b\xff"],
  ["that would fill a client's memory for headers", `openai-version: ${"y".repeat(60_000)}`],
  ["that would put the answer into shared caches", "cache-control: public, max-age=9999"],
  ["that would put the answer into shared caches, otherwise", "cache-control: S-MaxAge=9999"],
])("a header %s stops here, the answer does not", async (_, line) => {
  const body = JSON.stringify(WHOLE);
  const response = await ask(bytes(`${JSON_HEAD}${line}\r\nContent-Length: ${body.length}\r\n\r\n${body}`));
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ id: "resp_1" });
  expect(response.headers.has(line.slice(0, line.indexOf(":")))).toBe(false);
});

test.each(["9007199254740992", "1e999", "-5", "1.5", '"2"', "null", "[]"])(
  "usage of %s is not believed: the answer is charged as it was counted",
  async (count) => {
    const body = JSON.stringify(WHOLE).replace('"output_tokens":2', `"output_tokens":${count}`);
    const response = await ask(told(200, body));
    expect(response.status).toBe(200);
    const receipt = await endedReceipt(gateway.url, customer, response.headers.get("x-request-id") ?? "");
    expect(receipt).toMatchObject({ reservation: { state: "settled" }, usage: { estimated: true } });
    expect(Number(receipt.charge?.amount)).toBeLessThanOrEqual(1);
  },
);

describe("who asks for a part of an answer, or for one under a condition", () => {
  const CONDITIONS = { range: "bytes=0-9", "if-none-match": '"1"', "if-match": '"2"', "if-range": '"3"' };
  const seen: string[][] = [];
  const told = (body: object): Answer => {
    seen.length = 0;
    return (response, { headers }) => {
      seen.push(Object.keys(headers).filter((name) => name === "range" || name.startsWith("if-")));
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
  };

  const choices = [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "hello" } }];
  const counts = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
  const completion = { id: "chatcmpl_1", object: "chat.completion", model: "flat-1", choices, usage: counts };

  test.each([
    ["/v1/responses", WHOLE],
    ["/v1/chat/completions", completion],
  ] as const)("gets all of it, and pays for all of it: %s", async (route, whole) => {
    const response = await ask(told(whole), { route, headers: CONDITIONS });
    expect([response.status, await response.json()]).toMatchObject([200, { id: whole.id }]);
    const receipt = await endedReceipt(gateway.url, customer, response.headers.get("x-request-id") ?? "");
    expect(receipt).toMatchObject({ reservation: { state: "settled" } });
    expect(seen).toEqual([[]]);
  });

  test("so of a video that is made", async () => {
    answer = told({ id: "video_whole", object: "video", status: "completed", seconds: "4", size: "720x1280" });
    const response = await fetch(`${gateway.url}/v1/videos`, {
      method: "POST",
      headers: { ...CONDITIONS, authorization: `Bearer ${customer.key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "sora-2", prompt: "x", seconds: "4", size: "720x1280" }),
    });
    expect([response.status, await response.json()]).toMatchObject([200, { id: "video_whole" }]);
    expect(seen).toEqual([[]]);
  });

  test("so over a WebSocket", async () => {
    answer = told(WHOLE);
    const headers = { ...CONDITIONS, authorization: `Bearer ${customer.key}` };
    const socket = new WebSocket(`${gateway.url}/v1/responses`, { headers });
    await once(socket, "open");
    socket.send(JSON.stringify({ type: "response.create", ...ROUTES["/v1/responses"] }));
    for await (const [data] of on(socket, "message")) {
      if (/^\{"type":"(?:error|response\.)/.test(String(data))) break;
    }
    socket.close();
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.flat()).toEqual([]);
  });
});

describe("of what upstream keeps", () => {
  const own = (method: string, path: string, told: Answer, headers: Record<string, string> = {}) => {
    answer = told;
    return fetch(gateway.url + path, { method, headers: { authorization: `Bearer ${customer.key}`, ...headers } });
  };

  test("a page in place of it is no answer, and one that upstream deletes without a word is deleted", async () => {
    const id = "resp_kept";
    expect((await ask(told(200, JSON.stringify({ ...WHOLE, id })))).status).toBe(200);
    const page = await own("GET", `/v1/responses/${id}`, told(404, HTML, { "content-type": "text/html" }));
    expect([page.status, await page.json()]).toMatchObject([404, { error: { code: "upstream_refused" } }]);
    const leak: Answer = (response, request) =>
      told(400, JSON.stringify({ error: { message: keyOf(request) } }))(response, request);
    expect(await (await own("GET", `/v1/responses/${id}`, leak)).text()).not.toContain(UPSTREAM_KEY);
    const deleted = await own("DELETE", `/v1/responses/${id}`, (response) => response.writeHead(204).end());
    expect([deleted.status, await deleted.text()]).toEqual([204, ""]);
    expect((await own("GET", `/v1/responses/${id}`, told(200, JSON.stringify(WHOLE)))).status).toBe(404);
  });

  test("a file that has not changed is not sent again, and is no redirect", async () => {
    const video = { id: "video_1", object: "video", status: "completed", seconds: "4", size: "720x1280" };
    answer = told(200, JSON.stringify(video));
    const made = await fetch(`${gateway.url}/v1/videos`, {
      method: "POST",
      headers: { authorization: `Bearer ${customer.key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "sora-2", prompt: "x", seconds: "4", size: "720x1280" }),
    });
    expect(made.status, await made.text()).toBe(200);
    const unchanged: Answer = (response) => response.writeHead(304, { etag: '"v1"' }).end();
    const again = await own("GET", "/v1/videos/video_1/content", unchanged, { "if-none-match": '"v1"' });
    expect([again.status, again.headers.get("etag"), await again.text()]).toEqual([304, '"v1"', ""]);
    const beyond = told(416, "", { "content-range": "bytes */9" });
    expect((await own("GET", "/v1/videos/video_1/content", beyond, { range: "bytes=99-" })).status).toBe(416);
    const gone = await own("DELETE", "/v1/videos/video_1", (response) => response.writeHead(204).end());
    expect([gone.status, await gone.json()]).toEqual([200, { id: "video_1", object: "video.deleted", deleted: true }]);
  });
});

test("after all this nothing is held", async () => {
  expect(await readOwn(gateway.url, customer, "/api/account")).toMatchObject({ credits: { reserved: "0.000000" } });
});
