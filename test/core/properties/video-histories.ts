import fc from "fast-check";
import type { Allowance, Entitlement, Gate, Plan } from "../../../src/core/plan.ts";
import type { Rate } from "../../../src/core/rate-card.ts";
import type { Usage } from "../../../src/core/usage.ts";
import type { WindowRule } from "../../../src/core/window.ts";
import {
  allowanceOf,
  anchored,
  calendar,
  concurrencyGate,
  credits,
  DAY,
  entitlementOf,
  gateOf,
  HOUR,
  MINUTE,
  planOf,
  SECOND,
  sliding,
  usageOf,
  VIDEO_RATE,
} from "../../support/core-fixtures.ts";
import type { Offer, Step } from "../../support/core-model.ts";

/** Random plans with videos in them, and random histories of an account's videos. */

const VIDEOS = 16;
const video = fc.nat(VIDEOS - 1);
export const BERLIN = "Europe/Berlin";
const SIZES = ["720x1280", "1024x1792"] as const;

/** Prices that no number of seconds divides evenly. */
const PRO_RATE: Rate = { ...VIDEO_RATE, perSecond: { "720x1280": 7_333_333, "1024x1792": 12_999_999 } };
export const QUOTES: Offer["quotes"] = [
  { cardId: "default", cardVersion: 1, model: "sora-2", rate: VIDEO_RATE },
  { cardId: "default", cardVersion: 1, model: "sora-2-pro", rate: PRO_RATE },
];

const day = (limit: number): WindowRule => calendar("day", BERLIN, limit);

/** Included videos, seconds or credits, a day or a week or both. */
function allowances(windowsOf: (limit: number) => fc.Arbitrary<WindowRule[]>): fc.Arbitrary<Allowance[]> {
  const inUnit = (unit: Allowance["unit"], limits: fc.Arbitrary<number>) =>
    fc.record({
      unit: fc.constant(unit),
      windows: limits.chain(windowsOf),
      models: fc.constantFrom<[null, string[]]>(null, ["sora-2"]),
    });
  const one = fc.oneof(
    inUnit("requests", fc.integer({ min: 1, max: 4 })),
    inUnit("seconds", fc.integer({ min: 1, max: 30 })),
    inUnit("credits", fc.integer({ min: credits(1), max: credits(60) })),
  );
  return fc
    .array(one, { maxLength: 3 })
    .map((list) => list.map(({ windows, ...part }, index) => allowanceOf(`included-${index}`, windows, null, part)));
}

const anyWindows = (limit: number): fc.Arbitrary<WindowRule[]> =>
  fc.constantFrom(
    [day(limit)],
    [day(limit), anchored(7 * DAY, 2 * limit)],
    [anchored(5 * HOUR, limit), calendar("month", "America/Los_Angeles", 5 * limit)],
    [sliding(DAY, limit)],
  );

const gates: fc.Arbitrary<Gate[]> = fc
  .record({
    inFlight: fc.integer({ min: 1, max: 5 }),
    perKey: fc.boolean(),
    begun: fc.integer({ min: 2, max: 6 }),
    dear: fc.integer({ min: credits(30), max: credits(200) }),
    of: fc.subarray([0, 1, 2]),
  })
  .map(({ inFlight, perKey, begun, dear, of }) => {
    const all = [
      concurrencyGate("in-flight", inFlight, { per: perKey ? "key" : "account", features: ["sora"] }),
      gateOf("key-daily", "requests", begun, { per: "key", window: day(begun) }),
      gateOf("key-credits", "credits", dear, { per: "key", window: day(dear) }),
    ];
    return all.filter((_, index) => of.includes(index));
  });

const entitlements: fc.Arbitrary<Entitlement[]> = fc.subarray([
  entitlementOf("monthly", 60, { rolloverCap: credits(20) }),
  entitlementOf("daily", 5, { period: { unit: "day", timeZone: BERLIN, weekStartsOn: 1 } }),
]);

function planWith(included: fc.Arbitrary<Allowance[]>): fc.Arbitrary<Plan> {
  const features = { sora: { models: ["*"] } };
  return fc
    .record({
      allowances: included,
      gates,
      entitlements,
      sameRequestMs: fc.constantFrom(null, 2 * MINUTE, DAY),
      overshoot: fc.constantFrom<("refund" | "clamp")[]>("refund", "clamp"),
    })
    .map((part) => planOf({ features, ...part }));
}

/** Two plans that have little in common. */
export const offer: fc.Arbitrary<Offer> = fc
  .tuple(planWith(allowances(anyWindows)), planWith(allowances(anyWindows)))
  .map(([one, other]) => ({
    plans: [
      { ...one, id: "one" },
      { ...other, id: "other" },
    ],
    quotes: QUOTES,
  }));

const bound: fc.Arbitrary<Usage> = fc
  .record({ seconds: fc.constantFrom(4, 8, 12, 20), size: fc.constantFrom(...SIZES) })
  .map(usageOf);
/** What upstream made: mostly what was asked for, sometimes less, more or another size. */
const used: fc.Arbitrary<Usage> = fc.oneof(
  bound,
  fc.record({ seconds: fc.nat(30), size: fc.constantFrom(...SIZES) }).map(usageOf),
);

const elapsed = fc.oneof(
  fc.nat(2 * MINUTE),
  fc.nat(3 * HOUR),
  fc.integer({ min: 6 * HOUR, max: 30 * HOUR }),
  fc.constant(71 * HOUR),
);

const inOneKey = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) });
const job = fc.record({ content: fc.constantFrom("cat", "dog"), again: fc.boolean() });

