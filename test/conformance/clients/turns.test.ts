import { expect } from "vitest";
import { type Cell, situation } from "./cell.ts";
import { answersIn, expectExactCharges } from "./charges.ts";
import type { Turn } from "./client.ts";
import { CodexApp } from "./codex-app.ts";
import { codexExec } from "./codex-exec.ts";
import { ALL, CODEX, CODEX_HTTP, OPENAI_JSON, OVER_SOCKET, RESPONSES, SDKS } from "./columns.ts";
import { PLAIN_MODEL } from "./offer.ts";
import { openAIOf } from "./openai-sdk.ts";

function expectAnswer(turn: Turn): void {
  expect(turn.error).toBeNull();
  expect(turn.text).toMatch(/\w{3}/);
}

situation(
  "A turn completes; what the client counted is what is charged, at the rate card's prices",
  ALL,
  { simulate: ["output=30;reasoning=5;input=1200;cached=200;pace=0"] },
  async (cell) => {
    const turn = await cell.once("Say hello");
    expectAnswer(turn);
    const receipts = await expectExactCharges(cell);
    expect(answersIn(receipts)).toMatchObject([
      { usage: { input_tokens: 1200, cached_input_tokens: 200, output_tokens: 30, reasoning_tokens: 5 } },
    ]);
    expect(turn.tokens).toEqual({ input: 1200, output: 30 });
  },
);

situation("A WebSocket is served: nothing falls back to plain requests", OVER_SOCKET, {}, async (cell) => {
  const session = await cell.open();
  expectAnswer(await session.ask("Say hello"));
  expectAnswer(await session.ask("Say it again"));
  expect(cell.tap.passed.map(({ method, status }) => `${method} ${status}`)).toEqual(["GET 101"]);
});

situation(
  "A function call is answered and the turn goes on; both answers are charged",
  // The simulated upstream calls functions in the Responses API alone.
  RESPONSES,
  { simulate: ["calls=update_plan;output=12;input=1000;pace=0", "output=20;input=1500;pace=0"] },
  async (cell) => {
    expectAnswer(await cell.once("Make a plan", { tool: "update_plan" }));
    expect(cell.tap.asked).toBe(2);
    expect(answersIn(await expectExactCharges(cell))).toHaveLength(2);
  },
);

/** As each client does it by default; the AI SDK and the openai SDK then refer to what the upstream has stored. */
async function goesOn(cell: Cell): Promise<void> {
  const session = await cell.open();
  expectAnswer(await session.ask("Say hello"));
  expectAnswer(await session.goOn("Say it again"));
  expectAnswer(await session.goOn("And once more"));
  expect(answersIn(await expectExactCharges(cell))).toHaveLength(3);
}

const REASONED = "output=30;reasoning=10;pace=0";
const GOES_ON = "A conversation goes on from its last answer";
situation(GOES_ON, CODEX, {}, goesOn);
situation(GOES_ON, SDKS, { model: PLAIN_MODEL }, goesOn);

situation("Reasoning goes along with its conversation", RESPONSES, { simulate: [REASONED] }, goesOn);

situation("A thread is compacted, goes on, and pays for the compaction", CODEX, {}, async (cell) => {
  const app = cell.keep(await CodexApp.open(cell.client.settings, cell.door));
  expectAnswer(await app.ask("Say hello"));
  const compaction = await app.compact();
  expect(compaction.error).toBeNull();
  expectAnswer(await app.ask("Say it again"));
  expect(cell.tap.asked).toBe(3);
  const receipts = await expectExactCharges(cell);
  expect(receipts.filter(({ usage }) => (usage?.input_tokens ?? 0) > 0).length).toBeGreaterThanOrEqual(3);
});

situation(
  "Codex is told how much of the window is used and when it is back",
  CODEX,
  { plan: "included", simulate: ["input=10000;output=10;pace=0"] },
  async (cell) => {
    const app = cell.keep(await CodexApp.open(cell.client.settings, cell.door));
    expectAnswer(await app.ask("Say hello"));
    await cell.settled();
    // The first answer could only tell what was used before it.
    expectAnswer(await app.ask("Say it again"));
    const { allowances } = await cell.settled();
    const [window] = allowances[0]?.windows ?? [];
    expect(app.limits).toMatchObject({ limitId: "codex", primary: { windowDurationMins: 300 } });
    expect(app.limits?.primary?.resetsAt).toBe(Math.ceil(Date.parse(window?.resets_at ?? "") / 1_000));
    expect(app.limits?.primary?.usedPercent).toBeGreaterThanOrEqual(15);
    expect(app.limits?.primary?.usedPercent).toBeLessThanOrEqual(100);
  },
);

situation(
  "Codex takes its models from GET /v1/models, without a warning",
  [CODEX_HTTP],
  { model: PLAIN_MODEL },
  async (cell) => {
    const turn = await codexExec({ ...cell.client.settings, catalog: true }, cell.door, "Say hello");
    expectAnswer(turn);
    expect(turn.warnings).toEqual([]);
    expect(cell.tap.passed.some(({ method, path }) => method === "GET" && path.startsWith("/v1/models"))).toBe(true);
  },
);

situation(
  "Three at once with one key of the plan plus: none is refused",
  ALL,
  { plan: "plus", simulate: ["first=800;output=10;pace=0"] },
  async (cell) => {
    const turns = await Promise.all(["One", "Two", "Three"].map((prompt) => cell.once(prompt)));
    for (const turn of turns) expectAnswer(turn);
    expect(cell.tap.asked).toBe(3);
    expect(cell.tap.passed.filter(({ status }) => status === 429)).toEqual([]);
  },
);

situation(
  "Whoever leaves in the middle is charged what the upstream reports",
  ALL,
  { simulate: ["first=400;output=50;input=700;pace=15"] },
  async (cell) => {
    const leaving = new AbortController();
    const turn = cell.once("Tell a story", { signal: leaving.signal });
    await cell.underWay();
    leaving.abort();
    await turn;
    expect(answersIn(await expectExactCharges(cell))).toMatchObject([
      { usage: { input_tokens: 700, output_tokens: 50 } },
    ]);
  },
);

situation(
  "A background response is polled until it is completed, and charged once",
  [OPENAI_JSON],
  { simulate: ["background=600;output=30;input=500"] },
  async (cell) => {
    const openai = openAIOf(cell.door);
    const created = await openai.responses.create({
      model: cell.door.model,
      input: "Take your time",
      background: true,
    });
    expect(created.status).toMatch(/^(queued|in_progress)$/);
    await expect
      .poll(async () => (await openai.responses.retrieve(created.id)).status, { timeout: 15_000, interval: 150 })
      .toBe("completed");
    expect((await openai.responses.retrieve(created.id)).output_text).toMatch(/\w{3}/);
    const receipts = await expectExactCharges(cell);
    expect(answersIn(receipts)).toMatchObject([{ usage: { input_tokens: 500, output_tokens: 30 } }]);
  },
);
