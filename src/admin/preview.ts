import type { Preview } from "../catalog/preview.ts";
import { tellAct, tellNoAct } from "../http/admin-act.ts";
import type { HttpContext } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";

/** `?dry_run=true`: the document is checked and compared, and nothing is stored. */
export function isDryRun(c: HttpContext): boolean {
  const asked = c.req.query("dry_run") ?? "false";
  if (asked !== "true" && asked !== "false") throw new HttpFault(400, "invalid_dry_run", "dry_run is true or false.");
  return asked === "true";
}

/** What a dry run answers beside the complete document. */
export function previewWire(c: HttpContext, { version, running, changes }: Preview) {
  tellNoAct(c);
  return { dry_run: true, version, running_version: running, changes };
}

const CHANGES_LOGGED = 30;

/** Logs a stored document by what it changed. */
export function tellPut(
  c: HttpContext,
  action: string,
  id: string,
  { running, changes }: Preview,
  version: number | null,
): void {
  // Of a first version everything is new: the document itself tells it better.
  const told = version === 1 ? [] : changes;
  const logged = { changes: told.slice(0, CHANGES_LOGGED), more: Math.max(0, told.length - CHANGES_LOGGED) };
  tellAct(c, { action, target: id, before: { version: running }, after: { version, ...logged } });
}
