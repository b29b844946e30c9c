import { describe, expect, test } from "vitest";
import { SpillwayError, SpillwayUnreachable } from "../../client/errors.ts";
import { linesOf } from "../../client/lines.ts";
import { SpillwayOperator } from "../../client/operator.ts";
import { Spillway } from "../../client/spillway.ts";
import { AnsweringServer, type Asked, type Told } from "../support/answering-server.ts";

const REFUSAL = { error: { code: "account_not_found", message: "There is no such account.", request_id: "req_1" } };
const BUSY: Told = {
  status: 503,
  headers: { "retry-after": "0" },
  body: { error: { code: "account_unreachable", message: "Try again.", request_id: "req_2" } },
};
const GRANT = { amount: "1", kind: "paid", reason: "Order" } as const;

async function errorOf(asked: Promise<unknown>): Promise<unknown> {
  return asked.then(
    () => null,
    (error: unknown) => error,
  );
}

/** A body whose connection breaks after `text`. */
function breakingOff(text: string): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode(text)),
    pull: (controller) => controller.error(new TypeError("terminated")),
  });
}

describe("a refusal", () => {
  test("is an error with its code, status and request id", async () => {
    await using server = await AnsweringServer.start(() => ({ status: 404, body: REFUSAL }));
    const operator = new SpillwayOperator({ baseUrl: server.url, token: "t" });
    const error = await errorOf(operator.accounts.get("acct_1"));
    expect(error).toBeInstanceOf(SpillwayError);
    expect(error).toMatchObject({ status: 404, code: "account_not_found", requestId: "req_1", retryAfterMs: null });
    expect(error).toHaveProperty("request", "GET /admin/accounts/acct_1");
  });

  test("by something that is no gateway says so, with the beginning of its answer", async () => {
    await using server = await AnsweringServer.start(() => ({ status: 502, body: "<html>bad gateway</html>" }));
    const error = await errorOf(new Spillway({ baseUrl: server.url }).health());
    expect(error).toMatchObject({ status: 502, code: "unexpected_answer", requestId: null });
    expect(String(error)).toContain("bad gateway");
  });

  test("may be told with 200 by something that is no gateway, and is an error all the same", async () => {
    await using server = await AnsweringServer.start(() => ({ body: "<html>Please sign in</html>" }));
    const error = await errorOf(new Spillway({ baseUrl: server.url, token: "t" }).account());
    expect(error).toBeInstanceOf(SpillwayError);
    expect(error).toMatchObject({ status: 200, code: "unexpected_answer" });
    expect(String(error)).toContain("Please sign in");
    expect(server.asked.length).toBe(1);
  });

  test("is not asked again, unless it is one that passes", async () => {
    await using server = await AnsweringServer.start(() => ({ status: 404, body: REFUSAL }));
    await errorOf(new SpillwayOperator({ baseUrl: server.url, token: "t" }).accounts.get("acct_1"));
    expect(server.asked.length).toBe(1);
  });
});

