import { gzipSync, zstdCompressSync } from "node:zlib";

/** What the rows need to know of the gateway that they are sent to. */
export interface World {
  readonly accountId: string;
  readonly key: string;
  readonly revokedKey: string;
  readonly adminToken: string;
  /** Where nobody may be led to. */
  readonly trapUrl: string;
}

/** One bad input and what must come of it. */
export interface BadInput {
  readonly name: string;
  readonly bytes: (world: World) => Uint8Array;
  /** `null`: the connection is closed without an answer. */
  readonly status: number | null;
  /** `error.code`; `null`: the runtime refuses it before the gateway sees it, in its own words. */
  readonly code: string | null;
  /** Whether it gets as far as an upstream that misbehaves. Everything else costs no call. */
  readonly reachesUpstream?: true;
}

type Line = readonly [name: string, value: string];

interface Parts {
  readonly method?: string;
  readonly target?: string;
  readonly token?: string | null;
  readonly lines?: readonly Line[];
  readonly body?: string | Uint8Array;
  readonly contentType?: string | null;
  /** Sent in place of `Content-Length`. */
  readonly framing?: readonly Line[];
}

const RESPONSES = "/v1/responses";
const MiB = 1024 * 1024;
const ASKED = { model: "flat-1", input: "x", max_output_tokens: 10 };
const TEXT = JSON.stringify(ASKED);

