import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import {
  accountOf,
  ask,
  bearer,
  call,
  endedReceipt,
  eventually,
  forgetUpstream,
  gatewayWith,
  newAccount,
  openGateway,
  requestIdOf,
  send,
  type TestAccount,
  upstream,
  withoutUpstreamCall,
} from "../support/gateway.ts";
import { breakStorage } from "../support/object.ts";
import { readStream, StreamReader } from "../support/stream.ts";
import type { ErrorBody } from "../support/wire.ts";

/** Costs a thousandth of a credit per input token and a hundredth per output token. */
const PRICED = { model: "gpt-5.4", input: "What is a spillway?", max_output_tokens: 200 };
/** Costs a tenth of a credit per output token; at most one credit. */
const FLAT = { model: "flat-1", input: "x", max_output_tokens: 10 };

interface ResponseBody {
  readonly id: string;
  readonly status: string;
  readonly previous_response_id?: string | null;
  readonly usage: {
    readonly input_tokens: number;
    readonly output_tokens: number;
    readonly total_tokens: number;
  } | null;
  readonly output: readonly { readonly id: string; readonly type: string }[];
}

let owner: TestAccount;
let stranger: TestAccount;

beforeAll(async () => {
  await openGateway();
  owner = await newAccount({ credits: "1000" });
  stranger = await newAccount({ credits: "1000" });
});

afterEach(() => vi.useRealTimers());

async function made(
  account: TestAccount,
  body: object,
  simulate?: string,
): Promise<{ body: ResponseBody; requestId: string }> {
  const response = await ask(account, body, simulate === undefined ? {} : { simulate });
  expect(response.status).toBe(200);
  return { body: await response.json<ResponseBody>(), requestId: requestIdOf(response) };
}

function retrieve(account: TestAccount, id: string, below = ""): Promise<Response> {
  return call(`/v1/responses/${id}${below}`, { headers: bearer(account.key) });
}

async function errorOf(response: Response): Promise<ErrorBody["error"]> {
  return (await response.json<ErrorBody>()).error;
}

describe("a stored response belongs to the account that made it", () => {
  test("its owner reads it, lists its input and deletes it, for nothing", async () => {
    const { body } = await made(owner, PRICED);
    const before = await accountOf(owner);
    const read = await retrieve(owner, body.id);
    expect(await read.json()).toMatchObject({ id: body.id, status: "completed" });
    expect(await (await retrieve(owner, body.id, "/input_items")).json()).toMatchObject({ object: "list" });
    const deleted = await call(`/v1/responses/${body.id}`, { method: "DELETE", headers: bearer(owner.key) });
    expect(await deleted.json()).toMatchObject({ id: body.id, deleted: true });
    expect((await retrieve(owner, body.id)).status).toBe(404);
    expect((await accountOf(owner)).credits).toEqual(before.credits);
  });

  test("nobody else finds it, on any route, and upstream is not even asked", async () => {
    const { body } = await made(owner, PRICED);
    const item = body.output[0]?.id ?? "";
    await withoutUpstreamCall(async () => {
      const answers = [
        await retrieve(stranger, body.id),
        await retrieve(stranger, body.id, "?stream=true"),
        await retrieve(stranger, body.id, "/input_items"),
        await send("DELETE", `/v1/responses/${body.id}`, undefined, bearer(stranger.key)),
        await send("POST", `/v1/responses/${body.id}/cancel`, undefined, bearer(stranger.key)),
      ];
      for (const answer of answers) {
        expect(answer.status).toBe(404);
        expect((await errorOf(answer)).code).toBe("not_found");
      }
      const named = [
        await ask(stranger, { ...PRICED, previous_response_id: body.id }),
        await ask(stranger, { ...PRICED, input: [{ type: "item_reference", id: item }] }),
        await ask(stranger, { ...PRICED, input: [{ type: "image_generation_call", id: item }] }),
        await ask(stranger, { ...PRICED, input: [{ type: "reasoning", id: item, summary: [] }] }),
        await ask(stranger, { ...PRICED, input: [{ type: "image_generation_call", id: item, result: null }] }),
        await ask(stranger, { ...PRICED, previous_response_id: body.id }, { route: "/v1/responses/compact" }),
        await ask(stranger, { ...PRICED, previous_response_id: body.id }, { route: "/v1/responses/input_tokens" }),
      ];
      for (const answer of named) {
        expect(answer.status).toBe(400);
        expect((await errorOf(answer)).code).toBe("previous_response_not_found");
      }
    });
    expect((await accountOf(stranger)).credits.reserved).toBe("0.000000");
  });

  test("what was not stored cannot be named", async () => {
    const { body } = await made(owner, { ...PRICED, store: false });
    expect((await retrieve(owner, body.id)).status).toBe(404);
    expect((await ask(owner, { ...PRICED, previous_response_id: body.id })).status).toBe(400);
  });
});

