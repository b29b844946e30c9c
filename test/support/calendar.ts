const ENOUGH_MS = 60_000;
const DAY_MS = 24 * 3_600_000;

/** Waits for the next day (UTC) where this one is about to end: for tests whose steps must all fall on one day, or in one month. */
export async function dayWithRoom(): Promise<void> {
  const left = DAY_MS - (Date.now() % DAY_MS);
  if (left < ENOUGH_MS) await new Promise((resolve) => setTimeout(resolve, left));
}

/** Enough for a test that begins by waiting for {@link dayWithRoom}. */
export const WITH_MIDNIGHT = { timeout: 2 * ENOUGH_MS };
