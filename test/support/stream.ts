/** Reads one client's stream by hand. */
export class StreamReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  readonly requestId: string;
  text = "";

  constructor(response: Response) {
    if (!response.body) throw new Error(`no body in the answer with status ${response.status}`);
    this.#reader = response.body.getReader();
    this.requestId = response.headers.get("x-request-id") ?? "";
  }

  /** Reads until `part` was seen that often. */
  async until(part: string, times = 1): Promise<void> {
    const seen = () => this.text.split(part).length - 1;
    while (seen() < times) if (!(await this.#next())) throw new Error(`ended before ${part}: ${this.text}`);
  }

  /** Reads to the end; throws when the stream breaks. */
  async rest(): Promise<string> {
    while (await this.#next());
    return this.text;
  }

  /** Leaves, as a client does that hangs up. */
  async leave(): Promise<void> {
    await this.#reader.cancel();
  }

  async #next(): Promise<boolean> {
    const { done, value } = await this.#reader.read();
    if (value) this.text += this.#decoder.decode(value, { stream: true });
    return !done;
  }
}

/** How a client's stream ended: with its text, or broken. */
export async function readStream(response: Response): Promise<{ text: string; broken: boolean }> {
  const reader = new StreamReader(response);
  try {
    await reader.rest();
    return { text: reader.text, broken: false };
  } catch {
    return { text: reader.text, broken: true };
  }
}
