const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const PATIENCE_MS = 5_000;

/**
 * Ends this process with exit code 0 after `close` when it is asked to end (Ctrl-C, `kill`, a closed terminal).
 * Miniflare and wrangler answer the same signals by leaving at once with code 130 or 143: their listeners are removed.
 *
 * @returns whether it has been asked, so that what fails only because of that is not reported
 */
export function stopOnSignals(close: () => Promise<void>): () => boolean {
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(0), PATIENCE_MS).unref();
    close().then(
      () => process.exit(0),
      (error) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  for (const signal of SIGNALS) {
    process.removeAllListeners(signal);
    process.on(signal, stop);
  }
  process.on("newListener", (event, listener) => {
    const signal = SIGNALS.find((name) => name === event);
    if (signal === undefined || listener === stop) return;
    queueMicrotask(() => process.removeListener(signal, listener));
  });
  return () => stopping;
}
