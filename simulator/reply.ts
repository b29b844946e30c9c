import type { Call } from "./call.ts";
import type { Exchange } from "./exchange.ts";
import { type Beat, BrokenConnection } from "./frames.ts";
import type { Job } from "./job.ts";
import type { Ending } from "./journal.ts";
import { type Media, playMedia } from "./media.ts";
import { readRange } from "./range.ts";
import type { Scenario } from "./scenario.ts";
import { sseText } from "./sse.ts";
import { bodyOf, ofLength, playHalf } from "./stream.ts";
import type { VideoStore } from "./video-store.ts";

/** What an HTTP request has beside what a WebSocket's has too. */
export interface HttpExchange extends Exchange {
  readonly headers: Headers;
  /** The videos of the upstream that is asked. */
  readonly videos: VideoStore;
}

export type Reply = Content & {
  /** What begins with this answer, and is told about at its end. */
  readonly job?: Job;
};

type Content =
  | { json: object }
  | {
      /** Makes the events while they are read. */
      beats: (signal: AbortSignal) => AsyncGenerator<Beat>;
      /** Told how the reading ended. */
      ended?: (ending: Exclude<Ending, "open">) => void;
    }
  | { media: Media }
  /** The connection breaks before a byte of the answer. */
  | { lost: true };

/** Answers one route: pure but for ids, the clock and the stores; throws `ApiError` to refuse. */
export type Answer = (exchange: HttpExchange) => Reply;

export function render(reply: Content, scenario: Scenario, call: Call): Response {
  if ("lost" in reply) return new Response(bodyOf(broken(), call.abort, call.entry.end), { headers: JSON_HEADERS });
  if ("media" in reply) return renderMedia(reply.media, scenario, call);
  if ("json" in reply) return renderJson(reply.json, scenario, call);
  const { entry, abort } = call;
  const end = (ending: Exclude<Ending, "open">) => {
    reply.ended?.(ending);
    entry.end(ending);
  };
  const headers = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" };
  return new Response(bodyOf(sseText(reply.beats(abort.signal)), abort, end), { headers });
}

const JSON_HEADERS = { "content-type": "application/json" };

function renderJson(json: object, { interruption, malformed }: Scenario, { entry, abort }: Call): Response {
  const text = JSON.stringify(json);
  if (interruption !== null) {
    const body = bodyOf(playHalf(text, interruption, abort.signal), abort, entry.end);
    return new Response(body, { headers: JSON_HEADERS });
  }
  entry.end("complete");
  return new Response(malformed ? text.slice(0, text.length / 2) : text, { headers: JSON_HEADERS });
}

/** A file, or the part of it that the request asks for. */
function renderMedia(media: Media, { interruption }: Scenario, { c, entry, abort }: Call): Response {
  const part = readRange(c.req.header("range") ?? null, media.length);
  const range = part ?? { from: 0, to: media.length };
  const length = range.to - range.from;
  const headers = new Headers({
    "content-type": media.type,
    "content-length": String(length),
    "accept-ranges": "bytes",
  });
  if (part !== null) headers.set("content-range", `bytes ${part.from}-${part.to - 1}/${media.length}`);
  const body = ofLength(bodyOf(playMedia(media, range, interruption, abort.signal), abort, entry.end), length);
  return new Response(body, { status: part === null ? 200 : 206, headers });
}

// biome-ignore lint/correctness/useYield: it breaks before there is anything to yield
async function* broken(): AsyncGenerator<Uint8Array> {
  throw new BrokenConnection();
}
