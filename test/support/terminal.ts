import type { Terminal } from "../../scripts/cli/terminal.ts";

/** A terminal that keeps what is written to it. */
export class KeptTerminal implements Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly #stop = new AbortController();
  readonly stop = this.#stop.signal;
  #out = "";
  #notes = "";

  constructor(env: Readonly<Record<string, string | undefined>> = {}) {
    this.env = env;
  }

  /** What went to standard output. */
  get out(): string {
    return this.#out;
  }

  /** What went to standard error. */
  get notes(): string {
    return this.#notes;
  }

  async write(text: string | Uint8Array): Promise<void> {
    this.#out += typeof text === "string" ? text : new TextDecoder().decode(text);
  }

  note(text: string): void {
    this.#notes += `${text}\n`;
  }

  progress(): void {}

  /** What Ctrl-C does. */
  interrupt(): void {
    this.#stop.abort();
  }
}
