import { get, type IncomingHttpHeaders } from "node:http";
import { type MessageEvent, WebSocket } from "undici";
import { KEY, RESPONSES, type ResponseEvent } from "./client.ts";

/** A server's message as the tests look at it. */
export interface Message extends ResponseEvent {
  status?: number;
  stream_id?: string;
  headers?: Record<string, string>;
  steer?: { id?: string };
}

const TOO_LONG_MS = 30_000;

/** One WebSocket connection to a Responses endpoint. */
export class Socket {
  readonly messages: Message[] = [];
  /** The close code, when there is one. */
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;
  #looks: (() => void)[] = [];

  static async open(origin: string, controls = ""): Promise<Socket> {
    const headers = { authorization: `Bearer ${KEY}`, "x-simulate": `pace=0;${controls}` };
    const socket = new WebSocket(`${origin.replace(/^http/, "ws")}${RESPONSES}`, { headers });
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", reject);
    });
    return new Socket(socket);
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }: MessageEvent) => {
      this.messages.push(messageIn(data));
      for (const look of this.#looks) look();
    });
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code }) => resolve(code));
    });
  }

  /** Asks for a response with these controls. */
  create(controls: string, body: object = {}): void {
    const frame = { type: "response.create", model: "gpt-5.4", input: "Hi", metadata: { simulate: controls } };
    this.send(JSON.stringify({ ...frame, ...body }));
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(data);
  }

  /** The first message that satisfies `wanted`, arrived or to come. */
  async next(wanted: (message: Message) => boolean): Promise<Message> {
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    const look = () => {
      const found = this.messages.find(wanted);
      if (found !== undefined) resolve(found);
    };
    this.#looks.push(look);
    look();
    const timer = setTimeout(() => reject(new Error(`not among ${JSON.stringify(this.messages)}`)), TOO_LONG_MS);
    return promise.finally(() => clearTimeout(timer));
  }

  /** Waits for the end of the response that was asked for last, and forgets all messages until then. */
  async response(controls: string, body: object = {}): Promise<Message[]> {
    this.create(controls, body);
    await this.next(({ type }) => type === "error" || TERMINAL.has(type));
    return this.messages.splice(0);
  }

  close(): void {
    this.#socket.close();
  }
}

const TERMINAL = new Set(["response.completed", "response.incomplete", "response.failed"]);

/** What is not JSON is a message of the type `unreadable`. */
function messageIn(text: string): Message {
  try {
    return JSON.parse(text);
  } catch {
    return JSON.parse('{"type":"unreadable"}');
  }
}

/** Status and headers of an upgrade, accepted or not. */
export function upgradeOf(
  origin: string,
  headers: Record<string, string>,
): Promise<{ status: number | undefined; headers: IncomingHttpHeaders }> {
  const asked = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": btoa("sixteen bytes 16"),
    ...headers,
  };
  return new Promise((resolve, reject) => {
    const request = get(`${origin}${RESPONSES}`, { headers: asked });
    request.on("error", reject);
    request.on("response", (response) => {
      response.resume();
      resolve({ status: response.statusCode, headers: response.headers });
    });
    request.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode, headers: response.headers });
    });
  });
}
