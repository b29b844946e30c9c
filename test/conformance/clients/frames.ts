const TEXT = 1;
const LAST_DATA_OPCODE = 2;

/** Reads what a WebSocket's client sends, uncompressed, and hands it on: text messages as `onText` gives them back. */
export class ClientFrames {
  readonly #onText: (text: string) => string;
  readonly #onward: (bytes: Buffer) => void;
  #bytes = Buffer.alloc(0);
  #message: Frame[] = [];

  constructor(onText: (text: string) => string, onward: (bytes: Buffer) => void) {
    this.#onText = onText;
    this.#onward = onward;
  }

  read(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    for (;;) {
      const frame = firstFrame(this.#bytes);
      if (frame === null) return;
      this.#bytes = this.#bytes.subarray(frame.bytes.length);
      this.#take(frame);
    }
  }

  #take(frame: Frame): void {
    // Control frames may stand between the parts of a message.
    if (frame.opcode > LAST_DATA_OPCODE) {
      this.#onward(frame.bytes);
      return;
    }
    this.#message.push(frame);
    if (!frame.final) return;
    this.#onward(this.#wholeMessage(this.#message));
    this.#message = [];
  }

  #wholeMessage(parts: readonly Frame[]): Buffer {
    if (parts[0]?.opcode !== TEXT) return Buffer.concat(parts.map((part) => part.bytes));
    const text = Buffer.concat(parts.map((part) => part.payload)).toString("utf8");
    return textFrame(this.#onText(text));
  }
}

interface Frame {
  readonly opcode: number;
  readonly final: boolean;
  /** Unmasked. */
  readonly payload: Buffer;
  /** The whole frame as it came. */
  readonly bytes: Buffer;
}

/** `null` as long as there is no whole frame. */
function firstFrame(bytes: Buffer): Frame | null {
  if (bytes.length < 2) return null;
  const first = bytes.readUInt8(0);
  const short = bytes.readUInt8(1) & 0x7f;
  const sizeBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const maskAt = 2 + sizeBytes;
  // A client's frames are always masked.
  const payloadAt = maskAt + 4;
  if (bytes.length < payloadAt) return null;
  const size = sizeBytes === 2 ? bytes.readUInt16BE(2) : sizeBytes === 8 ? Number(bytes.readBigUInt64BE(2)) : short;
  const end = payloadAt + size;
  if (bytes.length < end) return null;
  const payload = Buffer.from(bytes.subarray(payloadAt, end));
  const mask = bytes.subarray(maskAt, payloadAt);
  for (let index = 0; index < size; index += 1) payload[index] = payload.readUInt8(index) ^ mask.readUInt8(index % 4);
  return { opcode: first & 0x0f, final: (first & 0x80) !== 0, payload, bytes: bytes.subarray(0, end) };
}

/** A client's text message in one frame. Its mask is zero, which changes nothing. */
function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const head = Buffer.alloc(14);
  head.writeUInt8(0x80 | TEXT, 0);
  head.writeUInt8(0x80 | 127, 1);
  head.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([head, payload]);
}
