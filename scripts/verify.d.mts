/** What a good export comes to. Amounts are micro-credits, instants epoch ms. */
export interface LedgerSummary {
  readonly account: string;
  /** The newest one. */
  readonly epoch: number;
  readonly entries: number;
  readonly firstAt: number | null;
  readonly lastAt: number | null;
  readonly head: string;
  readonly balance: number;
  readonly charges: { readonly count: number; readonly amount: number };
  /** The sum of all amounts of each kind of update. */
  readonly totals: Readonly<Record<string, number>>;
  readonly grants: readonly (readonly [id: string, left: number])[];
}

export type Verified =
  | { readonly ok: true; readonly summary: LedgerSummary }
  | { readonly ok: false; readonly line: number; readonly reason: string };

/** Verifies an export, given as chunks of bytes. */
export function verifyLedger(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<Verified>;
