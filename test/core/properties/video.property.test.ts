import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sum } from "../../../src/core/amount.ts";
import { price } from "../../../src/core/rate-card.ts";
import type { Reservation } from "../../../src/core/reservation.ts";
import { CoreModel, type Happened } from "../../support/core-model.ts";
import { checkAccount, checkHappened, checkQuiet } from "./checks.ts";
import { anything, BERLIN, dailyPlan, MONTH, month, offer, oneStep, QUOTES } from "./video-histories.ts";

/** A failure in a long history is not made shorter for ever. */
const BOUNDED = { interruptAfterTimeLimit: 30_000 };

function endings({ settlement, late }: Reservation) {
  return [settlement, late].filter((ending) => ending !== null);
}

/** Every video has cost what upstream made of it, and somebody has paid exactly that. */
function checkVideo(reservation: Reservation): void {
  const { state, quote, settlement } = reservation;
  const charged = sum(endings(reservation).map(({ charge }) => charge));
  const paid = sum(endings(reservation).flatMap(({ posted }) => posted.map(({ amount }) => amount)));
  const overshoot = sum(endings(reservation).map((ending) => ending.overshoot));
  expect(paid + overshoot).toBe(charged);
  if (state === "released") expect(charged).toBe(0);
  const made = (reservation.late ?? settlement)?.usage;
  if (state !== "released" && made) expect(charged).toBe(price(quote.rate, made));
}

const localDate = new Intl.DateTimeFormat("en-CA", { timeZone: BERLIN });

/** What each day of Berlin has included, by allowance and day, counted from who paid for the videos. */
function includedByDay(reservations: Iterable<Reservation>): Map<string, number> {
  const days = new Map<string, number>();
  for (const ending of [...reservations].flatMap(endings)) {
    for (const draw of ending.posted) {
      if (draw.kind === "grant") continue;
      if (draw.unit === "seconds") {
        // A second pays no more than its share of the charge.
        expect(draw.amount * ending.usage.seconds).toBeLessThanOrEqual(draw.units * ending.charge);
      }
      for (const { mark } of draw.bookings) {
        const date = `${draw.source} ${localDate.format(mark)}`;
        days.set(date, (days.get(date) ?? 0) + draw.units);
      }
    }
  }
  return days;
}

describe("whatever becomes of an account's videos", { timeout: 180_000 }, () => {
  it("no credit, second or video appears, disappears, or is given out twice", () => {
    fc.assert(
      fc.property(offer, anything, (offered, history) => {
        const model = new CoreModel(offered);
        for (const step of history) {
          checkHappened(model, model.run(step));
          checkAccount(model);
        }
      }),
      { numRuns: 120, ...BOUNDED },
    );
  });

  it("after a month every video has cost what was made of it, nothing is held, and no day has included too much", () => {
    fc.assert(
      fc.property(dailyPlan, month, (plan, history) => {
        const model = new CoreModel({ plans: [plan], quotes: QUOTES });
        for (const step of history) checkHappened(model, model.run(step));
        for (const step of [{ do: "pass", ms: MONTH }, { do: "lapse" }] as const) model.run(step);
        checkQuiet(model);
        checkAccount(model);
        for (const reservation of model.reservations.values()) checkVideo(reservation);
        const limits = new Map(plan.allowances.map(({ id, windows }) => [id, windows[0]?.limit ?? 0]));
        for (const [date, count] of includedByDay(model.reservations.values())) {
          expect(count, date).toBeLessThanOrEqual(limits.get(date.split(" ")[0] ?? "") ?? 0);
        }
      }),
      { numRuns: 120, ...BOUNDED },
    );
  });

  it("an account that is loaded again at any point goes on as if nothing had been", () => {
    const history = fc.array(fc.record({ step: oneStep, reload: fc.boolean() }), { maxLength: 60, size: "max" });
    fc.assert(
      fc.property(offer, history, (offered, list) => {
        const [whole, split] = [new CoreModel(offered), new CoreModel(offered)];
        for (const { step, reload } of list) {
          for (const one of step) whole.run(one);
          if (reload) split.reload();
          for (const one of step) split.run(one);
        }
        expect(split.entries).toEqual(whole.entries);
        expect(split.reservations).toEqual(whole.reservations);
      }),
      { numRuns: 80, ...BOUNDED },
    );
  });

  // A green run means something only if the rare states were reached.
  it.each([
    ["histories", 400, fc.tuple(offer, anything)],
    ["months", 60, fc.tuple(offer, month)],
  ])("the random %s reach the rare states", (_, numRuns, histories) => {
    const reached = new Set<string>();
    for (const [offered, history] of fc.sample(histories, { seed: 20_261_123, numRuns })) {
      const model = new CoreModel(offered);
      for (const step of history) for (const state of rareStates(model.run(step))) reached.add(state);
    }
    expect([...reached]).toEqual(
      expect.arrayContaining([
        "requests",
        "seconds",
        "credits",
        "grant",
        "seconds and grant",
        "requests and seconds",
        "repeated",
        "gate",
        "allowance_exhausted",
        "credits_exhausted",
        "credits_reserved",
        "settled",
        "released",
        "expired",
        "late",
        "overshoot",
        "returned",
        "more than reserved",
        "begun",
      ]),
    );
  });
});

/** Names of the rare states in what happened. */
function rareStates(happened: Happened): string[] {
  if (happened.kind === "answered") {
    const { answer } = happened;
    if (answer.kind === "denied") return [answer.denial.reason];
    return answer.kind === "reserved" ? payersOf(answer.reservation) : [answer.kind];
  }
  if (happened.kind === "changed") return happened.change.reservations.map(({ job }) => (job ? "begun" : "other"));
  if (happened.kind !== "ended") return [];
  const { before, ended } = happened;
  const { settlement, reservation } = ended;
  const states: string[] = [settlement === reservation.late ? "late" : reservation.state];
  if (settlement.overshoot > 0) states.push("overshoot");
  if (settlement.charge > 0 && settlement.returned > 0) states.push("returned");
  if (before.state === "pending" && settlement.charge > before.reserved) states.push("more than reserved");
  return states;
}

function payersOf({ draws }: Reservation): string[] {
  const payers = draws.map((draw): string => (draw.kind === "allowance" ? draw.unit : draw.kind));
  const both = (a: string, b: string): string[] => (payers.includes(a) && payers.includes(b) ? [`${a} and ${b}`] : []);
  return [...payers, ...both("seconds", "grant"), ...both("requests", "seconds")];
}