describe("going on from an earlier response", () => {
  test("the whole context is reserved and charged as input", async () => {
    const first = await made(owner, PRICED);
    const second = await made(owner, { ...PRICED, previous_response_id: first.body.id });
    const { usage } = second.body;
    expect(usage?.input_tokens).toBeGreaterThan(first.body.usage?.total_tokens ?? 0);
    const receipt = await endedReceipt(owner, second.requestId);
    const expected = (usage?.input_tokens ?? 0) * 1_000 + (usage?.output_tokens ?? 0) * 10_000;
    expect(receipt.charge?.amount).toBe((expected / 1_000_000).toFixed(6));
    expect(receipt.charge?.overshoot).toBe("0.000000");
    const least = ((first.body.usage?.total_tokens ?? 0) * 1_000) / 1_000_000;
    expect(Number(receipt.reservation.estimated)).toBeGreaterThan(least + 0.2);
  });

  test("a client that goes on the moment its stream has ended is not refused", async () => {
    for (let round = 0; round < 5; round += 1) {
      const streamed = await ask(owner, { ...PRICED, stream: true }, { simulate: "pace=0" });
      const { text } = await readStream(streamed);
      const id = /"id":"(resp_[^"]+)"/.exec(text)?.[1] ?? "";
      const next = await ask(owner, { ...PRICED, previous_response_id: id });
      expect(next.status).toBe(200);
    }
  });

  test("items of earlier responses may be named instead of repeated", async () => {
    const first = await made(owner, PRICED);
    const input = [
      { role: "user", content: "What is a spillway?" },
      ...first.body.output.map(({ id }) => ({ type: "item_reference", id })),
      { role: "user", content: "And a weir?" },
    ];
    const second = await ask(owner, { ...PRICED, input });
    expect(second.status).toBe(200);
  });

  test("reasoning may be sent back by its id, as an answer has it", async () => {
    const first = await made(owner, PRICED);
    const reasoning = { type: "reasoning", id: first.body.output[0]?.id, summary: [] };
    const second = await ask(owner, { ...PRICED, input: [reasoning, { role: "user", content: "And then?" }] });
    expect(second.status).toBe(200);
  });

  test("images of earlier responses may be named; those that failed, or are sent back whole, name nothing", async () => {
    const first = await made(owner, PRICED);
    const named = { type: "image_generation_call", id: first.body.output[0]?.id };
    const whole = { type: "image_generation_call", id: "ig_1", status: "completed", result: "iVBORw0KGgo=" };
    const broken = { type: "image_generation_call", id: "ig_2", status: "failed", result: null };
    const second = await ask(owner, { ...PRICED, input: [named, whole, broken, { role: "user", content: "In red" }] });
    expect(second.status).toBe(200);
  });

  test.each([
    ["previous_response_id", 7],
    ["previous_response_id", "../resp_1"],
    ["input", [{ type: "item_reference" }]],
  ])("a broken reference in %s is a clear fault", async (name, value) => {
    const answer = await ask(owner, { ...PRICED, [name]: value });
    expect(answer.status).toBe(400);
    expect((await errorOf(answer)).code).toBe("invalid_value");
  });
});

