import { afterEach, describe, expect, test, vi } from "vitest";
import type { Reading } from "../../src/protocol/adapter.ts";
import { ResponsesMeter } from "../../src/protocol/responses-meter.ts";
import { type Relayed, type RelayOptions, relay } from "../../src/proxy/relay.ts";
import { Watchdog } from "../../src/proxy/watchdog.ts";
import { eventually } from "../support/gateway.ts";

afterEach(() => {
  vi.useRealTimers();
});

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const MEBIBYTE = 1024 * 1024;

function event(type: string, more: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
}

const CREATED = event("response.created", { response: { id: "resp_1" } });
const DELTA = event("response.output_text.delta", { delta: "word" });
const COMPLETED = event("response.completed", {
  response: { id: "resp_1", usage: { input_tokens: 5, output_tokens: 7 } },
});
const PADDING = event("response.padding", { text: "x".repeat(64 * 1024) });
const SIGN = event("sign.of.life", {});
const SECRET = "sk-upstream-0123456789";

/** An upstream whose pieces are sent by hand, and the relay behind it. */
class Story {
  readonly told: [string, Reading][] = [];
  readonly cuts: string[] = [];
  readonly relayed: Relayed;
  readonly #upstream: WritableStreamDefaultWriter<Uint8Array>;

  constructor(options: Partial<RelayOptions> = {}) {
    const { readable, writable } = new IdentityTransformStream();
    this.#upstream = writable.getWriter();
    const cut = (reason: string): void => {
      this.cuts.push(reason);
    };
    const patience = { connectMs: 60_000, firstByteMs: 60_000, idleMs: 60_000, totalMs: 60_000 };
    this.relayed = relay(readable, {
      meter: new ResponsesMeter({ leastInput: 3, calls: {}, serviceTier: null }),
      rewriter: null,
      keepAlive: null,
      secret: "",
      cut,
      watchdog: new Watchdog(patience, true, cut),
      onProgress: async (reading) => {
        this.told.push(["progress", reading]);
      },
      onClientGone: async (reading) => {
        this.told.push(["gone", reading]);
      },
      ...options,
    });
  }

  /** Sends a piece; fulfilled when the gateway has read it. */
  send(text: string): Promise<void> {
    return this.#upstream.write(encoder.encode(text));
  }

  close(): Promise<void> {
    return this.#upstream.close();
  }

  reset(): Promise<void> {
    return this.#upstream.abort(new Error("reset"));
  }

  client(): Client {
    return new Client(this.relayed.readable);
  }
}

class Client {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(readable: ReadableStream<Uint8Array>) {
    this.#reader = readable.getReader();
  }

  /** The next piece; `null` at the end. */
  async next(): Promise<string | null> {
    const { done, value } = await this.#reader.read();
    return done ? null : decoder.decode(value);
  }

  async rest(): Promise<string> {
    let text = "";
    for (let piece = await this.next(); piece !== null; piece = await this.next()) text += piece;
    return text;
  }

  leave(): Promise<void> {
    return this.#reader.cancel();
  }
}

describe("the key that upstream was asked with", () => {
  const FAILED = event("error", { message: `Not with ${SECRET}, nor with ${SECRET}` });
  const stars = "*".repeat(SECRET.length);

  test("is told to nobody, wherever the stream is cut, and everything else passes", async () => {
    const at = FAILED.indexOf(SECRET);
    const cuts = Array.from({ length: SECRET.length + 1 }, (_, index) => at + index);
    await Promise.all(
      cuts.map(async (cut) => {
        const story = new Story({ secret: SECRET });
        const told = story.client().rest();
        for (const piece of [CREATED, FAILED.slice(0, cut), FAILED.slice(cut), COMPLETED]) await story.send(piece);
        await story.close();
        expect([cut, await told]).toEqual([cut, CREATED + FAILED.replaceAll(SECRET, stars) + COMPLETED]);
      }),
    );
  });

  test("holds nothing back for ever: an end that it might have begun with is sent", async () => {
    const story = new Story({ secret: SECRET });
    const client = story.client();
    await story.send(`${COMPLETED}: the beginning of ${SECRET.slice(0, 5)}`);
    await story.close();
    expect(await client.rest()).toBe(`${COMPLETED}: the beginning of ${SECRET.slice(0, 5)}`);
  });
});

