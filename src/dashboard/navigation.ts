/** A place that the navigation leads to. */
export interface Place {
  readonly path: string;
  readonly label: string;
}

/** The pages of an account's holder, in the order of the navigation. */
export const ACCOUNT_PLACES: readonly Place[] = [
  { path: "/dashboard", label: "Overview" },
  { path: "/dashboard/usage", label: "Usage" },
  { path: "/dashboard/requests", label: "Requests" },
  { path: "/dashboard/ledger", label: "Ledger" },
  { path: "/dashboard/credits", label: "Credits" },
  { path: "/dashboard/alerts", label: "Alerts" },
  { path: "/dashboard/keys", label: "Keys" },
  { path: "/dashboard/setup", label: "Set up" },
];
