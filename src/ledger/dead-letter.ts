import { classify, retryDelay } from "./failure.ts";
import { bodyOf, byAccount } from "./message.ts";
import { type Poison, putInQuarantine } from "./quarantine.ts";

export interface DeadLetterDeps {
  readonly db: D1Database;
  now(): number;
  /** Spreads retries; in [0, 1). */
  random?(): number;
}

/**
 * Keeps messages that the queue gave up on where they are seen and can be sent again. They are a signal, not a store:
 * the objects still hold every entry that D1 has not confirmed. Never throws.
 */
export async function consumeDeadLetters(batch: MessageBatch, deps: DeadLetterDeps): Promise<void> {
  const poisons = batch.messages
    .flatMap((message) => byAccount(bodyOf(message)))
    .map((part): Poison => ({ ...part, reason: "undelivered" }));
  try {
    await putInQuarantine(deps.db, poisons, deps.now());
    batch.ackAll();
  } catch (error) {
    const kind = classify(error).kind === "overloaded" ? "overloaded" : "transient";
    for (const message of batch.messages) {
      message.retry({ delaySeconds: retryDelay(message.attempts, kind, (deps.random ?? Math.random)()) });
    }
  }
}
