const startedAt = Date.now();

/** Tells on standard error what is being done, with the seconds since the program began. */
export function progress(text: string): void {
  console.error(`${((Date.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s  ${text}`);
}
