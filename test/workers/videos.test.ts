import { createExecutionContext, createScheduledController } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import type { Env } from "../../src/env.ts";
import worker from "../../src/worker.ts";
import {
  accountOf,
  asOperator,
  bearer,
  call,
  confirmedReceipt,
  endedReceipt,
  eventually,
  newAccount,
  openGateway,
  putPlan,
  receiptOf,
  requestIdOf,
  send,
  stubOf,
  type TestAccount,
  upstream,
  withoutUpstreamCall,
} from "../support/gateway.ts";
import { breakStorage } from "../support/object.ts";
import { CARD } from "../support/offer.ts";
import type { BalanceRow, ErrorBody, Page } from "../support/wire.ts";

/** Four seconds at 2.5 credits. */
const VIDEO = { model: "sora-2", prompt: "A spillway at dawn", seconds: "4", size: "720x1280" };
const PRICE = "10.000000";
const SORA = { codex: { models: ["*"] }, sora: { models: ["*"] } };

interface VideoBody {
  readonly id: string;
  readonly object: string;
  readonly status: string;
  readonly seconds: string;
  readonly size: string;
}

interface VideoPage {
  readonly data: readonly VideoBody[];
  readonly has_more: boolean;
  readonly last_id: string | null;
}

let owner: TestAccount;
let stranger: TestAccount;

beforeAll(async () => {
  await openGateway();
  const models = { ...CARD.models, "sora-2": { ...CARD.models["sora-2"], per_call: { character: "0.5" } } };
  await asOperator("PUT", "/admin/rate-cards/default", { models });
  await putPlan("videos", { name: "Videos", features: SORA });
  owner = await newAccount({ plan: "videos", credits: "1000" });
  stranger = await newAccount({ plan: "videos", credits: "1000" });
});

interface Making {
  readonly simulate?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
}

/** Asks for a video as JSON. */
function make(account: TestAccount, body: object, { simulate, path = "/v1/videos", headers = {} }: Making = {}) {
  const controls = simulate === undefined ? {} : { "x-simulate": simulate };
  return send("POST", path, body, { ...bearer(account.key), ...controls, ...headers });
}

/** A video that upstream has taken on, with the request that made it. */
async function made(account: TestAccount, simulate?: string, body: object = VIDEO, path?: string) {
  const response = await make(account, body, {
    ...(simulate === undefined ? {} : { simulate }),
    ...(path === undefined ? {} : { path }),
  });
  expect(response.status).toBe(200);
  return { video: await response.json<VideoBody>(), requestId: requestIdOf(response) };
}

function get(account: TestAccount, path: string, headers: Record<string, string> = {}): Promise<Response> {
  return call(`/v1/videos${path}`, { headers: { ...bearer(account.key), ...headers } });
}

async function ended(account: TestAccount, id: string): Promise<VideoBody> {
  return eventually(async () => {
    const video = await (await get(account, `/${id}`)).json<VideoBody>();
    expect(["queued", "in_progress"]).not.toContain(video.status);
    return video;
  });
}

function quoteOf(account: TestAccount, body: object): Promise<Response> {
  return send("POST", "/api/quote", body, bearer(account.key));
}

async function codeOf(response: Response): Promise<string> {
  return (await response.json<ErrorBody>()).error.code;
}

