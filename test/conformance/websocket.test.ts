import OpenAI from "openai";
import { ResponsesWS } from "openai/resources/responses/ws";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AdminClient } from "../../scripts/admin-client.ts";
import { type LocalGateway, startLocalGateway } from "../../scripts/local-gateway.ts";
import { type Customer, endedReceipt, makeCustomer, micro, until } from "../system/customer.ts";

const ADMIN_TOKEN = "operator-of-the-socket-test";
const MODEL = "plain-model";
/** Every token of either kind costs the same, so that a charge is read off the usage. */
const MICRO_PER_TOKEN = 100;

const RATE_CARD = {
  models: {
    [MODEL]: {
      feature: "codex",
      per_million_tokens: { input: "100", cached_input: "100", output: "100" },
      max_output_tokens: 1_000,
      source: "made up for this test",
      as_of: "2026-11-22",
    },
  },
};
const PLAN = { name: "Open", features: { codex: { models: ["*"] } } };

let gateway: LocalGateway;
let admin: AdminClient;
let customer: Customer;

beforeAll(async () => {
  gateway = await startLocalGateway({
    port: 0,
    withSimulator: true,
    vars: { SPILLWAY_ADMIN_TOKEN: ADMIN_TOKEN, SPILLWAY_KEY_SECRET: "key-secret-of-the-conformance-test" },
    log: "none",
  });
  admin = new AdminClient(gateway.url, ADMIN_TOKEN);
  await admin.request("PUT", "/admin/rate-cards/default", { body: RATE_CARD });
  await admin.request("PUT", "/admin/plans/open", { body: PLAN });
  customer = await makeCustomer(admin, { plan: "open", credits: "100" });
});

afterAll(async () => {
  await gateway?.dispose();
});

type Create = Omit<OpenAI.Responses.ResponsesClientEvent.ResponseCreate, "type" | "model">;
type ServerEvent = OpenAI.Responses.ResponsesServerEvent;

/** A connection as any user of the SDK makes it: only the base URL and the key are ours. */
class Connection {
  readonly socket: ResponsesWS;
  readonly closed: Promise<number>;
  readonly #events: ServerEvent[] = [];
  readonly #simulate: string;

  /** `simulate`: controls of the simulated upstream. */
  constructor(simulate: string, apiKey = customer.key) {
    const openai = new OpenAI({ apiKey, baseURL: `${gateway.url}/v1` });
    this.socket = new ResponsesWS(openai);
    this.#simulate = simulate;
    const closed = Promise.withResolvers<number>();
    this.closed = closed.promise;
    this.socket.on("event", (event) => this.#events.push(event));
    this.socket.on("error", () => undefined);
    this.socket.on("close", (code) => closed.resolve(code));
  }

  send(create: Create): void {
    const metadata = { simulate: this.#simulate };
    this.socket.send({ type: "response.create", model: MODEL, store: false, metadata, ...create });
  }

  /** The next event that `wanted` holds for. */
  next(wanted: (event: ServerEvent) => boolean): Promise<ServerEvent> {
    return until("an event", 30_000, async () => {
      const at = this.#events.findIndex(wanted);
      return at < 0 ? null : (this.#events.splice(at, 1)[0] ?? null);
    });
  }

  async completed(streamId?: string): Promise<OpenAI.Responses.Response> {
    const event = await this.next(
      (event) => event.type === "response.completed" && (streamId === undefined || event.stream_id === streamId),
    );
    if (event.type !== "response.completed") throw new Error(event.type);
    return event.response;
  }

  /** The id of the request of a response, as the frame with the caller's limits tells it. */
  async requestId(): Promise<string> {
    const limits: object = await this.next(({ type }) => (type as string) === "codex.rate_limits");
    const { spillway } = limits as { spillway: { request_id: string } };
    return spillway.request_id;
  }
}

describe.each(["pass", "bridge"] as const)("ResponsesWS of the openai SDK, upstream in the mode %s", (websocket) => {
  beforeAll(async () => {
    await admin.request("PUT", "/admin/upstreams/default", { body: { websocket } });
  });

  it("gets its answers, and every one of them is charged by its own usage", async () => {
    const connection = new Connection("output=20;pace=0");
    let told = "";
    connection.socket.on("response.output_text.delta", ({ delta }) => {
      told += delta;
    });
    for (const input of ["Hello", "Hello again, and at some length"]) {
      told = "";
      connection.send({ input });
      const requestId = await connection.requestId();
      const { usage, output } = await connection.completed();
      const [message] = output;
      expect(message?.type === "message" && message.content[0]).toMatchObject({ text: told });
      const receipt = await endedReceipt(gateway.url, customer, requestId);
      expect(receipt.usage).toMatchObject({ input_tokens: usage?.input_tokens, output_tokens: 20, estimated: false });
      expect(micro(receipt.charge?.amount ?? "")).toBe(MICRO_PER_TOKEN * (usage?.total_tokens ?? 0));
    }
    connection.socket.close();
  });

  it("goes on from a response that only this connection knows", async () => {
    const connection = new Connection("output=5;pace=0");
    connection.send({ generate: false, input: "You are a poet. ".repeat(20) });
    const prepared = await connection.completed();
    connection.send({ input: "Go.", previous_response_id: prepared.id });
    const first = await connection.completed();
    connection.send({ input: "More.", previous_response_id: first.id });
    const second = await connection.completed();
    expect(second.usage?.input_tokens).toBeGreaterThan(first.usage?.input_tokens ?? 0);
    connection.socket.close();
  });

  it("has several responses at once, told apart by their streams", async () => {
    const connection = new Connection("output=10;pace=10");
    connection.send({ input: "one", stream_id: "a" });
    connection.send({ input: "two", stream_id: "b" });
    const [a, b] = await Promise.all([connection.completed("a"), connection.completed("b")]);
    expect(a.id).not.toBe(b.id);
    connection.socket.close();
  });

  it("hears of a refusal with its status, and the connection goes on", async () => {
    const connection = new Connection("output=5;pace=0");
    connection.send({ input: "Hello", previous_response_id: "resp_nobody_made" });
    const refused = await connection.next(({ type }) => type === "error");
    expect(refused).toMatchObject({ status: 400, error: { code: "previous_response_not_found" } });
    connection.send({ input: "Hello" });
    expect((await connection.completed()).status).toBe("completed");
    connection.socket.close();
  });

  it("is not let in with a key that is not good", async () => {
    const connection = new Connection("output=5", "sk-spill-nonsense");
    const refused = await new Promise<Error>((resolve) => connection.socket.on("error", resolve));
    expect(refused.message).toContain("401");
  });
});
