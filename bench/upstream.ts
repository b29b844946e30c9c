import { createServer, type ServerResponse } from "node:http";
import { JSON_ANSWER, STREAM_EVENTS, STREAM_PAUSE_MS, STREAM_PIECES } from "./answers.ts";

/** A process of its own that answers every POST with the same bytes; tells its port over IPC and ends with its parent. */
const EVENTS_PER_PIECE = Math.ceil(STREAM_EVENTS.length / STREAM_PIECES);
const pieces = Array.from({ length: STREAM_PIECES }, (_, index) =>
  Buffer.from(STREAM_EVENTS.slice(index * EVENTS_PER_PIECE, (index + 1) * EVENTS_PER_PIECE).join("")),
);
const whole = Buffer.from(JSON_ANSWER);
const WHOLE_HEADERS = { "content-type": "application/json", "content-length": whole.length };
const STREAM_HEADERS = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" };

function stream(response: ServerResponse): void {
  response.writeHead(200, STREAM_HEADERS);
  let index = 0;
  const send = () => {
    response.write(pieces[index]);
    index += 1;
    if (index < pieces.length) return;
    clearInterval(timer);
    response.end();
  };
  const timer = setInterval(send, STREAM_PAUSE_MS);
  response.on("close", () => clearInterval(timer));
  send();
}

const server = createServer((request, response) => {
  let body = "";
  request.setEncoding("latin1");
  request.on("data", (chunk: string) => {
    body += chunk;
  });
  request.on("end", () => {
    if (body.includes('"stream":true')) stream(response);
    else response.writeHead(200, WHOLE_HEADERS).end(whole);
  });
});
server.keepAliveTimeout = 120_000;
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object" && address !== null) process.send?.(address.port);
});
process.on("disconnect", () => process.exit(0));
