/** A request that passed its gates. Amounts in micro-credits. */
export interface Admitted {
  readonly requestId: string;
  readonly account: string;
  readonly model: string;
  /** The most that it can cost. */
  readonly ceiling: number;
}

export interface TokenUsage {
  readonly input_tokens: number;
  readonly output_tokens: number;
}

/** Why a request may not go on: not enough credits, or its id was used before. */
export type Held = "held" | "no_credits" | "repeated";

/** How credits are kept: the two ways in which this is usually built. */
export interface Accounting {
  /** Whether the balance that the gates keep in Redis decides. */
  readonly checksCachedBalance: boolean;
  hold(request: Admitted): Promise<Held>;
  /** Books a request's usage and its price; returns what was charged. Booked once, however often it is called. */
  settle(request: Admitted, usage: TokenUsage, price: number): Promise<number>;
  /** Gives back what a request held that upstream did not answer. */
  release(request: Admitted): Promise<void>;
}
