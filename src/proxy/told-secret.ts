import { Buffer } from "node:buffer";

/** Shorter ones are no keys, but settings of tests and of upstreams without keys. */
const SHORTEST = 8;

/** `text` of an upstream that may repeat the key it was asked with, as in an error's message; told to nobody. */
export function withoutSecret(text: string, secret: string): string {
  return secret.length < SHORTEST ? text : text.replaceAll(secret, "…");
}

const STAR = 0x2a;
const NOTHING = new Uint8Array();

/**
 * The same for a stream, however it is cut into pieces: stars take the key's place. Every other byte passes at once, but
 * for an end that the key begins with.
 */
export class SecretFilter {
  readonly #secret: Buffer;
  #held: Uint8Array = NOTHING;

  constructor(secret: string) {
    this.#secret = Buffer.from(secret.length < SHORTEST ? "" : secret);
  }

  push(piece: Uint8Array): Uint8Array {
    if (this.#secret.length === 0) return piece;
    const bytes = this.#held.length === 0 ? viewOf(piece) : Buffer.concat([this.#held, piece]);
    const clean = this.#starred(bytes);
    const end = clean.length - this.#begunAt(clean);
    this.#held = clean.subarray(end);
    return clean.subarray(0, end);
  }

  /** What an ended stream left held: no key, since it is not whole. */
  rest(): Uint8Array {
    return this.#held;
  }

  #starred(bytes: Buffer): Buffer {
    let at = bytes.indexOf(this.#secret);
    if (at === -1) return bytes;
    const starred = Buffer.from(bytes);
    for (; at !== -1; at = starred.indexOf(this.#secret, at)) starred.fill(STAR, at, at + this.#secret.length);
    return starred;
  }

  /** How many bytes at the end may be the key's beginning. Events end with line ends, which no key holds. */
  #begunAt(bytes: Buffer): number {
    const last = bytes.at(-1);
    if (last === undefined || !this.#secret.includes(last)) return 0;
    for (let size = Math.min(this.#secret.length - 1, bytes.length); size > 0; size -= 1) {
      if (bytes.subarray(bytes.length - size).equals(this.#secret.subarray(0, size))) return size;
    }
    return 0;
  }
}

/** The same bytes, to be searched natively. */
function viewOf(piece: Uint8Array): Buffer {
  return Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
}
