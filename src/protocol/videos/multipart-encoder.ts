import type { PartHead } from "./part-head.ts";

const encoder = new TextEncoder();

/** Writes a form in a boundary of our own, which nobody who chose the form's content could know. */
export class MultipartEncoder {
  readonly #boundary = `spillway-${crypto.randomUUID()}`;

  get contentType(): string {
    return `multipart/form-data; boundary=${this.#boundary}`;
  }

  text(name: string, value: string): Uint8Array {
    return encoder.encode(`${this.#open(name)}\r\n\r\n${value}\r\n`);
  }

  /** What stands before a file's bytes; {@link partEnd} stands after them. */
  fileHead({ name, filename, contentType }: PartHead): Uint8Array {
    const file = `; filename="${quotable(filename ?? "")}"\r\nContent-Type: ${contentType}`;
    return encoder.encode(`${this.#open(name)}${file}\r\n\r\n`);
  }

  partEnd(): Uint8Array {
    return encoder.encode("\r\n");
  }

  formEnd(): Uint8Array {
    return encoder.encode(`--${this.#boundary}--\r\n`);
  }

  #open(name: string): string {
    return `--${this.#boundary}\r\nContent-Disposition: form-data; name="${quotable(name)}"`;
  }
}

/** Readers differ in what a backslash means within quotes; neither it nor a quote is written as such. */
function quotable(text: string): string {
  return text.replace(/["\\]/g, encodeURIComponent);
}
