import { beforeAll, describe, expect, test } from "vitest";
import { createApp } from "../../src/app.ts";
import {
  accountOf,
  ask,
  asOperator,
  bearer,
  call,
  confirmedReceipt,
  eventually,
  newAccount,
  newKey,
  openGateway,
  putPlan,
  requestIdOf,
  send,
  type TestAccount,
} from "../support/gateway.ts";
import { CARD } from "../support/offer.ts";
import { ClientSocket, refusal, upgrade } from "../support/socket.ts";
import { fakeStripe, orderFor, PACK, sessionOf, tell } from "../support/stripe.ts";
import type { ErrorBody, Page } from "../support/wire.ts";

// bad input no. 7: what belongs to one account does not exist for another

const HOST = "https://gateway.test";
const ASKED = { model: "flat-1", input: "x", max_output_tokens: 10 };
const VIDEO = { model: "sora-2", prompt: "A spillway at dawn", seconds: "4", size: "720x1280" };

/** A route of the application as Hono has it, `GET /api/requests/:id`. */
type Route = `${string} ${string}`;

/** Everything that is served, each once. Middleware stands in the list as well. */
const ROUTES: readonly Route[] = [
  ...new Set(
    createApp()
      .routes.filter(({ method }) => method !== "ALL")
      .map(({ method, path }): Route => `${method} ${path}`),
  ),
];
/** Names in paths that name nothing of anybody's: files of the pages, and models, of which each plan has its own list. */
const NOBODYS = /^GET (\/dashboard\/assets\/|\/docs\/|\/v1\/models\/)/;
const isOperators = (route: Route) => /^\w+ (\/dashboard)?\/admin(\/|$)/.test(route);
const withId = ROUTES.filter((route) => route.includes("/:") && !NOBODYS.test(route));
const CUSTOMERS = withId.filter((route) => !isOperators(route));
const OPERATORS = withId.filter(isOperators);

/** Somebody with a key and a browser in which they are signed in. */
interface Tenant extends TestAccount {
  readonly cookie: string;
  readonly csrfToken: string;
}

type Kind = keyof typeof MAKERS;

let mallory: Tenant;
let alice: Tenant;
/** One thing of each kind that a path can name: its id. */
const alices = new Map<string, string>();

beforeAll(async () => {
  await openGateway();
  const models = { ...CARD.models, "sora-2": { ...CARD.models["sora-2"], per_call: { character: "0.5" } } };
  await asOperator("PUT", "/admin/rate-cards/default", { models });
  await asOperator("PUT", "/admin/credit-packs/small", PACK);
  await putPlan("all", { name: "All", features: { codex: { models: ["*"] }, sora: { models: ["*"] } } });
  mallory = await newTenant();
  alice = await newTenant();
  for (const [kind, make] of Object.entries(MAKERS)) alices.set(kind, await make(alice));
});

async function newTenant(): Promise<Tenant> {
  const account = await newAccount({ plan: "all", credits: "1000" });
  const body = new URLSearchParams({ key: account.key });
  const signedIn = await call("/dashboard/sign-in", { method: "POST", headers: { origin: HOST }, body });
  expect(signedIn.status).toBe(303);
  const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
  const page = await (await call("/dashboard", { headers: { cookie } })).text();
  const csrfToken = /name="csrf_token" value="([^"]+)"/.exec(page)?.[1] ?? "";
  return { ...account, cookie, csrfToken };
}

async function made<T>(response: Promise<Response>): Promise<T> {
  const answer = await response;
  expect(answer.status, await answer.clone().text()).toBeLessThan(300);
  return answer.json<T>();
}

const idOf = async (response: Promise<Response>) => (await made<{ id: string }>(response)).id;
const stored = (account: TestAccount, more: object, simulate: string) =>
  idOf(ask(account, { ...ASKED, ...more }, { simulate }));
const video = (account: TestAccount, simulate: string) =>
  idOf(send("POST", "/v1/videos", VIDEO, { ...bearer(account.key), "x-simulate": simulate }));
const endpoint = (account: TestAccount) =>
  idOf(send("POST", "/api/alert-endpoints", { url: "https://hooks.example.com/x" }, bearer(account.key)));

/** How an account comes to one of each. */
const MAKERS = {
  response: (account: TestAccount) => stored(account, {}, "output=3"),
  deletedResponse: (account: TestAccount) => stored(account, {}, "output=3"),
  background: (account: TestAccount) => stored(account, { background: true }, "background=60000"),
  video: (account: TestAccount) => video(account, "video=0"),
  deletedVideo: (account: TestAccount) => video(account, "video=0"),
  async character({ key }: TestAccount) {
    const body = new FormData();
    body.append("name", "Otto");
    body.append("video", new Blob([new Uint8Array(1_000)], { type: "video/mp4" }), "otto.mp4");
    return idOf(call("/v1/videos/characters", { method: "POST", headers: bearer(key), body }));
  },
  async request(account: TestAccount) {
    const response = await ask(account, ASKED);
    await response.text();
    return requestIdOf(response);
  },
  key: async ({ id }: TestAccount) => (await newKey(id)).id,
  rolledKey: async ({ id }: TestAccount) => (await newKey(id)).id,
  pageKey: async ({ id }: TestAccount) => (await newKey(id)).id,
  rolledPageKey: async ({ id }: TestAccount) => (await newKey(id)).id,
  endpoint,
  deletedEndpoint: endpoint,
  removedEndpoint: endpoint,
  async alert(account: TestAccount) {
    await made(send("POST", `/api/alert-endpoints/${await endpoint(account)}/test`, {}, bearer(account.key)));
    const { data } = await made<Page<{ id: string }>>(call("/api/alerts", { headers: bearer(account.key) }));
    return data[0]?.id ?? "";
  },
} satisfies Record<string, (account: TestAccount) => Promise<string>>;

