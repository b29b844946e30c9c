/**
 * An instant. The text is UTC and becomes the viewer's own time where scripts run; the exact instant is told on hover
 * either way.
 */
export function Instant({ at, style = "minute" }: { at: number; style?: "minute" | "day" }) {
  const iso = new Date(at).toISOString();
  return (
    <time datetime={iso} title={iso} data-local={style}>
      {style === "day" ? dayText(at) : minuteText(at)}
    </time>
  );
}

/** How long it is until `at`: counted down where scripts run, otherwise the UTC instant. */
export function Countdown({ at }: { at: number }) {
  const iso = new Date(at).toISOString();
  return (
    <time datetime={iso} title={iso} data-countdown="">
      {`at ${minuteText(at)}`}
    </time>
  );
}

const DAY = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short", year: "numeric" });
const MINUTE = new Intl.DateTimeFormat("en-GB", {
  timeZone: "UTC",
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
});

/** A day in UTC, such as 22 Nov 2026. */
export function dayText(at: number): string {
  return DAY.format(at);
}

/** A minute in UTC, such as 22 Nov 2026, 14:05 UTC. */
function minuteText(at: number): string {
  return `${MINUTE.format(at)} UTC`;
}
