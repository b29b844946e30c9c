import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../scripts/local-gateway.ts";
import { createSimulator } from "../../simulator/app.ts";
import { AUTHORIZED, json, KEY, type ResponseBody } from "./client.ts";

const START_MS = 30_000;
const SECRET = `whsec_${btoa("a secret between two tests")}`;

interface Received {
  readonly headers: Record<string, string>;
  readonly body: string;
}

let simulator: Simulator;
let client: OpenAI;
let url: string;
let received: Received[];

const receiver = createServer(async (request, response) => {
  const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)]);
  received.push({ headers: Object.fromEntries(headers), body: await text(request) });
  response.end();
});

beforeAll(async () => {
  simulator = await startSimulator("none");
  client = new OpenAI({ apiKey: KEY, baseURL: `${simulator.url}/v1`, maxRetries: 0 });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const address = receiver.address();
  if (address === null || typeof address === "string") throw new Error("the receiver has no port");
  url = `http://127.0.0.1:${address.port}/webhooks?from=upstream`;
}, START_MS);

afterAll(async () => {
  receiver.close();
  await simulator.dispose();
});

beforeEach(() => {
  received = [];
});

const told = (controls: string) => `webhook=${url};webhook_secret=${SECRET};${controls}`;
const video = (controls: string) => client.videos.create({ prompt: `A cat [simulate: ${told(controls)}]` });
const background = (controls: string) =>
  client.responses.create(
    { model: "gpt-5.4", input: "Hi", background: true },
    { headers: { "x-simulate": told(controls) } },
  );

async function next(count = 1): Promise<Received[]> {
  await expect.poll(() => received.length, { timeout: 30_000 }).toBe(count);
  return received;
}

/** The event, as the SDK unwraps it; throws where the signature is not right. */
const unwrapped = ({ body, headers }: Received) => client.webhooks.unwrap(body, headers, SECRET);

describe("a webhook", () => {
  it.each([
    ["video", video, "video=100", "video.completed"],
    ["video", video, "video=100;failed", "video.failed"],
    ["video", video, "video=100;moderated", "video.failed"],
    ["video", video, "video=100;expired", "video.failed"],
    ["response", background, "background=100", "response.completed"],
    ["response", background, "background=100;failed", "response.failed"],
    ["response", background, "background=100;incomplete", "response.incomplete"],
  ])("tells the end of a %s (%#), signed", async (_, start, controls, type) => {
    const { id } = await start(controls);
    expect(received).toEqual([]);
    for (const delivery of await next()) {
      expect(await unwrapped(delivery)).toEqual({
        object: "event",
        id: expect.stringMatching(/^evt_/),
        type,
        created_at: expect.any(Number),
        data: { id },
      });
      await expect(client.webhooks.unwrap(`${delivery.body} `, delivery.headers, SECRET)).rejects.toThrow();
    }
  });

  it("tells a cancellation when it happens", async () => {
    const { id } = await background("background=60000");
    await client.responses.cancel(id);
    const [delivery] = await next();
    expect(JSON.parse(delivery?.body ?? "")).toMatchObject({ type: "response.cancelled", data: { id } });
  });

  it("comes twice where that is asked for, the same but for its timestamp", async () => {
    await video("video=0;webhook_twice");
    const [first, second] = await next(2);
    expect(second?.body).toBe(first?.body);
    expect(second?.headers["webhook-id"]).toBe(first?.headers["webhook-id"]);
    expect(Number(second?.headers["webhook-timestamp"])).toBeGreaterThan(Number(first?.headers["webhook-timestamp"]));
    for (const delivery of received) await unwrapped(delivery);
  });

  it("comes also for a video whose answer was lost, and once for a key that comes again", async () => {
    const options = { headers: { "idempotency-key": "once" } };
    const prompt = `A cat [simulate: ${told("video=50;lose_answer")}]`;
    await expect(client.videos.create({ prompt }, options)).rejects.toThrow();
    const { id } = await client.videos.create({ prompt }, options);
    const [delivery] = await next();
    expect(JSON.parse(delivery?.body ?? "").data).toEqual({ id });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(received).toHaveLength(1);
  });

  it("goes where the simulator's variables say, unless a request says otherwise", async () => {
    const env = { SIMULATE_WEBHOOK_URL: url, SIMULATE_WEBHOOK_SECRET: SECRET };
    const order = { model: "gpt-5.4", input: "Hi", background: true };
    const headers = { ...AUTHORIZED.headers, "x-simulate": "background=20" };
    const init = { method: "POST", headers, body: JSON.stringify(order) };
    const { id } = await json<ResponseBody>(createSimulator().request("/v1/responses", init, env));
    const [delivery] = await next();
    expect(JSON.parse(delivery?.body ?? "").data).toEqual({ id });
  });

  it("needs a secret that can sign", async () => {
    const without = client.videos.create({ prompt: `A cat [simulate: webhook=${url}]` });
    await expect(without).rejects.toMatchObject({ status: 400, code: "invalid_control" });
    const odd = client.videos.create({ prompt: "A cat [simulate: webhook_secret=whsec_abc]" });
    await expect(odd).rejects.toMatchObject({ status: 400, code: "invalid_control" });
  });
});