function ofAlice(kind: Kind): string {
  return alices.get(kind) ?? "";
}

/** Says how many it has marked, and that is none where there is nothing to mark. */
const MARKS: ReadonlySet<Route> = new Set<Route>(["POST /api/alerts/:id/acknowledge"]);

/** Which kind of thing each route names. A route that is added and not said here fails. */
const NAMED: Readonly<Record<Route, Kind>> = {
  "GET /v1/responses/:id": "response",
  "DELETE /v1/responses/:id": "deletedResponse",
  "POST /v1/responses/:id/cancel": "background",
  "GET /v1/responses/:id/input_items": "response",
  "GET /v1/videos/characters/:id": "character",
  "POST /v1/videos/:id/remix": "video",
  "GET /v1/videos/:id": "video",
  "DELETE /v1/videos/:id": "deletedVideo",
  "GET /v1/videos/:id/content": "video",
  "GET /api/requests/:id": "request",
  "POST /api/keys/:id/roll": "rolledKey",
  "DELETE /api/keys/:id": "key",
  "POST /api/alerts/:id/acknowledge": "alert",
  "DELETE /api/alert-endpoints/:id": "deletedEndpoint",
  "POST /api/alert-endpoints/:id/rotate": "endpoint",
  "POST /api/alert-endpoints/:id/test": "endpoint",
  "GET /dashboard/requests/:id": "request",
  "POST /dashboard/keys/:id/roll": "rolledPageKey",
  "POST /dashboard/keys/:id/revoke": "pageKey",
  "POST /dashboard/alerts/webhooks/:id/rotate": "endpoint",
  "POST /dashboard/alerts/webhooks/:id/test": "endpoint",
  "POST /dashboard/alerts/webhooks/:id/remove": "removedEndpoint",
};

let addresses = 0;

/** Whoever tries the operator's door again and again is not answered any more, so everybody comes from elsewhere. */
function newAddress(): Record<string, string> {
  addresses += 1;
  return { "cf-connecting-ip": `10.0.${addresses >> 8}.${addresses & 255}` };
}

/** Asks a route about `id`: pages with the session and its token, everything else with the key. */
function knock(route: Route, id: string, who: Tenant): Promise<Response> {
  const [method = "", pattern = ""] = route.split(" ");
  const path = pattern
    // Of several verbs the first.
    .replaceAll(/:\w+\{(\w+)\|[^}]*\}/g, "$1")
    .replaceAll(/:\w+(\{[^}]*\})?/g, encodeURIComponent(id));
  if (path.startsWith("/dashboard")) return knockAtPage(method, path, who);
  const body = method === "POST" ? { prompt: "the same again" } : undefined;
  return send(method, path, path.startsWith("/v1") ? body : undefined, { ...bearer(who.key), ...newAddress() });
}

function knockAtPage(method: string, path: string, { cookie, csrfToken }: Tenant): Promise<Response> {
  const headers = { cookie, origin: HOST };
  if (method === "GET") return call(path, { headers });
  return call(path, { method, headers, body: new URLSearchParams({ csrf_token: csrfToken, overlap: "24" }) });
}

/** What a refusal says, but for what is different every time and for the id that was asked for. */
async function toldBy(response: Response, id: string): Promise<string> {
  const text = await response.text();
  return text.replaceAll(/req_[0-9a-f]{32}/g, "req_…").replaceAll(id, "ID");
}

test("every route with an id is known here", () => {
  expect(Object.keys(NAMED).sort()).toEqual([...CUSTOMERS].sort());
  expect(OPERATORS.length).toBeGreaterThan(30);
});

async function openAlerts(account: TestAccount): Promise<unknown> {
  return (await call("/api/alerts?acknowledged=false", { headers: bearer(account.key) })).json();
}

