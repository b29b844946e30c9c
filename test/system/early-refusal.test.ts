import { request } from "node:http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { AdminClient } from "../../scripts/admin-client.ts";
import { type LocalGateway, startLocalGateway } from "../../scripts/local-gateway.ts";
import { CARD } from "../support/offer.ts";
import { type Customer, makeCustomer } from "./customer.ts";

const ADMIN_TOKEN = "operator-of-this-test";
const MIB = 1024 * 1024;

let gateway: LocalGateway;
/** May make videos, and has nothing to pay them with. */
let poor: Customer;

beforeAll(async () => {
  const vars = { SPILLWAY_ADMIN_TOKEN: ADMIN_TOKEN, SPILLWAY_KEY_SECRET: "key-secret-of-this-test" };
  gateway = await startLocalGateway({ port: 0, vars, withSimulator: true });
  const admin = new AdminClient(gateway.url, ADMIN_TOKEN);
  await admin.request("PUT", "/admin/rate-cards/default", { body: CARD });
  const plan = { name: "Videos", features: { codex: { models: ["*"] }, sora: { models: ["*"] } } };
  await admin.request("PUT", "/admin/plans/videos", { body: plan });
  poor = await makeCustomer(admin, { plan: "videos" });
});

afterAll(() => gateway.dispose());

interface Sent {
  readonly path?: string;
  readonly token?: string;
  readonly more?: Record<string, string>;
  /** What comes first; the rest is `x`. */
  readonly begin?: string;
}

/**
 * Sends a body in pieces, as a proxy does that passes it on while it comes: in chunks, where `more` announces no
 * length. Answers the status, or what broke.
 */
function sendSlowly(
  bytes: number,
  pieces: number,
  { path = "/v1/responses", token = "sk-spill-wrong", more = {}, begin = "" }: Sent = {},
): Promise<number | string> {
  const { promise, resolve } = Promise.withResolvers<number | string>();
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", ...more };
  const call = request(`${gateway.url}${path}`, { method: "POST", headers, agent: false }, (response) => {
    response.resume();
    response.on("end", () => resolve(response.statusCode ?? 0));
  });
  call.on("error", (error) => resolve(String(error)));
  let sent = 0;
  if (begin !== "") call.write(begin);
  const timer = setInterval(() => {
    sent += 1;
    call.write(Buffer.alloc(bytes / pieces, "x"));
    if (sent < pieces) return;
    clearInterval(timer);
    call.end();
  }, 1);
  return promise;
}

async function sendOften(times: number, send: () => Promise<number | string>): Promise<(number | string)[]> {
  const answers: (number | string)[] = [];
  for (let count = 0; count < times; count += 1) answers.push(await send());
  return answers;
}

it("a refusal reaches a client that is still sending its body", async () => {
  const answers = await sendOften(40, () => sendSlowly(45_000, 10));
  expect(answers).toEqual(Array(40).fill(401));
});

it("also when the body is too large, or goes where nothing is", async () => {
  const bytes = 4_500_000;
  const more = { "content-length": String(bytes) };
  for (const [path, status] of [
    ["/admin/accounts", 413],
    ["/v1/nothing", 404],
  ] as const) {
    const answers = await sendOften(20, () => sendSlowly(bytes, 10, { path, token: ADMIN_TOKEN, more }));
    expect(answers).toEqual(Array(20).fill(status));
  }
});

it("also when a body that nobody announced turns out too large", async () => {
  const ofClient = await sendOften(20, () => sendSlowly(7 * MIB, 56, { token: poor.key }));
  expect(ofClient).toEqual(Array(20).fill(413));
  const ofOperator = await sendOften(20, () =>
    sendSlowly(2 * MIB, 32, { path: "/admin/accounts", token: ADMIN_TOKEN }),
  );
  expect(ofOperator).toEqual(Array(20).fill(413));
});

it("also when it is a form that was judged before its file had come", async () => {
  const field = (name: string, value: string) =>
    `--cut\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const file = `--cut\r\ncontent-disposition: form-data; name="input_reference"; filename="a.mp4"\r\n\r\n`;
  const texts = field("prompt", "x") + field("seconds", "4") + field("size", "720x1280") + field("model", "sora-2");
  const more = { "content-type": "multipart/form-data; boundary=cut" };
  const sent = { path: "/v1/videos", token: poor.key, more };
  const ofWhoCannotPay = await sendOften(10, () => sendSlowly(16 * MIB, 64, { ...sent, begin: texts + file }));
  expect(ofWhoCannotPay).toEqual(Array(10).fill(429));
  const badly = field("seconds", "none") + file;
  const ofWhoAsksBadly = await sendOften(10, () => sendSlowly(16 * MIB, 64, { ...sent, begin: badly }));
  expect(ofWhoAsksBadly).toEqual(Array(10).fill(400));
});