const grant = fc.record({
  amount: fc.integer({ min: credits(1), max: credits(80) }),
  kind: fc.constantFrom<("paid" | "promotional")[]>("paid", "promotional"),
  priority: fc.nat(2),
});
const grantLasts = fc.option(fc.integer({ min: HOUR, max: 10 * DAY }));

/** Steps made of something random. */
function stepsOf<T>(arbitrary: fc.Arbitrary<T>, make: (value: T) => Step[]): fc.Arbitrary<Step[]> {
  return arbitrary.map(make);
}

const asked = fc.record({ request: video, key: inOneKey, model: fc.nat(1), bound, job });
const made = fc.record({ request: video, usage: used });

/** What may happen to the videos of an account. */
export const oneStep: fc.Arbitrary<Step[]> = fc.oneof(
  { weight: 8, arbitrary: stepsOf(asked, (part) => [{ do: "reserve", open: false, ...part }]) },
  { weight: 6, arbitrary: stepsOf(video, (request) => [{ do: "begin", request }]) },
  { weight: 5, arbitrary: stepsOf(made, (part) => [{ do: "settle", estimated: false, ...part }]) },
  { weight: 3, arbitrary: stepsOf(video, (request) => [{ do: "release", request }]) },
  { weight: 3, arbitrary: stepsOf(video, (request) => [{ do: "expire", request }]) },
  {
    weight: 3,
    arbitrary: stepsOf(made, ({ request, usage }) => [
      { do: "expire", request },
      { do: "pass", ms: HOUR },
      { do: "late", request, usage },
    ]),
  },
  { weight: 6, arbitrary: stepsOf(elapsed, (ms) => [{ do: "pass", ms }]) },
  {
    weight: 2,
    arbitrary: stepsOf(fc.tuple(grant, grantLasts), ([terms, lastsMs]) => [{ do: "grant", terms, lastsMs }]),
  },
  { weight: 2, arbitrary: fc.constant<Step[]>([{ do: "lapse" }, { do: "renew" }]) },
);

const changes: fc.Arbitrary<Step[]> = fc.oneof(
  stepsOf(fc.nat(1), (index) => [{ do: "plan", index }]),
  stepsOf(fc.boolean(), (frozen) => [{ do: "status", frozen }]),
  stepsOf(video, (request) => [{ do: "refund", request, share: 50 }]),
  fc.constant<Step[]>([{ do: "pass", ms: -5 * SECOND }]),
);

const steps = (one: fc.Arbitrary<Step[]>, size: number) =>
  fc.array(one, { maxLength: size, size: "max" }).map((list) => list.flat());
/** Steps that need not follow each other in any sense. */
export const anything = steps(fc.oneof({ weight: 12, arbitrary: oneStep }, { weight: 1, arbitrary: changes }), 70);

/** Something that happens so many ms after the beginning of the month. */
interface Event {
  readonly at: number;
  readonly steps: readonly Step[];
}

export const MONTH = 30 * DAY;

type End = "completed" | "failed" | "cancelled" | "never told";

const life = fc.record({
  begins: fc.nat(MONTH),
  lasts: fc.oneof({ weight: 3, arbitrary: fc.nat(20 * MINUTE) }, { weight: 1, arbitrary: fc.nat(80 * HOUR) }),
  end: fc.constantFrom<End[]>("completed", "completed", "completed", "failed", "cancelled", "never told"),
  asked: fc.record({ key: inOneKey, model: fc.nat(1), bound, job }),
  made: used,
});

type Life = typeof life extends fc.Arbitrary<infer One> ? One : never;

/** What happens to one video, told by whoever looks after it: its end, and the end of its reservation. */
function eventsOf(request: number, { begins, lasts, end, asked, made }: Life): Event[] {
  const ends: Record<End, Step[]> = {
    completed: [
      { do: "settle", request, usage: made, estimated: false },
      { do: "late", request, usage: made },
    ],
    failed: [{ do: "release", request }],
    cancelled: [{ do: "release", request }],
    "never told": [],
  };
  return [
    { at: begins, steps: [{ do: "reserve", request, open: false, ...asked }] },
    { at: begins + SECOND, steps: [{ do: "begin", request }] },
    { at: begins + SECOND + lasts, steps: ends[end] },
    { at: begins + 6 * HOUR + MINUTE, steps: [{ do: "expire", request }] },
  ];
}

const everyDay = Array.from({ length: 30 }, (_, index): Event => {
  return { at: index * DAY, steps: [{ do: "renew" }, { do: "lapse" }, { do: "denials" }] };
});

/** A month of videos, and of what is granted beside them. */
export const month: fc.Arbitrary<Step[]> = fc
  .tuple(
    fc.array(life, { minLength: 20, maxLength: 80, size: "max" }),
    fc.array(fc.tuple(fc.nat(MONTH), grant, grantLasts), { maxLength: 6 }),
  )
  .map(([lives, grants]) => {
    const events = [
      ...everyDay,
      ...lives.flatMap((one, request) => eventsOf(request, one)),
      ...grants.map(([at, terms, lastsMs]): Event => ({ at, steps: [{ do: "grant", terms, lastsMs }] })),
    ].sort((a, b) => a.at - b.at);
    return events.flatMap(({ at, steps }, index): Step[] => [
      { do: "pass", ms: at - (events[index - 1]?.at ?? 0) },
      ...steps,
    ]);
  });

/** A plan whose allowances last a day of Berlin each. */
export const dailyPlan: fc.Arbitrary<Plan> = planWith(allowances((limit) => fc.constant([day(limit)])));