describe("pieces", () => {
  test("go to the client one by one as they come, before the next one is there", async () => {
    const story = new Story();
    const client = story.client();
    for (const piece of [CREATED, DELTA, DELTA.slice(0, 9), DELTA.slice(9), COMPLETED]) {
      await story.send(piece);
      expect(await client.next()).toBe(piece);
    }
    await story.close();
    expect(await client.next()).toBeNull();
    expect(await story.relayed.ended).toMatchObject({
      transport: "whole",
      reading: { end: "completed", usage: { outputTokens: 7 } },
    });
    expect(story.told).toEqual([]);
  });

  test("are read whether or not anybody takes them", async () => {
    const story = new Story();
    for (let count = 0; count < 100; count += 1) await story.send(DELTA);
    await story.send(COMPLETED);
    await story.close();
    expect((await story.relayed.ended).transport).toBe("whole");
    expect(await story.client().rest()).toBe(DELTA.repeat(100) + COMPLETED);
  });

  test("reach the client before the break that follows them", async () => {
    for (const end of ["close", "reset"] as const) {
      const story = new Story();
      await story.send(DELTA);
      await story[end]();
      expect(await story.relayed.ended).toMatchObject({ transport: "broken", reading: { end: "open" } });
      const client = story.client();
      expect(await client.next()).toBe(DELTA);
      await expect(client.next()).rejects.toThrow();
    }
  });

  test("after the last event change nothing, and neither does a reset", async () => {
    const story = new Story();
    await story.send(COMPLETED);
    await story.send(": bye\n\n");
    await story.reset();
    expect(await story.relayed.ended).toMatchObject({ transport: "whole", reading: { end: "completed" } });
  });
});

describe("a client that leaves", () => {
  test("is noticed once, with what was counted until then, and upstream is read on", async () => {
    const story = new Story();
    const client = story.client();
    await story.send(DELTA);
    await client.next();
    await client.leave();
    for (let count = 0; count < 20; count += 1) await story.send(DELTA);
    await story.send(COMPLETED);
    await story.close();
    expect(await story.relayed.ended).toMatchObject({ transport: "whole", reading: { usage: { outputTokens: 7 } } });
    expect(story.told.map(([what]) => what)).toEqual(["gone"]);
    expect(story.told[0]?.[1]).toMatchObject({ end: "open", counted: { inputTokens: 3 } });
  });

  test("after the last byte has not left early", async () => {
    const story = new Story();
    await story.send(COMPLETED);
    await story.close();
    await story.relayed.ended;
    await story.client().rest();
    expect(story.told).toEqual([]);
  });
});

describe("a client that reads slowly", () => {
  test("is waited for while it reads on, and gets every byte", async () => {
    const story = new Story();
    const count = (10 * MEBIBYTE) / PADDING.length;
    const sent = (async () => {
      for (let index = 0; index < count; index += 1) await story.send(PADDING);
      await story.send(COMPLETED);
      await story.close();
    })();
    await scheduler.wait(50);
    const read = await story.client().rest();
    await sent;
    expect(read.length).toBe(PADDING.length * Math.ceil(count) + COMPLETED.length);
    expect((await story.relayed.ended).transport).toBe("whole");
  });

  test("and no longer reads at all is given up, and the answer is metered to its end", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const story = new Story();
    const count = (10 * MEBIBYTE) / PADDING.length;
    let sent = 0;
    const all = (async () => {
      for (; sent < count; sent += 1) await story.send(PADDING);
      await story.send(COMPLETED);
      await story.close();
    })();
    await eventually(async () => expect(sent).toBeGreaterThan(7.5 * 16));
    await scheduler.wait(200);
    expect(sent).toBeLessThan(8.5 * 16);
    vi.advanceTimersByTime(10_000);
    await all;
    expect(await story.relayed.ended).toMatchObject({ transport: "whole", reading: { usage: { outputTokens: 7 } } });
    await expect(story.client().rest()).rejects.toThrow();
    expect(story.told).toEqual([]);
  });
});