describe("a video is held at its creation and settled at its completion", () => {
  test("also one that is done at once, and whose end cannot be noted in that moment", async () => {
    const account = await newAccount({ plan: "videos", credits: "100" });
    const storage = await breakStorage(account);
    const response = await make(account, VIDEO, { simulate: "video=0" });
    await storage.mend();
    expect(response.status).toBe(200);
    const video = await response.json<VideoBody>();
    expect(video.status).toBe("completed");
    await ended(account, video.id);
    expect((await confirmedReceipt(account, requestIdOf(response))).charge?.amount).toBe(PRICE);
  });

  test("by the read that sees it, and never again", async () => {
    const { video, requestId } = await made(owner, "video=400");
    expect(video).toMatchObject({ object: "video", status: "queued", seconds: "4", size: "720x1280" });
    expect((await accountOf(owner)).credits.reserved).toBe(PRICE);
    expect((await ended(owner, video.id)).status).toBe("completed");
    const receipt = await confirmedReceipt(owner, requestId);
    expect(receipt.charge?.amount).toBe(PRICE);
    const after = await accountOf(owner);
    expect(after.credits.reserved).toBe("0.000000");
    for (let read = 0; read < 3; read += 1) await get(owner, `/${video.id}`);
    await get(owner, "");
    expect((await accountOf(owner)).as_of_seq).toBe(after.as_of_seq);
  });

  test("although nobody asks after it", async () => {
    const { requestId } = await made(owner, "video=200");
    const receipt = await eventually(async () => {
      const seen = await receiptOf(owner, requestId);
      expect(seen.reservation.state).toBe("settled");
      return seen;
    });
    expect(receipt.charge?.amount).toBe(PRICE);
  });

  // C23
  test("once, however many see its end at the same moment", async () => {
    const { video, requestId } = await made(owner, "video=1");
    const before = await accountOf(owner);
    const readers = Array.from({ length: 8 }, () => get(owner, `/${video.id}`));
    await Promise.all([...readers, stubOf(owner).wake(), get(owner, "")]);
    expect((await endedReceipt(owner, requestId)).charge?.amount).toBe(PRICE);
    const after = await accountOf(owner);
    expect(Number(after.credits.used) - Number(before.credits.used)).toBeLessThanOrEqual(10);
    const path = `/admin/accounts/${owner.id}/balance-updates`;
    await confirmedReceipt(owner, requestId);
    const updates = await asOperator<Page<BalanceRow>>("GET", `${path}?limit=500`);
    expect(updates.data.filter(({ id }) => id.endsWith(".0")).length).toBeGreaterThan(0);
  });

  // C21, X20
  test.each([
    ["failed", "video=50;failed"],
    ["moderated", "video=50;moderated"],
    ["expired", "video=50;expired"],
  ])("and gives everything back when it is %s", async (_, simulate) => {
    const before = await accountOf(owner);
    const { video, requestId } = await made(owner, simulate);
    await ended(owner, video.id);
    const receipt = await endedReceipt(owner, requestId);
    expect(receipt.reservation.state).toBe("released");
    expect(receipt.charge).toMatchObject({ amount: "0.000000", returned: PRICE });
    expect((await accountOf(owner)).credits).toEqual(before.credits);
  });

  // C22
  test("and stays held when upstream cannot be asked: unknown is not failed", async () => {
    const { video, requestId } = await made(owner, "video=100");
    const failing = await get(owner, `/${video.id}`, { "x-simulate": "status=500" });
    expect(failing.status).toBe(503);
    expect((await receiptOf(owner, requestId)).reservation.state).toBe("pending");
    await ended(owner, video.id);
    expect((await endedReceipt(owner, requestId)).charge?.amount).toBe(PRICE);
  });

  test("and a refusal by upstream holds nothing", async () => {
    const before = await accountOf(owner);
    for (const [simulate, status] of [
      ["status=400", 400],
      ["status=503", 503],
      ["status=429;retry_after=7", 503],
      ["status=401", 502],
    ] as const) {
      const response = await make(owner, VIDEO, { simulate });
      expect([simulate, response.status]).toEqual([simulate, status]);
    }
    expect((await accountOf(owner)).credits).toEqual(before.credits);
  });
});

