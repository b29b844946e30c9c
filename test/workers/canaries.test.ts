import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Env } from "../../src/env.ts";
import { canaryWatch } from "../support/canaries.ts";
import { ADMIN_TOKEN, bearer, CANARY, call, newAccount, newKey, openGateway } from "../support/gateway.ts";
import { sqlOf } from "../support/object.ts";
import { rowsOfD1, rowsOfObjects } from "../support/stored-rows.ts";
import { watched } from "../support/watched-response.ts";

// What watches over all files in this folder, watched: a watch that sees nothing would pass everything.

beforeAll(openGateway);
beforeEach(() => expect(canaryWatch.takeLeaks()).toEqual([]));

const LEAK = [expect.stringContaining("the operator's key for the upstream in ")];

describe("the watch over secrets notices one", () => {
  const answers: [string, Response, (response: Response) => Promise<unknown>][] = [
    ["in a text", new Response(CANARY), (response) => response.text()],
    ["in JSON", Response.json({ deep: [CANARY] }), (response) => response.json()],
    ["in bytes", new Response(CANARY), (response) => response.arrayBuffer()],
    ["in a copy", new Response(CANARY), (response) => response.clone().text()],
    ["in a header", new Response(null, { headers: { "x-debug": CANARY } }), async () => undefined],
    ["in a stream, cut in two", stream([CANARY.slice(0, 12), CANARY.slice(12)]), readAll],
  ];

  test.each(answers)("of an answer, %s", async (_, response, read) => {
    await read(watched("GET", "/api/account", response));
    expect(canaryWatch.takeLeaks()).toEqual(LEAK);
  });

  test("in the log, also inside an error", () => {
    console.error("failed", new Error("outer", { cause: new Error(CANARY) }));
    expect(canaryWatch.takeLeaks()).toEqual(LEAK);
  });

  test("in a message of a queue", async () => {
    const { send } = Object.getPrototypeOf((env as Env).JOB_QUEUE) as Pick<Queue, "send">;
    await expect(async () => send.call({}, { note: CANARY })).rejects.toThrow();
    expect(canaryWatch.takeLeaks()).toEqual(LEAK);
  });

  test("in a row of D1", async () => {
    const { DB } = env as Env;
    await DB.exec(`CREATE TABLE leak (note TEXT)`);
    await DB.prepare("INSERT INTO leak VALUES (?)").bind(CANARY).run();
    const rows = await rowsOfD1();
    await DB.exec("DROP TABLE leak");
    expect(rows.find(({ name }) => name === "leak")?.text).toContain(CANARY);
  });

  test("in a row of an object", async () => {
    const account = await newAccount();
    await sqlOf(account, "CREATE TABLE leak (note TEXT)");
    await sqlOf(account, "INSERT INTO leak VALUES (?)", CANARY);
    const rows = await rowsOfObjects();
    await sqlOf(account, "DROP TABLE leak");
    expect(rows.find(({ name }) => name === "leak")?.text).toContain(CANARY);
  });

  test.each([
    ["the operator's token", `token=${ADMIN_TOKEN}`],
    ["Stripe's key", "sk_test_canary_3b1c9e5a7d"],
    ["the secret behind keys", "test-key-secret-of-at-least-32-bytes"],
  ])("whichever it is: %s", (name, text) => {
    console.info(text);
    expect(canaryWatch.takeLeaks()).toEqual([`${name} in the log`]);
  });

  test("also when it is a caller's key, but for the answer that shows it once", async () => {
    const { id } = await newAccount();
    const { key } = await newKey(id);
    expect(canaryWatch.takeLeaks()).toEqual([]);
    console.info(`asked with ${key}`);
    expect(canaryWatch.takeLeaks()).toEqual(["a caller's key in the log"]);
    await watched("GET", "/api/keys", Response.json({ key })).text();
    expect(canaryWatch.takeLeaks()).toEqual(["a caller's key in the answer to GET /api/keys"]);
    expect((await call("/api/keys", { headers: bearer(key) })).status).toBe(200);
  });
});

function stream(pieces: readonly string[]): Response {
  const encoder = new TextEncoder();
  const start = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    for (const piece of pieces) controller.enqueue(encoder.encode(piece));
    controller.close();
  };
  return new Response(new ReadableStream<Uint8Array>({ start }));
}

async function readAll({ body }: Response): Promise<void> {
  const reader = body?.getReader();
  while (reader && !(await reader.read()).done);
}
