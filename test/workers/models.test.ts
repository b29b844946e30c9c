import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import type { Env } from "../../src/env.ts";
import {
  ask,
  asOperator,
  bearer,
  call,
  gatewayWith,
  newAccount,
  openGateway,
  putPlan,
  requestIdOf,
  type TestAccount,
  withoutUpstreamCall,
} from "../support/gateway.ts";
import { CARD, CREDITS_PLAN } from "../support/offer.ts";
import type { ErrorBody } from "../support/wire.ts";

const EFFECTIVE_AT = "2026-11-01T00:00:00Z";
const FOR_CODEX = "/v1/models?client_version=0.169.0";

/** Two models of which Codex is told something, one of which it is not, one with a slash, and a video. */
const TOLD = {
  effective_at: EFFECTIVE_AT,
  models: {
    ...CARD.models,
    "gpt-5.4": {
      ...CARD.models["gpt-5.4"],
      codex: {
        display_name: "GPT-5.4",
        description: "For everyday work.",
        priority: 2,
        context_window: 400_000,
        supported_reasoning_levels: ["low", "high"],
        default_reasoning_level: "low",
        default_verbosity: "low",
        use_responses_lite: true,
        tool_mode: "code_mode_only",
      },
    },
    "vendor/flat-2": {
      ...CARD.models["flat-1"],
      codex: { priority: 1, base_instructions: "Answer in one line.", visibility: "hide" },
    },
  },
};

interface CodexModelBody {
  readonly slug: string;
  readonly display_name: string;
  readonly base_instructions: string;
  readonly service_tiers: readonly { readonly id: string; readonly name: string; readonly description: string }[];
}

interface ModelsBody {
  readonly object: string;
  readonly data: readonly { readonly id: string; readonly created: number; readonly owned_by: string }[];
  readonly models?: readonly CodexModelBody[];
}

beforeAll(async () => {
  await openGateway();
  await asOperator("PUT", "/admin/rate-cards/default", TOLD);
  await putPlan("everything", { ...CREDITS_PLAN, features: { codex: { models: ["*"] }, sora: { models: ["*"] } } });
  await putPlan("one-model", { ...CREDITS_PLAN, features: { codex: { models: ["flat-1"] } } });
  await putPlan("video-only", { ...CREDITS_PLAN, features: { sora: { models: ["*"] } } });
});

function modelsFor(account: TestAccount, path: string, headers: Record<string, string> = {}, gateway = call) {
  return gateway(path, { headers: { ...bearer(account.key), ...headers } });
}

async function modelsOf(account: TestAccount, path = FOR_CODEX): Promise<ModelsBody> {
  const response = await modelsFor(account, path);
  expect(response.status).toBe(200);
  return response.json<ModelsBody>();
}