describe("what is priced is what is sent", () => {
  test("defaults are written out for upstream", async () => {
    const { requestId } = await made(owner, "video=1", { prompt: "Only a prompt" });
    const { requests } = await upstream();
    expect(requests.at(-1)?.fields).toMatchObject({ model: "sora-2", seconds: "4", size: "720x1280" });
    expect((await receiptOf(owner, requestId)).reservation.estimated).toBe(PRICE);
  });

  test.each<[string, object, number, string]>([
    ["a size without a price", { ...VIDEO, size: "1920x1080" }, 400, "unsupported_parameter"],
    ["a model without a price", { ...VIDEO, model: "sora-9" }, 400, "model_not_found"],
    ["a model that makes no videos", { ...VIDEO, model: "gpt-5.4" }, 400, "model_not_found"],
    ["no prompt", { model: "sora-2" }, 400, "missing_required_parameter"],
    ["half a second", { ...VIDEO, seconds: "0.5" }, 400, "invalid_value"],
    ["two videos", { ...VIDEO, n: 2 }, 400, "invalid_value"],
    ["a member that could cost more", { ...VIDEO, quality: "high" }, 400, "unsupported_parameter"],
  ])("%s is refused before upstream is asked", async (_, body, status, code) => {
    await withoutUpstreamCall(async () => {
      const response = await make(owner, body);
      expect(response.status).toBe(status);
      expect(await codeOf(response)).toBe(code);
    });
    if (!("prompt" in body)) return;
    const quoted = await quoteOf(owner, body);
    expect([quoted.status, await codeOf(quoted)]).toEqual([status, code]);
  });

  test("and what a quote says beforehand, which holds nothing and asks nobody", async () => {
    const account = await newAccount({ plan: "videos", credits: "25" });
    const bare = { prompt: "Only a prompt" };
    await withoutUpstreamCall(async () => {
      const quoted = await quoteOf(account, bare);
      expect([quoted.status, await quoted.json()]).toEqual([
        200,
        expect.objectContaining({
          outcome: "allowed",
          model: "sora-2",
          feature: "sora",
          estimated: PRICE,
          seconds: 4,
          size: "720x1280",
          draws: [{ source: expect.stringMatching(/^grt_/), kind: "grant", amount: PRICE }],
        }),
      ]);
      const long = await quoteOf(account, { ...bare, seconds: 12 });
      expect(await long.json()).toMatchObject({ outcome: "denied", needed: "30.000000", available: "25.000000" });
    });
    expect((await accountOf(account)).credits).toMatchObject({ available: "25.000000", reserved: "0.000000" });
    const { requestId } = await made(account, "video=1", bare);
    expect((await receiptOf(account, requestId)).reservation.estimated).toBe(PRICE);
  });

  test("an account without enough credits is told so, and can still read what it has", async () => {
    const poor = await newAccount({ plan: "videos", credits: "10" });
    const { video } = await made(poor, "video=50");
    const refused = await make(poor, VIDEO);
    expect(refused.status).toBe(429);
    expect((await ended(poor, video.id)).status).toBe("completed");
    // C20: at zero balance.
    expect((await accountOf(poor)).credits.available).toBe("0.000000");
    expect((await get(poor, `/${video.id}/content`)).status).toBe(200);
    expect((await get(poor, "")).status).toBe(200);
  });
});

describe("videos made of other videos", () => {
  test("a remix and an edit are as long as their source, an extension costs what it adds", async () => {
    const { video } = await made(owner, "video=1", { ...VIDEO, seconds: "8" });
    await ended(owner, video.id);
    const remix = await made(owner, "video=1", { prompt: "At dusk" }, `/v1/videos/${video.id}/remix`);
    expect((await receiptOf(owner, remix.requestId)).reservation.estimated).toBe("20.000000");
    const edit = await made(owner, "video=1", { prompt: "Bluer", video: { id: video.id } }, "/v1/videos/edits");
    expect((await receiptOf(owner, edit.requestId)).reservation.estimated).toBe("20.000000");
    const longer = { prompt: "On", seconds: "4", video: { id: video.id } };
    const extension = await made(owner, "video=1", longer, "/v1/videos/extensions");
    await ended(owner, extension.video.id);
    expect((await endedReceipt(owner, extension.requestId)).charge?.amount).toBe(PRICE);
  });

  test("nobody makes anything of somebody else's video", async () => {
    const { video } = await made(owner, "video=1");
    await withoutUpstreamCall(async () => {
      const answers = [
        await make(stranger, { prompt: "Mine" }, { path: `/v1/videos/${video.id}/remix` }),
        await make(stranger, { prompt: "Mine", video: { id: video.id } }, { path: "/v1/videos/edits" }),
        await make(stranger, { prompt: "x", seconds: "4", video: { id: video.id } }, { path: "/v1/videos/extensions" }),
      ];
      for (const answer of answers) expect([answer.status, await codeOf(answer)]).toEqual([404, "not_found"]);
    });
  });
});

