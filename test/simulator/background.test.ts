import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ask, deltas, events, freshSimulator, json, post, RESPONSES, type ResponseBody, types } from "./client.ts";

beforeEach(freshSimulator);
afterEach(() => void vi.useRealTimers());

const start = (controls: string, body: object = {}) => post(RESPONSES, controls, { background: true, ...body });
const read = (id: string) => json(ask("GET", `${RESPONSES}/${id}`));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Lets no time pass but what is said. */
function stopClock(): (ms: number) => void {
  vi.useFakeTimers({ toFake: ["Date"] });
  return (ms) => void vi.setSystemTime(Date.now() + ms);
}

/** Reads until `id` is over. */
async function ended(id: string): Promise<ResponseBody> {
  for (;;) {
    const last = await read(id);
    if (last.status !== "queued" && last.status !== "in_progress") return last;
    expect(last).toMatchObject({ usage: null, output: [] });
    await pause(10);
  }
}

describe("background responses", () => {
  it("are queued, run on without a caller, and end with usage", async () => {
    const pass = stopClock();
    const queued = await json(start("background=500;output=7"));
    expect(queued).toMatchObject({ status: "queued", background: true, usage: null, output: [] });
    pass(99);
    expect(await read(queued.id)).toMatchObject({ status: "queued", usage: null, output: [] });
    pass(1);
    expect(await read(queued.id)).toMatchObject({ status: "in_progress", usage: null, output: [] });
    pass(400);
    const last = await read(queued.id);
    expect(last.status).toBe("completed");
    expect(last.usage.output_tokens).toBe(7);
    expect(await read(queued.id)).toEqual(last);
  });

  it.each([
    ["failed", "failed", true],
    ["failed_no_usage", "failed", false],
    ["incomplete", "incomplete", true],
    ["no_usage", "completed", false],
  ])("end as %s asks", async (control, status, hasUsage) => {
    const { id } = await json(start(`background=30;${control}`));
    const last = await ended(id);
    expect(last.status).toBe(status);
    expect("usage" in last).toBe(hasUsage);
  });

  it("need to be stored", async () => {
    expect((await start("", { store: false })).status).toBe(400);
  });

  it("stream while they run, to the first caller and to whoever comes back", async () => {
    const list = await events(start("background=150;output=5", { stream: true }));
    expect(types(list).slice(0, 3)).toEqual(["response.created", "response.queued", "response.in_progress"]);
    expect(deltas(list)).toHaveLength(5);
    expect(list.at(-1)).toMatchObject({ type: "response.completed", response: { status: "completed" } });
    expect(list.map((event) => event.sequence_number)).toEqual([...list.keys()]);

    const { id } = await json(start("background=150;output=5"));
    const joined = await events(ask("GET", `${RESPONSES}/${id}?stream=true&starting_after=2`));
    expect(types(joined)).toEqual(types(list).slice(3));
    expect(await read(id)).toMatchObject({ status: "completed" });
  });

  it("go on when a stream of them breaks off", async () => {
    const list = await events(start("background=100;output=50;eof_after=2", { stream: true }));
    expect(deltas(list)).toHaveLength(2);
    expect(await ended(list[0]?.response.id ?? "")).toMatchObject({
      status: "completed",
      usage: { output_tokens: 50 },
    });
  });

  it("are cancelled once, with usage only where it is asked for", async () => {
    const cancel = (id: string) => json(ask("POST", `${RESPONSES}/${id}/cancel`));
    const pass = stopClock();
    const { id } = await json(start("background=5000"));
    const cancelled = await cancel(id);
    expect(cancelled.status).toBe("cancelled");
    expect(cancelled).not.toHaveProperty("usage");
    expect(await cancel(id)).toEqual(cancelled);
    expect(await read(id)).toEqual(cancelled);

    const counted = await json(start("background=2000;output=1000;input=50;cancel_usage"));
    pass(1_000);
    const { usage } = await cancel(counted.id);
    expect(usage.input_tokens).toBe(50);
    expect(usage.output_tokens).toBeGreaterThan(0);
    expect(usage.output_tokens).toBeLessThan(1000);
  });

  it("stay as they are when they are cancelled too late", async () => {
    const { id } = await json(start("background=0"));
    expect((await ask("POST", `${RESPONSES}/${id}/cancel`)).status).toBe(400);
    expect(await json(ask("GET", `${RESPONSES}/${id}`))).toMatchObject({ status: "completed" });
  });

  it("end the streams of a cancelled one without a terminal event", async () => {
    const { id } = await json(start("background=600000;output=50"));
    const stream = events(ask("GET", `${RESPONSES}/${id}?stream=true`));
    await ask("POST", `${RESPONSES}/${id}/cancel`);
    expect(types(await stream)).toEqual(["response.created", "response.queued"]);
  });

  it("are the only ones that can be cancelled", async () => {
    const { id } = await json(post(RESPONSES, ""));
    const response = await ask("POST", `${RESPONSES}/${id}/cancel`);
    expect(response.status).toBe(400);
    expect((await json(response)).error.type).toBe("invalid_request_error");
    expect((await ask("POST", `${RESPONSES}/resp_unknown/cancel`)).status).toBe(404);
  });
});