describe("the models that Codex is offered", () => {
  test("are the text models of the caller's plan, in the operator's order", async () => {
    const { object, data, models = [] } = await modelsOf(await newAccount({ plan: "everything" }));
    expect(models.map(({ slug }) => slug)).toEqual(["vendor/flat-2", "gpt-5.4", "flat-1", "free-1"]);
    expect(object).toBe("list");
    expect(data.map(({ id }) => id)).toEqual(["flat-1", "free-1", "gpt-5.4", "sora-2", "vendor/flat-2"]);
  });

  test("are no more than the plan entitles to", async () => {
    const one = await modelsOf(await newAccount({ plan: "one-model" }));
    expect(one.models?.map(({ slug }) => slug)).toEqual(["flat-1"]);
    expect((await modelsOf(await newAccount({ plan: "video-only" }))).models).toEqual([]);
  });

  test("are described as the rate card tells it", async () => {
    const { models = [] } = await modelsOf(await newAccount());
    expect(models.find(({ slug }) => slug === "gpt-5.4")).toMatchObject({
      display_name: "GPT-5.4",
      description: "For everyday work.",
      supported_reasoning_levels: [
        { effort: "low", description: expect.any(String) },
        { effort: "high", description: expect.any(String) },
      ],
      default_reasoning_level: "low",
      context_window: 400_000,
      support_verbosity: true,
      default_verbosity: "low",
      use_responses_lite: true,
      tool_mode: "code_mode_only",
      supported_in_api: true,
    });
    expect(models.find(({ slug }) => slug === "vendor/flat-2")).toMatchObject({
      base_instructions: "Answer in one line.",
      visibility: "hide",
    });
  });

  test("have all that Codex insists on, even when the rate card tells nothing", async () => {
    const { models = [] } = await modelsOf(await newAccount());
    const told = models.find(({ slug }) => slug === "flat-1");
    expect(told).toMatchObject({
      display_name: "flat-1",
      supported_reasoning_levels: [],
      shell_type: "unified_exec",
      visibility: "list",
      supported_in_api: true,
      priority: expect.any(Number),
      support_verbosity: false,
      truncation_policy: { mode: "tokens", limit: 10_000 },
      experimental_supported_tools: [],
      context_window: 272_000,
      service_tiers: [],
    });
    expect(told?.base_instructions).toContain("coding agent");
  });

  test("have the service tiers that are priced, each with what it costs", async () => {
    const { models = [] } = await modelsOf(await newAccount());
    expect(models.find(({ slug }) => slug === "gpt-5.4")?.service_tiers).toEqual([
      { id: "flex", name: "Flex", description: "0.5× the credits" },
      { id: "priority", name: "Fast", description: "2× the credits" },
    ]);
  });

  test("can be asked for", async () => {
    const account = await newAccount({ credits: "100" });
    const { models = [] } = await modelsOf(account);
    for (const { slug } of models) {
      expect((await ask(account, { model: slug, input: "x", max_output_tokens: 1 })).status, slug).toBe(200);
    }
  });
});

describe("the list of models as OpenAI shows it", () => {
  test("says since when each is sold at its price and under which feature, and nothing to Codex", async () => {
    const list = await modelsOf(await newAccount({ plan: "everything" }), "/v1/models");
    expect(list.models).toBeUndefined();
    const created = Date.parse(EFFECTIVE_AT) / 1_000;
    expect(list.data).toContainEqual({ id: "vendor/flat-2", object: "model", created, owned_by: "codex" });
    expect(list.data).toContainEqual({ id: "sora-2", object: "model", created, owned_by: "sora" });
  });

  test("has every entry at a place of its own, also when the id has a slash", async () => {
    const account = await newAccount();
    const { data } = await modelsOf(account, "/v1/models");
    for (const entry of data) {
      expect(await (await modelsFor(account, `/v1/models/${entry.id}`)).json()).toEqual(entry);
    }
    expect((await modelsFor(account, "/v1/models/sora-2")).status).toBe(404);
    expect((await modelsFor(account, "/v1/models/flat-2")).status).toBe(404);
  });
});

describe.each(["/v1/models", FOR_CODEX])("%s", (path) => {
  test("has a strong tag, and is not sent again to whoever has it", async () => {
    const account = await newAccount();
    const first = await modelsFor(account, path);
    const tag = first.headers.get("etag") ?? "";
    expect(tag).toMatch(/^"[0-9a-f]{40}"$/);
    expect((await modelsFor(account, path)).headers.get("etag")).toBe(tag);
    for (const known of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
      const again = await modelsFor(account, path, { "if-none-match": known });
      expect([known, again.status, await again.text()]).toEqual([known, 304, ""]);
      expect(again.headers.get("etag")).toBe(tag);
      expect(requestIdOf(again)).toMatch(/^req_/);
    }
    expect((await modelsFor(account, path, { "if-none-match": '"other"' })).status).toBe(200);
  });

  test("has the same tag for everybody who is offered the same, another one for another plan", async () => {
    const tagOf = async (plan: string) => (await modelsFor(await newAccount({ plan }), path)).headers.get("etag");
    expect(await tagOf("everything")).toBe(await tagOf("everything"));
    expect(await tagOf("one-model")).not.toBe(await tagOf("everything"));
  });

  test("is for its caller alone", async () => {
    const { headers } = await modelsFor(await newAccount(), path);
    expect(headers.get("cache-control")).toBe("private, no-cache");
    expect(headers.get("vary")).toContain("authorization");
  });

  test("needs a key, even with a known tag", async () => {
    const account = await newAccount();
    const tag = (await modelsFor(account, path)).headers.get("etag") ?? "";
    const response = await call(path, { headers: { "if-none-match": tag } });
    expect(response.status).toBe(401);
    expect((await response.json<ErrorBody>()).error).toMatchObject({
      type: "invalid_request_error",
      code: "invalid_api_key",
    });
    expect(response.headers.get("etag")).toBeNull();
  });

  test("costs one call of the account's object, and no look at the database while the catalog is fresh", async () => {
    const { gateway, objectCalls, databaseCalls } = watchedGateway();
    const account = await newAccount();
    expect((await modelsFor(account, path, {}, gateway)).status).toBe(200);
    expect(objectCalls.splice(0)).toEqual(["open"]);
    expect(databaseCalls.splice(0)).toContain("batch");
    const tag = (await modelsFor(account, path, {}, gateway)).headers.get("etag") ?? "";
    expect((await modelsFor(account, path, { "if-none-match": tag }, gateway)).status).toBe(304);
    expect({ objectCalls, databaseCalls }).toEqual({ objectCalls: ["open", "open"], databaseCalls: [] });
  });
});

