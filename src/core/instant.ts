const ISO = /^(\d{4}-\d\d-\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?$/;

/**
 * An ISO 8601 date or instant as epoch ms; `null` for any other text. `Date.parse` alone reads much else, and guesses:
 * `45` as the year 2045, `10-11-2026` as a day in October.
 */
export function readInstant(text: string): number | null {
  const [, day = ""] = ISO.exec(text) ?? [];
  const at = day === "" ? Number.NaN : Date.parse(text);
  return Number.isNaN(at) || !isDay(day) ? null : at;
}

/** Whether a month has that day: the 31st of February is read as one in March. */
function isDay(day: string): boolean {
  const at = Date.parse(day);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(day);
}
