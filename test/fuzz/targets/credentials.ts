import assert from "node:assert/strict";
import { createServer } from "node:http";
import fc from "fast-check";
import { Hono } from "hono";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { Webhook } from "standardwebhooks";
import { afterSignIn } from "../../../src/dashboard/sign-in-path.ts";
import type { TokenConfig } from "../../../src/env.ts";
import { mintApiKey, readApiKey } from "../../../src/http/api-key.ts";
import type { HttpContext, HttpEnv } from "../../../src/http/context.ts";
import { networkOf } from "../../../src/http/failed-attempts.ts";
import { HttpFault } from "../../../src/http/fault.ts";
import { readPlatformToken } from "../../../src/http/platform-token.ts";
import { deriveRequestId, isIdempotencyKey } from "../../../src/http/request-id.ts";
import { readSignedBody } from "../../../src/http/signed-body.ts";
import { readSignedCookie, writeSignedCookie } from "../../../src/http/signed-cookie.ts";
import { decodeCursor, decodeText, encodeCursor, encodeText } from "../../../src/ledger/cursor.ts";
import { openOrder, sealOrder } from "../../../src/payments/order.ts";
import { bytes } from "../../protocol/wire.ts";
import { cutInto, cuts, json, nearlyBytes, nearlyText, streamOf, text } from "../arbitraries.ts";
import { target } from "../target.ts";

const KEY_SECRET = "key-secret-of-the-fuzzer-of-32-bytes";
const KEY = mintApiKey(KEY_SECRET, "acct_one-two_3").text;

/** Runs `handler` as a request of the gateway would. */
async function within<T>(
  request: Request,
  handler: (c: HttpContext) => Promise<T>,
): Promise<{ result: T; answer: Response }> {
  const app = new Hono<HttpEnv>();
  const results: T[] = [];
  app.onError((error) => {
    throw error;
  });
  app.all("*", async (c) => {
    c.set("services", { config: { keySecret: KEY_SECRET } } as HttpEnv["Variables"]["services"]);
    results.push(await handler(c));
    return c.body(null);
  });
  const answer = await app.request(request);
  const [result] = results;
  if (result === undefined) throw new Error("not handled");
  return { result, answer };
}

const COOKIE = { name: "fuzz" };
const VALUE = { id: "a", accountId: "acct_1" };

async function cookieHeader(): Promise<string> {
  const { answer } = await within(new Request("http://localhost/"), async (c) => {
    await writeSignedCookie(c, COOKIE, VALUE, Date.now() + 3_600_000);
    return true;
  });
  return answer.headers.get("set-cookie")?.split(";")[0] ?? "";
}

async function readCookie(header: string, name = COOKIE.name): Promise<unknown> {
  const request = new Request("http://localhost/", {
    headers: { cookie: header.replaceAll(/[^\x20-\x7e]/g, "?").trim() },
  });
  return (await within(request, async (c) => (await readSignedCookie(c, { name }))?.value ?? "none")).result;
}

const GENUINE_COOKIE = await cookieHeader();

/** A sign-in of a platform whose keys are on the loopback. */
async function platform(): Promise<{ config: TokenConfig; token: string }> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "k1", alg: "ES256" }] });
  const server = createServer((_, response) => response.end(keys)).unref();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const config = {
    issuer: "https://platform.example",
    jwksUrl: `http://127.0.0.1:${port}/keys`,
    audience: "spillway",
    accountClaim: "account",
    origins: [],
  };
  const token = await new SignJWT({ account: "acct_1" })
    .setProtectedHeader({ alg: "ES256", kid: "k1" })
    .setIssuer(config.issuer)
    .setAudience(config.audience)
    .setExpirationTime("10h")
    .sign(privateKey);
  return { config, token };
}

const signIn = await platform();
const SIGNED = signIn.token.slice(0, signIn.token.lastIndexOf(".") + 1);
const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const oddToken = fc
  .tuple(
    fc.record(
      { alg: fc.constantFrom("none", "None", "HS256", "ES256", "RS256"), kid: text },
      { requiredKeys: ["alg"] },
    ),
    json,
    text,
  )
  .map(
    ([header, payload, signature]) =>
      `${base64url(header)}.${base64url(payload)}.${Buffer.from(signature).toString("base64url")}`,
  );

const SECRETS = [`whsec_${btoa("a secret of a webhook, long enough")}`];

function signed(id: string, body: string): Record<string, string> {
  const at = new Date();
  const signature = new Webhook(SECRETS[0] ?? "").sign(id, at, body);
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
    "webhook-signature": signature,
  };
}

function webhook(body: readonly Uint8Array[], headers: Record<string, string>): Request {
  const init = { method: "POST", headers, body: streamOf(body), duplex: "half" };
  return new Request("http://localhost/", init as RequestInit);
}

/** The fault's status, or what was read. */
async function readWebhook(request: Request): Promise<unknown> {
  try {
    return (await within(request, (c) => readSignedBody(c, SECRETS))).result;
  } catch (error) {
    if (error instanceof HttpFault) return error.status;
    throw error;
  }
}

