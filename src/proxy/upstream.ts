import { addressOf, type Target } from "./target.ts";
import { headersToUpstream } from "./upstream-headers.ts";
import { Watchdog } from "./watchdog.ts";

/** What is asked of an upstream. */
export interface Call {
  readonly method: string;
  /** Below the upstream's address. */
  readonly path: string;
  /** The query with its question mark; empty without one. */
  readonly search: string;
  /** The client's headers, of which some pass. */
  readonly from: Headers;
  readonly requestId: string;
  /** Text is JSON; bytes and streams say what they are. */
  readonly body: string | TypedBody | null;
  /** Whether a stream was asked for: it must begin soon and keep going; a whole answer comes when it is done. */
  readonly streamed: boolean;
}

/** A body that is not JSON. */
export interface TypedBody {
  readonly contentType: string;
  readonly body: Uint8Array | ReadableStream<Uint8Array>;
  /** Fires when a stream cannot be sent to its end: the call then fails, instead of sending a part for the whole. */
  readonly broken: AbortSignal | null;
  /** When the latest piece of a stream was taken (epoch ms). */
  readonly sentAt: () => number;
}

/** A call to the upstream that can be cut while it runs. */
export interface UpstreamCall {
  readonly response: Response;
  /** The key that it was asked with, which no text of its answer may tell. */
  readonly secret: string;
  /** Touched by whoever reads the answer, and stopped at its end. */
  readonly watchdog: Watchdog;
  cut(reason: string): void;
}

/** The answer did not begin in time, or the connection failed: nothing was produced that anybody saw. */
export class UpstreamUnreachable extends Error {
  override readonly name = "UpstreamUnreachable";
}

/**
 * Sends one request. Redirects are not followed, so the key goes nowhere else. The caller's own signal is not passed on:
 * what was paid for is read to its end. Throws {@link UpstreamUnreachable}.
 */
export async function callUpstream(target: Target, call: Call): Promise<UpstreamCall> {
  const { method, path, search, streamed } = call;
  const { body, broken, sentAt } = call.body === null || typeof call.body === "string" ? plain(call.body) : call.body;
  const controller = new AbortController();
  const cut = (reason: string): void => controller.abort(new Error(reason));
  const watchdog = new Watchdog(target.patience, streamed, cut, sentAt);
  try {
    const response = await fetch(addressOf(target, path, search), {
      method,
      headers: headersToUpstream(target, call),
      body,
      redirect: "manual",
      signal: broken ? AbortSignal.any([controller.signal, broken]) : controller.signal,
    });
    watchdog.answered();
    return { response, secret: target.apiKey, watchdog, cut };
  } catch (error) {
    watchdog.stop();
    throw new UpstreamUnreachable(String(error), { cause: error });
  }
}

function plain(body: string | null) {
  return { body, broken: null, sentAt: undefined };
}
