import { type MicroCredits, sum } from "../core/amount.ts";
import type { Considered, SourceAmount } from "../core/draw.ts";
import type { Receipt } from "../core/receipt.ts";
import { creditsText, quantityOf, unitName } from "./amounts.tsx";

/** One step of the waterfall: a source that was asked, or what nobody paid. */
export interface Step {
  /** `null` for what no source paid. */
  readonly source: string | null;
  readonly about: string;
  readonly told: string;
  /** Where its stretch of the whole begins, and how long it is (micro-credits). */
  readonly begin: MicroCredits;
  readonly amount: MicroCredits;
  readonly look: "used" | "held" | "lack";
  /** The same for what was reserved, in the scale of {@link Picture.reserved}. */
  readonly reservedBegin: MicroCredits;
  readonly reserved: MicroCredits;
}

export interface Picture {
  readonly steps: readonly Step[];
  /** What the picture is of: the charge, what is reserved while it is open, or what a refused request needed. */
  readonly whole: MicroCredits;
  readonly reserved: MicroCredits;
}

/** What the waterfall of a request looks like: what was paid, or reserved, or could be had. */
export function pictureOf(receipt: Receipt): Picture {
  const parts = partsOf(receipt);
  const lack = lackOf(receipt, sum(parts.map(({ amount }) => amount)));
  const whole = sum(parts.map(({ amount }) => amount)) + (lack?.amount ?? 0);
  const steps: Step[] = [];
  let [begin, reservedBegin] = [0, 0];
  for (const part of lack ? [...parts, lack] : parts) {
    const isNeeded = begin < whole;
    steps.push({ ...part, begin, reservedBegin, told: part.told ?? (isNeeded ? "gave nothing" : "not needed") });
    begin += part.amount;
    reservedBegin += part.reserved;
  }
  return { steps, whole, reserved: reservedBegin };
}

/** A step before its place in the picture is known; `told` is `null` where it did nothing. */
type Part = Omit<Step, "begin" | "reservedBegin" | "told"> & { readonly told: string | null };

function partsOf(receipt: Receipt): Part[] {
  const { considered, draws, charge, denial } = receipt;
  const posted = charge?.posted ?? [];
  const parts = considered.filter(isSource).map((one): Part => {
    const reserved = amountFrom(draws, one.source);
    const common = { source: one.source, about: aboutOf(one), reserved };
    if (denial) return { ...common, ...offered(one) };
    return { ...common, ...(charge ? paid(amountFrom(posted, one.source)) : held(reserved)) };
  });
  // More than was reserved may have been taken from sources that were not looked at before.
  for (const { source, kind } of posted) {
    if (parts.some((part) => part.source === source)) continue;
    const common = { source, about: `${KINDS[kind]} · asked at the end`, reserved: amountFrom(draws, source) };
    parts.push({ ...common, ...paid(amountFrom(posted, source)) });
  }
  return parts;
}

const KINDS = { allowance: "included use", grant: "credits" } as const;

type ConsideredSource = Considered & { readonly kind: "allowance" | "grant" };

function isSource(one: Considered): one is ConsideredSource {
  return one.kind !== "gate";
}

function aboutOf({ kind, unit, available }: ConsideredSource): string {
  return `${KINDS[kind]} · had ${quantityOf(unit, available)} ${unitName(unit)}`;
}

type Share = Pick<Part, "amount" | "look" | "told">;

function paid(amount: MicroCredits): Share {
  return { amount, look: "used", told: amount > 0 ? `paid ${creditsText(amount)}` : null };
}

function held(amount: MicroCredits): Share {
  return { amount, look: "held", told: amount > 0 ? `${creditsText(amount)} reserved` : null };
}

/** What a source could have given to a request that was refused. */
function offered({ unit, taken }: ConsideredSource): Share {
  const amount = unit === "credits" ? taken : 0;
  return { amount, look: "held", told: amount > 0 ? `could give ${creditsText(amount)}` : null };
}

/** What nobody paid, or could have paid. */
function lackOf({ denial, charge }: Receipt, given: MicroCredits): Part | null {
  const nobody = { source: null, look: "lack", reserved: 0 } as const;
  if (denial) {
    const amount = denial.needed - given;
    return amount > 0 ? { ...nobody, about: "Nobody", amount, told: `${creditsText(amount)} lacking` } : null;
  }
  const amount = charge?.overshoot ?? 0;
  return amount > 0 ? { ...nobody, about: "Overshoot", amount, told: `${creditsText(amount)} refunded at once` } : null;
}

function amountFrom(amounts: readonly SourceAmount[], name: string): MicroCredits {
  return sum(amounts.filter(({ source }) => source === name).map(({ amount }) => amount));
}
