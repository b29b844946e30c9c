const BLOCK = 64 * 1024;

/** Keeps bytes in blocks of their own, so that a million pieces of one byte take no more memory than a million bytes. */
export class HeldBytes {
  readonly #blocks: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      const used = this.#length % BLOCK;
      if (used === 0) this.#blocks.push(new Uint8Array(BLOCK));
      const part = bytes.subarray(from, from + BLOCK - used);
      this.#blocks.at(-1)?.set(part, used);
      this.#length += part.length;
      from += part.length;
    }
  }

  *pieces(): Generator<Uint8Array> {
    for (const [index, block] of this.#blocks.entries()) yield block.subarray(0, this.#length - index * BLOCK);
  }
}

/** All `pieces` as one. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((total, piece) => total + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}
