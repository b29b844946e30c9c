/** More than any request has that is refused by mistake; whoever sends more may be cut off. */
const MOST_BYTES = 1024 * 1024;

/**
 * Takes what is still coming of a body that nobody will read. A server that answers and closes in the middle of a body
 * looks broken to proxies and clients that send it in pieces: they see a reset, and not the answer.
 */
export async function discardBody({ body, bodyUsed }: Request): Promise<void> {
  if (!body || bodyUsed || body.locked) return;
  const reader = body.getReader();
  let bytes = 0;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      bytes += next.value.byteLength;
      if (bytes > MOST_BYTES) return await reader.cancel();
    }
  } catch {
    // The sender has gone, which is no news.
  }
}
