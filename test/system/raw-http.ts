import { connect } from "node:net";

/** An answer as it stood on the wire. */
export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** What came after the body: the answer to something that was taken for another request. */
  readonly rest: string;
}

const PATIENCE_MS = 60_000;

/**
 * Sends bytes over a connection of their own, as no client library would, and reads one answer; `null` when the server
 * closes the connection without any. Throws when neither happens in time.
 */
export function sendRaw(port: number, bytes: Uint8Array): Promise<RawAnswer | null> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer | null>();
  let received = Buffer.alloc(0);
  const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
  const giveUp = setTimeout(
    () => end(() => reject(new Error(`no answer: ${received.toString("latin1")}`))),
    PATIENCE_MS,
  );
  const end = (settle: () => void) => {
    clearTimeout(giveUp);
    socket.destroy();
    settle();
  };
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
    const answer = parseAnswer(received, false);
    if (answer) end(() => resolve(answer));
  });
  // A reset after the answer, because not all of a body was read, loses nothing.
  socket.on("error", () => end(() => resolve(parseAnswer(received, true))));
  socket.on("close", () => end(() => resolve(parseAnswer(received, true))));
  return promise;
}

/** Sends bytes and goes away, without reading, when told to. */
export function sendAndLeave(port: number, bytes: Uint8Array, leave: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
  leave.addEventListener("abort", () => socket.destroy(), { once: true });
  socket.on("error", () => resolve());
  socket.on("close", () => resolve());
  return promise;
}

/** The answer in what was received so far; `null` while it is not whole. */
function parseAnswer(received: Buffer, ended: boolean): RawAnswer | null {
  const headEnd = received.indexOf("\r\n\r\n");
  if (headEnd < 0) return null;
  const [statusLine = "", ...lines] = received.subarray(0, headEnd).toString("latin1").split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]);
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
  );
  const after = received.subarray(headEnd + 4);
  const length = lengthOf(headers, after, ended);
  if (length === null) return null;
  const body = headers.get("transfer-encoding") === "chunked" ? unchunked(after) : after.subarray(0, length);
  return { status, headers, body: body.toString(), rest: after.subarray(length).toString("latin1") };
}

/** Bytes on the wire of the body; `null` while more are to come. */
function lengthOf(headers: ReadonlyMap<string, string>, after: Buffer, ended: boolean): number | null {
  const announced = headers.get("content-length");
  if (announced !== undefined) return after.length >= Number(announced) || ended ? Number(announced) : null;
  const lastChunk = after.indexOf("0\r\n\r\n");
  if (headers.get("transfer-encoding") === "chunked" && lastChunk >= 0) return lastChunk + 5;
  return ended ? after.length : null;
}

function unchunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString(), 16);
    if (lineEnd < 0 || !(size > 0)) break;
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
  return Buffer.concat(parts);
}
