import fc from "fast-check";

/** One parser and what must hold of it for every input. */
export interface FuzzTarget {
  readonly name: string;
  /** How many inputs `npm test` tries: about a second's worth. */
  readonly runs: number;
  readonly property: fc.IAsyncProperty<unknown[]>;
}

/** No input that is tried is larger than some kilobytes: whatever takes more of the processor does more work than it should. */
const BOUND_MS = 1_000;

/** A target whose `check` throws, or takes too long, where something does not hold. */
export function target<Inputs extends [unknown, ...unknown[]]>(
  name: string,
  runs: number,
  inputs: { readonly [At in keyof Inputs]: fc.Arbitrary<Inputs[At]> },
  check: (...inputs: Inputs) => void | Promise<void>,
): FuzzTarget {
  const property = fc.asyncProperty(fc.tuple<Inputs>(...inputs), async (tried) => {
    // Of the processor, not of the clock: a machine that stalls tells nothing of a parser.
    const begun = process.cpuUsage();
    await check(...tried);
    const { user, system } = process.cpuUsage(begun);
    const took = (user + system) / 1_000;
    if (took > BOUND_MS) throw new Error(`took ${Math.round(took)} ms`);
  });
  return { name, runs, property: property as fc.IAsyncProperty<unknown[]> };
}
