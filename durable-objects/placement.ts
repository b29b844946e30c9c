import type { AccountObject } from "./account-object.ts";

/** Account objects as they are called: by the id of the account. */
export type AccountObjects = Pick<DurableObjectNamespace<AccountObject>, "getByName">;

export const JURISDICTIONS = [
  "eu",
  "us",
  "fedramp",
  "fedramp-high",
] as const satisfies readonly DurableObjectJurisdiction[];

export const LOCATIONS = [
  "wnam",
  "enam",
  "sam",
  "weur",
  "eeur",
  "apac",
  "apac-ne",
  "apac-se",
  "oc",
  "afr",
  "me",
] as const satisfies readonly DurableObjectLocationHint[];

/** Where account objects are kept. */
export interface Placement {
  /** They run and store nowhere else. The same account id in another jurisdiction is another object. */
  readonly jurisdiction: DurableObjectJurisdiction | null;
  /** Near where an object is made; later calls cannot move it. */
  readonly locationHint: DurableObjectLocationHint | null;
}

/** The objects of a namespace at their place. */
export function placed(
  objects: DurableObjectNamespace<AccountObject>,
  { jurisdiction, locationHint }: Placement,
): AccountObjects {
  const there = jurisdiction === null ? objects : objects.jurisdiction(jurisdiction);
  return locationHint === null ? there : { getByName: (id) => there.getByName(id, { locationHint }) };
}
