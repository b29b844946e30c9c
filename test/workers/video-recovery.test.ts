import { createExecutionContext, createScheduledController } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import type { Env } from "../../src/env.ts";
import worker from "../../src/worker.ts";
import {
  accountOf,
  bearer,
  call,
  newAccount,
  openGateway,
  putPlan,
  send,
  type TestAccount,
} from "../support/gateway.ts";

const MINUTE_MS = 60_000;

beforeAll(async () => {
  await openGateway();
  await putPlan("videos", { name: "Videos", features: { sora: { models: ["*"] } } });
});

function newOwner(): Promise<TestAccount> {
  return newAccount({ plan: "videos", credits: "100" });
}

function ask({ key }: TestAccount, prompt: string, simulate: string): Promise<Response> {
  const video = { model: "sora-2", prompt, seconds: "4", size: "720x1280" };
  return send("POST", "/v1/videos", video, { ...bearer(key), "x-simulate": simulate });
}

/** Upstream begins it, and its answer is lost. */
async function lose(account: TestAccount, prompt: string, how = "lose_answer"): Promise<void> {
  expect((await ask(account, prompt, `${how};video=1`)).status).toBe(502);
}

/** The minute's cron, as it runs that much later. */
async function cronIn(ms: number): Promise<void> {
  const controller = createScheduledController({ cron: "* * * * *", scheduledTime: Date.now() + ms });
  await worker.scheduled(controller, env as Env, createExecutionContext());
}

async function videosOf({ key }: TestAccount): Promise<string[]> {
  const list = await (await call("/v1/videos", { headers: bearer(key) })).json<{ data: { id: string }[] }>();
  return list.data.map(({ id }) => id);
}

describe("a lost video is found again", () => {
  test("also where an answer came that did not tell its id", async () => {
    const account = await newOwner();
    await lose(account, `Cut off ${crypto.randomUUID()}`, "malformed");
    await cronIn(3 * MINUTE_MS);
    expect(await videosOf(account)).toHaveLength(1);
  });

  test("among more than one page of videos that were begun since", async () => {
    const account = await newOwner();
    await lose(account, `Far down ${crypto.randomUUID()}`);
    const others = await newAccount({ plan: "videos", credits: "2000" });
    for (let count = 0; count < 110; count += 1) await ask(others, "Another", "video=1");
    await cronIn(3 * MINUTE_MS);
    expect(await videosOf(account)).toHaveLength(1);
  });

  test("once for each request that lost one, although they asked for the same", async () => {
    const account = await newOwner();
    const prompt = `Twice ${crypto.randomUUID()}`;
    await lose(account, prompt);
    await lose(account, prompt);
    await cronIn(3 * MINUTE_MS);
    expect(new Set(await videosOf(account)).size).toBe(2);
  });
});

describe("a video is given to nobody else", () => {
  test("not while another account's request for the same may still be on its way", async () => {
    const [loser, other] = [await newOwner(), await newOwner()];
    const prompt = `The same words ${crypto.randomUUID()}`;
    // Never begun: what upstream lists under these words is of the other account's request alone.
    expect((await ask(loser, prompt, "status=504")).status).toBe(502);
    await lose(other, prompt);
    await env.DB.prepare("UPDATE job_intents SET created_at = created_at - 180000 WHERE account_id = ?")
      .bind(loser.id)
      .run();
    await cronIn(0);
    expect(await videosOf(loser)).toEqual([]);
  });

  test("nor where two accounts lost the same words", async () => {
    const both = [await newOwner(), await newOwner()];
    const prompt = `Their words ${crypto.randomUUID()}`;
    for (const account of both) await lose(account, prompt);
    await cronIn(3 * MINUTE_MS);
    for (const account of both) {
      expect(await videosOf(account)).toEqual([]);
      expect((await accountOf(account)).credits.used).toBe("0.000000");
    }
  });
});
