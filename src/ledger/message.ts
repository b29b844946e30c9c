import * as z from "zod";
import { type ChainedEntry, chain, ENTRY_VERSION } from "../core/event.ts";
import { MESSAGE_VERSION } from "../core/ledger-message.ts";
import { sha256Hex } from "../sha256.ts";
import { entrySchema, storable } from "./entry-schema.ts";

const chainedEntry = entrySchema.superRefine((entry, context) => {
  const why = wrongHash(entry);
  if (why) context.addIssue(why);
});

const envelope = z.strictObject({
  v: z.literal(MESSAGE_VERSION),
  accountId: storable,
  entries: z.array(z.unknown()).min(1),
});

/** An entry that cannot be written, as it came, with the reason. */
export interface RefusedEntry {
  readonly entry: unknown;
  readonly reason: string;
}

/** What a queue message holds. A bad entry does not take the good ones beside it along. */
export type ReadMessage =
  | {
      readonly kind: "message";
      readonly accountId: string;
      readonly entries: readonly ChainedEntry[];
      readonly refused: readonly RefusedEntry[];
    }
  | { readonly kind: "refused"; readonly reason: string };

/** Reads the body of a queue message. Never throws, whatever the body is. */
export function readMessage(body: unknown): ReadMessage {
  const opened = parse(envelope, body);
  if (!opened.success) return { kind: "refused", reason: versionReason(body, MESSAGE_VERSION) ?? opened.reason };
  const { accountId } = opened.data;
  const entries: ChainedEntry[] = [];
  const refused: RefusedEntry[] = [];
  for (const entry of opened.data.entries) {
    const read = readEntry(accountId, entry);
    if (typeof read === "string") refused.push({ entry, reason: read });
    else entries.push(read);
  }
  return { kind: "message", accountId, entries, refused };
}

/** One entry of an account, or the reason why it can never be written. Never throws, whatever it is. */
export function readEntry(accountId: string, entry: unknown): ChainedEntry | string {
  const parsed = parse(chainedEntry, entry);
  if (!parsed.success) return versionReason(entry, ENTRY_VERSION) ?? parsed.reason;
  return parsed.data.accountId === accountId ? parsed.data : "shape: entry of another account";
}

/** Proves that what will be stored is what the object hashed: nothing was changed, lost or added on the way. */
function wrongHash({ prev, hash, ...entry }: ChainedEntry): string | null {
  return chain(sha256Hex, entry, prev).hash === hash ? null : "hash does not match the content";
}

/** An unknown version is no broken shape: it waits in quarantine for a release that knows it. */
function versionReason(value: unknown, known: number): string | null {
  if (typeof value !== "object" || value === null || !("v" in value)) return null;
  return Number.isSafeInteger(value.v) && value.v !== known ? `version ${value.v} is not known` : null;
}

type Parsed<T> = { success: true; data: T } | { success: false; reason: string };

function parse<T>(schema: z.ZodType<T>, value: unknown): Parsed<T> {
  try {
    const { success, data, error } = schema.safeParse(value);
    if (success) return { success, data };
    const [issue] = error.issues;
    const place = issue?.path.length ? ` at ${issue.path.join(".")}` : "";
    return { success: false, reason: `shape: ${issue?.message ?? "unknown"}${place}` };
  } catch {
    // Only nesting beyond the stack comes here.
    return { success: false, reason: "shape: unreadable" };
  }
}
