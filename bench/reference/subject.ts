import type { ReferenceAccount } from "./system.ts";

/** What the books of an account say. Amounts in micro-credits. */
export interface Books {
  /** One for each charge. */
  readonly charges: readonly { readonly requestId: string; readonly amount: number }[];
  readonly balance: number;
  /** Reservations that stand open. */
  readonly open: number;
}

/** A system whose promises are tried. */
export interface Subject {
  readonly name: string;
  readonly port: number;
  /** @param credits in micro-credits */
  makeAccount(credits: number): Promise<ReferenceAccount>;
  books(account: ReferenceAccount): Promise<Books>;
  /** By how much two places that should say the same differ: balance and charges, or a balance and its copy. */
  drift(account: ReferenceAccount, granted: number): Promise<number>;
  /** SIGKILL to the process that serves requests, and its restart. */
  crash(): Promise<void>;
  dispose(): Promise<void>;
}
