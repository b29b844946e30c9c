import { createHash } from "node:crypto";
import type { FaultDice } from "./faults.ts";
import { CORRECTED_VERSIONS, modelOf } from "./offers.ts";
import type { Random } from "./random.ts";

/** How upstream deals with a request. */
export interface Fate {
  readonly ending: "completed" | "no_usage" | "cut" | "failed" | "rejected";
  /** Output that was really produced, as a share of what was bounded. */
  readonly share: number;
  /** Real input as a share of the estimate. */
  readonly inputShare: number;
  readonly lastsMs: number;
}

/** A request that upstream goes on with by itself. */
export interface JobTerms {
  readonly lastsMs: number;
  /** How long its reservation is held for it. */
  readonly holdMs: number;
  /** When the client reads it, after its beginning. */
  readonly readAfterMs: readonly number[];
}

export interface RequestAction {
  readonly kind: "request";
  readonly requestId: string;
  readonly keyed: boolean;
  readonly content: string;
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly openOutput: boolean;
  readonly stream: boolean;
  readonly holdMs: number;
  /** How long its Workers cannot reach the object after the last they told it; 0 for most. */
  readonly silentMs: number;
  readonly job: JobTerms | null;
  /** The client asks again after so long, until it has an answer. */
  readonly asksAfterMs: readonly number[];
  /** The ids under which it asks again where it has no key; empty where it has one, and says the same id again. */
  readonly laterIds: readonly string[];
  readonly fates: readonly [Fate, ...Fate[]];
}

export interface GrantAction {
  readonly kind: "grant";
  readonly grantId: string;
  readonly amount: number;
  readonly promotional: boolean;
  readonly priority: number;
  readonly startsAfterMs: number;
  readonly lastsMs: number | null;
  readonly copies: number;
}

/** Charges of a span of time are priced again. */
export interface ReratingAction {
  readonly kind: "rerate";
  readonly toVersion: number;
  /** Which charge was complained of, where there is one like this; otherwise, and for "any", all of the last `spanMs`. */
  readonly complaint: "any" | "expired" | "late" | "corrected" | "refunded";
  readonly spanMs: number;
  readonly most: number;
  /** Only requests that came with a key: their charges are listed last. */
  readonly keyed: boolean;
  readonly dryRun: boolean;
  /** How many operators do it at the same time. */
  readonly copies: number;
  /** One of the requests is refunded beside it, so long after the first charges were read. */
  readonly refundAfterMs: number | null;
  /** How long a charge may lie between its reading and its correction. */
  readonly slowMs: number;
}

type OperatorKind = "void" | "refund" | "freeze" | "publish" | "move" | "prices" | "audit";

export type Action = { readonly at: number; readonly account: number; readonly n: number } & (
  | RequestAction
  | GrantAction
  | ReratingAction
  | { readonly kind: OperatorKind | "thaw" }
  | { readonly kind: "clock"; readonly skewMs: number }
  | { readonly kind: "outage"; readonly lastsMs: number }
  | { readonly kind: "poison"; readonly how: "garbage" | "tampered" | "version" | "fork" }
);

export interface Workload {
  readonly begin: number;
  readonly accounts: readonly string[];
  readonly actions: readonly Action[];
}

const CREDIT = 1_000_000;
const MINUTE = 60_000;
const MIDNIGHT = Date.UTC(2026, 10, 23);

/** What is asked of the accounts in one seed, and when. */
export function workloadOf(random: Random, faults: FaultDice): Workload {
  const accounts = Array.from({ length: random.pick([1, 1, 2, 3]) }, (_, index) => `acct_${"abc"[index] ?? "z"}`);
  const requests = random.int(40, random.pick([42, 42, 42, 42, 100]));
  const gap = random.pick([20, 300, 3_000, 15_000, 45_000]);
  const span = gap * requests;
  const begin = MIDNIGHT - (random.chance(0.6) ? Math.floor(random.next() * span) : 7 * 3_600_000);
  const actions: Action[] = [];
  const add = (at: number, action: Omit<Action, "at" | "account" | "n">): void => {
    const account = random.int(0, accounts.length - 1);
    actions.push({ ...action, at: begin + Math.floor(at), account, n: actions.length } as Action);
  };
  for (const [account] of accounts.entries()) {
    const grant = grantOf(random, begin, `first${account}`, span);
    actions.push({ ...grant, at: begin + 50, account, n: actions.length });
  }
  let at = 0;
  for (let n = 0; n < requests; n += 1) {
    at += gap * random.next() * 2;
    const request = requestOf(random, begin + at, n);
    add(at, request);
    if (request.keyed && random.chance(0.35)) addTwin(random, actions, request);
  }
  for (let n = 0; n < requests / 12; n += 1) add(random.next() * at, grantOf(random, begin, `${n}`, span));
  for (let n = 0; n < requests / 8; n += 1) {
    const kind = random.pick<OperatorKind>([
      "void",
      "refund",
      "refund",
      "freeze",
      "publish",
      "move",
      "prices",
      "audit",
      "audit",
    ]);
    const when = random.next() * at;
    add(when, { kind });
    if (kind === "freeze") add(when + at / 12, { kind: "thaw" });
  }
  addTrouble(random, faults, at, add);
  addReratings(random.fork("reratings"), { begin, span: at, accounts: accounts.length }, actions);
  return { begin, accounts, actions: actions.sort((a, b) => a.at - b.at || a.n - b.n) };
}

/** The same id comes a second time while the first is under way, or after it; with the same content or another. */
function addTwin(random: Random, actions: Action[], request: RequestAction): void {
  const first = actions.at(-1);
  if (!first) return;
  const content = random.chance(0.25) ? `${request.content}!` : request.content;
  const delay = random.pick([0, 5, 200, 4_000, 60_000]);
  const fates = request.fates.map((fate) => ({ ...fate })) as [Fate, ...Fate[]];
  actions.push({ ...request, content, fates, at: first.at + delay, account: first.account, n: actions.length });
}