describe("a background response", () => {
  const BACKGROUND = { ...FLAT, background: true };

  async function ended(account: TestAccount, id: string): Promise<ResponseBody> {
    return eventually(async () => {
      const body = await (await retrieve(account, id)).json<ResponseBody>();
      expect(["queued", "in_progress"]).not.toContain(body.status);
      return body;
    });
  }

  test("is held while it runs and settled by the read that sees its end", async () => {
    const { body, requestId } = await made(owner, BACKGROUND, "background=700;output=4");
    expect(body.status).toBe("queued");
    expect((await accountOf(owner)).credits.reserved).toBe("1.000000");
    const done = await ended(owner, body.id);
    expect(done.status).toBe("completed");
    const receipt = await endedReceipt(owner, requestId);
    expect(receipt.charge?.amount).toBe("0.400000");
    const after = await accountOf(owner);
    expect(after.credits.reserved).toBe("0.000000");
    // Reading it again, whole or as a stream, charges nothing more.
    await retrieve(owner, body.id);
    await readStream(await retrieve(owner, body.id, "?stream=true"));
    expect((await accountOf(owner)).credits).toEqual(after.credits);
  });

  // X16
  test("is settled although its client never comes back", async () => {
    const { requestId } = await made(owner, BACKGROUND, "background=300;output=3");
    const receipt = await eventually(async () => {
      const seen = await endedReceipt(owner, requestId);
      expect(seen.reservation.state).toBe("settled");
      return seen;
    });
    expect(receipt.charge?.amount).toBe("0.300000");
  });

  test("that fails without usage gives everything back", async () => {
    const before = await accountOf(owner);
    const { body, requestId } = await made(owner, BACKGROUND, "background=200;failed_no_usage;output=0");
    expect((await ended(owner, body.id)).status).toBe("failed");
    expect((await endedReceipt(owner, requestId)).reservation.state).toBe("released");
    expect((await accountOf(owner)).credits).toEqual(before.credits);
  });

  test("that is cancelled gives back what it did not use", async () => {
    const { body, requestId } = await made(owner, BACKGROUND, "background=60000");
    const cancelled = await send("POST", `/v1/responses/${body.id}/cancel`, undefined, bearer(owner.key));
    expect(await cancelled.json()).toMatchObject({ status: "cancelled" });
    const receipt = await endedReceipt(owner, requestId);
    expect(receipt.usage?.outcome).toBe("abandoned");
    expect(receipt.charge?.amount).toBe("0.000000");
    expect((await accountOf(owner)).credits.reserved).toBe("0.000000");
  });

  test("that is deleted while it runs is cancelled and released first", async () => {
    const { body, requestId } = await made(owner, BACKGROUND, "background=60000");
    const deleted = await send("DELETE", `/v1/responses/${body.id}`, undefined, bearer(owner.key));
    expect(deleted.status).toBe(200);
    expect((await endedReceipt(owner, requestId)).charge?.amount).toBe("0.000000");
  });

  test("that has ended unseen is charged when it is deleted", async () => {
    const { body, requestId } = await made(owner, BACKGROUND, "background=50;output=3");
    await scheduler.wait(100);
    const deleted = await send("DELETE", `/v1/responses/${body.id}`, undefined, bearer(owner.key));
    expect(await deleted.json()).toMatchObject({ id: body.id, deleted: true });
    expect((await endedReceipt(owner, requestId)).charge?.amount).toBe("0.300000");
    expect((await retrieve(owner, body.id)).status).toBe(404);
  });

  test("whose stream breaks can be taken up again and is charged once", async () => {
    const response = await ask(owner, { ...BACKGROUND, stream: true }, { simulate: "background=600;output=4" });
    const requestId = requestIdOf(response);
    const reader = new StreamReader(response);
    await reader.until("resp_");
    const id = /"id":"(resp_[^"]+)"/.exec(reader.text)?.[1] ?? "";
    await reader.leave();
    const resumed = await retrieve(owner, id, "?stream=true&starting_after=0");
    expect(resumed.headers.get("content-type")).toContain("text/event-stream");
    const { text, broken } = await readStream(resumed);
    expect(broken).toBe(false);
    expect(text).toContain("response.completed");
    const receipt = await endedReceipt(owner, requestId);
    expect(receipt.charge?.amount).toBe("0.400000");
  });

  test("that thinks for long is not lost to a reader who takes its stream up again meanwhile", async () => {
    const { body } = await made(owner, BACKGROUND, "background=3000;output=4");
    const gateway = gatewayWith({ UPSTREAM_IDLE_MS: "100" });
    vi.useFakeTimers({ toFake: ["Date"] });
    const path = `/v1/responses/${body.id}?stream=true&starting_after=1`;
    const resumed = await gateway(path, { headers: bearer(owner.key) });
    vi.setSystemTime(Date.now() + 60_000);
    const { text, broken } = await readStream(resumed);
    expect([broken, text.includes("response.completed")]).toEqual([false, true]);
  });

  test.each([false, true])("whose owner cannot be noted is told to nobody, streamed: %s", async (stream) => {
    const account = await newAccount({ credits: "10" });
    const storage = await breakStorage(account, "resources");
    const response = await ask(account, { ...BACKGROUND, stream }, { simulate: "background=60000" });
    const { text, broken } = await readStream(response);
    await storage.mend();
    expect(text).not.toContain("resp_");
    if (stream) {
      expect([text, broken]).toEqual(["", true]);
    } else {
      expect([response.status, response.headers.get("x-should-retry")]).toEqual([502, "false"]);
      expect(JSON.parse(text)).toMatchObject({ error: { code: "creation_unknown" } });
    }
    expect((await accountOf(account)).credits.used).toBe("0.000000");
  });

  test("needs to be stored", async () => {
    const answer = await ask(owner, { ...BACKGROUND, store: false });
    expect(answer.status).toBe(400);
    expect((await errorOf(answer)).code).toBe("unsupported_parameter");
  });

  test("keeps its reservation when upstream cannot be asked, and settles later", async () => {
    const { body, requestId } = await made(owner, BACKGROUND, "background=200;output=2");
    const failing = await call(`/v1/responses/${body.id}`, {
      headers: { ...bearer(owner.key), "x-simulate": "status=500" },
    });
    expect(failing.status).toBe(503);
    expect((await accountOf(owner)).credits.reserved).toBe("1.000000");
    await ended(owner, body.id);
    expect((await endedReceipt(owner, requestId)).charge?.amount).toBe("0.200000");
  });
});

