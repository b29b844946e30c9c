import { wait } from "./clock.ts";
import { type Interruption, MAX_WAIT_MS, type Scenario } from "./scenario.ts";

/** One event for the wire; `name` where the protocol names its events. */
export interface WireEvent {
  name?: string;
  data: object | "[DONE]";
}

/** One streamed answer. Parts are asked for once each, in this order. */
export interface Frames {
  readonly deltas: number;
  opening(): WireEvent[];
  delta(index: number): WireEvent;
  closing(): WireEvent[];
}

/** What is written at once: events, or in their place something that a reader must survive. */
export type Beat =
  | { kind: "events"; events: readonly WireEvent[] }
  | { kind: "malformed" }
  | { kind: "padding"; bytes: number };

/** The simulator broke the connection, as the scenario wants it. */
export class BrokenConnection extends Error {
  constructor() {
    super("the simulated connection broke");
  }
}

/** An error overtakes what was written just before it; the last delta needs this long to be on its way. */
const FLUSH_MS = 20;

/** Plays `frames` as the scenario wants them. Throws `BrokenConnection` where they break off. */
export async function* play(frames: Frames, scenario: Scenario, signal: AbortSignal): AsyncGenerator<Beat> {
  const { interruption } = scenario;
  const shown = interruption === null ? frames.deltas : Math.min(interruption.after, frames.deltas);
  const middle = scenario.burst ? 0 : Math.floor(shown / 2);
  yield events(frames.opening());
  await wait(scenario.thinkMs, signal);
  yield* playDeltas(frames, 0, middle, scenario, signal);
  yield* disturb(scenario);
  yield* playDeltas(frames, middle, shown, scenario, signal);
  if (interruption === null) yield events(frames.closing());
  else await interrupt(interruption, signal);
}

/** Ends an answer before its time: `eof` by returning, the others by throwing. */
export async function interrupt({ kind }: Interruption, signal: AbortSignal): Promise<void> {
  if (kind === "eof") return;
  await wait(kind === "stall" ? MAX_WAIT_MS : FLUSH_MS, signal);
  throw new BrokenConnection();
}

export function events(list: readonly WireEvent[]): Beat {
  return { kind: "events", events: list };
}

async function* playDeltas(
  frames: Frames,
  from: number,
  to: number,
  scenario: Scenario,
  signal: AbortSignal,
): AsyncGenerator<Beat> {
  if (from === to) return;
  if (scenario.burst) {
    yield events(Array.from({ length: to - from }, (_, offset) => frames.delta(from + offset)));
    return;
  }
  for (let index = from; index < to; index++) {
    if (index > 0) await wait(scenario.paceMs, signal);
    yield events([frames.delta(index)]);
  }
}

function* disturb(scenario: Scenario): Generator<Beat> {
  if (scenario.malformed) yield { kind: "malformed" };
  if (scenario.bigLineBytes !== null) yield { kind: "padding", bytes: scenario.bigLineBytes };
}
