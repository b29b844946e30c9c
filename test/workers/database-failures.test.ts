import { createExecutionContext, createScheduledController } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import worker from "../../src/worker.ts";
import { bearer, gatewayWith, newAccount, openGateway } from "../support/gateway.ts";

beforeAll(openGateway);
afterEach(() => {
  vi.restoreAllMocks();
});

const OVERLOADED = "D1_ERROR: D1 DB is overloaded. Requests queued for too long.";

const BROKEN = "D1_ERROR: no such column: balance: SQLITE_ERROR";

/** The database as it is, but that it has no time for a table, or fails otherwise. */
function overloadedD1(table: string, message = OVERLOADED): D1Database {
  const { DB } = env as Env;
  const fail = () => Promise.reject(new Error(message));
  const statement = { bind: () => statement, all: fail, raw: fail, run: fail, first: fail };
  return new Proxy(DB, {
    get(target, name) {
      if (name === "batch") {
        return (batch: (D1PreparedStatement | typeof statement)[]) =>
          batch.includes(statement) ? fail() : target.batch(batch as D1PreparedStatement[]);
      }
      if (name !== "prepare") return Reflect.get(target, name).bind?.(target);
      return (sql: string) => (sql.includes(`"${table}"`) ? statement : target.prepare(sql));
    },
  });
}

/** The lines that the gateway writes to its log meanwhile. */
function logLines(): () => Record<string, string>[] {
  const log = vi.spyOn(console, "error").mockReturnValue(undefined);
  return () => log.mock.calls.map(([line]) => JSON.parse(String(line)));
}

test("a failed query is logged with what failed it, and without the values of its customer", async () => {
  const account = await newAccount({ credits: "1" });
  const lines = logLines();
  const gateway = gatewayWith({ DB: overloadedD1("balance_updates", BROKEN) });
  const answer = await gateway("/api/ledger", { headers: bearer(account.key) });
  expect(answer.status).toBe(500);
  const line = lines().find(({ event }) => event === "unexpected_error");
  expect(line?.error).toContain(BROKEN);
  expect(line?.error).toContain(`from "balance_updates"`);
  expect(line?.error).toContain("account/routes");
  expect(line?.error).not.toContain(account.id);
});

test("so is a part of the minute's work", async () => {
  const lines = logLines();
  const controller = createScheduledController({ scheduledTime: new Date(0), cron: "* * * * *" });
  await worker.scheduled(controller, { ...(env as Env), DB: overloadedD1("sweeps") }, createExecutionContext());
  const line = lines().find(({ event }) => event === "accounts_unswept");
  expect(line?.message).toContain(OVERLOADED);
});

test("a database that is overloaded is told as that, with when to ask again", async () => {
  const account = await newAccount({ credits: "1" });
  const lines = logLines();
  const gateway = gatewayWith({ DB: overloadedD1("balance_updates") });
  const answer = await gateway("/api/ledger", { headers: bearer(account.key) });
  expect(answer.status).toBe(503);
  expect(answer.headers.get("retry-after")).toBe("2");
  expect(await answer.json()).toMatchObject({ error: { code: "database_unavailable" } });
  expect(lines().map(({ event }) => event)).toEqual(["database_unavailable"]);
});

test("under /v1 it is overload, as OpenAI's clients know it", async () => {
  const account = await newAccount({ credits: "1" });
  const lines = logLines();
  const gateway = gatewayWith({ DB: overloadedD1("plans") });
  const answer = await gateway("/v1/models", { headers: bearer(account.key) });
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ error: { type: "server_error", code: "server_is_overloaded" } });
  expect(lines().map(({ event }) => event)).toContain("database_unavailable");
});

test("a page says that it cannot be shown right now", async () => {
  const account = await newAccount({ credits: "1" });
  logLines();
  const gateway = gatewayWith({ DB: overloadedD1("balance_updates") });
  const headers = { "content-type": "application/x-www-form-urlencoded", origin: "https://gateway.test" };
  const signedIn = await gateway("/dashboard/sign-in", {
    method: "POST",
    redirect: "manual",
    headers,
    body: new URLSearchParams({ key: account.key }).toString(),
  });
  const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
  const answer = await gateway("/dashboard/ledger", { headers: { cookie } });
  expect(answer.status).toBe(503);
  const html = await answer.text();
  expect(html).toContain("Not right now");
  expect(html).toContain("please try again shortly");
});