describe("compaction and counting", () => {
  // C16
  test("a compaction is charged by its usage, and its item passes untouched", async () => {
    const response = await ask(owner, { ...PRICED }, { route: "/v1/responses/compact" });
    expect(response.status).toBe(200);
    const body = await response.json<ResponseBody & { object: string }>();
    expect(body.object).toBe("response.compaction");
    expect(body.output.filter(({ type }) => type === "compaction")).toHaveLength(1);
    const { usage } = body;
    const expected = (usage?.input_tokens ?? 0) * 1_000 + (usage?.output_tokens ?? 0) * 10_000;
    const receipt = await endedReceipt(owner, requestIdOf(response));
    expect(receipt.charge?.amount).toBe((expected / 1_000_000).toFixed(6));
  });

  // C20
  test("counting input costs nothing and works without credits", async () => {
    const poor = await newAccount();
    const response = await ask(poor, PRICED, { route: "/v1/responses/input_tokens" });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ object: "response.input_tokens" });
    expect((await accountOf(poor)).as_of_seq).toBe(0);
  });

  test("counting is refused for a model that is not offered, and for a bad key", async () => {
    const unknown = await ask(owner, { ...PRICED, model: "nobody-1" }, { route: "/v1/responses/input_tokens" });
    expect((await errorOf(unknown)).code).toBe("model_not_found");
    const wrong = await ask({ id: owner.id, key: "sk-spill-x" }, PRICED, { route: "/v1/responses/input_tokens" });
    expect(wrong.status).toBe(401);
  });
});

test("the operator's key reaches upstream on every route, and the caller's on none", async () => {
  await forgetUpstream();
  const { body } = await made(owner, PRICED);
  await retrieve(owner, body.id);
  const { requests } = await upstream();
  expect(requests).toHaveLength(2);
  expect(new Set(requests.map(({ headers }) => headers.authorization)).size).toBe(1);
});
