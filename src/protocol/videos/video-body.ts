import type { RequestFault } from "../adapter.ts";

/** What is sent upstream. Bytes can be sent again, to another upstream as well; a stream only once. */
export interface UpstreamBody {
  readonly contentType: string;
  readonly body: Uint8Array | ReadableStream<Uint8Array>;
  /**
   * Fires when the stream cannot be sent to its end; to be given to the request that sends it. That the stream fails is
   * not enough: workerd then ends the request's body as if it were whole. `null` for bytes.
   */
  readonly broken: AbortSignal | null;
  /** When the latest piece of a stream was taken (epoch ms); 0 for bytes. */
  readonly sentAt: () => number;
  /** Why it broke, a fault of the caller's that only showed on the way: upstream's answer is then worth nothing. */
  readonly fault: () => RequestFault | null;
}

/** A request's body whose texts have been read and whose files may still be on their way. */
export interface VideoBody {
  readonly texts: ReadonlyMap<string, string>;
  /** Fields that came as files, so far. */
  readonly files: ReadonlySet<string>;
  /** Whether all of it has been read, so that nothing can come any more. */
  readonly whole: boolean;
  /**
   * SHA-256 as lower-case hex of what was asked for, whatever boundary it came in. Of a body that is not whole only the
   * needed fields count.
   */
  digest(): string;
  /** The body to send, with `texts` in place of those that were read. */
  toUpstream(texts: ReadonlyMap<string, string>): UpstreamBody;
  /** Stops reading what has not been sent on. */
  cancel(): void;
}
