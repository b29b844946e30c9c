import { gzipSync, zstdCompressSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import {
  ADMIN_TOKEN,
  accountOf,
  ask,
  asOperator,
  bearer,
  CHAT,
  call,
  confirmedReceipt,
  eventually,
  forgetUpstream,
  grant,
  look,
  newAccount,
  newKey,
  openGateway,
  operator,
  RESPONSES,
  requestIdOf,
  send,
  type TestAccount,
  upstream,
  withoutUpstreamCall,
} from "../support/gateway.ts";
import { objects, outboxOf } from "../support/object.ts";
import type { BalanceRow, ErrorBody, Page, UsageEventRow } from "../support/wire.ts";

/** Asks in vain only, so that nothing of it may ever change; `payer` asks for what succeeds. */
let account: TestAccount;
let payer: TestAccount;

beforeAll(async () => {
  await openGateway();
  account = await newAccount({ credits: "1000" });
  payer = await newAccount({ credits: "1000" });
  await eventually(async () => expect(await outboxOf(account)).toEqual([]));
});

const BODY = { model: "flat-1", input: "x", max_output_tokens: 10 };
const CHAT_BODY = { model: "flat-1", messages: [{ role: "user", content: "x" }], max_completion_tokens: 10 };
const MiB = 1024 * 1024;

interface Raw {
  readonly body?: BodyInit;
  readonly headers?: Record<string, string>;
  readonly route?: string;
}

/** Sends bytes as they are. */
function sendRaw({ body, headers = {}, route = RESPONSES }: Raw, by = account): Promise<Response> {
  const all = { ...bearer(by.key), "content-type": "application/json", ...headers };
  return call(route, body === undefined ? { method: "POST", headers: all } : { method: "POST", headers: all, body });
}

/** What every refusal under /v1 must be: OpenAI's error, named, without a call upstream and without a trace. */
async function refused(request: () => Promise<Response>): Promise<{ status: number; error: ErrorBody["error"] }> {
  const before = await objects.work(account.id);
  const response = await withoutUpstreamCall(request);
  const { error } = await response.json<ErrorBody>();
  expect(response.status).toBeGreaterThanOrEqual(400);
  expect(response.status).toBeLessThan(500);
  expect(response.headers.get("content-type")).toContain("application/json");
  expect(error).toMatchObject({ type: "invalid_request_error", request_id: requestIdOf(response) });
  expect(error.message.length).toBeGreaterThan(10);
  expect(error.message).not.toContain(account.key);
  const after = await objects.work(account.id);
  expect(after.rowsWritten).toBe(before.rowsWritten);
  return { status: response.status, error };
}

/** Bytes sent piece by piece, without a length in advance. */
function chunked(bytes: Uint8Array): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  const write = async () => {
    const writer = writable.getWriter();
    for (let from = 0; from < bytes.length; from += 65_536) await writer.write(bytes.subarray(from, from + 65_536));
    await writer.close();
  };
  void write().catch(() => undefined);
  return readable;
}

describe("keys in the wrong place or form", () => {
  const text = JSON.stringify(BODY);
  const type = { "content-type": "application/json" };
  const withKey = (value: () => string) => () =>
    call(RESPONSES, { method: "POST", body: text, headers: { ...type, authorization: value() } });

  // The numbers count the bad inputs that must be answered clearly.
  const cases: [string, () => Promise<Response>, number, string][] = [
    ["1: no key", () => call(RESPONSES, { method: "POST", body: text, headers: type }), 401, "invalid_api_key"],
    ["2: Basic", withKey(() => `Basic ${btoa(account.key)}`), 401, "invalid_api_key"],
    ["2: two spaces", withKey(() => `Bearer  ${account.key}`), 401, "invalid_api_key"],
    ["2: only the scheme", withKey(() => "Bearer"), 401, "invalid_api_key"],
    ["3: two keys", withKey(() => `Bearer ${account.key}, Bearer ${account.key}`), 400, "ambiguous_auth"],
    [
      "4: wrong checksum",
      withKey(() => `Bearer ${account.key.slice(0, -16)}${"0".repeat(16)}`),
      401,
      "invalid_api_key",
    ],
    ["4: too short", withKey(() => `Bearer ${account.key.slice(0, -1)}`), 401, "invalid_api_key"],
    [
      "5: another account",
      withKey(() => `Bearer ${account.key.replace(account.id, "acct_x")}`),
      401,
      "invalid_api_key",
    ],
    ["8: the operator's token", withKey(() => `Bearer ${ADMIN_TOKEN}`), 401, "invalid_api_key"],
    [
      "9: a key in the URL",
      () =>
        call(`${RESPONSES}?api_key=${account.key}`, {
          method: "POST",
          body: text,
          headers: { ...type, ...bearer(account.key) },
        }),
      400,
      "key_in_url",
    ],
    [
      "9: a key in the URL, escaped",
      () =>
        call(`${RESPONSES}?k=${account.key.replace("sk-", "sk%2D")}`, {
          method: "POST",
          body: text,
          headers: { ...type, ...bearer(account.key) },
        }),
      400,
      "key_in_url",
    ],
  ];

  test.each(cases)("%s", async (_, request, status, code) => {
    const answer = await refused(request);
    expect([answer.status, answer.error.code]).toEqual([status, code]);
  });

  test("2: the scheme is read in any case", async () => {
    const response = await call("/v1/models", { headers: { authorization: `bEARER ${account.key}` } });
    expect(response.status).toBe(200);
  });
});

