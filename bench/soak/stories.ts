import { setTimeout as sleep } from "node:timers/promises";
import { priceOf, VIDEO_MODEL, videoPriceOf } from "./prices.ts";
import { type Answer, ask, type Place, type Question, question, type Shape, send, usageIn } from "./requests.ts";
import type { Customer } from "./service.ts";

const SHAPES: readonly Shape[] = ["json", "sse", "chat", "chat-sse"];
/** What the upstream is told to do wrong. */
const FAULTS = [
  "status=500",
  "status=503;retry_after=1",
  "status=429;retry_after=1",
  "status=400",
  "failed",
  "failed_no_usage",
  "incomplete",
  "cut_after=3",
  "eof_after=3",
  "malformed",
  "no_usage",
  "usage=broken",
];
const LEAVE_MS = 400;
const VIDEO_SECONDS = 4;
const JOB_PATIENCE_MS = 60_000;
const POLL_MS = 500;

export async function plain(place: Place, customer: Customer, shape: Shape): Promise<void> {
  await ask(place, customer, question(shape, shape, upTo(80)));
}

/** Leaves in the middle of a stream, or before an answer has begun. */
export async function hangUp({ service, book }: Place, customer: Customer): Promise<void> {
  const asked = question("hang-up", oneOf(SHAPES), 60, "pace=20;first=200");
  const entry = book.open(asked.kind, customer.id, asked.most);
  const leaving = new AbortController();
  setTimeout(() => leaving.abort(), upTo(LEAVE_MS));
  try {
    const response = await send(service, customer, asked, leaving.signal);
    entry.requestId = response.headers.get("x-request-id");
    await response.text();
  } catch {
    // It left.
  }
  book.end(entry, "unsure");
}

export async function fault(place: Place, customer: Customer): Promise<void> {
  await ask(place, customer, { ...question("fault", oneOf(SHAPES), 40, oneOf(FAULTS)), fails: true });
}

export async function denial(place: Place): Promise<void> {
  const poor = oneOf(place.service.poor);
  const asked = question("denial", oneOf(SHAPES), 5);
  switch (upTo(3)) {
    case 1:
      await ask(place, { ...poor, key: `${poor.key.slice(0, -1)}~` }, { ...asked, refusals: [401] });
      return;
    case 2:
      await ask(place, poor, { ...asked, body: { ...asked.body, model: "no-such-model" }, refusals: [400, 404] });
      return;
    default:
      await ask(place, poor, { ...asked, refusals: [429] });
  }
}

/** The same request three times under one key, and another one under it. */
export async function repetition(place: Place, customer: Customer): Promise<void> {
  const asked = question("repetition", "json", upTo(40));
  const first = await ask(place, customer, asked);
  if (first === null || first.entry.ending !== "answered") return;
  const { book } = place;
  for (let again = 0; again < 2; again += 1) {
    const { requestId } = (await ask(place, customer, asked))?.entry ?? {};
    if (requestId && requestId !== first.entry.requestId) {
      book.trouble(first.entry.startedAt, `repetition: ${requestId} under the key of ${first.entry.requestId}`);
    }
  }
  const other: Question = { ...asked, body: { ...asked.body, input: "Something else" }, refusals: [400, 409, 422] };
  await ask(place, customer, { ...other, kind: "denial" });
}

export async function background(place: Place, customer: Customer): Promise<void> {
  const asked = question("background", "json", upTo(60), "background=1200");
  const answer = await ask(place, customer, { ...asked, body: { ...asked.body, background: true, store: true } });
  const told = await jobOf(place, customer, answer, "/v1/responses");
  const usage = told === null ? null : usageIn(told);
  if (answer && usage) place.book.end(answer.entry, "answered", priceOf(usage.input, usage.output));
}

/** A video, of which every tenth fails. */
export async function video(place: Place, customer: Customer): Promise<void> {
  const fails = upTo(10) === 1;
  const asked: Question = {
    ...question("video", "json", 1),
    path: "/v1/videos",
    body: { model: VIDEO_MODEL, prompt: `A spillway ${Math.random()}`, seconds: String(VIDEO_SECONDS) },
    simulate: `video=1500${fails ? ";failed" : ""}`,
    most: videoPriceOf(VIDEO_SECONDS),
  };
  const answer = await ask(place, customer, asked);
  const told = await jobOf(place, customer, answer, "/v1/videos");
  if (answer && told) place.book.end(answer.entry, "answered", fails ? 0 : videoPriceOf(VIDEO_SECONDS));
}

const ENDED = new Set(["completed", "failed", "cancelled", "incomplete", "expired"]);

/** Polls a job until it has ended. `null` where it was never told of, or did not end in time. */
async function jobOf(place: Place, customer: Customer, answer: Answer | null, path: string): Promise<string | null> {
  if (answer === null || !answer.response.ok) return null;
  const { id }: { id?: string } = JSON.parse(answer.text);
  if (id === undefined) return null;
  const giveUpAt = Date.now() + JOB_PATIENCE_MS;
  let last: string | null = null;
  while (Date.now() < giveUpAt) {
    // Its key may have been rolled meanwhile.
    const text = await look(place, customer.key, `${path}/${id}`);
    last = text ?? last;
    if (text !== null && ENDED.has((JSON.parse(text) as { status: string }).status)) return text;
    await sleep(POLL_MS);
  }
  place.book.trouble(giveUpAt, `${answer.entry.kind}: did not end: ${answer.entry.requestId} ${last?.slice(0, 200)}`);
  return null;
}

/** Looks at something of one's own, which costs nothing. */
export async function look({ service, book }: Place, key: string, path: string): Promise<string | null> {
  const from = Date.now();
  try {
    const response = await fetch(service.gateway.url + path, { headers: { authorization: `Bearer ${key}` } });
    const text = await response.text();
    if (response.ok) return text;
    book.trouble(from, `GET ${path}: ${response.status} ${text.slice(0, 200)}`);
  } catch (error) {
    book.trouble(from, `GET ${path}: ${String(error)}`);
  }
  return null;
}

/** A whole number from 1 on. */
export function upTo(most: number): number {
  return 1 + Math.floor(Math.random() * most);
}

export function oneOf<Item>(items: readonly Item[]): Item {
  const item = items[Math.floor(Math.random() * items.length)];
  if (item === undefined) throw new Error("nothing to choose from");
  return item;
}
