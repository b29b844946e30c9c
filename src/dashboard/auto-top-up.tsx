import { AutoTopUpForm, type AutoTopUpTerms } from "./auto-top-up-form.tsx";
import type { PackWire } from "./credit-packs.tsx";
import { CsrfField } from "./layout.tsx";
import { moneyText } from "./money.ts";
import { type Column, Table } from "./tables.tsx";
import type { Visit } from "./visit.ts";
import { spokenCredits, WireInstant } from "./wire-text.tsx";

/** Automatic top-ups as the API tells them; the terms are missing where they were never set. */
export type AutoTopUpWire = AutoTopUpAlways & (AutoTopUpSet | { readonly threshold?: undefined });

interface AutoTopUpAlways {
  readonly enabled: boolean;
  readonly payment_method_saved: boolean;
  readonly top_ups: readonly TopUpWire[];
}

export interface AutoTopUpSet extends AutoTopUpTerms {
  readonly enabled: boolean;
  readonly failures: number;
  readonly suspended: string | null;
  readonly waits_until: string | null;
  readonly waits_because: string | null;
}

interface TopUpWire {
  readonly credits: string;
  readonly amount: number;
  readonly currency: string;
  readonly state: "begun" | "succeeded" | "failed";
  readonly reason: string | null;
  readonly created_at: string;
}

/** What was set; `null` where nothing ever was. */
export function settingsIn(autoTopUp: AutoTopUpWire): AutoTopUpSet | null {
  return autoTopUp.threshold === undefined ? null : autoTopUp;
}

interface SectionProps {
  readonly autoTopUp: AutoTopUpWire;
  readonly packs: readonly PackWire[];
  readonly visit: Visit;
  /** Where the settings are sent; resuming is below it. */
  readonly action: string;
  /** What was typed and refused. */
  readonly typed: URLSearchParams | null;
}

/** Buying by itself when few credits are left: how it stands, its settings, and what it has bought. */
export function AutoTopUpSection({ autoTopUp, packs, visit, action, typed }: SectionProps) {
  const set = settingsIn(autoTopUp);
  return (
    <>
      <Standing set={set} packs={packs} />
      {set?.enabled && set.suspended !== null && visit.may("manage") ? (
        <form method="post" action={`${action}/resume`} class="below">
          <CsrfField token={visit.csrfToken} />
          <button type="submit">Resume</button>
        </form>
      ) : null}
      <Settings set={set} autoTopUp={autoTopUp} packs={packs} visit={visit} action={action} typed={typed} />
      {autoTopUp.top_ups.length === 0 ? null : (
        <details open={set?.suspended !== null}>
          <summary>The latest automatic purchases</summary>
          <Table columns={TOP_UP_COLUMNS} rows={autoTopUp.top_ups} nothing="" />
        </details>
      )}
    </>
  );
}

function Settings({ set, autoTopUp, packs, visit, action, typed }: SectionProps & { set: AutoTopUpSet | null }) {
  if (!visit.may("manage") || (packs.length === 0 && !set?.enabled)) return null;
  if (!autoTopUp.payment_method_saved) {
    return (
      <p class="soft">
        They need a card: tick “Keep the card for automatic top-ups” at your next purchase, then set them here.
      </p>
    );
  }
  return (
    <details class="fold" open={typed !== null}>
      <summary>{set === null ? "Set them up" : "Change the settings"}</summary>
      <AutoTopUpForm set={set} packs={packs} csrfToken={visit.csrfToken} action={action} typed={typed} />
    </details>
  );
}

const WAITS: Readonly<Record<string, string>> = {
  cooldown: "the pause after the last purchase",
  monthly_cap: "the most for this month is reached",
  failed: "the last purchase failed",
};

/** How they stand, in a sentence or two. */
function Standing({ set, packs }: { set: AutoTopUpSet | null; packs: readonly PackWire[] }) {
  if (!set?.enabled) {
    return (
      <p>
        <span class="tag">off</span> Nothing is bought by itself.
      </p>
    );
  }
  const pack = packs.find(({ id }) => id === set.pack);
  const terms = pack
    ? `${pack.name} for ${moneyText(pack.amount, pack.currency)} when fewer than ${spokenCredits(set.threshold)} credits are available, for ${moneyText(set.monthly_cap, pack.currency)} a month (UTC) at most.`
    : `the pack ${set.pack}, which is not on offer any more: choose another one.`;
  if (set.suspended !== null) {
    return (
      <div class="notice wrong" role="status">
        <p>
          <strong>Suspended:</strong> {set.suspended.replaceAll("_", " ")}. Nothing is bought until you resume it or
          save the settings. If the card is the reason, keep another one at a purchase first.
        </p>
        <p class="small">It would buy {terms}</p>
      </div>
    );
  }
  return (
    <>
      <p>
        <span class="tag good">on</span> Buys {terms}
      </p>
      {set.waits_until === null ? null : (
        <p class="small soft">
          Waits until <WireInstant at={set.waits_until} />: {WAITS[set.waits_because ?? ""] ?? set.waits_because}
          {set.failures > 0 ? ` (${set.failures} in a row; after three they are suspended)` : ""}.
        </p>
      )}
    </>
  );
}

const TOP_UP_STATES: Readonly<Record<TopUpWire["state"], readonly [tone: string, text: string]>> = {
  begun: ["held", "under way"],
  succeeded: ["good", "bought"],
  failed: ["wrong", "failed"],
};

const TOP_UP_COLUMNS: readonly Column<TopUpWire>[] = [
  { label: "At", show: ({ created_at }) => <WireInstant at={created_at} /> },
  { label: "What", show: ({ credits }) => `${spokenCredits(credits)} credits` },
  { label: "Price", number: true, show: ({ amount, currency }) => moneyText(amount, currency) },
  {
    label: "State",
    show: ({ state, reason }) => {
      const [tone, text] = TOP_UP_STATES[state];
      return (
        <>
          <span class={`tag ${tone}`}>{text}</span> {reason === null ? null : reason.replaceAll("_", " ")}
        </>
      );
    },
  },
];