describe("a video belongs to the account that made it", () => {
  test("nobody else reads, downloads, deletes or lists it", async () => {
    const { video } = await made(owner, "video=1");
    await ended(owner, video.id);
    await withoutUpstreamCall(async () => {
      for (const path of [`/${video.id}`, `/${video.id}/content`, `/${video.id}/content?variant=thumbnail`]) {
        expect([path, (await get(stranger, path)).status]).toEqual([path, 404]);
      }
      const deleted = await send("DELETE", `/v1/videos/${video.id}`, undefined, bearer(stranger.key));
      expect(deleted.status).toBe(404);
      expect((await (await get(stranger, "")).json<VideoPage>()).data).toEqual([]);
    });
    expect((await get(owner, `/${video.id}/content`)).status).toBe(200);
  });

  test("lists show all of one's own, page by page, in either order", async () => {
    const one = await newAccount({ plan: "videos", credits: "1000" });
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) ids.push((await made(one, "video=60000")).video.id);
    for (const [order, expected] of [
      ["asc", ids],
      ["desc", [...ids].reverse()],
    ] as const) {
      const seen: string[] = [];
      for (let after = ""; ; ) {
        const page = await (await get(one, `?limit=2&order=${order}${after}`)).json<VideoPage>();
        seen.push(...page.data.map(({ id }) => id));
        if (!page.has_more) break;
        after = `&after=${page.last_id}`;
      }
      expect(seen).toEqual(expected);
    }
  });

  test.each(["limit=0", "limit=101", "limit=x", "order=up", "after=video_unknown"])("%s is refused", async (query) => {
    expect((await get(owner, `?${query}`)).status).toBe(400);
  });

  test("a deleted video is gone, and so is its file; one that was being made is given back", async () => {
    const one = await newAccount({ plan: "videos", credits: "100" });
    const { video } = await made(one, "video=1");
    await ended(one, video.id);
    const deleted = await send("DELETE", `/v1/videos/${video.id}`, undefined, bearer(one.key));
    expect(await deleted.json()).toEqual({ id: video.id, object: "video.deleted", deleted: true });
    expect((await get(one, `/${video.id}/content`)).status).toBe(404);

    const before = await accountOf(one);
    const running = await made(one, "video=60000");
    const path = `/v1/videos/${running.video.id}`;
    const refused = await send("DELETE", path, undefined, bearer(one.key));
    expect(refused.status).toBe(400);
    expect((await receiptOf(one, running.requestId)).reservation.state).toBe("pending");
    const removed = await send("DELETE", path, undefined, { ...bearer(one.key), "x-simulate": "delete_running" });
    expect(removed.status).toBe(200);
    expect((await endedReceipt(one, running.requestId)).usage?.outcome).toBe("abandoned");
    expect((await accountOf(one)).credits).toEqual(before.credits);
  });

  test("a video that was finished when its owner deleted it unseen is charged", async () => {
    const { video, requestId } = await made(owner, "video=1");
    await scheduler.wait(30);
    const deleted = await send("DELETE", `/v1/videos/${video.id}`, undefined, bearer(owner.key));
    expect(deleted.status).toBe(200);
    expect((await endedReceipt(owner, requestId)).charge?.amount).toBe(PRICE);
  });
});

