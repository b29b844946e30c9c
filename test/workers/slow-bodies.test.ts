import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import {
  ADMIN_TOKEN,
  accountOf,
  bearer,
  CHAT,
  eventually,
  gatewayWith,
  newAccount,
  openGateway,
  RESPONSES,
  type TestAccount,
  withoutUpstreamCall,
} from "../support/gateway.ts";
import { objects, outboxOf } from "../support/object.ts";
import type { ErrorBody } from "../support/wire.ts";

const HALF_A_MINUTE = 30_000;
const AT_ONCE = 50;

let account: TestAccount;

beforeAll(async () => {
  await openGateway();
  account = await newAccount({ credits: "10" });
  await eventually(async () => expect(await outboxOf(account)).toEqual([]));
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** Whoever waits for half a minute or longer has waited long enough at once. */
function hurry(): void {
  const shortened = (ms = 0) => (ms >= HALF_A_MINUTE ? AT_ONCE : ms);
  const { setTimeout: later } = globalThis;
  vi.spyOn(globalThis, "setTimeout").mockImplementation(((run: () => void, ms?: number) =>
    later(run, shortened(ms))) as typeof setTimeout);
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => timeout(shortened(ms)));
}

type End = "stops" | "breaks off";

/** A body of which only the beginning comes. */
function beginning(text: string, end: End, length: number | null): ReadableStream<Uint8Array> {
  const { readable, writable } = length === null ? new IdentityTransformStream() : new FixedLengthStream(length);
  const writer = writable.getWriter();
  const written = writer.write(new TextEncoder().encode(text));
  if (end === "breaks off") void written.then(() => writer.abort(new Error("gone"))).catch(() => undefined);
  else void written.catch(() => undefined);
  return readable;
}

interface Route {
  readonly path: string;
  readonly method?: string;
  readonly type?: string;
  readonly token?: () => string;
  readonly text?: string;
}

const FORM = "application/x-www-form-urlencoded";
const MULTIPART = "multipart/form-data; boundary=x";
const part = (name: string) => `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\nA cat\r\n--x`;
const own = { token: () => account.key };

const OPENAI: readonly Route[] = [
  { ...own, path: RESPONSES },
  { ...own, path: CHAT },
  { ...own, path: "/v1/videos" },
  { ...own, path: "/v1/videos", type: MULTIPART, text: part("prompt") },
  { ...own, path: "/v1/videos/characters", type: MULTIPART, text: part("name") },
];

const PLAIN: readonly Route[] = [
  { ...own, path: "/api/quote" },
  { ...own, path: "/api/alert-endpoints" },
  { path: "/admin/plans/slow", method: "PUT", token: () => ADMIN_TOKEN },
  { path: "/webhooks/upstream" },
  { path: "/webhooks/stripe" },
];

const PAGES: readonly Route[] = [
  { path: "/dashboard/sign-in", type: FORM, text: "key=" },
  { path: "/dashboard/admin/sign-in", type: FORM, text: "name=" },
];

async function sendBeginning(route: Route, end: End, length: number | null): Promise<Response> {
  const { path, method = "POST", type = "application/json", token, text = '{"model":' } = route;
  const headers = { "content-type": type, origin: "https://gateway.test", ...(token ? bearer(token()) : {}) };
  const secrets: Partial<Env> = { SPILLWAY_WEBHOOK_SECRETS: `whsec_${btoa("webhook-secret-of-the-slow-bodies")}` };
  const gateway = gatewayWith(secrets);
  hurry();
  return await withoutUpstreamCall(() => gateway(path, { method, headers, body: beginning(text, end, length) }));
}

const ENDS = [
  ["stops", 408, "request_timeout"],
  ["breaks off", 400, "body_incomplete"],
] as const;
const LENGTHS = [
  ["without a length", null],
  ["shorter than it says", 5_000],
] as const;

describe.each(LENGTHS)("a body %s", (_, length) => {
  describe.each(ENDS)("that %s is answered %i %s and costs nothing", (end, status, code) => {
    test.each(OPENAI)("$path $type, in OpenAI's words", async (route) => {
      const [before, had] = [await objects.work(account.id), await accountOf(account)];
      const response = await sendBeginning(route, end, length);
      const { error } = await response.json<ErrorBody>();
      expect([response.status, error]).toEqual([
        status,
        expect.objectContaining({ type: "invalid_request_error", code, param: null }),
      ]);
      expect((await objects.work(account.id)).rowsWritten).toBe(before.rowsWritten);
      expect((await accountOf(account)).credits).toEqual(had.credits);
    });

    test.each(PLAIN)("$path, in our own", async (route) => {
      const response = await sendBeginning(route, end, length);
      const { error } = await response.json<ErrorBody>();
      expect([response.status, error.code]).toEqual([status, code]);
      expect(Object.keys(error).sort()).toEqual(["code", "message", "request_id"]);
    });

    test.each(PAGES)("$path, as a page", async (route) => {
      const response = await sendBeginning(route, end, length);
      expect([response.status, response.headers.get("content-type")]).toEqual([
        status,
        expect.stringContaining("text/html"),
      ]);
    });
  });
});
