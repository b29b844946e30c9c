import type { ShownKey } from "../http/own-keys.ts";
import { Instant } from "./instants.tsx";
import { CsrfField } from "./layout.tsx";
import type { Visit } from "./visit.ts";

const OVERLAPS = [
  ["0", "at once"],
  ["1", "after 1 hour"],
  ["24", "after 24 hours"],
  ["168", "after 7 days"],
] as const;

interface TableProps {
  readonly keys: readonly ShownKey[];
  readonly visit: Visit;
  readonly now: number;
}

/** The keys that work, and behind a fold those that do not any more. */
export function KeyTable({ keys, visit, now }: TableProps) {
  const newestFirst = [...keys].reverse();
  const live = newestFirst.filter((key) => endOf(key, now) === null);
  const ended = newestFirst.filter((key) => endOf(key, now) !== null);
  return (
    <>
      {live.length === 0 ? (
        <p class="nothing">No key works at the moment.</p>
      ) : (
        <Rows keys={live} visit={visit} now={now} />
      )}
      {ended.length === 0 ? null : (
        <details>
          <summary>
            {ended.length} key{ended.length === 1 ? "" : "s"} that ended
          </summary>
          <Rows keys={ended} visit={visit} now={now} />
        </details>
      )}
    </>
  );
}

function endOf({ revokedAt, expiresAt }: ShownKey, now: number): { how: "revoked" | "expired"; at: number } | null {
  if (revokedAt !== null) return { how: "revoked", at: revokedAt };
  return expiresAt !== null && expiresAt <= now ? { how: "expired", at: expiresAt } : null;
}

function Rows({ keys, visit, now }: TableProps) {
  return (
    <table class="stacks keys">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">May</th>
          <th scope="col">Made</th>
          <th scope="col">Ends</th>
          <th scope="col">
            <span class="hidden">Change</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {keys.map((key) => (
          <Row key_={key} visit={visit} now={now} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ key_, visit, now }: { key_: ShownKey; visit: Visit; now: number }) {
  const { id, name, scopes, createdAt, expiresAt } = key_;
  const end = endOf(key_, now);
  const isOwn = visit.session.key?.id === id;
  return (
    <tr>
      <th scope="row" data-label="Name">
        <span class="cell">
          {name ?? <span class="soft">without a name</span>}{" "}
          {isOwn ? <span class="tag water">this session</span> : null}
          <br />
          <span class="id soft small">{id}</span>
        </span>
      </th>
      <td data-label="May">
        <span class="cell">{scopes === null ? "everything" : scopes.join(", ")}</span>
      </td>
      <td data-label="Made">
        <span class="cell">
          <Instant at={createdAt} style="day" />
        </span>
      </td>
      <td data-label="Ends">
        <span class="cell">
          {end ? (
            <>
              <span class="tag wrong">{end.how}</span> <Instant at={end.at} />
            </>
          ) : expiresAt === null ? (
            "never"
          ) : (
            <Instant at={expiresAt} />
          )}
        </span>
      </td>
      <td>
        <div class="cell actions">
          {end === null && visit.may("manage") ? <Actions id={id} name={name} visit={visit} isOwn={isOwn} /> : null}
        </div>
      </td>
    </tr>
  );
}

interface ActionsProps {
  readonly id: string;
  readonly name: string | null;
  readonly visit: Visit;
  readonly isOwn: boolean;
}

/** Both need a second click, with or without scripts. */
function Actions({ id, name, visit, isOwn }: ActionsProps) {
  const called = name ?? id;
  return (
    <>
      <details class="action">
        <summary aria-label={`Roll ${called}`}>Roll</summary>
        <form method="post" action={`/dashboard/keys/${id}/roll`}>
          <CsrfField token={visit.csrfToken} />
          <div class="field">
            <label for={`overlap-${id}`}>The old key ends</label>
            <select id={`overlap-${id}`} name="overlap_hours">
              {OVERLAPS.map(([hours, text]) => (
                <option value={hours} selected={hours === "24"}>
                  {text}
                </option>
              ))}
            </select>
          </div>
          <button type="submit">Make the new key</button>
        </form>
      </details>
      <details class="action">
        <summary aria-label={`Revoke ${called}`}>Revoke</summary>
        <form method="post" action={`/dashboard/keys/${id}/revoke`}>
          <CsrfField token={visit.csrfToken} />
          <p>
            {isOwn
              ? "You signed in with this key: revoking it ends your session. "
              : "Requests with it are refused from the next one on. "}
            It cannot be undone.
          </p>
          <button class="grave" type="submit">
            Revoke it now
          </button>
        </form>
      </details>
    </>
  );
}
