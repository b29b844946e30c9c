import { setTimeout as sleep } from "node:timers/promises";
import { type Asked, type Caller, smallRequest } from "../caller.ts";
import type { KeyedAccount, Workbench } from "../workbench.ts";

/** A kind of traffic, at one pace. */
export interface Scenario {
  readonly name: string;
  readonly plan: "grants" | "allowance";
  readonly credits: string | null;
  readonly accounts: number;
  /** Requests of each account that are counted … */
  readonly requests: number;
  /** … and how long after the beginning of one the next begins. */
  readonly everyMs: number;
  /** Requests at once; where there are several, the pace is that of the gateway. */
  readonly width?: number;
  readonly request: (key: string) => Asked;
  /** Rows that a request writes to D1 outside of the ledger. */
  readonly d1RowsBeside?: number;
  /** One request comes before those that are counted, so that what follows from it is in the count of a steady pace. */
  readonly steady?: boolean;
}

const CREDITS = "1000000";
const MINUTE = 60_000;
/** An account that is asked once a minute sets an alarm for five minutes now and then: long enough to see one ring. */
const MINUTES = 6;

const json = (key: string) => smallRequest(key);
const stream = (key: string) => smallRequest(key, { stream: true, metadata: { simulate: "pace=5;output=40" } });
const longStream = (key: string) =>
  smallRequest(key, { stream: true, metadata: { simulate: "pace=1000;output=45;first=0" } });
const stored = (key: string) => smallRequest(key, { store: true });
const denied = (key: string): Asked => ({ ...smallRequest(key), status: 429 });
const video = (key: string): Asked => ({
  method: "POST",
  path: "/v1/videos",
  key,
  body: { model: "sora-2", prompt: "A dam at dawn [simulate: video=4000]", seconds: "4", size: "720x1280" },
});

/** The accounts that are busy, one after the other; CPU is measured here. */
export const BUSY: readonly Scenario[] = [
  {
    name: "JSON, busy account, a grant pays",
    plan: "grants",
    credits: CREDITS,
    accounts: 1,
    requests: 3_000,
    everyMs: 0,
    width: 16,
    request: json,
  },
  {
    name: "JSON, busy account, the allowance pays",
    plan: "allowance",
    credits: null,
    accounts: 1,
    requests: 3_000,
    everyMs: 0,
    width: 16,
    request: json,
  },
  {
    name: "denials, busy account",
    plan: "grants",
    credits: null,
    accounts: 1,
    requests: 3_000,
    everyMs: 0,
    width: 16,
    request: denied,
  },
];

const everySecond = (name: string, request: Scenario["request"], more: Partial<Scenario> = {}): Scenario => ({
  name: `${name}, one a second`,
  plan: "grants",
  credits: CREDITS,
  accounts: 4,
  requests: 30,
  everyMs: 1_000,
  request,
  ...more,
});

/** Those that take their time, side by side. */
export const UNHURRIED: readonly Scenario[] = [
  everySecond("JSON", json),
  {
    ...everySecond("JSON", json),
    name: "JSON, one a minute",
    requests: MINUTES,
    everyMs: MINUTE,
    steady: true,
  },
  everySecond("SSE stream", stream),
  {
    ...everySecond("SSE stream", longStream),
    name: "SSE stream of 45 s",
    requests: MINUTES,
    everyMs: MINUTE,
    steady: true,
  },
  everySecond("stored response", stored),
  {
    ...everySecond("video", video),
    name: "video, one a minute",
    requests: MINUTES,
    everyMs: MINUTE,
    steady: true,
    // Its intent, written and removed, and its place in the index of jobs, the same.
    d1RowsBeside: 4,
  },
  { ...everySecond("denial", denied), credits: null, requests: 60 },
];

export function makeAccounts(bench: Workbench, { accounts, plan, credits }: Scenario): Promise<KeyedAccount[]> {
  return Promise.all(Array.from({ length: accounts }, () => bench.makeAccount(plan, credits)));
}

/** Sends what a scenario says for each of its accounts. A request that begins late makes no other late. */
export async function send(
  caller: Caller,
  scenario: Scenario,
  accounts: readonly KeyedAccount[],
  requests = scenario.requests,
): Promise<void> {
  const { width, everyMs, request } = scenario;
  const sending = accounts.map(async ({ key }) => {
    if (width !== undefined) return caller.askMany(requests, width, () => request(key));
    return Promise.all(
      Array.from({ length: requests }, async (_, index) => {
        await sleep(index * everyMs);
        return caller.ask(request(key));
      }),
    );
  });
  await Promise.all(sending);
}
