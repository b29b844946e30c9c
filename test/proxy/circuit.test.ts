import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  afterFailure,
  afterRateLimit,
  type Circuit,
  CLOSED,
  type Readiness,
  readiness,
  trying,
} from "../../src/proxy/circuit.ts";

const SECOND = 1_000;

/** What happens, and how ready the circuit is just after it. */
type Step = [at: number, event: "failure" | "limit 30" | "limit 9999" | "trial" | "success" | "look", Readiness];

function happen(circuit: Circuit, event: Step[1], now: number): Circuit {
  switch (event) {
    case "failure":
      return afterFailure(circuit, now);
    case "limit 30":
      return afterRateLimit(circuit, now, 30);
    case "limit 9999":
      return afterRateLimit(circuit, now, 9_999);
    case "trial":
      return trying(circuit, now);
    case "success":
      return CLOSED;
    case "look":
      return circuit;
  }
}

const OPENED: Step[] = [0, 1, 2, 3, 4].map((at) => [at, "failure", at < 4 ? "ready" : "open"]);

describe("a circuit", () => {
  test.each<[string, Step[]]>([
    ["opens after five failures in a row", OPENED],
    [
      "does not open when a request succeeds between them",
      [
        ...OPENED.slice(0, 4),
        [5, "success", "ready"],
        [6, "failure", "ready"],
        [7, "failure", "ready"],
        [8, "failure", "ready"],
        [9, "failure", "ready"],
        [10, "failure", "open"],
      ],
    ],
    [
      "does not open for failures that lie further apart than a minute",
      [
        [0, "failure", "ready"],
        [20, "failure", "ready"],
        [40, "failure", "ready"],
        [59, "failure", "ready"],
        [60, "failure", "ready"],
        [61, "failure", "open"],
      ],
    ],
    [
      "may be tried after fifteen seconds",
      [...OPENED, [18.999, "look", "open"], [19, "look", "trial"], [500, "look", "trial"]],
    ],
    [
      "is tried by one request at a time",
      [...OPENED, [19, "trial", "open"], [33.999, "look", "open"], [34, "look", "trial"]],
    ],
    ["closes when the trial succeeds", [...OPENED, [19, "trial", "open"], [20, "success", "ready"]]],
    [
      "opens again when the trial fails, after that one failure",
      [...OPENED, [19, "trial", "open"], [20, "failure", "open"], [34.9, "look", "open"], [35, "look", "trial"]],
    ],
    [
      "is not prolonged by requests that were on their way when it opened",
      [...OPENED, [10, "failure", "open"], [18, "failure", "open"], [19, "look", "trial"]],
    ],
    [
      "opens at once for as long as a rate limit says",
      [
        [0, "limit 30", "open"],
        [29.9, "look", "open"],
        [30, "look", "trial"],
      ],
    ],
    [
      "believes no rate limit of more than ten minutes",
      [
        [0, "limit 9999", "open"],
        [599, "look", "open"],
        [600, "look", "trial"],
      ],
    ],
    ["is not opened for less time by a rate limit", [...OPENED, [18, "limit 30", "open"], [47, "look", "open"]]],
  ])("%s", (_claim, steps) => {
    let circuit = CLOSED;
    for (const [at, event, expected] of steps) {
      circuit = happen(circuit, event, at * SECOND);
      expect([at, event, readiness(circuit, at * SECOND)]).toEqual([at, event, expected]);
    }
  });

  test("whatever happened, may be tried again within ten minutes, and remembers little", () => {
    const event = fc.constantFrom<Step[1]>("failure", "limit 30", "limit 9999", "trial", "success", "look");
    const history = fc.array(fc.tuple(fc.integer({ min: 0, max: 90_000 }), event), { maxLength: 60 });
    fc.assert(
      fc.property(history, (steps) => {
        let now = 0;
        let circuit = CLOSED;
        for (const [pause, what] of steps) {
          now += pause;
          circuit = happen(circuit, what, now);
        }
        expect(circuit.failedAt.length).toBeLessThanOrEqual(5);
        expect(readiness(circuit, now + 600 * SECOND)).not.toBe("open");
        expect(readiness(happen(circuit, "success", now), now)).toBe("ready");
      }),
    );
  });
});
