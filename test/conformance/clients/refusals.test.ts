import { expect } from "vitest";
import { micro } from "../../system/customer.ts";
import { situation } from "./cell.ts";
import { ALL, OPENAI_SOCKET } from "./columns.ts";
import { MODEL_OF_ANOTHER_PLAN, UNKNOWN_MODEL, USES_UP } from "./offer.ts";

/** Codex tells the local time of day, or the date as well; the gateway's own text tells an instant. */
const TIME_OF_RESET = /try again (at .*\d+:\d{2}.[AP]M|after \d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} UTC)/;
/** The `ws` package tells only the status of a connection that was refused. */
const BAD_KEY = /API key is missing or not valid|Unexpected server response: 401/;

situation(
  "A used-up window is refused before the upstream, at once, in our words and with the time of its reset",
  ALL,
  { plan: "included", simulate: [USES_UP] },
  async (cell) => {
    const first = await cell.once("Use it up");
    expect(first.error).toBeNull();
    await cell.settled();
    const before = cell.tap.asked;

    const refused = await cell.once("And once more");
    expect(refused.error).toContain("Your included use is used up");
    expect(refused.error).toMatch(TIME_OF_RESET);
    expect(cell.tap.asked - before).toBe(cell.client.asks.refused);
    expect(await cell.upstreamAnswers()).toBe(1);
  },
);

situation(
  "Credits that are added while the client is open pay its next question",
  ALL,
  { plan: "included", simulate: [USES_UP] },
  async (cell) => {
    const session = await cell.open();
    expect((await session.ask("Use it up")).error).toBeNull();
    await cell.settled();
    expect((await session.ask("And once more")).error).toContain("Your included use is used up");

    await cell.addCredits("5");
    expect((await session.ask("Now it is paid")).error).toBeNull();
    const { credits } = await cell.settled();
    expect(micro(credits.used)).toBeGreaterThan(0);
  },
);

situation(
  "A passing limit is waited for, and the question is answered",
  // Its WebSocket leaves asking again to the application.
  ALL.filter((client) => client !== OPENAI_SOCKET),
  { plan: "gated", credits: "10" },
  async (cell) => {
    const session = await cell.open();
    expect((await session.ask("Say hello")).error).toBeNull();
    const second = await session.ask("Say it again");
    expect(second.error).toBeNull();
    expect(second.text).toMatch(/\w{3}/);
    expect(await cell.upstreamAnswers()).toBe(2);
  },
);

situation(
  "A bad key is told as such",
  ALL,
  { key: "sk-spill-nobody-key_000000000000-00000000000000000000000000000000-0000000000000000" },
  async (cell) => {
    const { error } = await cell.once("Say hello");
    expect(error).toMatch(BAD_KEY);
    expect(cell.tap.asked).toBeLessThanOrEqual(cell.client.asks.badKey);
    expect(await cell.upstreamAnswers()).toBe(0);
  },
);

situation("A key that is revoked between two questions ends the second", ALL, {}, async (cell) => {
  const session = await cell.open();
  expect((await session.ask("Say hello")).error).toBeNull();
  const charged = await cell.charged();
  await cell.revokeKey();
  expect((await session.ask("Say it again")).error).toMatch(BAD_KEY);
  expect(await cell.charged()).toBe(charged);
  expect(await cell.upstreamAnswers()).toBe(1);
});

situation(
  "A model that nobody priced is refused after one request, by its name",
  ALL,
  { model: UNKNOWN_MODEL },
  async (cell) => {
    const { error } = await cell.once("Say hello");
    expect(error).toContain(UNKNOWN_MODEL);
    expect(error).toContain("not offered here");
    expect(cell.tap.asked).toBe(1);
    expect(await cell.upstreamAnswers()).toBe(0);
  },
);

situation(
  "A model of another plan is refused after one request, with what helps",
  ALL,
  { model: MODEL_OF_ANOTHER_PLAN },
  async (cell) => {
    const { error } = await cell.once("Say hello");
    expect(error).toContain(`Your plan does not include the model ${MODEL_OF_ANOTHER_PLAN}`);
    expect(error).toContain("change your plan");
    expect(cell.tap.asked).toBe(1);
    expect(await cell.upstreamAnswers()).toBe(0);
  },
);