function addTrouble(
  random: Random,
  faults: FaultDice,
  span: number,
  add: (at: number, action: Omit<Action, "at" | "account" | "n">) => void,
): void {
  const times = (most: number): number[] => Array.from({ length: random.int(1, most) }, () => random.next() * span);
  const jumps = times(4).map((at) => ({
    at,
    skewMs: random.pick([0, random.int(-600_000, 600_000), random.int(-5_000, 5_000)]),
  }));
  const outages = times(2).map((at) => ({ at, lastsMs: random.int(20_000, 300_000) }));
  const poisons = times(5).map((at) => ({ at, how: random.pick(["garbage", "tampered", "version", "fork", "fork"]) }));
  if (faults.has("clock jumps")) for (const { at, skewMs } of jumps) add(at, { kind: "clock", skewMs } as never);
  if (faults.has("D1 out for minutes"))
    for (const { at, lastsMs } of outages) add(at, { kind: "outage", lastsMs } as never);
  if (faults.has("poison on the queue")) for (const { at, how } of poisons) add(at, { kind: "poison", how } as never);
}

/** Prices are corrected in some of the seeds; then often the same ones again, to the same version or to another. */
function addReratings(
  random: Random,
  { begin, span, accounts }: { begin: number; span: number; accounts: number },
  actions: Action[],
): void {
  if (!random.chance(0.5)) return;
  const times = random.int(1, 5);
  const versions = random.shuffle(CORRECTED_VERSIONS).slice(0, random.int(1, 3));
  for (let time = 0; time < times; time += 1) {
    const at = begin + Math.floor(span * (0.3 + 0.8 * random.next()));
    actions.push({
      kind: "rerate",
      toVersion: versions[time % versions.length] ?? 0,
      complaint: random.pick(["any", "any", "expired", "expired", "late", "corrected", "refunded"]),
      spanMs: random.chance(0.5) ? 7 * 24 * 60 * MINUTE : random.int(MINUTE, MINUTE + Math.ceil(span)),
      most: random.int(1, 4),
      keyed: random.chance(0.4),
      dryRun: random.chance(0.2),
      copies: random.chance(0.3) ? 2 : 1,
      refundAfterMs: random.chance(0.5) ? random.pick([0, 20, 1_000]) : null,
      slowMs: random.pick([0, 50, 2_000, 20_000]),
      at,
      account: random.int(0, accounts - 1),
      n: actions.length,
    });
  }
}

function requestOf(random: Random, at: number, n: number): RequestAction {
  const keyed = random.chance(0.5);
  const time = Math.floor(at).toString(16).padStart(12, "0");
  const stream = random.chance(0.5);
  const asks = random.chance(0.4) ? [0] : [0, random.int(1_000, 15_000), random.int(20_000, 300_000)];
  const job = jobOf(random.fork(`job ${n}`));
  const silence = random.fork(`silence ${n}`);
  const again = random.fork(`again ${n}`);
  return {
    kind: "request",
    requestId: keyed ? `req_k${sha1(`key ${n} ${random.hex(8)}`)}` : `req_${time}${random.hex(20)}`,
    keyed,
    content: `content ${n}`,
    model: modelOf(random),
    inputTokens: random.int(10, 3_000),
    outputTokens: random.int(1, random.pick([300, 4_000])),
    openOutput: random.chance(0.4),
    stream,
    silentMs: stream && silence.chance(0.15) ? silence.int(60_000, 10 * MINUTE) : 0,
    holdMs: stream ? random.pick([50_000, 240_000]) : random.pick([20_000, 90_000, 900_000]),
    job,
    asksAfterMs: keyed || job ? asks : [0],
    laterIds: keyed ? [] : asks.slice(1).map(() => `req_${time}${again.hex(20)}`),
    fates: [fateOf(random), fateOf(random), fateOf(random)],
  };
}

function jobOf(random: Random): JobTerms | null {
  if (!random.chance(0.12)) return null;
  const lastsMs = random.int(2_000, random.pick([60_000, 20 * MINUTE]));
  const reads = [lastsMs + random.int(0, 5_000), random.int(0, 2 * lastsMs)];
  return {
    lastsMs,
    holdMs: random.pick([30_000, 5 * MINUTE, 60 * MINUTE]),
    readAfterMs: random.chance(0.5) ? reads : [],
  };
}

const ENDINGS = ["completed", "completed", "completed", "no_usage", "cut", "failed", "failed", "rejected"] as const;

function fateOf(random: Random): Fate {
  return {
    ending: random.pick(ENDINGS),
    share: random.chance(0.12) ? 1 + random.next() : random.next(),
    inputShare: 0.6 + random.next() * 0.5,
    lastsMs: random.chance(0.75) ? random.int(100, 8_000) : random.int(20_000, 300_000),
  };
}

function grantOf(random: Random, begin: number, name: string, span: number): GrantAction {
  const lastsMs = random.chance(0.5) ? Math.floor(span * random.next()) + MINUTE : null;
  return {
    kind: "grant",
    grantId: `grt_${sha1(`${begin} ${name} ${random.hex(6)}`).slice(0, 32)}`,
    amount: random.int(1, random.pick([2, 20])) * CREDIT + random.int(0, 999_999),
    promotional: random.chance(0.5),
    priority: random.pick([10, 50, 50]),
    startsAfterMs: random.chance(0.2) ? random.int(0, 2 * MINUTE) : 0,
    lastsMs,
    copies: random.chance(0.3) ? 2 : 1,
  };
}

function sha1(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}
