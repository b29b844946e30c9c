/** What the tool is run in: its environment, and where it writes. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Results. */
  write(text: string | Uint8Array): Promise<void>;
  /** Everything else: progress, notes, errors. */
  note(text: string): void;
  /** Says on one line, in place of the last, how far it is; empty text clears it. Silent where nobody looks. */
  progress(text: string): void;
  /** Ends when the person asks to stop (Ctrl-C). */
  readonly stop: AbortSignal;
}

const TO_LINE_START_AND_CLEAR = "\r\u001b[K";

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  process.once("SIGTERM", () => stop.abort());
  // `spillway … | head` ends the reader first, which is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  return {
    env: process.env,
    stop: stop.signal,
    write: (text) => new Promise((resolve) => process.stdout.write(text, () => resolve())),
    note: (text) => void process.stderr.write(`${text}\n`),
    progress(text) {
      if (process.stderr.isTTY) process.stderr.write(TO_LINE_START_AND_CLEAR + (text === "" ? "" : `${text} …`));
    },
  };
}