test("a card that comes into force changes the list and its tag", async () => {
  const account = await newAccount();
  const before = await modelsFor(account, FOR_CODEX);
  const { "free-1": _, ...models } = TOLD.models;
  await asOperator("PUT", "/admin/rate-cards/default", { effective_at: EFFECTIVE_AT, models });
  const after = await modelsFor(account, FOR_CODEX);
  expect(after.headers.get("etag")).not.toBe(before.headers.get("etag"));
  expect((await after.json<ModelsBody>()).models?.map(({ slug }) => slug)).not.toContain("free-1");
  await asOperator("PUT", "/admin/rate-cards/default", TOLD);
  expect((await modelsFor(account, FOR_CODEX)).headers.get("etag")).toBe(before.headers.get("etag"));
});

describe("a probe of /v1/responses", () => {
  test("by HEAD, without a key, is told that somebody is here, without a look at any storage", async () => {
    const { gateway, objectCalls, databaseCalls } = watchedGateway();
    const response = await withoutUpstreamCall(() => gateway("/v1/responses", { method: "HEAD" }));
    expect(response.status).toBe(204);
    expect(response.headers.get("allow")).toBe("GET, HEAD, POST");
    expect(requestIdOf(response)).toMatch(/^req_/);
    expect([...objectCalls, ...databaseCalls]).toEqual([]);
  });

  test("by GET without an upgrade is told what to do instead", async () => {
    const { gateway, objectCalls, databaseCalls } = watchedGateway();
    const response = await withoutUpstreamCall(() => gateway("/v1/responses"));
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("HEAD, POST");
    expect((await response.json<ErrorBody>()).error).toMatchObject({
      type: "invalid_request_error",
      code: "method_not_allowed",
      message: expect.stringContaining("POST /v1/responses"),
    });
    expect([...objectCalls, ...databaseCalls]).toEqual([]);
  });
});

/** The same gateway with an empty catalog cache; `seen` tells what it asks of objects and of the database. */
function watchedGateway() {
  const { DB, ACCOUNTS } = env as Env;
  const objectCalls: string[] = [];
  const databaseCalls: string[] = [];
  const accounts = new Proxy(ACCOUNTS, {
    get: (_, method) =>
      method === "getByName" ? (id: string) => watched(ACCOUNTS.getByName(id), objectCalls) : undefined,
  });
  return { gateway: gatewayWith({ DB: watched(DB, databaseCalls), ACCOUNTS: accounts }), objectCalls, databaseCalls };
}

/** `target`, whose methods write their names to `calls` when they are called. */
function watched<Target extends object>(target: Target, calls: string[]): Target {
  return new Proxy(target, {
    get(_, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      return (...given: unknown[]) => {
        calls.push(String(name));
        return Reflect.apply(method, target, given);
      };
    },
  });
}
