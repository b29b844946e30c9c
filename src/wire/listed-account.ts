/** A row of `GET /admin/accounts`. Plan and status are told by the account itself. */
export interface ListedAccountWire {
  readonly id: string;
  readonly name: string | null;
  readonly created_at: string;
  /** What was granted and not used, as far as the ledger has it. */
  readonly balance: string;
  readonly entries: number;
  readonly last_entry_at: string | null;
}