describe("signs of life", () => {
  const keepAlive = { everyMs: 40, event: encoder.encode(SIGN) };

  test("fill a silence between two events, and not before it has lasted", async () => {
    const story = new Story({ keepAlive });
    const client = story.client();
    const begun = Date.now();
    await story.send(DELTA);
    expect(await client.next()).toBe(DELTA);
    expect(await client.next()).toBe(SIGN);
    expect(Date.now() - begun).toBeGreaterThanOrEqual(35);
    expect(await client.next()).toBe(SIGN);
    await story.send(COMPLETED);
    await story.close();
    const rest = await client.rest();
    expect(rest.endsWith(COMPLETED)).toBe(true);
  });

  test.each(["\n", "\r\n", "\r"])("never stand inside an event, whose lines end with %j", async (lineEnd) => {
    const whole = DELTA.replaceAll("\n", lineEnd);
    for (const at of [1, 10, whole.length - lineEnd.length]) {
      const story = new Story({ keepAlive });
      const client = story.client();
      await story.send(whole.slice(0, at));
      await scheduler.wait(130);
      await story.send(whole.slice(at));
      expect(await client.next()).toBe(whole.slice(0, at));
      expect(await client.next()).toBe(whole.slice(at));
      expect(await client.next()).toBe(SIGN);
      await story.close();
    }
  });

  test("tell that a client has left while upstream is silent", async () => {
    const story = new Story({ keepAlive });
    const client = story.client();
    await story.send(DELTA);
    await client.next();
    await client.leave();
    await eventually(async () => expect(story.told.map(([what]) => what)).toEqual(["gone"]));
    await story.close();
  });
});

describe("an answer whose id must be known to us first", () => {
  test("is held back until its owner is recorded", async () => {
    const recorded = Promise.withResolvers<boolean>();
    const ids: (string | null)[] = [];
    const story = new Story({
      onAnswerId: ({ answerId }) => {
        ids.push(answerId);
        return recorded.promise;
      },
    });
    const client = story.client();
    let seen: string | null = null;
    const first = client.next().then((piece) => {
      seen = piece;
    });
    await story.send(CREATED.slice(0, -5));
    await story.send(CREATED.slice(-5));
    await eventually(async () => expect(ids).toEqual(["resp_1"]));
    await scheduler.wait(30);
    expect({ ids, seen }).toEqual({ ids: ["resp_1"], seen: null });
    recorded.resolve(true);
    await first;
    expect(seen).toBe(CREATED.slice(0, -5));
    const rest = client.rest();
    await story.send(COMPLETED);
    await story.close();
    expect(await rest).toBe(CREATED.slice(-5) + COMPLETED);
    expect(ids).toEqual(["resp_1"]);
  });

  test("is not held back for ever where upstream does not name it", async () => {
    const story = new Story({ onAnswerId: async () => true });
    const client = story.client();
    await story.send(DELTA);
    expect(await client.next()).toBe(DELTA);
    await story.close();
  });
});

test("what was counted so far is told every thirty seconds, in a silence too", async () => {
  vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
  const patience = { connectMs: 600_000, firstByteMs: 600_000, idleMs: 600_000, totalMs: 600_000 };
  const story = new Story({ watchdog: new Watchdog(patience, true, () => undefined) });
  const client = story.client();
  for (let count = 0; count < 4; count += 1) {
    vi.advanceTimersByTime(20_000);
    await story.send(DELTA);
    await client.next();
  }
  vi.advanceTimersByTime(60_000);
  await story.send(COMPLETED);
  await story.close();
  await story.relayed.ended;
  const told = story.told.map(([what, { counted }]) => [what, counted.outputTokens]);
  expect(told).toEqual([
    ["progress", 1],
    ["progress", 3],
    ["progress", 4],
    ["progress", 4],
  ]);
});

test("a stream beyond all bounds is cut", async () => {
  const story = new Story();
  const client = story.client();
  const line = `data: ${"x".repeat(MEBIBYTE)}\n`;
  const sending = (async () => {
    for (let count = 0; count < 12; count += 1) await story.send(line);
  })().catch(() => undefined);
  await expect(client.rest()).rejects.toThrow();
  expect(await story.relayed.ended).toMatchObject({ transport: "broken", reading: { end: "open" } });
  expect(story.cuts).toEqual(["upstream_protocol"]);
  void sending;
});
