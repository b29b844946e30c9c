import { beforeEach, describe, expect, it } from "vitest";
import { freshSimulator, journal, KEY, lastRequest, post, RESPONSES, request } from "./client.ts";

beforeEach(freshSimulator);

describe("the journal", () => {
  it("shows each request as it arrived, with a fingerprint in place of the key", async () => {
    await (await post(RESPONSES, "output=1", { stream: true, stream_options: { x: 1 }, tools: [1, 2] })).text();
    const whole = await journal();
    expect(whole.counters).toMatchObject({ received: 1, by_route: { "POST /v1/responses": 1 } });
    const request = await lastRequest();
    expect(request).toMatchObject({ method: "POST", host: "localhost", path: RESPONSES });
    expect(request).toMatchObject({ model: "gpt-5.4", stream: true, status: 200 });
    expect(request.fields).toMatchObject({ input: "Hi", stream_options: '{"x":1}', tools: "[2 items]" });
    expect(request.body_bytes).toBeGreaterThan(50);
    expect(request.headers["x-simulate"]).toBe("pace=0;output=1");
    expect(request.headers.authorization).toMatch(/^Bearer sha256:[0-9a-f]{16}$/);
    expect(JSON.stringify(whole)).not.toContain(KEY);
    expect(request.ending).toBe("complete");
  });

  it("tells a stream that was read to its end from one that the caller dropped", async () => {
    const response = await post(RESPONSES, "pace=5;output=1000", { stream: true });
    const reader = response.body?.getReader();
    await reader?.read();
    expect(await lastRequest()).toMatchObject({ ending: "open" });
    await reader?.cancel();
    expect((await journal()).counters.by_ending).toEqual({ open: 0, complete: 0, cancelled: 1, broken: 0 });
  });

  it("keeps the last 100 requests and counts them all, until it is cleared", async () => {
    for (let i = 0; i < 105; i++) await request(`/v1/nothing/${i}`);
    const full = await journal();
    expect(full.requests).toHaveLength(100);
    expect(full.requests.at(-1)?.path).toBe("/v1/nothing/104");
    expect(full.counters).toMatchObject({ received: 105, by_route: { other: 105 } });

    expect((await request("/simulator/requests", { method: "DELETE" })).status).toBe(204);
    expect(await journal()).toMatchObject({ counters: { received: 0 }, requests: [] });
  });

  it("does not count an exchange twice that began before a clearing", async () => {
    const response = await post(RESPONSES, "output=2", { stream: true });
    await request("/simulator/requests", { method: "DELETE" });
    await response.text();
    expect((await journal()).counters.by_ending).toEqual({ open: 0, complete: 0, cancelled: 0, broken: 0 });
  });

  it("cuts what is long", async () => {
    await post(RESPONSES, "", { input: "x".repeat(50_000) }, { headers: { "x-long": "y".repeat(50_000) } });
    expect(JSON.stringify(await journal()).length).toBeLessThan(8_000);
  });
});
