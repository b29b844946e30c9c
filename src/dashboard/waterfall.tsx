import { creditsText } from "./amounts.tsx";
import type { SourceNames } from "./source-names.ts";
import type { Picture, Step } from "./waterfall-steps.ts";

const WIDTH = 1_000;
const HEIGHT = 64;
/** Where the two bars of a row lie. */
const MAIN = { top: 18, height: 16 };
const THIN = { top: 38, height: 5 };

/**
 * The waterfall of a request as a picture: sources in the order in which they were asked, each taking its stretch of the
 * whole, while what is left falls to the next. The thin bars are the same for what was reserved.
 */
export function Waterfall({ picture, names }: { picture: Picture; names: SourceNames }) {
  const { steps, whole, reserved } = picture;
  return (
    <ol class="waterfall">
      {steps.map((step) => {
        const name = step.source === null ? step.about : names(step.source);
        return (
          <li>
            <p class="name">
              <strong>{name}</strong>
              {step.source === null ? null : <span class="soft small">{step.about}</span>}
            </p>
            <Fall step={step} whole={whole} reserved={reserved} label={`${name}: ${step.told}`} />
            <p class="told">
              <span>{step.told}</span>
              {step.reserved > 0 && step.look === "used" ? (
                <span class="soft small">of {creditsText(step.reserved)} reserved</span>
              ) : null}
            </p>
          </li>
        );
      })}
    </ol>
  );
}

function Fall({ step, whole, reserved, label }: { step: Step; whole: number; reserved: number; label: string }) {
  const x = (amount: number) => (whole === 0 ? 0 : (amount / whole) * WIDTH);
  const thin = (amount: number) => (reserved === 0 ? 0 : (amount / reserved) * WIDTH);
  const { begin, amount, look } = step;
  const end = begin + amount;
  return (
    <svg class="flow" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <rect class="room" y={MAIN.top} width={WIDTH} height={MAIN.height} />
      {begin < whole ? <Stream at={x(begin)} from={0} to={MAIN.top} /> : null}
      {end < whole ? <Stream at={x(end)} from={MAIN.top} to={HEIGHT} /> : null}
      {amount > 0 ? (
        <rect class={look} x={x(begin)} y={MAIN.top} width={Math.max(3, x(amount))} height={MAIN.height} />
      ) : null}
      {step.reserved > 0 && look === "used" ? (
        <rect
          class="held"
          x={thin(step.reservedBegin)}
          y={THIN.top}
          width={Math.max(3, thin(step.reserved))}
          height={THIN.height}
        />
      ) : null}
    </svg>
  );
}

/** What is left, on its way down. */
function Stream({ at, from, to }: { at: number; from: number; to: number }) {
  const x = Math.min(WIDTH - 4, Math.max(0, at - 2));
  return <rect class="stream" x={x} y={from} width="4" height={to - from} />;
}