describe("a request without an answer", () => {
  test("is an error of its own that names the gateway", async () => {
    const error = await errorOf(new Spillway({ baseUrl: "http://127.0.0.1:9", retries: 0 }).health());
    expect(error).toBeInstanceOf(SpillwayUnreachable);
    expect(error).toMatchObject({ baseUrl: "http://127.0.0.1:9", request: "GET /health" });
  });

  test.each([200, 404])("to its end (%d) is the same, and tried again in the same cases", async (status) => {
    let asked = 0;
    const fetch = async () => {
      asked += 1;
      return asked % 2 === 0 ? Response.json({ id: "acct_1" }) : new Response(breakingOff('{"id":"ac'), { status });
    };
    const operator = new SpillwayOperator({ baseUrl: "https://gateway.test", token: "t", fetch });
    expect(await operator.accounts.get("acct_1")).toEqual({ id: "acct_1" });
    const error = await errorOf(operator.accounts.create({ plan: "plus" }));
    expect(error).toBeInstanceOf(SpillwayUnreachable);
    expect(error).toMatchObject({ cause: new TypeError("terminated"), request: "POST /admin/accounts" });
  });

  test("is tried again where nothing can happen twice", async () => {
    await using server = await AnsweringServer.start((_, count) => (count < 3 ? BUSY : { body: { status: "ok" } }));
    expect(await new Spillway({ baseUrl: server.url }).health()).toEqual({ status: "ok" });
    expect(server.asked.length).toBe(3);
  });

  test("is not tried again for ever", async () => {
    await using server = await AnsweringServer.start(() => BUSY);
    const error = await errorOf(new Spillway({ baseUrl: server.url, retries: 1 }).health());
    expect(error).toMatchObject({ status: 503, retryAfterMs: 0 });
    expect(server.asked.length).toBe(2);
  });

  // An account that was created before the connection broke would be created twice.
  test("is not tried again where something could happen twice", async () => {
    await using server = await AnsweringServer.start(() => "break off");
    const operator = new SpillwayOperator({ baseUrl: server.url, token: "t" });
    expect(await errorOf(operator.accounts.create({ plan: "plus" }))).toBeInstanceOf(SpillwayUnreachable);
    expect(server.asked.length).toBe(1);
  });

  test("of a grant is tried again with the same key, so that it counts once", async () => {
    await using server = await AnsweringServer.start((_, count) => (count === 1 ? "break off" : { body: {} }));
    const operator = new SpillwayOperator({ baseUrl: server.url, token: "t" });
    await operator.accounts.grant("acct_1", GRANT);
    await operator.accounts.grant("acct_1", GRANT);
    const [first, again, other] = server.asked.map(({ headers }) => headers["idempotency-key"]);
    expect(first).toMatch(/^[0-9a-f-]{36}$/);
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  test.each([
    ["broke off", "break off"],
    ["was 503", BUSY],
  ] as const)(
    "of a DELETE counts as done when what it names is not there at the next attempt: the first %s",
    async (_, first) => {
      const missing = (code: string): Told => ({ status: 404, body: { error: { ...REFUSAL.error, code } } });
      await using server = await AnsweringServer.start(({ path }, count) =>
        count % 2 === 1 ? first : missing(path.includes("upstreams") ? "upstream_not_found" : "endpoint_not_found"),
      );
      const operator = new SpillwayOperator({ baseUrl: server.url, token: "t" });
      const holder = new Spillway({ baseUrl: server.url, token: "k" });
      expect(await operator.upstreams.remove("azure")).toEqual({ id: "azure", deleted: true });
      expect(await holder.alerts.removeEndpoint("ep_1")).toEqual({ id: "ep_1", deleted: true });
      expect(server.asked.map(({ method }) => method)).toEqual(Array(4).fill("DELETE"));
    },
  );

  test.each([
    [1, "endpoint_not_found"],
    [2, "account_not_found"],
  ])("of a DELETE does not: refused at attempt %i with %s", async (attempt, code) => {
    await using server = await AnsweringServer.start((_, count) =>
      count < attempt ? BUSY : { status: 404, body: { error: { ...REFUSAL.error, code } } },
    );
    const { alerts } = new Spillway({ baseUrl: server.url, token: "k" });
    expect(await errorOf(alerts.removeEndpoint("ep_1"))).toMatchObject({ status: 404, code });
  });

  test("ends when its caller gives up", async () => {
    await using server = await AnsweringServer.start(() => ({ ...BUSY, headers: { "retry-after": "60" } }));
    const asked = errorOf(new Spillway({ baseUrl: server.url }).account({ signal: AbortSignal.timeout(50) }));
    expect(await asked).toMatchObject({ name: "TimeoutError" });
  });
});

describe("a list", () => {
  const pages: Readonly<Record<string, object>> = {
    "": { data: [{ id: "a" }, { id: "b" }], has_more: true, next_cursor: "2" },
    "2": { data: [], has_more: true, next_cursor: "3" },
    "3": { data: [{ id: "c" }], has_more: false, next_cursor: null },
  };
  const paged = ({ path }: Asked): Told => ({
    body: pages[new URL(path, "http://x").searchParams.get("cursor") ?? ""] ?? REFUSAL,
  });

  test("is gone through page by page, empty ones too", async () => {
    await using server = await AnsweringServer.start(paged);
    const requests = new Spillway({ baseUrl: server.url, token: "k" }).requests({ limit: 2 });
    const ids: string[] = [];
    for await (const { id } of requests) ids.push(id);
    expect(ids).toEqual(["a", "b", "c"]);
    expect(server.asked.map(({ path }) => path)).toEqual([
      "/api/requests?limit=2",
      "/api/requests?limit=2&cursor=2",
      "/api/requests?limit=2&cursor=3",
    ]);
  });

  test("is read no further than is asked for", async () => {
    await using server = await AnsweringServer.start(paged);
    const requests = new Spillway({ baseUrl: server.url, token: "k" }).requests();
    expect((await requests.all(2)).map(({ id }) => id)).toEqual(["a", "b"]);
    expect(server.asked.length).toBe(1);
  });
});

describe("a request", () => {
  test("carries who asks and why, whatever letters their names have", async () => {
    await using server = await AnsweringServer.start(() => ({ body: {} }));
    const operator = new SpillwayOperator({ baseUrl: `${server.url}/`, token: "secret", actor: "Zoë" });
    await operator.accounts.revokeKey("a/b", "key_1", { reason: "lost & found" });
    const [asked] = server.asked;
    expect(asked?.path).toBe("/admin/accounts/a%2Fb/keys/key_1?reason=lost+%26+found");
    expect(asked?.headers).toMatchObject({ authorization: "Bearer secret", "x-spillway-actor": "Zo%C3%AB" });
  });

  test("of an unfinished reconciliation fails instead of looking complete", async () => {
    await using server = await AnsweringServer.start(() => ({ body: '{"account":"acct_1","differences":[]}\n{"id":' }));
    const steps = new SpillwayOperator({ baseUrl: server.url, token: "t" }).ledger.reconcileAll();
    expect((await steps.next()).value).toMatchObject({ kind: "account" });
    await expect(steps.next()).rejects.toThrow(SyntaxError);
  });
});

test("lines are put together from whatever pieces arrive", async () => {
  const bytes = new TextEncoder().encode("ä1\n\nb😀\nlast");
  for (let size = 1; size <= bytes.length; size += 1) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.slice(index * size, (index + 1) * size),
    );
    const body = new ReadableStream({
      start(controller) {
        for (const piece of pieces) controller.enqueue(piece);
        controller.close();
      },
    });
    const lines: string[] = [];
    for await (const line of linesOf(new Response(body))) lines.push(line);
    expect(lines).toEqual(["ä1", "", "b😀", "last"]);
  }
});
