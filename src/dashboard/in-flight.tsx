import type { Reservation } from "../core/reservation.ts";
import { creditsText } from "./amounts.tsx";
import { Countdown, Instant } from "./instants.tsx";
import type { SourceNames } from "./source-names.ts";

/** Requests that hold credits at this moment, jobs among them. */
export function InFlight({ pending, names }: { pending: readonly Reservation[]; names: SourceNames }) {
  if (pending.length === 0) return <p class="nothing">Nothing is in flight.</p>;
  const newestFirst = [...pending].sort((a, b) => b.reservedAt - a.reservedAt);
  return (
    <table class="stacks">
      <thead>
        <tr>
          <th scope="col">Since</th>
          <th scope="col">Request</th>
          <th scope="col">Model</th>
          <th scope="col">From</th>
          <th scope="col" class="number">
            Reserved
          </th>
          <th scope="col">Held at most</th>
        </tr>
      </thead>
      <tbody>
        {newestFirst.map((held) => (
          <tr>
            <td data-label="Since">
              <span class="cell">
                <Instant at={held.reservedAt} />
              </span>
            </td>
            <td data-label="Request">
              <span class="cell">
                <a class="id" href={`/dashboard/requests/${held.requestId}`}>
                  {shortId(held.requestId)}
                </a>{" "}
                {held.job === undefined ? null : <span class="tag held">job</span>}
              </span>
            </td>
            <td data-label="Model">
              <span class="cell">{held.model}</span>
            </td>
            <td data-label="From">
              <span class="cell">{held.draws.map(({ source }) => names(source)).join(", ") || "free of charge"}</span>
            </td>
            <td class="number" data-label="Reserved">
              <span class="cell">{creditsText(held.reserved)}</span>
            </td>
            <td data-label="Held at most">
              <span class="cell">
                <Countdown at={held.expiresAt} />
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The end of an id is what differs at a glance. */
export function shortId(id: string): string {
  return id.length <= 16 ? id : `${id.slice(0, 4)}…${id.slice(-8)}`;
}
