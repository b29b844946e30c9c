import type { PackWire } from "./credit-packs.tsx";
import { SelectField, TextField, TickBox, textOf } from "./fields.tsx";
import { CsrfField } from "./layout.tsx";
import { moneyText, readMoney, typedMoney } from "./money.ts";

/** The settings of automatic top-ups, as the API takes and tells them. */
export interface AutoTopUpTerms {
  readonly threshold: string;
  readonly pack: string;
  /** In the smallest unit of the pack's currency. */
  readonly monthly_cap: number;
  readonly cooldown: string;
}

const COOLDOWNS = [
  ["10m", "10 minutes"],
  ["1h", "an hour"],
  ["6h", "6 hours"],
  ["1d", "a day"],
] as const;

interface FormProps {
  readonly set: (AutoTopUpTerms & { readonly enabled: boolean }) | null;
  readonly packs: readonly PackWire[];
  readonly csrfToken: string;
  readonly action: string;
  /** What was typed and refused. */
  readonly typed: URLSearchParams | null;
}

export function AutoTopUpForm({ set, packs, csrfToken, action, typed }: FormProps) {
  const values = typed ? typedValues(typed) : valuesOf(set, packs);
  const cooldowns = COOLDOWNS.some(([known]) => known === values.cooldown)
    ? COOLDOWNS
    : [...COOLDOWNS, [values.cooldown, values.cooldown] as const];
  return (
    <form class="form" method="post" action={action}>
      <CsrfField token={csrfToken} />
      <TickBox name="enabled" label="Buy credits automatically" checked={values.enabled} />
      <TextField
        id="threshold"
        name="threshold"
        label="When fewer credits than this are available"
        inputmode="decimal"
        pattern={DECIMAL}
        required
        value={values.threshold}
      />
      <SelectField
        id="pack"
        name="pack"
        label="Buy"
        value={values.pack}
        options={packs.map(({ id, name, amount, currency }) => [id, `${name} for ${moneyText(amount, currency)}`])}
      />
      <TextField
        id="monthly-cap"
        name="monthly_cap"
        label="At most per month"
        hint={`Money, in ${[...new Set(packs.map(({ currency }) => currency.toUpperCase()))].join(" or ")}; months of UTC.`}
        inputmode="decimal"
        pattern={DECIMAL}
        required
        value={values.cap}
      />
      <SelectField
        id="cooldown"
        name="cooldown"
        label="At least so long between two purchases"
        value={values.cooldown}
        options={cooldowns}
      />
      <button type="submit">Save</button>
    </form>
  );
}

const DECIMAL = "\\d+(\\.\\d+)?";

interface Values {
  readonly enabled: boolean;
  readonly threshold: string;
  readonly pack: string;
  readonly cap: string;
  readonly cooldown: string;
}

/**
 * Without settings: a fifth of the smallest pack is the threshold, and five of them the most. So is the most where the pack
 * that was set is not on offer any more, since it was in the currency of that.
 */
function valuesOf(set: FormProps["set"], packs: readonly PackWire[]): Values {
  const [smallest] = packs;
  const known = packs.find(({ id }) => id === set?.pack);
  const pack = known ?? smallest;
  const cap = known && set ? set.monthly_cap : (smallest?.amount ?? 0) * 5;
  return {
    enabled: set?.enabled ?? true,
    threshold: plain(set?.threshold ?? (Number(smallest?.credits ?? 0) / 5).toFixed(6)),
    pack: pack?.id ?? "",
    cap: pack ? typedMoney(cap, pack.currency) : "",
    cooldown: set?.cooldown ?? "10m",
  };
}

/** `50.000000` as people write it. */
function plain(decimal: string): string {
  return decimal.includes(".") ? decimal.replace(/\.?0+$/, "") : decimal;
}

function typedValues(typed: URLSearchParams): Values {
  const text = (name: string) => typed.get(name) ?? "";
  return {
    enabled: typed.has("enabled"),
    threshold: text("threshold"),
    pack: text("pack"),
    cap: text("monthly_cap"),
    cooldown: text("cooldown"),
  };
}

/** What a form says, for the API; a sentence when it cannot be right. */
export function autoTopUpTermsOf(form: URLSearchParams, packs: readonly PackWire[]) {
  const pack = packs.find(({ id }) => id === textOf(form, "pack"));
  if (!pack) return "This pack is not on offer any more: choose another one.";
  const enabled = form.has("enabled");
  const cap = readMoney(textOf(form, "monthly_cap") ?? "", pack.currency);
  if (cap === null || (enabled && cap < pack.amount)) {
    const price = moneyText(pack.amount, pack.currency);
    return `“At most per month” is an amount of money, and at least the price of the pack: ${price}.`;
  }
  return {
    enabled,
    threshold: textOf(form, "threshold"),
    pack: pack.id,
    monthly_cap: cap,
    cooldown: textOf(form, "cooldown"),
  };
}
