import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { AccountObject } from "../../durable-objects/account-object.ts";
import type { Env } from "../../src/env.ts";
import { ADMIN_TOKEN, bearer, gatewayWith, openGateway, RESPONSES } from "../support/gateway.ts";

const BODY = { model: "gpt-5.4", input: "Hello", max_output_tokens: 20 };
const { ACCOUNTS } = env as Env;

beforeAll(openGateway);

type Gateway = ReturnType<typeof gatewayWith>;

/** A gateway in front of {@link worldwide}; `asked` tells where it looked for objects. */
function gatewayAt(jurisdiction: string, locationHint = "") {
  const asked: string[] = [];
  const gateway = gatewayWith({
    ACCOUNTS: worldwide(asked),
    SPILLWAY_JURISDICTION: jurisdiction,
    SPILLWAY_LOCATION_HINT: locationHint,
  });
  return { gateway, asked };
}

function send(gateway: Gateway, token: string, path: string, body: object, idempotencyKey = "once"): Promise<Response> {
  return gateway(path, {
    method: "POST",
    headers: { ...bearer(token), "content-type": "application/json", "idempotency-key": idempotencyKey },
    body: JSON.stringify(body),
  });
}

/** An account with credits, and its key. */
async function newAccount(gateway: Gateway, id: string): Promise<string> {
  expect((await send(gateway, ADMIN_TOKEN, "/admin/accounts", { id, plan: "credits" })).status).toBe(201);
  const terms = { amount: "5", kind: "paid", reason: "test" };
  expect((await send(gateway, ADMIN_TOKEN, `/admin/accounts/${id}/grants`, terms)).status).toBe(201);
  const answer = await send(gateway, ADMIN_TOKEN, `/admin/accounts/${id}/keys`, {});
  return (await answer.json<{ key: string }>()).key;
}

describe("SPILLWAY_JURISDICTION", () => {
  it("keeps accounts in objects of that jurisdiction, and asks no other", async () => {
    const { gateway, asked } = gatewayAt("eu");
    const key = await newAccount(gateway, "acct_european");
    expect((await send(gateway, key, RESPONSES, BODY)).status).toBe(200);
    expect(new Set(asked)).toEqual(new Set(["eu acct_european, no hint"]));
  });

  it("finds nobody when it is changed, and everybody again when it is set back", async () => {
    const key = await newAccount(gatewayAt("eu").gateway, "acct_moved");
    for (const elsewhere of ["us", ""]) {
      expect((await send(gatewayAt(elsewhere).gateway, key, RESPONSES, BODY)).status).toBe(401);
    }
    expect((await send(gatewayAt("eu").gateway, key, RESPONSES, BODY)).status).toBe(200);
  });
});

describe("SPILLWAY_LOCATION_HINT", () => {
  it("is told to the platform with every call, within the jurisdiction or without one", async () => {
    for (const [jurisdiction, where] of [
      ["eu", "eu"],
      ["", "anywhere"],
    ] as const) {
      const { gateway, asked } = gatewayAt(jurisdiction, "weur");
      const key = await newAccount(gateway, `acct_near_${where}`);
      expect((await send(gateway, key, RESPONSES, BODY)).status).toBe(200);
      expect(new Set(asked)).toEqual(new Set([`${where} acct_near_${where}, weur`]));
    }
  });
});

/**
 * The namespace with jurisdictions, which workerd refuses: the same name is another object in each of them, as on the
 * platform.
 */
function worldwide(asked: string[]): DurableObjectNamespace<AccountObject> {
  const at = (where: string, prefix: string) => ({
    getByName(name: string, options?: DurableObjectNamespaceGetDurableObjectOptions) {
      asked.push(`${where} ${name}, ${options?.locationHint ?? "no hint"}`);
      return ACCOUNTS.getByName(prefix + name, options);
    },
  });
  const methods = {
    ...at("anywhere", ""),
    jurisdiction: (name: DurableObjectJurisdiction) => at(name, `${name}:`),
  };
  return new Proxy(ACCOUNTS, { get: (_, name) => Reflect.get(methods, name) });
}
