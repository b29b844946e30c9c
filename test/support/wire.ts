/** Answers of the gateway as its clients see them; what the tests look at. */

export interface SourcePart {
  readonly source: string;
  readonly kind: string;
  readonly amount: string;
}

export interface Receipt {
  readonly request_id: string;
  readonly attempt: number;
  readonly sentence: string;
  readonly decision: {
    readonly outcome: string;
    readonly considered: readonly { source: string; kind: string; available: string; taken: string }[];
    readonly rate_card: { id: string; version: number };
  };
  readonly prices: { readonly per_million_tokens: Readonly<Record<string, string>> | null };
  readonly reservation: { readonly state: string; readonly estimated: string; readonly draws: readonly SourcePart[] };
  readonly usage: {
    readonly input_tokens: number;
    readonly cached_input_tokens: number;
    readonly output_tokens: number;
    readonly reasoning_tokens: number;
    readonly service_tier: string | null;
    readonly outcome: string;
    readonly estimated: boolean;
  } | null;
  readonly charge: {
    readonly amount: string;
    readonly posted: readonly SourcePart[];
    readonly returned: string;
    readonly overshoot: string;
  } | null;
  readonly ledger: {
    readonly seq: number;
    readonly usage_event: string;
    readonly monetization_event: string | null;
    readonly balance_updates: readonly string[];
    readonly confirmed: boolean;
  } | null;
}

export interface AccountBody {
  readonly id: string;
  readonly plan: { readonly id: string; readonly version: number };
  readonly status: string;
  readonly as_of_seq: number;
  readonly credits: { readonly available: string; readonly reserved: string; readonly used: string };
  readonly allowances: readonly {
    readonly id: string;
    readonly windows: readonly {
      readonly period: string;
      readonly limit: string;
      readonly used: string;
      readonly reserved: string;
      readonly remaining: string;
      readonly resets_at: string | null;
    }[];
  }[];
  readonly grants: readonly {
    readonly id: string;
    readonly used: string;
    readonly reserved: string;
    readonly remaining: string;
  }[];
  readonly gates: readonly { readonly id: string; readonly limit: number; readonly remaining: number }[];
}

export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type?: string;
    readonly code: string;
    readonly param?: string | null;
    readonly request_id: string;
    readonly resets_at?: number;
    readonly plan_type?: string;
    readonly spillway?: {
      readonly reason: string;
      readonly limit: string | null;
      readonly remedy: string;
      readonly resets_at?: string;
      readonly available?: string;
      readonly needed?: string;
    };
  };
}

export interface Page<Item> {
  readonly data: readonly Item[];
  readonly has_more: boolean;
  readonly next_cursor: string | null;
}

export interface UsageEventRow {
  readonly id: string;
  readonly seq: number;
  readonly request_id: string;
  readonly outcome: string;
  readonly estimated: boolean;
}

export interface MonetizationRow {
  readonly id: string;
  readonly seq: number;
  readonly amount: string;
}

export interface BalanceRow {
  readonly id: string;
  readonly seq: number;
  readonly draw: number;
  readonly kind: string;
  readonly source: string | null;
  readonly amount: string;
  readonly delta: string;
  readonly balance_after: string;
}

export interface ReconciliationBody {
  readonly checked: { readonly accounts: number; readonly events: number };
  readonly pending: { readonly reservations: number; readonly outbox: number };
  readonly differences: readonly { account: string; rule: string; seq: number; subject: string }[];
}

/** The simulated upstream's journal (simulator/README.md). */
export interface Journal {
  readonly counters: { readonly received: number; readonly by_ending: Readonly<Record<string, number>> };
  readonly requests: readonly {
    readonly host: string;
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly fields: Readonly<Record<string, unknown>>;
    readonly ending: string;
  }[];
}
