import type { Beat, WireEvent } from "./frames.ts";

const CUT_OFF_EVENT = 'data: {"type":"response.output_text.delta","sequence_num\n\n';
const PADDING_HEAD = 'data: {"type":"simulated.padding","choices":[],"padding":"';
const PADDING_TAIL = '"}';
const PADDING_PIECE = 65_536;

/** `beats` as server-sent events; one yielded text is one chunk on the wire. */
export async function* sseText(beats: AsyncGenerator<Beat>): AsyncGenerator<string> {
  for await (const beat of beats) {
    if (beat.kind === "events") yield beat.events.map(sseEvent).join("");
    else if (beat.kind === "malformed") yield CUT_OFF_EVENT;
    else yield* paddingLine(beat.bytes);
  }
}

function sseEvent({ name, data }: WireEvent): string {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return name === undefined ? `data: ${text}\n\n` : `event: ${name}\ndata: ${text}\n\n`;
}

/** One valid event of an unknown type on one line of `bytes`, written in pieces: it is never whole in memory. */
function* paddingLine(bytes: number): Generator<string> {
  yield PADDING_HEAD;
  let rest = bytes - PADDING_HEAD.length - PADDING_TAIL.length;
  for (; rest > PADDING_PIECE; rest -= PADDING_PIECE) yield "x".repeat(PADDING_PIECE);
  yield `${"x".repeat(rest)}${PADDING_TAIL}\n\n`;
}
