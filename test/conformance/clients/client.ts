/** Where a client finds its provider, and as whom. */
export interface Door {
  /** With `/v1`. */
  readonly baseUrl: string;
  readonly key: string;
  readonly model: string;
}

/** What one question came to, as the client's user sees it. */
export interface Turn {
  /** The answer; what there was of it where it failed. */
  readonly text: string;
  /** What the user is told; `null` where nothing went wrong. */
  readonly error: string | null;
  /** What the client counted, if it tells. */
  readonly tokens: { readonly input: number; readonly output: number } | null;
}

export interface Ask {
  /** The user goes away. */
  readonly signal?: AbortSignal;
  /** Function that the model may call; it answers the call with a constant. */
  readonly tool?: string;
}

/** A client that stays open between questions. */
export interface Session {
  /** A question of its own or, in Codex, the next one of the thread. */
  ask(prompt: string, ask?: Ask): Promise<Turn>;
  /** A question that goes on from the last answer, in the way that is the client's default. */
  goOn(prompt: string): Promise<Turn>;
  close(): Promise<void>;
}

/** A column of the table. */
export interface Client {
  readonly name: string;
  readonly api: "responses" | "chat";
  readonly transport: "http" | "websocket";
  /** How often it asks at most: where that is of no use, with a bad key, and where the upstream is overloaded. */
  readonly asks: { readonly refused: number; readonly badKey: number; readonly overloaded: number };
  /** One question to a client that is started for it and ends after it. */
  once(door: Door, prompt: string, ask?: Ask): Promise<Turn>;
  open(door: Door): Promise<Session>;
}
