import type { CreditsView } from "../core/account-view.ts";
import { CreditsFigure } from "./amounts.tsx";

/** The credits of an account, large. */
export function AccountFigures({ credits }: { credits: CreditsView }) {
  return (
    <dl class="figures even">
      <div class="main">
        <dt>credits available</dt>
        <dd>
          <CreditsFigure amount={credits.available} />
        </dd>
      </div>
      <div>
        <dt>reserved</dt>
        <dd>
          <CreditsFigure amount={credits.reserved} />
        </dd>
      </div>
      <div>
        <dt>used so far</dt>
        <dd>
          <CreditsFigure amount={credits.used} />
        </dd>
      </div>
    </dl>
  );
}
