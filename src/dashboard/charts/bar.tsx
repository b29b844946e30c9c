/** One part of a bar, as a share of the whole. */
export interface BarPart {
  readonly share: number;
  readonly kind: "used" | "held";
}

const WIDTH = 1_000;

/** A level: its parts from the left, the rest is room. What it says is told in words by `label`. */
export function Bar({ parts, label }: { parts: readonly BarPart[]; label: string }) {
  let x = 0;
  return (
    <svg class="bar" viewBox={`0 0 ${WIDTH} 10`} preserveAspectRatio="none" role="img" aria-label={label}>
      <rect class="room" width={WIDTH} height="10" />
      {parts.map(({ share, kind }) => {
        const width = Math.min(WIDTH - x, visible(share));
        x += width;
        return <rect class={kind} x={x - width} width={width} height="10" />;
      })}
    </svg>
  );
}

/** Whatever is more than nothing can be seen. */
function visible(share: number): number {
  return share <= 0 ? 0 : Math.max(4, Math.round(share * WIDTH));
}

/** What the colours of bars mean. */
export function BarLegend({
  entries,
}: {
  entries: readonly { kind: "used" | "held" | "room" | "lack"; text: string }[];
}) {
  return (
    <ul class="legend">
      {entries.map(({ kind, text }) => (
        <li>
          <svg class="bar swatch" viewBox="0 0 10 10" aria-hidden="true">
            <rect class={kind} width="10" height="10" />
          </svg>
          {text}
        </li>
      ))}
    </ul>
  );
}
