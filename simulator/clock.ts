/** Waits `ms`; rejects when `signal` aborts. Zero does not even yield. */
export async function wait(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (ms === 0) return;
  if ("scheduler" in globalThis) return scheduler.wait(ms, { signal });
  await new Promise<void>((resolve, reject) => {
    const aborted = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", aborted);
      resolve();
    }, ms);
    signal.addEventListener("abort", aborted, { once: true });
  });
}

/** OpenAI's instants are epoch seconds; `at` is in epoch milliseconds. */
export function epochSeconds(at: number): number {
  return Math.floor(at / 1000);
}