describe("a video's files", () => {
  test("pass in every variant, whole or in part", async () => {
    const { video } = await made(owner, "video=1");
    await ended(owner, video.id);
    const whole = await get(owner, `/${video.id}/content`);
    expect(whole.headers.get("content-type")).toBe("video/mp4");
    const bytes = new Uint8Array(await whole.arrayBuffer());
    expect(new TextDecoder().decode(bytes.slice(4, 8))).toBe("ftyp");
    const part = await get(owner, `/${video.id}/content`, { range: "bytes=4-7" });
    expect(part.status).toBe(206);
    expect(part.headers.get("content-range")).toBe(`bytes 4-7/${bytes.length}`);
    expect(await part.text()).toBe("ftyp");
    const thumbnail = await get(owner, `/${video.id}/content?variant=thumbnail`);
    expect(thumbnail.headers.get("content-type")).toBe("image/webp");
    const sheet = await get(owner, `/${video.id}/content?variant=spritesheet`);
    expect(sheet.headers.get("content-type")).toBe("image/jpeg");
  });
});

describe("one video, although it was asked for twice", () => {
  test("by an Idempotency-Key: the same video is shown, while it is made and afterwards", async () => {
    const headers = { "idempotency-key": "video-1" };
    const first = await make(owner, VIDEO, { simulate: "video=300", headers });
    const { id } = await first.json<VideoBody>();
    const again = await make(owner, VIDEO, { headers });
    expect(again.status).toBe(200);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect((await again.json<VideoBody>()).id).toBe(id);
    await ended(owner, id);
    expect((await (await make(owner, VIDEO, { headers })).json<VideoBody>()).status).toBe("completed");
    const otherSource = await make(owner, { prompt: "x" }, { path: `/v1/videos/${id}/remix`, headers });
    expect(otherSource.status).toBe(200);
    const other = await make(owner, { ...VIDEO, seconds: "8" }, { headers });
    expect([other.status, await codeOf(other)]).toEqual([422, "idempotency_key_reused"]);
  });

  // X13
  test("by a client that repeats without a key, where the plan says so", async () => {
    await putPlan("forgiving", { name: "Forgiving", features: SORA, same_request_within: "2m" } as never);
    const one = await newAccount({ plan: "forgiving", credits: "100" });
    const first = await make(one, VIDEO, { simulate: "video=60000", headers: { "x-stainless-retry-count": "0" } });
    const { id } = await first.json<VideoBody>();
    const again = await make(one, VIDEO, { headers: { "x-stainless-retry-count": "1" } });
    expect((await again.json<VideoBody>()).id).toBe(id);
    expect((await accountOf(one)).credits.reserved).toBe(PRICE);
    // The same words about another video are another request.
    const remixes = [];
    for (const count of [0, 1]) {
      const source = await made(one, "video=1", { ...VIDEO, prompt: `Source ${count}`, seconds: "1" });
      await ended(one, source.video.id);
      const headers = { "x-stainless-retry-count": String(count) };
      const path = `/v1/videos/${source.video.id}/remix`;
      const remix = await make(one, { prompt: "At dusk" }, { path, simulate: "video=60000", headers });
      remixes.push((await remix.json<VideoBody>()).id);
    }
    expect(new Set(remixes).size).toBe(2);
    // Without that header it is another video.
    const another = await make(one, VIDEO, { simulate: "video=60000" });
    expect((await another.json<VideoBody>()).id).not.toBe(id);
  });

  test("a creation whose answer was lost is found again, and belongs to its account", async () => {
    const one = await newAccount({ plan: "videos", credits: "100" });
    const body = { ...VIDEO, prompt: `Lost and found ${crypto.randomUUID()}` };
    const lost = await make(one, body, { simulate: "lose_answer;video=300" });
    expect([lost.status, lost.headers.get("x-should-retry")]).toEqual([502, "false"]);
    expect(await codeOf(lost)).toBe("creation_unknown");
    expect((await accountOf(one)).credits.reserved).toBe(PRICE);
    expect((await (await get(one, "")).json<VideoPage>()).data).toEqual([]);
    const later = createScheduledController({ cron: "* * * * *", scheduledTime: Date.now() + 3 * 60_000 });
    await worker.scheduled(later, env as Env, createExecutionContext());
    const { data } = await (await get(one, "")).json<VideoPage>();
    expect(data).toHaveLength(1);
    await ended(one, data[0]?.id ?? "");
    expect((await endedReceipt(one, requestIdOf(lost))).charge?.amount).toBe(PRICE);
  });

  test("and one that was never begun costs nothing", async () => {
    const one = await newAccount({ plan: "videos", credits: "100" });
    const response = await make(one, VIDEO, { simulate: "status=504" });
    expect(await codeOf(response)).toBe("creation_unknown");
    const muchLater = createScheduledController({ cron: "* * * * *", scheduledTime: Date.now() + 40 * 60_000 });
    await worker.scheduled(muchLater, env as Env, createExecutionContext());
    expect((await (await get(one, "")).json<VideoPage>()).data).toEqual([]);
    expect((await accountOf(one)).credits.used).toBe("0.000000");
  });
});