/** A request as it stands on the wire; with the account's key and a good body unless it says otherwise. */
function request(world: World, parts: Parts): Uint8Array {
  const { method = "POST", target = RESPONSES, token = world.key, lines = [], body = TEXT } = parts;
  const { contentType = "application/json" } = parts;
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const framing: readonly Line[] = parts.framing ?? [["Content-Length", String(bytes.length)]];
  const all: Line[] = [
    ["Host", "gateway.test"],
    ["Connection", "close"],
    ...(token === null ? [] : [["Authorization", `Bearer ${token}`] as const]),
    ...(contentType === null ? [] : [["Content-Type", contentType] as const]),
    ...lines,
    ...framing,
  ];
  const head = all.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${head}\r\n`, "latin1"), bytes]);
}

function row(name: string, status: number, code: string | null, parts: Parts | ((world: World) => Parts)): BadInput {
  const partsFor = typeof parts === "function" ? parts : () => parts;
  return { name, status, code, bytes: (world) => request(world, partsFor(world)) };
}

/** A request written out by hand. `KEY` stands for the account's key. */
function wire(name: string, status: number | null, code: string | null, text: string): BadInput {
  return { name, status, code, bytes: ({ key }) => Buffer.from(text.replaceAll("KEY", key), "latin1") };
}

const HEAD = "Host: x\r\nConnection: close\r\nAuthorization: Bearer KEY\r\nContent-Type: application/json\r\n";
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

/** 1–9: who asks. */
const keys: readonly BadInput[] = [
  row("1: no Authorization", 401, "invalid_api_key", { token: null }),
  row("1: an empty one", 401, "invalid_api_key", { token: null, lines: [["Authorization", ""]] }),
  row("2: Basic", 401, "invalid_api_key", ({ key }) => ({
    token: null,
    lines: [["Authorization", `Basic ${btoa(`x:${key}`)}`]],
  })),
  row("2: a tab", 401, "invalid_api_key", ({ key }) => ({ token: null, lines: [["Authorization", `Bearer\t${key}`]] })),
  row("2: two spaces", 401, "invalid_api_key", ({ key }) => ({ token: ` ${key}` })),
  row("3: two Authorization headers", 400, "ambiguous_auth", ({ key }) => ({
    lines: [["Authorization", `Bearer ${key}`]],
  })),
  row("3: a good one behind a bad one", 400, "ambiguous_auth", ({ key }) => ({
    token: "x",
    lines: [["Authorization", `Bearer ${key}`]],
  })),
  row("4: a wrong checksum", 401, "invalid_api_key", ({ key }) => ({ token: key.slice(0, -16) + "0".repeat(16) })),
  row("4: one character too many", 401, "invalid_api_key", ({ key }) => ({ token: `${key}0` })),
  row("5: another secret", 401, "invalid_api_key", ({ key }) => ({
    token: key.replace(/-[0-9A-Za-z]{32}-/, `-${"a".repeat(32)}-`),
  })),
  row("5: another account", 401, "invalid_api_key", ({ key, accountId }) => ({
    token: key.replace(accountId, "acct_x"),
  })),
  row("6: a revoked key", 401, "invalid_api_key", ({ revokedKey }) => ({ token: revokedKey })),
  row("8: the operator's token as a key", 401, "invalid_api_key", ({ adminToken }) => ({ token: adminToken })),
  row("8: a key as the operator's token", 401, "invalid_admin_token", {
    method: "GET",
    target: "/admin/plans",
    body: "",
  }),
  row("9: a key in the query", 400, "key_in_url", ({ key }) => ({ target: `${RESPONSES}?api_key=${key}` })),
  row("9: a key in the query, escaped", 400, "key_in_url", ({ key }) => ({
    target: `/api/account?k=${key.replace("sk-", "%73k%2d")}`,
    method: "GET",
    body: "",
  })),
  row("9: a key in the query, beside a broken escape", 400, "key_in_url", ({ key }) => ({
    target: `/api/account?k=${key.replace("sk-", "%73k%2d")}&x=%zz`,
    method: "GET",
    body: "",
  })),
  ...["/v1/models/KEY", "/v1/KEY", "/KEY", "/health?x=KEY", "/dashboard?x=KEY", "/dashboard/KEY", "/docs?KEY"].map(
    (target) =>
      row(`9: a key in ${target}`, 400, "key_in_url", ({ key }) => ({
        target: target.replace("KEY", key),
        method: "GET",
        token: null,
        body: "",
      })),
  ),
  row("a session's cookie that nobody signed", 401, "invalid_api_key", {
    token: null,
    method: "GET",
    target: "/api/account",
    body: "",
    lines: [["Cookie", `__Host-spillway=eyJhIjoxfQ.${"A".repeat(43)}%3D; spillway=%ff%zz.${"A".repeat(43)}=`]],
  }),
];

const padded = (size: number) => JSON.stringify({ ...ASKED, input: "x".repeat(size) });
const nested = (depth: number) => `{"model":"flat-1","input":${"[".repeat(depth)}${"]".repeat(depth)}}`;
const encoded = (encoding: string, body: Uint8Array): Parts => ({ body, lines: [["Content-Encoding", encoding]] });
const CHUNKED: readonly Line[] = [["Transfer-Encoding", "chunked"]];

/** 10–15: bodies. */
const bodies: readonly BadInput[] = [
  row("10: more than 4 MiB", 413, "request_too_large", () => ({ body: padded(4 * MiB) })),
  row("10: more than 4 MiB, announced and never sent", 413, "request_too_large", {
    body: "",
    framing: [["Content-Length", String(5 * MiB)]],
  }),
  row("10: more than 4 MiB, in chunks", 413, "request_too_large", () => ({
    body: Array.from({ length: 80 }, () => chunk("x".repeat(65_536))).join(""),
    framing: CHUNKED,
  })),
  row("11: brotli", 415, "unsupported_encoding", encoded("br", Buffer.from(TEXT))),
  row("11: deflate", 415, "unsupported_encoding", encoded("deflate", Buffer.from(TEXT))),
  row("11: gzip within gzip", 415, "unsupported_encoding", encoded("gzip, gzip", gzipSync(gzipSync(TEXT)))),
  row("11: gzip within zstd, told as zstd", 400, "invalid_utf8", encoded("zstd", zstdCompressSync(gzipSync(TEXT)))),
  row("11: gzip that is none", 400, "invalid_encoding", encoded("gzip", Buffer.from(TEXT))),
  row("11: gzip that breaks off", 400, "invalid_encoding", encoded("gzip", gzipSync(padded(5_000)).subarray(0, 60))),
  row("11: a bomb of gzip", 413, "request_too_large", () => encoded("gzip", gzipSync(padded(64 * MiB)))),
  row("11: a bomb of zstd", 413, "request_too_large", () => encoded("zstd", zstdCompressSync(padded(64 * MiB)))),
  row("12: text/plain", 415, "unsupported_media_type", { contentType: "text/plain" }),
  row("12: no type", 415, "unsupported_media_type", { contentType: null }),
  row("12: a form", 415, "unsupported_media_type", { contentType: "application/x-www-form-urlencoded" }),
  row("12: like JSON", 415, "unsupported_media_type", { contentType: "application/jsonp" }),
  row("12: two types", 415, "unsupported_media_type", { contentType: "application/json, text/plain" }),
  row("12: utf-16", 415, "unsupported_media_type", { contentType: "application/json; charset=utf-16" }),
  row("12: UTF-16 told as UTF-8", 400, "invalid_utf8", { body: Buffer.from(`\ufeff${TEXT}`, "utf16le") }),
  row("12: latin-1", 400, "invalid_utf8", { body: Buffer.from(TEXT.replace('"x"', '"\xe9"'), "latin1") }),
  row("12: an overlong encoding", 400, "invalid_utf8", {
    body: Buffer.from(TEXT.replace('"x"', '"\xc0\xaf"'), "latin1"),
  }),
  row("12: half a surrogate pair, encoded", 400, "invalid_utf8", {
    body: Buffer.from(TEXT.replace('"x"', '"\xed\xa0\x80"'), "latin1"),
  }),
  row("12: two byte order marks", 400, "invalid_json", { body: `\ufeff\ufeff${TEXT}` }),
  row("13: 100,000 levels", 400, "json_too_complex", () => ({ body: nested(100_000) })),
  row("13: 2,000,000 levels that never close", 400, "invalid_json", () => ({ body: "[".repeat(2_000_000) })),
  row("13: 200,000 members", 400, "json_too_complex", () => ({
    body: JSON.stringify({ ...ASKED, input: Array.from({ length: 200_000 }, () => 0) }),
  })),
  row("13: 200,000 names", 400, "json_too_complex", () => ({
    body: JSON.stringify(Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`a${index}`, 0]))),
  })),
  row("15: __proto__", 400, "invalid_json", { body: `{"model":"flat-1","input":"x","__proto__":{"admin":true}}` }),
  row("15: __proto__, escaped", 400, "invalid_json", {
    body: `{"model":"flat-1","input":"x","\\u005f_proto__":{"max_output_tokens":1}}`,
  }),
  row("15: a prototype for the body", 400, "invalid_value", {
    body: `{"constructor":{"prototype":{"model":"flat-1"}}}`,
  }),
  row("an array", 400, "invalid_json", { body: "[]" }),
  row("null", 400, "invalid_json", { body: "null" }),
  row("nothing", 400, "invalid_json", { body: "" }),
  row("two documents", 400, "invalid_json", { body: TEXT + TEXT }),
  row("a trailing comma", 400, "invalid_json", { body: TEXT.replace("}", ",}") }),
  row("a comment", 400, "invalid_json", { body: `/**/${TEXT}` }),
  row("a NUL behind it", 400, "invalid_json", { body: `${TEXT}\0` }),
];

const bound = (value: string): Parts => ({ body: `{"model":"flat-1","input":"x","max_output_tokens":${value}}` });
const asking = (part: object): Parts => ({ body: JSON.stringify({ ...ASKED, ...part }) });

/** 16–20: what cannot be priced or named. */
const fields: readonly BadInput[] = [
  ...["1e309", "-1e309", "-1", "0", "-0", "1.5", '"100"', "9007199254740993", "1e400000", "true", "[]"].map((value) =>
    row(`16: max_output_tokens ${value}`, 400, "invalid_value", bound(value)),
  ),
  ...["NaN", "Infinity", "0x10", "010", "+1", "1.", ".5", "1e"].map((value) =>
    row(`16: ${value}, which is no JSON`, 400, "invalid_json", bound(value)),
  ),
  row("17: best_of", 400, "unsupported_parameter", {
    target: "/v1/chat/completions",
    body: JSON.stringify({ model: "flat-1", messages: [{ role: "user", content: "x" }], best_of: 9 }),
  }),
  row("17: an unknown tool", 400, "unsupported_parameter", asking({ tools: [{ type: "laser" }] })),
  row("17: an unknown tool with a name of 2 MiB", 400, "unsupported_parameter", () =>
    asking({ tools: [{ type: "l".repeat(2 * MiB) }] }),
  ),
  row("16: a number out of range under a name of 2 MiB", 400, "invalid_value", () => ({
    body: TEXT.replace("}", `,"${"n".repeat(2 * MiB)}":1e309}`),
  })),
  row("19: a model with a name of 2 MiB", 400, "model_not_found", () => asking({ model: "m".repeat(2 * MiB) })),
  row("19: a key as the model", 400, "model_not_found", ({ key }) => asking({ model: key })),
  row("19: a key as the response before it", 400, "previous_response_not_found", ({ key }) =>
    asking({ previous_response_id: key }),
  ),
  row("38: a document with a member of 30 KB", 400, "invalid_plan", (world) => ({
    ...asOperator(world),
    method: "PUT",
    target: "/admin/plans/large",
    body: JSON.stringify({ name: "Large", ["p".repeat(30_000)]: 1 }),
  })),
  ...["flat-1 ", "FLAT-1", "fl\u0430t-1", "flat-1\0", "../admin", "__proto__", "constructor", "toString"].map((model) =>
    row(`19: the model ${JSON.stringify(model)}`, 400, "model_not_found", asking({ model })),
  ),
  row("20: an empty Idempotency-Key", 400, "invalid_idempotency_key", { lines: [["Idempotency-Key", ""]] }),
  row("20: one of 256 characters", 400, "invalid_idempotency_key", { lines: [["Idempotency-Key", "k".repeat(256)]] }),
  row("20: one beyond ASCII", 400, "invalid_idempotency_key", { lines: [["Idempotency-Key", "cl\xe9"]] }),
  row("20: two of them", 400, "invalid_idempotency_key", {
    lines: [
      ["Idempotency-Key", "a"],
      ["Idempotency-Key", "b"],
    ],
  }),
  wire("20: one with a line break", 400, null, `POST ${RESPONSES} HTTP/1.1\r\n${HEAD}Idempotency-Key: a\r\n b\r\n\r\n`),
];

const get = (target: string, more: Parts = {}): Parts => ({ method: "GET", target, body: "", framing: [], ...more });
const asOperator = ({ adminToken }: World): Parts => ({ token: adminToken });

/** 24–29 and 38: webhooks, upstreams and what an operator sends. */
const doors: readonly BadInput[] = [
  row("24: a webhook that nobody signed", 401, "invalid_signature", { target: "/webhooks/upstream", token: null }),
  row("24: a webhook that was signed long ago", 400, "stale", {
    target: "/webhooks/upstream",
    token: null,
    lines: [
      ["webhook-id", "evt_1"],
      ["webhook-timestamp", "1"],
      ["webhook-signature", "v1,AAAA"],
    ],
  }),
  row("26: a webhook with a signature of another length", 401, "invalid_signature", () => ({
    target: "/webhooks/upstream",
    token: null,
    lines: [
      ["webhook-id", "evt_1"],
      ["webhook-timestamp", String(Math.floor(Date.now() / 1_000))],
      ["webhook-signature", "v1,AAAA v1, v2,x ,"],
    ],
  })),
  row("26: Stripe's webhook that nobody signed", 401, "invalid_signature", { target: "/webhooks/stripe", token: null }),
  row("a webhook of 300 KB, in chunks", 413, "request_too_large", () => ({
    target: "/webhooks/stripe",
    token: null,
    body: Array.from({ length: 5 }, () => chunk("x".repeat(65_536))).join(""),
    framing: CHUNKED,
  })),
  ...[
    "http://elsewhere.example",
    "https://169.254.169.254",
    "https://0x7f000001",
    "https://2130706433",
    "https://0177.0.0.1",
    "https://[::ffff:127.0.0.1]",
    "https://[::1]",
    "https://user@elsewhere.example",
    "https://elsewhere.example:8443",
    "https://metadata.google.internal",
    "https://localhost",
    "https://db.local",
    "file:///etc/passwd",
    "gopher://elsewhere.example",
    "https://elsewhere.example#x",
  ].map((url) =>
    row(`29: an upstream at ${url}`, 400, "invalid_upstream", (world) => ({
      ...asOperator(world),
      method: "PUT",
      target: "/admin/upstreams/evil",
      body: JSON.stringify({ base_url: url, key_secret: "UPSTREAM_API_KEY" }),
    })),
  ),
  ...["__proto__", "constructor"].map((plan) =>
    row(`an account of the plan ${plan}`, 400, "unknown_plan", (world) => ({
      ...asOperator(world),
      target: "/admin/accounts",
      body: `{"plan":"${plan}"}`,
    })),
  ),
  row("38: a grant of 2^53", 400, "invalid_request", (world) => ({
    ...asOperator(world),
    target: `/admin/accounts/${world.accountId}/grants`,
    body: '{"amount":"9007199254740993","kind":"paid","reason":"x"}',
    lines: [["Idempotency-Key", "bad"]],
  })),
  row("an operator's body of 300 KB, in chunks", 413, "body_too_large", (world) => ({
    ...asOperator(world),
    method: "PUT",
    target: "/admin/plans/x",
    body: Array.from({ length: 5 }, () => chunk("x".repeat(65_536))).join(""),
    framing: CHUNKED,
  })),
  row("an operator's body of 50,000 levels", 400, "invalid_plan", (world) => ({
    ...asOperator(world),
    method: "PUT",
    target: "/admin/plans/x",
    body: `{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}`,
  })),
  row("a cursor of somebody else's making", 400, "invalid_cursor", get("/api/ledger?cursor='%20OR%201=1--")),
  row("a limit that is none", 400, "invalid_limit", get("/api/requests?limit=1e9")),
  row("a list of NaN", 400, "invalid_limit", get("/api/requests?limit=NaN")),
];

/** 30 and 31: an upstream that would lead the operator's key astray, or tell it. */
const upstreams: readonly BadInput[] = [
  {
    ...row("30: a redirect to another host", 502, "upstream_redirect", ({ trapUrl }) => ({
      lines: [["X-Simulate", `redirect=${trapUrl}`]],
    })),
    reachesUpstream: true,
  },
  {
    ...row("31: an error that tells the key", 502, "upstream_auth", { lines: [["X-Simulate", "leak_key"]] }),
    reachesUpstream: true,
  },
];

/** 35: framing and header lines. The runtime refuses what has two meanings, or reads it in one and closes. */
const framing: readonly BadInput[] = [
  wire(
    "35: both lengths: the chunks count, and the connection ends",
    401,
    "invalid_api_key",
    `POST ${RESPONSES} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n` +
      `POST ${RESPONSES} HTTP/1.1\r\n${HEAD}Content-Length: ${TEXT.length}\r\n\r\n${TEXT}`,
  ),
  ...[
    ["two lengths that differ", `Content-Length: 3\r\nContent-Length: ${TEXT.length}`],
    ["a list of lengths", `Content-Length: ${TEXT.length}, ${TEXT.length}`],
    ["a length below zero", "Content-Length: -1"],
    ["a length with a sign", `Content-Length: +${TEXT.length}`],
    ["a length in hex", "Content-Length: 0x10"],
    ["a length beyond numbers", "Content-Length: 99999999999999999999"],
    ["a length that is empty", "Content-Length: "],
    ["a coding that is none", "Transfer-Encoding: xchunked"],
    ["two codings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"],
    ["a coding before the colon's space", "Transfer-Encoding : chunked"],
    ["a coding behind a tab", "Transfer-Encoding:\tgzip"],
    ["a folded line", "X-A: b\r\n Transfer-Encoding: chunked"],
    ["a folded first line", " X-A: b"],
    ["a space in a name", "X A: b"],
    ["no name", ": b"],
    ["no colon", "nonsense"],
    ["a NUL in a value", "X-A: b\0c"],
    ["a carriage return alone", "X-A: b\rAuthorization: Bearer x"],
  ].map(([name, lines]) =>
    wire(`35: ${name}`, 400, null, `POST ${RESPONSES} HTTP/1.1\r\n${HEAD}${lines}\r\n\r\n${TEXT}`),
  ),
  ...[
    ["a chunk of no size", "zz\r\nabc\r\n"],
    ["a chunk of less than nothing", "-5\r\nabc\r\n"],
    ["a chunk beyond numbers", "fffffffffffffffff\r\nabc\r\n"],
    ["a chunk that is longer than it says", `1\r\n${TEXT}\r\n0\r\n\r\n`],
  ].map(([name, chunks]) => row(`35: ${name}`, 400, "body_incomplete", { framing: CHUNKED, body: chunks ?? "" })),
];

/** Start lines that are none, and methods that nobody serves. */
const startLines: readonly BadInput[] = [
  wire("HTTP/0.9", 400, null, "GET /health\r\n\r\n"),
  wire("HTTP/3.7", 400, null, `GET /health HTTP/3.7\r\n${HEAD}\r\n`),
  wire("HTTP/2 without an agreement", null, null, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  wire("TLS", 400, null, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
  wire("no host", 400, null, "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n"),
  wire("a space in the path", 400, null, `GET /v1/models/a b HTTP/1.1\r\n${HEAD}\r\n`),
  wire("a NUL in the path", 400, null, `GET /v1/models/a\0b HTTP/1.1\r\n${HEAD}\r\n`),
  wire("bytes in the path", 400, null, `GET /v1/models/\xff\xfe HTTP/1.1\r\n${HEAD}\r\n`),
  wire("an unknown method", 501, null, `FOO ${RESPONSES} HTTP/1.1\r\n${HEAD}\r\n`),
  wire("a method in small letters", 501, null, `post ${RESPONSES} HTTP/1.1\r\n${HEAD}\r\n`),
  ...["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"].map((method) =>
    row(`${method} ${RESPONSES}`, 404, "unknown_url", { method, target: RESPONSES }),
  ),
  row("GET without an upgrade", 405, "method_not_allowed", get(RESPONSES)),
  row("an upgrade to something else", 405, "method_not_allowed", get(RESPONSES, { lines: [["Upgrade", "h2c"]] })),
  row("OPTIONS *", 404, "unknown_url", { method: "OPTIONS", target: "*" }),
];

/** 37, X7: paths that could be taken for another, or pass unmetered, all with a good key. */
const paths: readonly BadInput[] = [
  ...[
    "//v1/responses",
    "/v1//responses",
    "/v1/responses/",
    "/v1/responses;x=1",
    "/v1/./responses",
    "/./v1/responses",
    "/V1/responses",
    "/v1/Responses",
    "/v1/..%2fresponses",
    "/v1/responses%00",
    "/v1/responses%20",
    "/v1/responses%0d%0aX-A:%20b",
    "/v1/%72esponses%2f",
    "/v1\\responses",
    "/%2fv1/responses",
    "/v1%2fresponses",
    "/v1/%c0%ae%c0%ae/v1/responses",
    "/v1/%zz",
    "/v1/embeddings",
    "/v1",
    "/",
  ].map((target) => row(`37: POST ${target}`, 404, "unknown_url", { target })),
  ...[
    "/v1/../admin/plans",
    "/v1/%2e%2e/admin/plans",
    "/v1/..%2fadmin%2fplans",
    "/v1/..\\admin\\plans",
    "//admin/plans",
    "/Admin/plans",
    "/.env",
    "/.git/config",
    "/simulator/requests",
  ].map((target) => row(`37: GET ${target}`, 404, "unknown_url", get(target))),
  ...["/admin/plans", "/admin/../admin/plans", "/admin/", "/admin/%2e%2e/health"].map((target) =>
    row(`37: GET ${target}`, 401, "invalid_admin_token", get(target)),
  ),
  row("37: an id with a NUL", 404, "not_found", get("/v1/responses/a%00b")),
  row("37: an id that leaves its place", 404, "not_found", get("/v1/responses/..%2f..%2fadmin%2fplans")),
  row("37: an id of broken escapes", 404, "model_not_found", get("/v1/models/%zz%ff")),
  row("37: a URL of 16 KB", 400, "url_too_long", get(`/v1/models/${"a".repeat(16_384)}`)),
  row("37: a query of 16 KB", 400, "url_too_long", get(`/api/account?x=${"a".repeat(16_384)}`)),
  row(
    "36: somebody else's account in headers",
    404,
    "request_not_found",
    get("/api/requests/req_1", {
      lines: [
        ["X-Account-Id", "acct_other"],
        ["X-Original-URL", "/admin/plans"],
        ["X-Rewrite-URL", "/admin/plans"],
        ["X-HTTP-Method-Override", "POST"],
        ["X-Forwarded-For", "127.0.0.1"],
      ],
    }),
  ),
  row("35: headers of 200 KB", 404, "unknown_url", {
    target: "/v1/none",
    lines: Array.from({ length: 40 }, (_, index) => [`X-Long-${index}`, "a".repeat(5_000)] as const),
  }),
  row("35: 3,000 headers", 404, "unknown_url", {
    target: "/v1/none",
    lines: Array.from({ length: 3_000 }, (_, index) => [`X-${index}`, "a"] as const),
  }),
];

export const BAD_INPUTS: readonly BadInput[] = [
  ...keys,
  ...bodies,
  ...fields,
  ...doors,
  ...upstreams,
  ...framing,
  ...startLines,
  ...paths,
];

/** Requests that break off, by how far they get. */
export function brokenOff(world: World): readonly (readonly [name: string, bytes: Uint8Array])[] {
  const whole = request(world, {});
  const headEnd = Buffer.from(whole).indexOf("\r\n\r\n") + 4;
  return [
    ["in the start line", whole.subarray(0, 10)],
    ["in the headers", whole.subarray(0, headEnd - 20)],
    ["after the headers", whole.subarray(0, headEnd)],
    ["in the body", whole.subarray(0, -1)],
    ["in a chunk", request(world, { framing: CHUNKED, body: chunk(TEXT).slice(0, -10) })],
    ["before the last chunk", request(world, { framing: CHUNKED, body: chunk(TEXT) })],
  ];
}
