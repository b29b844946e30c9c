import { createServer, type IncomingMessage } from "node:http";
import { json } from "node:stream/consumers";

/** A request as a server got it. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
}

export interface Told {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON, unless it is text. */
  readonly body: unknown;
}

/** A server on the loopback that answers as it is told, in place of a gateway in states that are hard to bring about. */
export class AnsweringServer implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly url: string;
  readonly #close: () => Promise<void>;

  static async start(answer: (asked: Asked, count: number) => Told | "break off"): Promise<AnsweringServer> {
    let server: AnsweringServer | undefined;
    const listening = createServer(async (request, response) => {
      const body = request.headers["content-type"] === "application/json" ? await json(request) : null;
      const asked: Asked = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body };
      server?.asked.push(asked);
      const told = answer(asked, server?.asked.length ?? 0);
      if (told === "break off") return request.socket.destroy();
      const text = typeof told.body === "string" ? told.body : JSON.stringify(told.body);
      response.writeHead(told.status ?? 200, { "content-type": "application/json", ...told.headers }).end(text);
    });
    await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
    const address = listening.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const close = () => new Promise<void>((resolve) => listening.close(() => resolve()));
    server = new AnsweringServer(`http://127.0.0.1:${port}`, close);
    return server;
  }

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}
