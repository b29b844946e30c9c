import type { UpstreamConfig } from "../env.ts";
import { headersToUpstream } from "./upstream-headers.ts";
import { Watchdog } from "./watchdog.ts";

/** A call to the upstream that can be cut while it runs. */
export interface UpstreamCall {
  readonly response: Response;
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
export async function callUpstream(
  config: UpstreamConfig,
  path: string,
  from: Headers,
  requestId: string,
  body: string,
): Promise<UpstreamCall> {
  const controller = new AbortController();
  const cut = (reason: string): void => controller.abort(new Error(reason));
  const watchdog = new Watchdog(config, cut);
  try {
    const response = await fetch(config.baseUrl + path, {
      method: "POST",
      headers: headersToUpstream(from, config, requestId),
      body,
      redirect: "manual",
      signal: controller.signal,
    });
    watchdog.touch();
    return { response, watchdog, cut };
  } catch (error) {
    watchdog.stop();
    throw new UpstreamUnreachable(String(error), { cause: error });
  }
}