const headerText = text.map((value) => value.replaceAll(/[^\x21-\x7e]/g, ""));
const ORDER = {
  accountId: "acct_1",
  packId: "small",
  credits: 25_000_000,
  amount: 1_000,
  currency: "eur",
  topUpId: null,
};

export const credentialTargets = [
  target("API keys: what was not minted is none", 4_000, [fc.oneof(text, nearlyText(KEY))], (given) => {
    assert.equal(readApiKey(KEY_SECRET, given) !== null, given === KEY);
    assert.equal(readApiKey(`${KEY_SECRET}x`, given), null);
  }),

  target(
    "API keys: what was minted is read",
    1_000,
    [fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/)],
    (account) => {
      const { text: key, ...minted } = mintApiKey(KEY_SECRET, account);
      assert.deepEqual(readApiKey(KEY_SECRET, key), minted);
    },
  ),

  target(
    "cursors: round trip, and nothing else is one",
    4_000,
    [fc.nat(), fc.nat(), fc.nat(), text],
    (epoch, seq, draw, odd) => {
      const place = { epoch, seq, draw };
      assert.deepEqual(decodeCursor(encodeCursor(place)), place);
      const read = decodeCursor(odd);
      if (read) for (const part of Object.values(read)) assert.ok(Number.isSafeInteger(part) && part >= 0);
      const cursor = decodeText(odd);
      if (cursor !== null) assert.equal(decodeText(encodeText(cursor)), cursor);
    },
  ),

  target(
    "signed cookies: only what was written, only under its name",
    500,
    [nearlyText(GENUINE_COOKIE)],
    async (header) => {
      const read = await readCookie(header);
      if (read !== "none") assert.deepEqual(read, VALUE);
      assert.equal(await readCookie(header.replace(/^fuzz=/, "other="), "other"), "none");
      assert.deepEqual(await readCookie(GENUINE_COOKIE), VALUE);
    },
  ),

  target(
    "JWT: nobody but whom the platform vouches for",
    500,
    [fc.oneof(oddToken, nearlyText(signIn.token), text)],
    async (token) => {
      const identity = await readPlatformToken(signIn.config, token);
      if (token === signIn.token) assert.equal(identity?.accountId, "acct_1");
      // One signature can be written in several ways; what it signs cannot.
      else if (identity) assert.ok(token.startsWith(SIGNED), token);
    },
  ),

  target(
    "webhooks: only what was signed, however it arrives",
    500,
    [json, cuts, nearlyBytes([bytes('{"type":"video.completed"}')]), headerText, headerText],
    async (payload, lengths, other, odd, oddToo) => {
      const body = JSON.stringify(payload);
      const headers = signed("evt_1", body);
      assert.deepEqual(await readWebhook(webhook(cutInto(bytes(body), lengths), headers)), {
        id: "evt_1",
        payload: JSON.parse(body),
      });
      if (new TextDecoder().decode(other) !== body) assert.equal(await readWebhook(webhook([other], headers)), 401);
      const oddHeaders = { ...headers, "webhook-signature": odd, "webhook-timestamp": oddToo };
      assert.ok([400, 401].includes(Number(await readWebhook(webhook([bytes(body)], oddHeaders)))));
    },
  ),

  target("orders: what was sealed, and nothing that was changed", 2_000, [text, text], (name, value) => {
    const metadata = sealOrder(ORDER, KEY_SECRET);
    assert.deepEqual(openOrder(metadata, KEY_SECRET), ORDER);
    const names = Object.keys(metadata);
    const changed = { ...metadata, [names[name.length % names.length] ?? ""]: value };
    if (Object.entries(metadata).some(([key, was]) => Reflect.get(changed, key) !== was)) {
      assert.equal(openOrder(changed, KEY_SECRET), null);
    }
    assert.equal(openOrder({ ...metadata, [`spillway_${name}x`]: value }, KEY_SECRET), null);
  }),

  target("request ids: of one form, whatever the key", 2_000, [text, text], (route, key) => {
    assert.match(deriveRequestId("acct_1", route, key), /^req_[\w]+$/);
    if (isIdempotencyKey(key)) assert.ok(key.length <= 255);
  }),

  target("places to go on to after signing in: never another site", 4_000, [fc.oneof(text, oddPath())], (next) => {
    const path = afterSignIn(next);
    const { origin, pathname } = new URL(path, "https://gateway.test");
    assert.equal(origin, "https://gateway.test");
    assert.match(pathname, /^\/dashboard(\/|$)/);
    assert.doesNotMatch(path, /[\r\n\0]/);
  }),

  target("addresses: never throw, and IPv6 by network", 3_000, [fc.oneof(fc.ipV4(), fc.ipV6(), text)], (address) => {
    assert.equal(networkOf(address).endsWith("::/64"), address.includes(":"));
  }),
];

function oddPath(): fc.Arbitrary<string> {
  const pieces = [
    "/dashboard",
    "/admin",
    "/",
    "\\",
    "..",
    ".",
    "//evil.test",
    "?",
    "#",
    "%2f",
    "%5c",
    "@",
    ":",
    "\t",
    "\n",
    "a",
  ];
  return fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((all) => all.join(""));
}
