/** What the upstream of the benchmarks answers, always: the same bytes and the same usage. */

export const MODEL = "gpt-5.4-mini";
export const USAGE = {
  input_tokens: 200,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 100,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 300,
};

const WORD = "spillway ";
const DELTAS = 96;

const response = (status: string, text: string, usage: object | null) => ({
  id: "resp_0123456789abcdef0123456789abcdef",
  object: "response",
  created_at: 1_795_000_000,
  status,
  error: null,
  incomplete_details: null,
  model: MODEL,
  output: text === "" ? [] : [message(status, text)],
  parallel_tool_calls: true,
  tool_choice: "auto",
  tools: [],
  usage,
});

const message = (status: string, text: string) => ({
  id: "msg_0123456789abcdef0123456789abcdef",
  type: "message",
  role: "assistant",
  status,
  content: [{ type: "output_text", text, annotations: [] }],
});

/** A Responses object of about 1 KB. */
export const JSON_ANSWER = JSON.stringify(response("completed", WORD.repeat(55), USAGE));

const events = [
  { type: "response.created", response: response("in_progress", "", null) },
  { type: "response.in_progress", response: response("in_progress", "", null) },
  { type: "response.output_item.added", output_index: 0, item: message("in_progress", "") },
  ...Array.from({ length: DELTAS }, () => ({
    type: "response.output_text.delta",
    item_id: "msg_0123456789abcdef0123456789abcdef",
    output_index: 0,
    content_index: 0,
    delta: WORD,
  })),
  { type: "response.completed", response: response("completed", WORD.repeat(DELTAS), USAGE) },
];

/** The 100 events of a stream, as a WebSocket carries them. */
export const STREAM_FRAMES: readonly string[] = events.map((event, index) =>
  JSON.stringify({ ...event, sequence_number: index }),
);

/** The same events, as a stream of an answer carries them. */
export const STREAM_EVENTS: readonly string[] = events.map(
  ({ type }, index) => `event: ${type}\ndata: ${STREAM_FRAMES[index]}\n\n`,
);

/** The stream is sent in this many pieces, this far apart: 100 events in 200 ms, or in 4 s where the request says so. */
export const STREAM_PIECES = 20;
export const STREAM_PAUSE_MS = 10;
export const SLOW_PAUSE_MS = 200;
export const SLOW_MARK = "take your time";

export const STREAM_BYTES = STREAM_EVENTS.join("").length;
