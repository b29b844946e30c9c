import { TextField, TickBox, textOf } from "./fields.tsx";
import { CsrfField } from "./layout.tsx";

/** What an account is told of, as the API tells it. */
export interface AlertSettingsWire {
  readonly windows: readonly number[];
  readonly credits_below: string | null;
  readonly spend_per_hour: string | null;
  readonly grant_expires_days: number | null;
  readonly frozen: boolean;
  readonly top_ups: boolean;
  readonly from: "account" | "operator" | "usual";
}

interface SettingsProps {
  readonly settings: AlertSettingsWire;
  readonly csrfToken: string;
  readonly action: string;
  /** What was typed and refused. */
  readonly typed: URLSearchParams | null;
}

const DECIMAL = "\\d+(\\.\\d+)?";

/** What the account is told of. An empty field turns its rule off. */
export function AlertSettingsForm({ settings, csrfToken, action, typed }: SettingsProps) {
  const values = typed ? typedValues(typed) : valuesOf(settings);
  return (
    <form class="form" method="post" action={action}>
      <CsrfField token={csrfToken} />
      <TextField
        id="windows"
        name="windows"
        label="Included use: at so many percent of a window"
        hint="Whole numbers from 1 to 100, with commas between them. Empty: never."
        inputmode="numeric"
        pattern="\s*(\d{1,3}(\s*,\s*\d{1,3})*)?\s*"
        value={values.windows}
      />
      <TextField
        id="credits-below"
        name="credits_below"
        label="When fewer credits than this are available"
        hint="A number of credits. Empty: never."
        inputmode="decimal"
        pattern={DECIMAL}
        value={values.creditsBelow}
      />
      <TextField
        id="spend-per-hour"
        name="spend_per_hour"
        label="When more credits than this are spent within an hour"
        hint="A number of credits. Empty: never."
        inputmode="decimal"
        pattern={DECIMAL}
        value={values.spendPerHour}
      />
      <TextField
        id="grant-expires-days"
        name="grant_expires_days"
        label="So many days before credits expire"
        hint="A whole number from 1 to 90. Empty: never."
        inputmode="numeric"
        pattern="\d{1,2}"
        value={values.grantExpiresDays}
      />
      <fieldset>
        <legend>And</legend>
        <TickBox name="frozen" label="when paid use of the account is stopped" checked={values.frozen} />
        <TickBox name="top_ups" label="what automatic top-ups came to" checked={values.topUps} />
      </fieldset>
      <button type="submit">Save</button>
    </form>
  );
}

/** The same for reading. */
export function AlertSettingsFacts({ settings }: { settings: AlertSettingsWire }) {
  const { windows, creditsBelow, spendPerHour, grantExpiresDays, frozen, topUps } = valuesOf(settings);
  const facts = [
    ["Included use", windows === "" ? "never" : `at ${windows} % of a window`],
    ["Credits", creditsBelow === "" ? "never" : `when fewer than ${creditsBelow} are available`],
    ["Spending", spendPerHour === "" ? "never" : `when more than ${spendPerHour} credits are spent within an hour`],
    ["Expiry", grantExpiresDays === "" ? "never" : `${grantExpiresDays} days before credits expire`],
    ["Stopped use", frozen ? "always" : "never"],
    ["Automatic top-ups", topUps ? "always" : "never"],
  ] as const;
  return (
    <dl class="facts">
      {facts.map(([name, text]) => (
        <>
          <dt>{name}</dt>
          <dd>{text}</dd>
        </>
      ))}
    </dl>
  );
}

interface Values {
  readonly windows: string;
  readonly creditsBelow: string;
  readonly spendPerHour: string;
  readonly grantExpiresDays: string;
  readonly frozen: boolean;
  readonly topUps: boolean;
}

function valuesOf(settings: AlertSettingsWire): Values {
  return {
    windows: settings.windows.join(", "),
    creditsBelow: settings.credits_below ?? "",
    spendPerHour: settings.spend_per_hour ?? "",
    grantExpiresDays: settings.grant_expires_days === null ? "" : String(settings.grant_expires_days),
    frozen: settings.frozen,
    topUps: settings.top_ups,
  };
}

function typedValues(typed: URLSearchParams): Values {
  const text = (name: string) => typed.get(name) ?? "";
  return {
    windows: text("windows"),
    creditsBelow: text("credits_below"),
    spendPerHour: text("spend_per_hour"),
    grantExpiresDays: text("grant_expires_days"),
    frozen: typed.has("frozen"),
    topUps: typed.has("top_ups"),
  };
}

/** What a form says, for the API, which checks it: what is no number stays as it was typed. */
export function alertSettingsOf(form: URLSearchParams) {
  return {
    windows: (textOf(form, "windows") ?? "").split(/[\s,]+/).flatMap((text) => (text === "" ? [] : [numberOf(text)])),
    credits_below: textOf(form, "credits_below") ?? null,
    spend_per_hour: textOf(form, "spend_per_hour") ?? null,
    grant_expires_days: numberOf(textOf(form, "grant_expires_days") ?? null),
    frozen: form.has("frozen"),
    top_ups: form.has("top_ups"),
  };
}

function numberOf(text: string | null): number | string | null {
  return text !== null && /^\d+$/.test(text) ? Number(text) : text;
}
