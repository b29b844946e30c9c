import { Watchdog } from "./watchdog.ts";

/** Answers that are not streamed are read whole, up to this size. */
const WHOLE_BYTES = 32 * 1024 * 1024;

/** Reads a whole answer as text; `null` when it breaks off, falls silent or is too large. */
export async function readWhole(
  response: Response,
  { cut, idleMs }: { readonly cut: (reason: string) => void; readonly idleMs: number },
): Promise<string | null> {
  if (!response.body) return "";
  const watchdog = new Watchdog(idleMs, cut);
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  try {
    for await (const chunk of response.body) {
      watchdog.touch();
      bytes += chunk.byteLength;
      if (bytes > WHOLE_BYTES) {
        cut("upstream_too_large");
        return null;
      }
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch {
    return null;
  } finally {
    watchdog.stop();
  }
}
