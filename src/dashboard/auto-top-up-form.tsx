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
  readonly currency: string | null;
  readonly cooldown: string;
}

const COOLDOWNS = [
  ["10m", "10 minutes"],
  ["1h", "an hour"],
  ["6h", "6 hours"],
  ["1d", "a day"],
] as const;

type SetTerms = AutoTopUpTerms & { readonly enabled: boolean };

interface FormProps {
  readonly set: SetTerms | null;
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
  const currencies = [...new Set([...packs, ...(set ? [set] : [])].flatMap(({ currency }) => currency ?? []))];
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
      <SelectField id="pack" name="pack" label="Buy" value={values.pack} options={packChoices(packs, values.pack)} />
      <TextField
        id="monthly-cap"
        name="monthly_cap"
        label="At most per month"
        hint={`Money, in ${currencies.map((code) => code.toUpperCase()).join(" or ")}; months of UTC.`}
        inputmode="decimal"
        pattern={DECIMAL}
        required
        value={values.cap}
      />
      {currencies.length > 1 ? (
        <SelectField
          id="cap-currency"
          name="cap_currency"
          label="The currency of that"
          value={values.currency}
          options={currencies.map((code) => [code, code.toUpperCase()])}
        />
      ) : (
        <input type="hidden" name="cap_currency" value={currencies[0]} />
      )}
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

/** A pack that was chosen and is not offered any more stays what is chosen: another one is nobody's choice yet. */
function packChoices(packs: readonly PackWire[], chosen: string): (readonly [string, string])[] {
  const offered = packs.map((pack) => [pack.id, `${pack.name} for ${moneyText(pack.amount, pack.currency)}`] as const);
  const isOffered = chosen === "" || packs.some(({ id }) => id === chosen);
  return isOffered ? offered : [[chosen, `${chosen}, not on offer any more`], ...offered];
}

interface Values {
  readonly enabled: boolean;
  readonly threshold: string;
  readonly pack: string;
  readonly cap: string;
  readonly currency: string;
  readonly cooldown: string;
}

/** Without settings: a fifth of the smallest pack is the threshold, and five of them the most. */
function valuesOf(set: FormProps["set"], packs: readonly PackWire[]): Values {
  const [smallest] = packs;
  const currency = (set ?? smallest)?.currency ?? "";
  const cap = set?.monthly_cap ?? (smallest?.amount ?? 0) * 5;
  return {
    enabled: set?.enabled ?? true,
    threshold: plain(set?.threshold ?? (Number(smallest?.credits ?? 0) / 5).toFixed(6)),
    pack: set?.pack ?? smallest?.id ?? "",
    cap: currency === "" ? "" : typedMoney(cap, currency),
    currency,
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
    currency: text("cap_currency"),
    cooldown: text("cooldown"),
  };
}

/**
 * What a form says, for the API; a sentence when it cannot be right. The most per month is taken in the currency in which
 * it was typed or shown, never in that of a pack that was chosen beside it.
 */
export function autoTopUpTermsOf(form: URLSearchParams, packs: readonly PackWire[], set: SetTerms | null) {
  const id = textOf(form, "pack");
  const enabled = form.has("enabled");
  const offered = packs.find((pack) => pack.id === id);
  // To be turned off, no other pack need be chosen.
  const currency = offered?.currency ?? (!enabled && set?.pack === id ? set?.currency : null);
  if (!currency) return "This pack is not on offer any more: choose another one.";
  if (textOf(form, "cap_currency") !== currency) {
    return `This pack is paid in ${currency.toUpperCase()}: say “At most per month” in that currency, too.`;
  }
  const cap = readMoney(textOf(form, "monthly_cap") ?? "", currency);
  if (cap === null) return `“At most per month” is an amount of money in ${currency.toUpperCase()}.`;
  if (enabled && offered && cap < offered.amount) {
    return `“At most per month” is at least the price of the pack: ${moneyText(offered.amount, currency)}.`;
  }
  return {
    enabled,
    threshold: textOf(form, "threshold"),
    pack: id,
    monthly_cap: cap,
    cooldown: textOf(form, "cooldown"),
  };
}
