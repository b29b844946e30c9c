import { withoutSecret } from "./told-secret.ts";
import type { UpstreamCall } from "./upstream.ts";

/** Answers that are not streamed are read whole, up to this size. */
const WHOLE_BYTES = 32 * 1024 * 1024;

/**
 * Reads a whole answer as text; `null` when it breaks off, falls silent or is too large. An upstream that repeats the key
 * it was asked with, as in an error's message, tells it to nobody.
 */
export async function readWhole(call: UpstreamCall): Promise<string | null> {
  const text = await readText(call);
  return text === null ? null : withoutSecret(text, call.secret);
}

async function readText({ response, watchdog, cut }: UpstreamCall): Promise<string | null> {
  try {
    const announced = Number(response.headers.get("content-length") ?? Number.POSITIVE_INFINITY);
    // An answer of known and moderate size is read by the runtime in one go, which costs a fraction.
    if (announced <= WHOLE_BYTES) return await response.text();
    return await readBounded(response, watchdog, cut);
  } catch {
    return null;
  } finally {
    watchdog.stop();
  }
}

async function readBounded(
  { body }: Response,
  watchdog: UpstreamCall["watchdog"],
  cut: UpstreamCall["cut"],
): Promise<string | null> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of body ?? []) {
    watchdog.touch();
    bytes += chunk.byteLength;
    if (bytes > WHOLE_BYTES) {
      cut("upstream_too_large");
      return null;
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
