import { CommanderError } from "commander";
import { SpillwayError, SpillwayUnreachable } from "../../client/errors.ts";
import { SettingsError } from "../settings.ts";
import { ConnectionError } from "./connection.ts";
import { FileError, messageOf } from "./inputs.ts";

/** How the tool ends. */
export const EXIT = {
  done: 0,
  /** The gateway refused, or what was checked does not add up. */
  refused: 1,
  /** Called in a way that cannot be followed. */
  misused: 2,
  /** No gateway answered. */
  unreachable: 3,
} as const;

export interface Failure {
  readonly exitCode: number;
  readonly code: string;
  readonly message: string;
  /** What to do next; `null` where nothing helps that we know of. */
  readonly next: string | null;
  readonly requestId: string | null;
}

const NEXT: Readonly<Record<string, string>> = {
  account_not_found: "`spillway accounts list` shows the accounts.",
  account_exists: "Choose another --id, or leave it out.",
  account_unreachable: "Try again in a moment.",
  grant_not_found: "`spillway grants list ACCOUNT` shows its grants.",
  idempotency_key_reused: "Choose another --idempotency-key, or leave it out.",
  invalid_admin_token: "Check SPILLWAY_ADMIN_TOKEN or --token, and that --url is the gateway it belongs to.",
  invalid_api_key: "Check SPILLWAY_KEY or --key, and that --url is the gateway it belongs to.",
  key_not_found: "`spillway keys list ACCOUNT` shows its keys.",
  missing_scope: "Use a key with that scope; `spillway keys list ACCOUNT` shows the scopes.",
  no_reconciliation: "`spillway reconcile` makes the first one.",
  not_in_quarantine: "`spillway quarantine list` shows what is there.",
  not_configured: "Set the variables that the message names where the gateway runs.",
  refund_too_large: "Leave --amount out to refund all that is left; a grant makes good what no credits paid.",
  request_not_found: "`spillway requests list` shows the requests of an account.",
  unexpected_answer: "Is --url (SPILLWAY_URL) a Spillway gateway?",
  unknown_plan: "`spillway plans list` shows the plans; `spillway plans put` publishes one.",
  upstream_not_found: "`spillway upstreams list` shows the upstreams.",
};

/** What went wrong, in words for a person, with what to do next. */
export function failureOf(error: unknown): Failure {
  const plain = { code: "failed", next: null, requestId: null };
  if (error instanceof SpillwayError) {
    const { code, message, requestId } = error;
    return { exitCode: EXIT.refused, code, message, requestId, next: NEXT[code] ?? null };
  }
  if (error instanceof SpillwayUnreachable) {
    const message = `${error.baseUrl} does not answer: ${causeOf(error)}`;
    const next = "Start a gateway with `npm start`, or say where it is with --url or SPILLWAY_URL.";
    return { ...plain, exitCode: EXIT.unreachable, code: "unreachable", message, next };
  }
  if (error instanceof CommanderError) {
    const message = error.message.replace(/^error: /, "");
    return { ...plain, exitCode: EXIT.misused, code: "misused", message, next: "--help shows how it is called." };
  }
  const misused = [ConnectionError, FileError, SettingsError].some((kind) => error instanceof kind);
  return { ...plain, exitCode: misused ? EXIT.misused : EXIT.refused, message: messageOf(error) };
}

/** The innermost reason: fetch wraps it. */
function causeOf(error: Error): string {
  let inner: unknown = error.cause;
  while (inner instanceof Error && inner.cause !== undefined) inner = inner.cause;
  const message = messageOf(inner);
  // Where all addresses of a name refused, Node's error has no words of its own.
  return message === "" && inner instanceof AggregateError ? messageOf(inner.errors[0]) : message;
}

export function failureText({ message, next, requestId }: Failure): string {
  const request = requestId === null ? "" : ` (request ${requestId})`;
  return [`spillway: ${message}${request}`, ...(next === null ? [] : [next])].join("\n");
}

/** The same for programs. */
export function failureJson({ code, message, next, requestId }: Failure): string {
  return JSON.stringify({ error: { code, message, request_id: requestId, next } });
}
