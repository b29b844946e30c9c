export type Kind =
  | "json"
  | "sse"
  | "chat"
  | "chat-sse"
  | "websocket"
  | "background"
  | "video"
  | "hang-up"
  | "fault"
  | "repetition"
  | "denial";

/** One request as its client knows it. */
export interface Entry {
  readonly kind: Kind;
  readonly account: string;
  /** Instants are epoch ms. */
  readonly startedAt: number;
  endedAt: number;
  /** `null` while no answer has told it. */
  requestId: string | null;
  /**
   * `answered`: its client was told what it used, which costs `price`. `unsure`: its client was told less, and it costs
   * `price` at most. `refused`: it costs nothing.
   */
  ending: "answered" | "unsure" | "refused";
  /** Micro-credits. */
  price: number;
}

/** An answer or an end that nobody asked for. */
export interface Trouble {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** What an operator was told about money that it moved. */
export interface Act {
  readonly kind: "grant" | "refund";
  readonly account: string;
  readonly idempotencyKey: string;
  /** Micro-credits; `null` until an answer has told it. */
  amount: number | null;
  /** Asks once more, under the same key. */
  readonly repeat: () => Promise<number>;
}

/** Everything that the clients and operators of a soak were told. */
export class Book {
  readonly entries: Entry[] = [];
  readonly acts: Act[] = [];
  readonly troubles: Trouble[] = [];
  rolledKeys = 0;

  /** A request that begins now. Until more is known, it may cost up to `most` micro-credits. */
  open(kind: Kind, account: string, most: number): Entry {
    const now = Date.now();
    const entry: Entry = {
      kind,
      account,
      startedAt: now,
      endedAt: now,
      requestId: null,
      ending: "unsure",
      price: most,
    };
    this.entries.push(entry);
    return entry;
  }

  /** A request whose client was told how it ended. A price is that of an answered one. */
  end(entry: Entry, ending: Entry["ending"], price = entry.price): void {
    entry.endedAt = Date.now();
    entry.ending = ending;
    entry.price = ending === "refused" ? 0 : price;
  }

  trouble(from: number, text: string): void {
    this.troubles.push({ from, to: Date.now(), text });
  }
}
