/** As large as the largest form that is taken; who sends more may be cut off. */
const MOST_BYTES = 100 * 1024 * 1024;

/** Milliseconds that a refusal waits for the end of the body that it refuses. */
const PATIENCE = 3_000;

/**
 * Takes what is still coming of a body that nobody will read on, and resolves at its end, or after three seconds. A
 * server that answers and closes in the middle of a body looks broken to proxies and clients that send it in pieces:
 * they see a reset, and not the answer.
 */
export async function discardBody({ body }: Request): Promise<void> {
  if (!body || body.locked) return;
  const reader = body.getReader();
  const giveUp = setTimeout(() => void reader.cancel().catch(() => undefined), PATIENCE);
  try {
    await readUpTo(MOST_BYTES, reader);
  } catch {
    // The sender has gone, which is no news.
  } finally {
    clearTimeout(giveUp);
  }
}

async function readUpTo(most: number, reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  let bytes = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    bytes += next.value.byteLength;
    if (bytes > most) return await reader.cancel();
  }
}
