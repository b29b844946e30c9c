import { request } from "node:http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type LocalGateway, startLocalGateway } from "../../scripts/local-gateway.ts";

let gateway: LocalGateway;

beforeAll(async () => {
  const vars = { SPILLWAY_ADMIN_TOKEN: "operator-of-this-test", SPILLWAY_KEY_SECRET: "key-secret-of-this-test" };
  gateway = await startLocalGateway({ port: 0, vars, withSimulator: true });
});

afterAll(() => gateway.dispose());

/** Sends a body in pieces, as a proxy does that passes it on while it comes; answers the status, or what broke. */
function sendSlowly(
  bytes: number,
  pieces: number,
  { path = "/v1/responses", more = {} }: { path?: string; more?: Record<string, string> } = {},
): Promise<number | string> {
  const { promise, resolve } = Promise.withResolvers<number | string>();
  const headers = { authorization: "Bearer sk-spill-wrong", "content-type": "application/json", ...more };
  const call = request(`${gateway.url}${path}`, { method: "POST", headers, agent: false }, (response) => {
    response.resume();
    response.on("end", () => resolve(response.statusCode ?? 0));
  });
  call.on("error", (error) => resolve(String(error)));
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    call.write(Buffer.alloc(bytes / pieces, "x"));
    if (sent < pieces) return;
    clearInterval(timer);
    call.end();
  }, 1);
  return promise;
}

it("a refusal reaches a client that is still sending its body", async () => {
  const answers: (number | string)[] = [];
  for (let count = 0; count < 40; count += 1) answers.push(await sendSlowly(45_000, 10));
  expect(answers).toEqual(Array(40).fill(401));
});

it("also when the body is too large, or goes where nothing is", async () => {
  const bytes = 4_500_000;
  const more = { authorization: "Bearer operator-of-this-test", "content-length": String(bytes) };
  const answers: (number | string)[] = [];
  for (let count = 0; count < 20; count += 1) {
    answers.push(await sendSlowly(bytes, 10, { path: "/admin/accounts", more }));
    answers.push(await sendSlowly(bytes, 10, { path: "/v1/nothing", more }));
  }
  expect(answers).toEqual(Array(20).fill([413, 404]).flat());
});
