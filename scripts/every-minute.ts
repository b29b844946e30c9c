const MINUTE_MS = 60_000;

/**
 * Calls `task` at the start of every minute, as Cloudflare's `* * * * *` does, without keeping the process alive.
 * A run that fails is left to the next one; a run that is still going is not overtaken.
 *
 * @returns a function that ends it
 */
export function everyMinute(task: () => Promise<unknown>): () => void {
  let timer: NodeJS.Timeout;
  const plan = () => {
    timer = setTimeout(run, MINUTE_MS - (Date.now() % MINUTE_MS));
    timer.unref();
  };
  let ended = false;
  const run = async () => {
    await task().catch(() => undefined);
    if (!ended) plan();
  };
  plan();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
