import { nanoid } from "nanoid";
import type { HttpContext } from "../http/context.ts";
import { TickBox } from "./fields.tsx";
import { CsrfField } from "./layout.tsx";
import { moneyText, unitPriceText } from "./money.ts";
import { page } from "./page.tsx";
import { frameOf, type Visit } from "./visit.ts";
import { spokenCredits } from "./wire-text.tsx";

/** A credit pack as the API tells it. Money is in the smallest unit of its currency. */
export interface PackWire {
  readonly id: string;
  readonly name: string;
  readonly credits: string;
  readonly amount: number;
  readonly currency: string;
}

/** What can be bought. Every button sends the same form, which begins one purchase however often it is sent. */
export function CreditPacks({ packs, visit, action }: { packs: readonly PackWire[]; visit: Visit; action: string }) {
  if (packs.length === 0) return <p class="nothing">Nothing is on offer at the moment.</p>;
  if (!visit.may("manage")) {
    return (
      <>
        <ul class="packs">
          {packs.map((pack) => (
            <li>
              <PackTerms pack={pack} />
            </li>
          ))}
        </ul>
        <p class="soft below">You signed in with a key that may look, but not buy: it lacks the scope “manage”.</p>
      </>
    );
  }
  return (
    <form method="post" action={action}>
      <CsrfField token={visit.csrfToken} />
      <input type="hidden" name="order" value={nanoid()} />
      <ul class="packs">
        {packs.map((pack) => (
          <li>
            <PackTerms pack={pack} />
            <button type="submit" name="pack" value={pack.id} aria-label={`Buy ${pack.name}`}>
              Buy
            </button>
          </li>
        ))}
      </ul>
      <TickBox name="save_payment_method" label="Keep the card for automatic top-ups" />
      <p class="small soft">You pay on Stripe’s page. No card number comes here.</p>
    </form>
  );
}

function PackTerms({ pack: { name, credits, amount, currency } }: { pack: PackWire }) {
  const spoken = `${spokenCredits(credits)} credits`;
  return (
    <>
      <h3>{name}</h3>
      <p class="price">{moneyText(amount, currency)}</p>
      <p class="small soft">
        {spoken === name ? "" : `${spoken}, `}
        {unitPriceText(amount, currency, Number(credits))} a credit
      </p>
    </>
  );
}

/** A purchase that has begun, as the API tells it. */
export interface CheckoutWire {
  readonly url: string;
  readonly credits: string;
  readonly amount: number;
  readonly currency: string;
}

/**
 * Sends the buyer on to Stripe. It is a page that goes on by itself and not a redirect: Chromium holds the redirect after a
 * form against `form-action`, which names our own origin only, and the host of the checkout is Stripe's to choose (shops
 * may have domains of their own), so that it cannot be named there beforehand.
 */
export function leavingPage(c: HttpContext, visit: Visit, current: string, checkout: CheckoutWire) {
  const { url, credits, amount, currency } = checkout;
  c.header("refresh", `0; url=${url}`);
  const children = (
    <>
      <h1>On to the payment</h1>
      <p class="lead">
        {spokenCredits(credits)} credits for {moneyText(amount, currency)}. You pay at {new URL(url).host}, and come
        back here.
      </p>
      <p>
        <a class="button" href={url}>
          Go to the payment
        </a>
      </p>
    </>
  );
  return page(c, { ...frameOf(visit, "Payment", current), children });
}
