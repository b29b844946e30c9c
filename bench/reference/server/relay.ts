import { createParser } from "eventsource-parser";
import type { TokenUsage } from "./accounting.ts";

const TERMINAL = new Set(["response.completed", "response.incomplete", "response.failed"]);

/**
 * Passes a stream on and reads the usage in its last event. Upstream is read to its end also when the client has left.
 *
 * @param onEnd called once, with `null` when upstream broke off before it reported a usage
 */
export function relay(
  body: AsyncIterable<Uint8Array>,
  onEnd: (usage: TokenUsage | null) => Promise<void>,
): ReadableStream<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]();
  const decoder = new TextDecoder();
  let usage: TokenUsage | null = null;
  let clientIsThere = true;
  const parser = createParser({
    onEvent({ event, data }) {
      if (event !== undefined && TERMINAL.has(event)) usage = JSON.parse(data).response.usage;
    },
  });
  const next = async () => {
    const { done, value } = await pieces.next();
    if (done === true) return null;
    parser.feed(decoder.decode(value, { stream: true }));
    return value;
  };
  return new ReadableStream({
    async pull(controller) {
      try {
        const piece = await next();
        if (!clientIsThere) return;
        if (piece !== null) return controller.enqueue(piece);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      await onEnd(usage);
    },
    async cancel() {
      clientIsThere = false;
      try {
        while ((await next()) !== null);
      } finally {
        await onEnd(usage);
      }
    },
  });
}
