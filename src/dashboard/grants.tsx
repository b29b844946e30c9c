import type { GrantView } from "../core/account-view.ts";
import { remaining } from "../core/grant.ts";
import { aboutText, creditsText } from "./amounts.tsx";
import { Bar } from "./charts/bar.tsx";
import type { Forecast } from "./forecast.ts";
import { Instant } from "./instants.tsx";
import { readableReason } from "./source-names.ts";

const KINDS: Readonly<Record<GrantView["kind"], string>> = {
  entitlement: "Entitlement",
  promotional: "Promotional",
  paid: "Paid",
  adjustment: "Adjustment",
};

/** The grants with something left, in the order in which they burn. */
export function Grants({
  grants,
  lapsing,
  now,
}: { grants: readonly GrantView[]; now: number } & Pick<Forecast, "lapsing">) {
  if (grants.length === 0) return <p class="nothing">You have no credits. Included use does not need any.</p>;
  return (
    <ol class="grants">
      {grants.map((grant) => {
        const lapse = lapsing.find(({ id }) => id === grant.id);
        return (
          <li>
            <div>
              <p>
                <strong>{KINDS[grant.kind]}</strong> <span class="soft">· {readableReason(grant.reason)}</span>
              </p>
              <p class="small soft">
                <Terms grant={grant} now={now} />
              </p>
              {lapse && grant.expiresAt !== null ? (
                <p class="small held-ink">
                  At the present pace about {aboutText(lapse.amount)} of it will expire unused.
                </p>
              ) : null}
            </div>
            <Level grant={grant} />
          </li>
        );
      })}
    </ol>
  );
}

function Terms({ grant, now }: { grant: GrantView; now: number }) {
  const { features, effectiveAt, expiresAt } = grant;
  return (
    <>
      {effectiveAt > now ? (
        <>
          from <Instant at={effectiveAt} /> ·{" "}
        </>
      ) : null}
      {expiresAt === null ? (
        "does not expire"
      ) : (
        <>
          expires <Instant at={expiresAt} />
        </>
      )}
      {features === null ? "" : ` · for ${features.join(", ")}`}
    </>
  );
}

function Level({ grant }: { grant: GrantView }) {
  const free = remaining(grant) - grant.reserved;
  const text = `${creditsText(free)} of ${creditsText(grant.amount)} left`;
  const held = grant.reserved > 0 ? `, ${creditsText(grant.reserved)} reserved` : "";
  return (
    <div class="level">
      <p>{text}</p>
      <Bar
        label={`${text}${held}`}
        parts={[
          { kind: "used", share: (grant.used + grant.lapsed) / grant.amount },
          { kind: "held", share: grant.reserved / grant.amount },
        ]}
      />
    </div>
  );
}
