import type { UpstreamConfig } from "../env.ts";
import { headersToUpstream } from "./upstream-headers.ts";

/** A call to the upstream that can be cut while it runs. */
export interface UpstreamCall {
  readonly response: Response;
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
  const timer = setTimeout(() => controller.abort(new Error("upstream_first_byte")), config.firstByteMs);
  try {
    const response = await fetch(config.baseUrl + path, {
      method: "POST",
      headers: headersToUpstream(from, config, requestId),
      body,
      redirect: "manual",
      signal: controller.signal,
    });
    return { response, cut: (reason) => controller.abort(new Error(reason)) };
  } catch (error) {
    throw new UpstreamUnreachable(String(error), { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