describe("forms", () => {
  function form(fields: Record<string, string | Blob>): FormData {
    const data = new FormData();
    for (const [name, value] of Object.entries(fields)) data.append(name, value);
    return data;
  }

  function post(account: TestAccount, body: FormData, simulate = "video=60000"): Promise<Response> {
    return call("/v1/videos", { method: "POST", headers: { ...bearer(account.key), "x-simulate": simulate }, body });
  }

  test("a form with a picture passes, and is charged as its fields say", async () => {
    const picture = new Blob([new Uint8Array(50_000)], { type: "image/png" });
    const response = await post(owner, form({ ...VIDEO, seconds: "8", input_reference: picture }));
    expect(response.status).toBe(200);
    expect((await receiptOf(owner, requestIdOf(response))).reservation.estimated).toBe("20.000000");
  });

  test("a field that comes twice is refused", async () => {
    const twice = form(VIDEO);
    twice.append("seconds", "12");
    await withoutUpstreamCall(async () => expect((await post(owner, twice)).status).toBe(400));
  });

  test("a large file is sent on as it comes", async () => {
    const file = new Blob([new Uint8Array(12 * 1024 * 1024)], { type: "video/mp4" });
    const response = await post(owner, form({ ...VIDEO, input_reference: file }));
    expect(response.status).toBe(200);
  });
});

describe("characters", () => {
  function makeOtto(headers: Record<string, string> = {}): Promise<Response> {
    const data = new FormData();
    data.append("name", "Otto");
    data.append("video", new Blob([new Uint8Array(1_000)], { type: "video/mp4" }), "otto.mp4");
    return call("/v1/videos/characters", { method: "POST", headers: { ...bearer(owner.key), ...headers }, body: data });
  }

  test("are charged by the piece and belong to their account", async () => {
    const response = await makeOtto();
    expect(response.status).toBe(200);
    const { id } = await response.json<{ id: string }>();
    expect((await endedReceipt(owner, requestIdOf(response))).charge?.amount).toBe("0.500000");
    expect((await get(owner, `/characters/${id}`)).status).toBe(200);
    expect((await get(stranger, `/characters/${id}`)).status).toBe(404);
  });

  test("cost nothing where upstream's answer is none", async () => {
    const response = await makeOtto({ "x-simulate": "malformed" });
    expect([response.status, await codeOf(response)]).toEqual([502, "upstream_protocol"]);
    expect(await endedReceipt(owner, requestIdOf(response))).toMatchObject({
      reservation: { state: "released" },
      charge: { amount: "0.000000" },
    });
  });
});
