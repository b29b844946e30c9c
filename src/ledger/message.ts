import * as z from "zod";
import { type ChainedEntry, chain, ENTRY_VERSION } from "../core/event.ts";
import { MESSAGE_VERSION } from "../core/ledger-message.ts";
import { sha256Hex } from "../sha256.ts";
import { entrySchema, storable } from "./entry-schema.ts";

const chainedEntry = entrySchema.superRefine((entry, context) => {
  const why = wrongHash(entry);
  if (why) context.addIssue(why);
});

/** A message of the version before had the entries of one account, which it named. */
const envelope = z.discriminatedUnion("v", [
  z.strictObject({ v: z.literal(MESSAGE_VERSION), entries: z.array(z.unknown()).min(1) }),
  z.strictObject({ v: z.literal(1), accountId: storable, entries: z.array(z.unknown()).min(1) }),
]);

const KNOWN_VERSIONS = [1, MESSAGE_VERSION];

/** An entry that cannot be written, as it came, with the reason. */
export interface RefusedEntry {
  /** As far as it can be read. */
  readonly accountId: string | null;
  readonly entry: unknown;
  readonly reason: string;
}

/** What a queue message holds. A bad entry does not take the good ones beside it along. */
export type ReadMessage =
  | {
      readonly kind: "message";
      readonly entries: readonly ChainedEntry[];
      readonly refused: readonly RefusedEntry[];
    }
  | { readonly kind: "refused"; readonly reason: string };

/** What a queue message holds, as far as it is JSON. Messages are text; older ones, and those sent again, are not. */
export function bodyOf({ body }: Pick<Message, "body">): unknown {
  if (typeof body !== "string") return body;
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

/** Reads the body of a queue message. Never throws, whatever the body is. */
export function readMessage(body: unknown): ReadMessage {
  const opened = parse(envelope, body);
  if (!opened.success) return { kind: "refused", reason: versionReason(body, KNOWN_VERSIONS) ?? opened.reason };
  const message = opened.data;
  const entries: ChainedEntry[] = [];
  const refused: RefusedEntry[] = [];
  for (const entry of message.entries) {
    const accountId = message.v === 1 ? message.accountId : accountOf(entry);
    const read = readEntry(accountId, entry);
    if (typeof read === "string") refused.push({ accountId, entry, reason: read });
    else entries.push(read);
  }
  return { kind: "message", entries, refused };
}

/** One entry of an account, or the reason why it can never be written. Never throws, whatever it is. */
export function readEntry(accountId: string | null, entry: unknown): ChainedEntry | string {
  const parsed = parse(chainedEntry, entry);
  if (!parsed.success) return versionReason(entry, [ENTRY_VERSION]) ?? parsed.reason;
  return parsed.data.accountId === accountId ? parsed.data : "shape: entry of another account";
}

/** A message taken apart into one for each account that it says it is of. Nothing of it is validated, nothing is lost. */
export function byAccount(body: unknown): { accountId: string | null; body: unknown }[] {
  if (typeof body !== "object" || body === null || !("entries" in body) || !Array.isArray(body.entries)) {
    return [{ accountId: accountOf(body), body }];
  }
  const { entries, ...envelope } = body;
  const named = accountOf(body);
  const parts = new Map<string | null, unknown[]>();
  for (const entry of entries) {
    const accountId = named ?? accountOf(entry);
    const part = parts.get(accountId) ?? [];
    part.push(entry);
    parts.set(accountId, part);
  }
  if (parts.size < 2) return [{ accountId: named ?? [...parts.keys()][0] ?? null, body }];
  return [...parts].map(([accountId, part]) => ({ accountId, body: { ...envelope, entries: part } }));
}

/** The account that a message or an entry says it is of. */
function accountOf(value: unknown): string | null {
  if (typeof value !== "object" || value === null || !("accountId" in value)) return null;
  return typeof value.accountId === "string" ? value.accountId : null;
}

/** Proves that what will be stored is what the object hashed: nothing was changed, lost or added on the way. */
function wrongHash({ prev, hash, ...entry }: ChainedEntry): string | null {
  return chain(sha256Hex, entry, prev).hash === hash ? null : "hash does not match the content";
}

/** An unknown version is no broken shape: it waits in quarantine for a release that knows it. */
function versionReason(value: unknown, known: readonly number[]): string | null {
  if (typeof value !== "object" || value === null || !("v" in value)) return null;
  return Number.isSafeInteger(value.v) && !known.includes(Number(value.v)) ? `version ${value.v} is not known` : null;
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
