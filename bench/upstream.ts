import { createServer, type ServerResponse } from "node:http";
import { type WebSocket, WebSocketServer } from "ws";
import {
  JSON_ANSWER,
  SLOW_MARK,
  SLOW_PAUSE_MS,
  STREAM_EVENTS,
  STREAM_FRAMES,
  STREAM_PAUSE_MS,
  STREAM_PIECES,
} from "./answers.ts";

/**
 * A process of its own that answers every POST, and every message on a WebSocket, with the same bytes; tells its port
 * over IPC and ends with its parent.
 */
const EVENTS_PER_PIECE = Math.ceil(STREAM_EVENTS.length / STREAM_PIECES);
const inPieces = (all: readonly string[]): string[][] =>
  Array.from({ length: STREAM_PIECES }, (_, index) =>
    all.slice(index * EVENTS_PER_PIECE, (index + 1) * EVENTS_PER_PIECE),
  );
const pieces = inPieces(STREAM_EVENTS).map((events) => Buffer.from(events.join("")));
const bursts = inPieces(STREAM_FRAMES);
const whole = Buffer.from(JSON_ANSWER);
const WHOLE_HEADERS = { "content-type": "application/json", "content-length": whole.length };
const STREAM_HEADERS = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" };

/** Sends every one of `parts`, a pause apart. Returns what stops it. */
function pace<Part>(parts: readonly Part[], pauseMs: number, send: (part: Part) => void, end: () => void): () => void {
  let index = 0;
  const next = () => {
    const part = parts[index];
    index += 1;
    if (part !== undefined) send(part);
    if (index < parts.length) return;
    clearInterval(timer);
    end();
  };
  const timer = setInterval(next, pauseMs);
  next();
  return () => clearInterval(timer);
}

function stream(response: ServerResponse, pauseMs: number): void {
  response.writeHead(200, STREAM_HEADERS);
  const stop = pace(
    pieces,
    pauseMs,
    (piece) => response.write(piece),
    () => response.end(),
  );
  response.on("close", stop);
}

function converse(socket: WebSocket): void {
  socket.on("message", () => {
    const send = (burst: readonly string[]) => {
      for (const frame of burst) socket.send(frame);
    };
    const stop = pace(bursts, STREAM_PAUSE_MS, send, () => socket.off("close", stop));
    socket.on("close", stop);
  });
}

const server = createServer((request, response) => {
  let body = "";
  request.setEncoding("latin1");
  request.on("data", (chunk: string) => {
    body += chunk;
  });
  request.on("end", () => {
    const pauseMs = body.includes(SLOW_MARK) ? SLOW_PAUSE_MS : STREAM_PAUSE_MS;
    if (body.includes('"stream":true')) stream(response, pauseMs);
    else response.writeHead(200, WHOLE_HEADERS).end(whole);
  });
});
server.keepAliveTimeout = 120_000;
new WebSocketServer({ server, perMessageDeflate: false }).on("connection", converse);
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object" && address !== null) process.send?.(address.port);
});
process.on("disconnect", () => process.exit(0));
