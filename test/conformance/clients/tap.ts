import { createServer, request as forwardRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { ClientFrames } from "./frames.ts";

/** One HTTP request of a client. An upgrade to WebSocket is one too; what is asked through it is counted apart. */
export interface Passed {
  readonly method: string;
  readonly path: string;
  readonly upgrade: boolean;
  /** Undefined as long as there is no answer. */
  status: number | undefined;
}

/**
 * What stands between a client and the gateway, so that a client needs nothing but a base URL and a key: it sees each
 * request and adds the controls of the simulated upstream. Else bytes pass as they are.
 */
export interface Tap {
  /** Origin. */
  readonly url: string;
  readonly passed: readonly Passed[];
  /** How often an answer was asked for: by POST, and by a frame of a WebSocket that is not a mere warm-up. */
  readonly asked: number;
  close(): Promise<void>;
}

export interface TapOptions {
  /** Origin of the gateway. */
  readonly target: string;
  /** Added to every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Controls of the first, second … time that an answer is asked for; the last ones hold for all that follow. */
  readonly simulate: readonly string[];
}

const LOOPBACK = "127.0.0.1";

/** Listens on a free port of the loopback. */
export async function openTap({ target, headers, simulate }: TapOptions): Promise<Tap> {
  const passed: Passed[] = [];
  const sockets = new Set<Duplex>();
  let asked = 0;

  const note = ({ method = "", url = "" }: IncomingMessage, upgrade: boolean): Passed => {
    const entry = { method, path: url, upgrade, status: undefined };
    passed.push(entry);
    return entry;
  };
  const nextControls = (): string => {
    const controls = simulate[Math.min(asked, simulate.length - 1)] ?? "none";
    asked += 1;
    return controls;
  };
  const onward = (request: IncomingMessage, added: Readonly<Record<string, string>> = {}): Onward =>
    forwardRequest(target + request.url, {
      method: request.method,
      headers: { ...request.headers, ...headers, ...added },
      agent: false,
    });

  const server = createServer((request, response) => {
    const controls = request.method === "POST" ? { "x-simulate": nextControls() } : {};
    pass(request, response, onward(request, controls), note(request, false));
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("upgrade", (request, socket: Duplex) => {
    // Compressed frames could not be read here, and a server need not agree to compression.
    delete request.headers["sec-websocket-extensions"];
    const withControls = (frame: string) => (isWarmUp(frame) ? frame : addControls(frame, nextControls()));
    passUpgrade(socket, onward(request), note(request, true), withControls);
  });
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${LOOPBACK}:${port}`,
    passed,
    get asked() {
      return asked;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

type Onward = ReturnType<typeof forwardRequest>;

/** Codex opens its connection with a request that shall generate nothing. */
function isWarmUp(frame: string): boolean {
  return JSON.parse(frame).generate === false;
}

/** A frame has no headers; of the body, the simulated upstream reads its metadata. */
function addControls(frame: string, controls: string): string {
  const { metadata, ...rest } = JSON.parse(frame);
  return JSON.stringify({ ...rest, metadata: { ...metadata, simulate: controls } });
}

/** A break on one side is a break on the other: neither a cut stream nor a client that left may look like an end. */
function pass(request: IncomingMessage, response: ServerResponse, onward: Onward, entry: Passed): void {
  onward.on("response", (answer) => {
    entry.status = answer.statusCode;
    response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    answer.pipe(response);
    answer.on("error", () => response.destroy());
  });
  onward.on("error", () => response.destroy());
  response.on("close", () => {
    if (!response.writableFinished) onward.destroy();
  });
  // In one piece, as clients send it: a refusal may come before a body that is still on its way was read.
  const body: Buffer[] = [];
  request.on("data", (bytes: Buffer) => body.push(bytes));
  request.on("end", () => onward.end(Buffer.concat(body)));
}

function passUpgrade(socket: Duplex, onward: Onward, entry: Passed, onText: (text: string) => string): void {
  onward.on("upgrade", (answer, far, head) => {
    entry.status = answer.statusCode;
    const frames = new ClientFrames(onText, (bytes) => far.write(bytes));
    socket.write(headOf(answer));
    socket.write(head);
    socket.on("data", (bytes: Buffer) => frames.read(bytes));
    far.pipe(socket);
    const end = () => {
      socket.destroy();
      far.destroy();
    };
    for (const side of [socket, far]) side.on("error", end).on("close", end);
    socket.on("end", () => far.end());
  });
  onward.on("response", (answer) => {
    entry.status = answer.statusCode;
    socket.write(headOf(answer));
    answer.pipe(socket);
  });
  onward.on("error", () => socket.destroy());
  socket.on("error", () => onward.destroy());
  onward.end();
}

/** Status line and headers as they came; the connection ends after what follows. */
function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name, value] = rawHeaders.slice(index, index + 2);
    if (name?.toLowerCase() !== "transfer-encoding") lines.push(`${name}: ${value}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}