describe("bodies that cannot be read", () => {
  const text = JSON.stringify(BODY);
  const bytes = new TextEncoder().encode(text);
  const padded = (size: number) => new TextEncoder().encode(JSON.stringify({ ...BODY, input: "x".repeat(size) }));
  const nested = (depth: number) => `{"model":"flat-1","input":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  const members = JSON.stringify({ ...BODY, input: Array.from({ length: 200_000 }, (_, index) => index % 10) });
  const type = (value: string) => ({ "content-type": value });
  const encoding = (value: string) => ({ "content-encoding": value });

  const cases: [string, () => Raw, number, string][] = [
    ["10: more than 4 MiB", () => ({ body: padded(4 * MiB) }), 413, "request_too_large"],
    ["10: more than 4 MiB, without a length", () => ({ body: chunked(padded(4 * MiB)) }), 413, "request_too_large"],
    ["11: brotli", () => ({ body: bytes, headers: encoding("br") }), 415, "unsupported_encoding"],
    ["11: two encodings", () => ({ body: bytes, headers: encoding("gzip, gzip") }), 415, "unsupported_encoding"],
    ["11: gzip that is none", () => ({ body: bytes, headers: encoding("gzip") }), 400, "invalid_encoding"],
    [
      "11: a gzip bomb",
      () => ({ body: gzipSync(padded(30 * MiB)), headers: encoding("gzip") }),
      413,
      "request_too_large",
    ],
    [
      "11: a zstd bomb",
      () => ({ body: zstdCompressSync(padded(30 * MiB)), headers: encoding("zstd") }),
      413,
      "request_too_large",
    ],
    ["12: text/plain", () => ({ body: text, headers: type("text/plain") }), 415, "unsupported_media_type"],
    [
      "12: utf-16",
      () => ({ body: text, headers: type("application/json; charset=utf-16") }),
      415,
      "unsupported_media_type",
    ],
    [
      "12: broken UTF-8",
      () => ({ body: new Uint8Array([...bytes.slice(0, 20), 0xff, 0xfe, ...bytes.slice(20)]) }),
      400,
      "invalid_utf8",
    ],
    ["13: 100,000 levels", () => ({ body: nested(100_000) }), 400, "json_too_complex"],
    ["13: 65 levels", () => ({ body: nested(65) }), 400, "json_too_complex"],
    ["13: 200,000 members", () => ({ body: members }), 400, "json_too_complex"],
    [
      "15: __proto__",
      () => ({ body: `{"model":"flat-1","input":"x","__proto__":{"admin":true}}` }),
      400,
      "invalid_json",
    ],
    [
      "15: __proto__, deeper",
      () => ({ body: `{"model":"flat-1","input":[{"__proto__":{"admin":true}}]}` }),
      400,
      "invalid_json",
    ],
    ["nothing", () => ({}), 400, "invalid_json"],
    ["an empty text", () => ({ body: "" }), 400, "invalid_json"],
    ["half of it", () => ({ body: text.slice(0, -5) }), 400, "invalid_json"],
    ["an array", () => ({ body: "[]" }), 400, "invalid_json"],
    ["null", () => ({ body: "null" }), 400, "invalid_json"],
    ["two documents", () => ({ body: text + text }), 400, "invalid_json"],
  ];

  test.each(cases)("%s", async (_, raw, status, code) => {
    const answer = await refused(() => sendRaw(raw()));
    expect([answer.status, answer.error.code]).toEqual([status, code]);
  });

  const good: [string, () => Raw][] = [
    ["12: with a byte order mark", () => ({ body: new Uint8Array([0xef, 0xbb, 0xbf, ...bytes]) })],
    ["12: with its charset", () => ({ body: text, headers: type('Application/JSON; charset="UTF-8"') })],
    ["11: as gzip", () => ({ body: gzipSync(bytes), headers: encoding("gzip") })],
    ["11: as zstd", () => ({ body: zstdCompressSync(bytes), headers: encoding("zstd") })],
    ["13: a text of 1 MiB", () => ({ body: padded(MiB) })],
    [
      "13: 60 levels",
      () => ({ body: JSON.stringify({ ...BODY, x: JSON.parse(`${"[".repeat(60)}${"]".repeat(60)}`) }) }),
    ],
  ];

  test.each(good)("%s is read", async (_, raw) => {
    const response = await sendRaw(raw(), payer);
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('"object":"response"')]);
  });
});

describe("fields that cannot be priced", () => {
  const chat = (more: object) => ({ route: CHAT, body: JSON.stringify({ ...CHAT_BODY, ...more }) });
  const responses = (more: object) => ({ body: JSON.stringify({ ...BODY, ...more }) });
  const bound = (value: string) => ({ body: `{"model":"flat-1","input":"x","max_output_tokens":${value}}` });

  const cases: [string, Raw, string, string | null][] = [
    ...["1e309", "-1", "0", "1.5", '"100"', "9007199254740993", "true", "[]", "{}"].map(
      (value): [string, Raw, string, string] => [
        `16: max_output_tokens ${value}`,
        bound(value),
        "invalid_value",
        "max_output_tokens",
      ],
    ),
    ["16: max_tokens", chat({ max_tokens: -1 }), "invalid_value", "max_tokens"],
    ["16: max_completion_tokens", chat({ max_completion_tokens: "7" }), "invalid_value", "max_completion_tokens"],
    ["17: n of 129", chat({ n: 129 }), "invalid_value", "n"],
    ["17: n of 0", chat({ n: 0 }), "invalid_value", "n"],
    ["17: n of 1.5", chat({ n: 1.5 }), "invalid_value", "n"],
    ["17: n for a response", responses({ n: 2 }), "unsupported_parameter", "n"],
    ["17: best_of", chat({ best_of: 2 }), "unsupported_parameter", "best_of"],
    [
      "17: a service tier without a price",
      responses({ service_tier: "priority" }),
      "unsupported_parameter",
      "service_tier",
    ],
    ["17: a service tier that is no text", responses({ service_tier: 7 }), "invalid_value", "service_tier"],
    ["17: an unknown tool", responses({ tools: [{ type: "laser" }] }), "unsupported_parameter", "tools[0].type"],
    ["17: a tool without a type", responses({ tools: [{}] }), "invalid_value", "tools[0].type"],
    [
      "17: background, but not stored",
      responses({ background: true, store: false }),
      "unsupported_parameter",
      "background",
    ],
    ["17: background that is no switch", responses({ background: "yes" }), "invalid_value", "background"],
    ["17: a search without a price", chat({ web_search_options: {} }), "unsupported_parameter", "web_search_options"],
    ["17: audio", chat({ modalities: ["text", "audio"] }), "unsupported_parameter", "modalities"],
    ["19: no model", { body: '{"input":"x"}' }, "invalid_value", "model"],
    ["19: a model that is a number", responses({ model: 5 }), "invalid_value", "model"],
    ["19: an unknown model", responses({ model: "gpt-none" }), "model_not_found", "model"],
    ["19: a space behind the model", responses({ model: "flat-1 " }), "model_not_found", "model"],
    ["19: a look-alike", responses({ model: "flаt-1" }), "model_not_found", "model"],
    ["19: a path", responses({ model: "../admin" }), "model_not_found", "model"],
    ["19: a name that every object has", responses({ model: "constructor" }), "model_not_found", "model"],
    [
      "7: another's response",
      responses({ previous_response_id: "resp_1" }),
      "previous_response_not_found",
      "previous_response_id",
    ],
    ["7: another's conversation", responses({ conversation: "conv_1" }), "unsupported_parameter", "conversation"],
    [
      "7: a stored item",
      responses({ input: [{ type: "item_reference", id: "msg_1" }] }),
      "previous_response_not_found",
      "input",
    ],
    [
      "7: a stored file",
      responses({ input: [{ role: "user", content: [{ type: "input_file", file_id: "file_1" }] }] }),
      "unsupported_parameter",
      "input[0].content[0].file_id",
    ],
    ["stream that is no truth value", responses({ stream: "yes" }), "invalid_value", "stream"],
    ["stream options that are none", chat({ stream: true, stream_options: 3 }), "invalid_value", "stream_options"],
  ];

  test.each(cases)("%s", async (_, raw, code, param) => {
    const { status, error } = await refused(() => sendRaw(raw));
    expect([status, error.code, error.param]).toEqual([400, code, param]);
  });

  test("14: a name that stands twice has one meaning: the one that was priced is the one that is sent", async () => {
    await forgetUpstream();
    const body = '{"model":"free-1","input":"x","model":"flat-1","max_output_tokens":50,"max_output_tokens":10}';
    const response = await sendRaw({ body }, payer);
    expect(response.status).toBe(200);
    const [seen] = (await upstream()).requests;
    expect(seen?.fields).toEqual({ model: "flat-1", input: "x", max_output_tokens: 10 });
    const receipt = await look<{ charge: { amount: string } }>(payer, `/api/requests/${requestIdOf(response)}`);
    expect(receipt.charge.amount).toBe("1.000000");
  });

  test("16: null is the same as nothing", async () => {
    const response = await sendRaw(
      { body: '{"model":"flat-1","input":"x","max_output_tokens":null,"service_tier":null}' },
      payer,
    );
    expect(response.status).toBe(200);
  });

  test("17: many choices are priced, not forgotten", async () => {
    const before = Number((await accountOf(payer)).credits.used);
    const response = await sendRaw(chat({ n: 128 }), payer);
    expect(response.status).toBe(200);
    await response.body?.cancel();
    expect(Number((await accountOf(payer)).credits.used) - before).toBeCloseTo(128, 6);
  });
});

describe("20: an Idempotency-Key that is none", () => {
  test.each([
    ["empty", ""],
    ["of 256 characters", "k".repeat(256)],
    ["with a space", "a b"],
    ["with a tab", "a\tb"],
  ])("%s", async (_, key) => {
    const { status, error } = await refused(() =>
      sendRaw({ body: JSON.stringify(BODY), headers: { "idempotency-key": key } }),
    );
    expect([status, error.code]).toEqual([400, "invalid_idempotency_key"]);
  });

  test("sent twice", async () => {
    const headers = new Headers({ ...bearer(account.key), "content-type": "application/json" });
    headers.append("idempotency-key", "a");
    headers.append("idempotency-key", "b");
    const { status } = await refused(() => call(RESPONSES, { method: "POST", body: JSON.stringify(BODY), headers }));
    expect(status).toBe(400);
  });
});

describe("37: routes that are none", () => {
  test.each([
    ["POST", "/v1/embeddings"],
    ["POST", "/v1/images/generations"],
    ["POST", "/v1/audio/speech"],
    ["POST", "/v1/completions"],
    ["POST", "/v1/files"],
    ["POST", "/v1/batches"],
    ["POST", "/v1/realtime/sessions"],
    ["GET", "/v1/organization/usage"],
    ["GET", "/v1"],
    ["GET", "/v1/chat/completions"],
    ["PUT", "/v1/responses"],
    ["PATCH", "/v1/models"],
    ["POST", "/v1/responses/"],
    ["POST", "/V1/Responses"],
    ["POST", "/v1/chat/Completions"],
    ["POST", "/v1//chat/completions"],
    ["POST", "/v1/%63hat/completions/x"],
    ["GET", "/v1/..%2fadmin/plans"],
    ["GET", "/v1/%2e%2e%2fadmin/plans"],
    ["POST", "/admin"],
    ["GET", "/.env"],
    ["GET", "/api"],
    ["GET", "/api/nothing"],
    ["GET", "/simulator/requests"],
  ])("%s %s is not found, with a good key", async (method, path) => {
    const response = await withoutUpstreamCall(() => send(method, path, undefined, bearer(account.key)));
    expect([401, 404]).toContain(response.status);
    if (!path.startsWith("/admin")) expect(response.status).toBe(404);
    const { error } = await response.json<ErrorBody>();
    expect(error.request_id).toBe(requestIdOf(response));
    expect(error.code.length).toBeGreaterThan(0);
  });

  test("a URL of 16 KB is refused", async () => {
    const response = await call(`/v1/models?x=${"y".repeat(16_384)}`, { headers: bearer(account.key) });
    expect([400, 404, 414]).toContain(response.status);
  });
});

let addresses = 0;

describe("the operator's routes", () => {
  const routes = [
    ["GET", "/admin/plans"],
    ["PUT", "/admin/plans/credits"],
    ["GET", "/admin/rate-cards"],
    ["PUT", "/admin/rate-cards/default"],
    ["POST", "/admin/accounts"],
    ["GET", "/admin/accounts/acct_test1"],
    ["PATCH", "/admin/accounts/acct_test1"],
    ["POST", "/admin/accounts/acct_test1/keys"],
    ["GET", "/admin/accounts/acct_test1/keys"],
    ["DELETE", "/admin/accounts/acct_test1/keys/key_1"],
    ["POST", "/admin/accounts/acct_test1/grants"],
    ["DELETE", "/admin/accounts/acct_test1/grants/grt_1"],
    ["POST", "/admin/accounts/acct_test1/refunds"],
    ["GET", "/admin/accounts/acct_test1/work"],
    ["GET", "/admin/accounts/acct_test1/usage-events"],
    ["GET", "/admin/accounts/acct_test1/monetization-events"],
    ["GET", "/admin/accounts/acct_test1/balance-updates"],
    ["POST", "/admin/reconciliations"],
    ["GET", "/admin/reconciliations/latest"],
    ["GET", "/admin/quarantine"],
    ["POST", "/admin/quarantine/qua_1/redrive"],
    ["GET", "/admin/reservations"],
    ["GET", "/admin/nothing"],
    ["GET", "//admin/plans"],
  ] as const;

  test.each(routes)("%s %s is closed without the operator's token", async (method, path) => {
    const tokens = [null, "", "x", account.key, `${ADMIN_TOKEN}x`, ADMIN_TOKEN.slice(0, -1), ADMIN_TOKEN.toUpperCase()];
    for (const token of tokens) {
      // Each from an address of its own: who fails often is no longer told anything.
      const address = { "cf-connecting-ip": `192.0.2.${addresses++ % 250}` };
      const headers = token === null ? address : { ...address, ...bearer(token) };
      const response = await send(method, path, method === "GET" ? undefined : {}, headers);
      const { error } = await response.json<ErrorBody>();
      if (path.startsWith("//")) expect([401, 404]).toContain(response.status);
      else expect([token, response.status, error.code]).toEqual([token, 401, "invalid_admin_token"]);
      expect(Object.keys(error).sort()).toEqual(["code", "message", "request_id"]);
    }
  });

  const soon = () => new Date(Date.now() + 60_000).toISOString();
  const later = () => new Date(Date.now() + 120_000).toISOString();
  const terms = (more: object) => ({ amount: "1", kind: "paid", reason: "r", ...more });

  // bad input no. 38
  const grants: [string, object][] = [
    ["of nothing", terms({ amount: "0" })],
    ["below zero", terms({ amount: "-1" })],
    ["that is a number", terms({ amount: 5 })],
    ["with seven decimals", terms({ amount: "0.0000001" })],
    ["in scientific notation", terms({ amount: "1e3" })],
    ["beyond safe integers", terms({ amount: "9007199254.740993" })],
    ["that has expired", terms({ expires_at: "2020-01-01T00:00:00Z" })],
    ["that expires before it is effective", terms({ effective_at: later(), expires_at: soon() })],
    ["without a time zone", terms({ expires_at: "2030-01-01T00:00:00" })],
    ["of an unknown kind", terms({ kind: "gift" })],
    ["without a reason", { amount: "1", kind: "paid" }],
    ["for no feature at all", terms({ features: [] })],
    ["with an unknown field", terms({ ammount: "5" })],
    ["with half a priority", terms({ priority: 1.5 })],
  ];

  test.each(grants)("a grant %s is refused", async (_, body) => {
    const before = await accountOf(account);
    const path = `/admin/accounts/${account.id}/grants`;
    const response = await operator("POST", path, body, { "idempotency-key": "bad-grant" });
    expect(response.status).toBe(400);
    expect((await response.json<ErrorBody>()).error.code).toBe("invalid_request");
    expect((await accountOf(account)).as_of_seq).toBe(before.as_of_seq);
  });

  test("a grant without an Idempotency-Key is refused", async () => {
    const response = await operator("POST", `/admin/accounts/${account.id}/grants`, terms({}));
    expect(response.status).toBe(400);
    expect((await response.json<ErrorBody>()).error.code).toBe("idempotency_key_required");
  });

  test("a grant beyond what an account can hold is refused, and nothing is lost", async () => {
    const rich = await newAccount();
    await grant(rich, "3000000000");
    const path = `/admin/accounts/${rich.id}/grants`;
    const response = await operator("POST", path, terms({ amount: "3000000000" }), { "idempotency-key": "too-much" });
    expect(response.status).toBe(422);
    expect((await accountOf(rich)).credits.available).toBe("3000000000.000000");
    expect((await ask(rich, BODY)).status).toBe(200);
  });

  const bodies: [string, string, string, unknown, number][] = [
    ["an account without a plan", "POST", "/admin/accounts", {}, 400],
    ["an account of an unknown plan", "POST", "/admin/accounts", { plan: "none" }, 400],
    ["an account with a path for an id", "POST", "/admin/accounts", { id: "../x", plan: "credits" }, 400],
    ["an account that exists", "POST", "/admin/accounts", { id: "acct_test1", plan: "credits" }, 409],
    ["an unknown account", "GET", "/admin/accounts/acct_none", undefined, 404],
    ["a key of an unknown account", "POST", "/admin/accounts/acct_none/keys", {}, 404],
    ["an unknown key", "DELETE", "/admin/accounts/acct_test1/keys/key_none", undefined, 404],
    ["a key that has expired", "POST", "/admin/accounts/acct_test1/keys", { expires_at: "2020-01-01T00:00:00Z" }, 400],
    ["a change of nothing", "PATCH", "/admin/accounts/acct_test1", {}, 400],
    ["an unknown status", "PATCH", "/admin/accounts/acct_test1", { status: "gone" }, 400],
    ["a plan without features", "PUT", "/admin/plans/x", { name: "x" }, 400],
    [
      "a plan with a limit below zero",
      "PUT",
      "/admin/plans/x",
      {
        name: "x",
        features: { codex: { models: ["*"] } },
        gates: [{ id: "g", unit: "requests", limit: -1, window: { kind: "sliding", period: "1m" } }],
      },
      400,
    ],
    ["a plan with a space in its id", "PUT", "/admin/plans/a%20b", { name: "x", features: {} }, 400],
    ["a rate card without models", "PUT", "/admin/rate-cards/default", {}, 400],
    [
      "a rate below zero",
      "PUT",
      "/admin/rate-cards/default",
      { models: { m: { feature: "codex", per_million_tokens: { input: "-1", output: "1" } } } },
      400,
    ],
    [
      "a rate that is a number",
      "PUT",
      "/admin/rate-cards/default",
      { models: { m: { feature: "codex", per_million_tokens: { input: 1, output: 1 } } } },
      400,
    ],
    ["a list of no length", "GET", "/admin/plans?limit=0", undefined, 400],
    ["a list of 501", "GET", "/admin/accounts/acct_test1/usage-events?limit=501", undefined, 400],
    [
      "a cursor of somebody else's making",
      "GET",
      "/admin/accounts/acct_test1/balance-updates?cursor=%27--",
      undefined,
      400,
    ],
    ["a cursor of the quarantine's that is none", "GET", "/admin/quarantine?cursor=abc", undefined, 400],
    ["reservations in another state", "GET", "/admin/reservations?state=settled", undefined, 400],
  ];

  test.each(bodies)("%s: %s %s", async (_, method, path, body, status) => {
    const response = await operator(method, path, body);
    expect(response.status).toBe(status);
    const { error } = await response.json<ErrorBody>();
    expect(error.request_id).toBe(requestIdOf(response));
    expect(error.message.length).toBeGreaterThan(5);
  });

  test("a body that is no JSON, no object, too large or of another type", async () => {
    const put = (body: BodyInit, type = "application/json") =>
      call("/admin/plans/x", { method: "PUT", body, headers: { ...bearer(ADMIN_TOKEN), "content-type": type } });
    expect((await put("{")).status).toBe(400);
    expect((await put("[]")).status).toBe(400);
    expect((await put("null")).status).toBe(400);
    expect((await put(new Uint8Array([0xff, 0xfe]))).status).toBe(400);
    expect((await put("x".repeat(300_000))).status).toBe(413);
    expect((await put("{}", "text/xml")).status).toBe(415);
    expect((await put(`{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}`)).status).toBe(400);
  });
});

describe("lists of one's own", () => {
  test.each([
    "/api/requests?limit=0",
    "/api/requests?limit=501",
    "/api/requests?limit=x",
    "/api/ledger?cursor=x'%20OR%201=1--",
    "/api/ledger?cursor=",
    "/api/usage?from=yesterday",
    "/api/usage?group_by=colour",
  ])("GET %s is refused", async (path) => {
    const response = await call(path, { headers: bearer(account.key) });
    expect(response.status).toBe(400);
    const { error } = await response.json<ErrorBody>();
    expect(Object.keys(error).sort()).toEqual(["code", "message", "request_id"]);
  });
});

// bad input no. 7 and 36
describe("two tenants", () => {
  test("neither sees, uses or guesses anything of the other's", async () => {
    const [one, two] = [await newAccount({ credits: "5" }), await newAccount({ credits: "5" })];
    const response = await ask(two, BODY, { headers: { "idempotency-key": "shared" } });
    const theirs = requestIdOf(response);
    const receipt = await confirmedReceipt(two, theirs);
    const { id: theirKey } = await newKey(two.id);
    const ids = [theirs, receipt.ledger?.usage_event, ...(receipt.ledger?.balance_updates ?? []), two.id, theirKey];
    for (const id of ids) {
      for (const path of [`/api/requests/${id}`, `/v1/responses/${id}`, `/v1/videos/${id}`, `/v1/models/${id}`]) {
        expect([path, (await call(path, { headers: bearer(one.key) })).status]).toEqual([path, 404]);
      }
    }
    // What is not mine and what never was look alike.
    const never = `req_${"0".repeat(32)}`;
    const bodyOf = async (id: string) => {
      const { error } = await look<ErrorBody>(one, `/api/requests/${id}`);
      return { code: error.code, message: error.message };
    };
    expect(await bodyOf(theirs)).toEqual(await bodyOf(never));
    expect((await look<Page<UsageEventRow>>(one, "/api/requests")).data).toEqual([]);
    const cursor = btoa("1.3.0").replaceAll("=", "");
    const ledger = await look<Page<BalanceRow>>(one, `/api/ledger?cursor=${cursor}`);
    const csv = await (await call("/api/ledger.csv", { headers: bearer(one.key) })).text();
    const usage = await look<Page<object>>(one, "/api/usage?group_by=model");
    for (const shown of [JSON.stringify(ledger), csv, JSON.stringify(usage)]) {
      expect(shown).not.toContain(theirs.slice(4));
      expect(shown).not.toContain(two.id.replace("acct_", "bal_"));
    }
    // The same Idempotency-Key is another request for another account.
    const mine = await ask(one, BODY, { headers: { "idempotency-key": "shared" } });
    expect(mine.headers.has("idempotent-replay")).toBe(false);
    expect((await accountOf(two)).credits.used).toBe("1.000000");
    // Saying that I am somebody else changes nothing.
    const spoof = { "x-account-id": two.id, "cf-connecting-ip": "127.0.0.1", "x-forwarded-for": "127.0.0.1" };
    const asMyself = await call("/api/account", { headers: { ...bearer(one.key), ...spoof } });
    expect(await asMyself.json()).toMatchObject({ id: one.id });
    // A key of one is not revoked through the other.
    expect((await operator("DELETE", `/admin/accounts/${one.id}/keys/${theirKey}`)).status).toBe(404);
    await asOperator("GET", `/admin/accounts/${two.id}`);
  });
});