describe("for somebody else there is nothing", () => {
  test.each(CUSTOMERS)("at %s", async (route) => {
    const before = [await accountOf(alice), await openAlerts(alice)];
    for (const [kind, id] of alices) {
      const response = await knock(route, id, mallory);
      expect([kind, response.status]).toEqual([kind, MARKS.has(route) ? 200 : 404]);
      // It looks as if it had never been.
      const never = `${id.slice(0, -4)}${id.endsWith("0000") ? "1111" : "0000"}`;
      const told = await toldBy(response, id);
      expect(told).toBe(await toldBy(await knock(route, never, mallory), never));
      if (MARKS.has(route)) expect(told).toBe('{"acknowledged":0}');
      expect(told).not.toContain(alice.id);
    }
    expect([await accountOf(alice), await openAlerts(alice)]).toEqual(before);
  });

  test.each(OPERATORS)("at the operator's %s, not even for its owner", async (route) => {
    const ids = [alice.id, ...alices.values()];
    for (const id of route.startsWith("GET") ? ids : [alice.id, ofAlice("request")]) {
      for (const who of [mallory, alice]) {
        const response = await knock(route, id, who);
        if (!route.includes("/dashboard/")) {
          expect(response.status).toBe(401);
          expect((await response.json<ErrorBody>()).error.code).toBe("invalid_admin_token");
        } else {
          expect([303, 401]).toContain(response.status);
          expect(response.headers.get("location") ?? "").toMatch(/^(\/dashboard\/admin\/sign-in|$)/);
          expect(await response.text()).not.toContain(alice.id);
        }
      }
    }
  });

  test("by a name in a body", async () => {
    const [response, film, character] = [ofAlice("response"), ofAlice("video"), ofAlice("character")];
    const json = (path: string, body: object) => send("POST", path, body, bearer(mallory.key));
    const refused = [
      json("/v1/responses", { ...ASKED, previous_response_id: response }),
      json("/v1/responses", { ...ASKED, input: [{ type: "item_reference", id: response }] }),
      json("/v1/responses", { ...ASKED, input: [{ id: response }] }),
      json("/v1/responses", { ...ASKED, conversation: response }),
      json("/v1/responses/compact", { model: "flat-1", input: "x", previous_response_id: response }),
      json("/v1/responses/input_tokens", { ...ASKED, previous_response_id: response }),
      json("/api/quote", { ...ASKED, previous_response_id: response }),
      json("/v1/videos/edits", { ...VIDEO, video: { id: film } }),
      json("/v1/videos/extensions", { ...VIDEO, video: { id: film } }),
      json("/v1/videos", { ...VIDEO, characters: [{ id: character }] }),
      json("/v1/videos", { ...VIDEO, input_reference: { file_id: film } }),
    ];
    for (const answer of await Promise.all(refused)) {
      expect([400, 404]).toContain(answer.status);
      expect(await answer.text()).not.toContain(alice.id);
    }
    expect((await accountOf(mallory)).credits.used).toBe("0.000000");
  });

  test("by a name in a frame of a WebSocket", async () => {
    const { webSocket } = await upgrade(mallory.key);
    if (!webSocket) throw new Error("no WebSocket");
    const socket = new ClientSocket(webSocket);
    const refused = refusal(await socket.ask({ ...ASKED, previous_response_id: ofAlice("response") }));
    expect(refused.error?.code).toBe("previous_response_not_found");
    socket.close();
  });
});

describe("lists", () => {
  /** Reads that name nothing in their path, and what sorts or continues them. */
  const lists = ROUTES.filter(
    (route) =>
      /^GET \/(v1|api|dashboard)/.test(route) &&
      !isOperators(route) &&
      !route.includes(":") &&
      !/sign-in|^GET \/v1\/responses$/.test(route),
  );

  // X4
  test.each(lists)("%s tells of nothing but one's own, whatever is asked for", async (route) => {
    const path = route.slice("GET ".length);
    const { cookie, key } = mallory;
    const headers = path.startsWith("/dashboard") ? { cookie } : bearer(key);
    const others = [...alices.values(), alice.id];
    for (const query of [
      "",
      `?account=${alice.id}&account_id=${alice.id}`,
      `?after=${ofAlice("video")}`,
      "?limit=500&verify=1",
    ]) {
      const response = await call(path + query, { headers });
      expect(response.status, query).toBeLessThan(500);
      const shown = await response.text();
      for (const id of others) expect(shown).not.toContain(id);
    }
  });
});

describe("money", () => {
  test("is paid in for the account whose order was sealed, not for one that is named beside it", async () => {
    fakeStripe(() => ({ status: 404, body: { error: { message: "none" } } }));
    const order = { ...orderFor(mallory.id), spillway_account: alice.id };
    const before = await accountOf(alice);
    await (await tell("checkout.session.completed", sessionOf(order))).text();
    expect((await accountOf(alice)).credits).toEqual(before.credits);
  });
});

// Last, because much of it is gone afterwards. It shows that the ids were the right ones.
describe("for its owner everything is there", () => {
  test.each(CUSTOMERS)("at %s", async (route) => {
    const kind = NAMED[route];
    if (kind === undefined) throw new Error(`not said what ${route} names`);
    if (kind === "request") await confirmedReceipt(alice, ofAlice("request"));
    await eventually(async () => {
      const response = await knock(route, ofAlice(kind), alice);
      expect([200, 201, 202, 204, 303], await response.clone().text()).toContain(response.status);
    });
  });
});
