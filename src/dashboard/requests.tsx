import type { Usage } from "../core/usage.ts";
import type { HttpContext } from "../http/context.ts";
import { invalidCursor } from "../http/query.ts";
import { decodeCursor } from "../ledger/cursor.ts";
import { type FoundRequest, type RequestSearch, searchRequests } from "../ledger/search.ts";
import { countText, creditsText } from "./amounts.tsx";
import { shortId } from "./in-flight.tsx";
import { Instant } from "./instants.tsx";
import { isOutcome, OUTCOMES, Outcome } from "./outcomes.tsx";
import { page } from "./page.tsx";
import { Paging } from "./paging.tsx";
import { frameOf, visitOf } from "./visit.ts";

const PATH = "/dashboard/requests";
const ROWS = 50;
const TEXT_MOST = 100;

/** The account's requests, with search. */
export async function requests(c: HttpContext): Promise<Response> {
  const visit = await visitOf(c);
  const asked = askedOf(c);
  const found = await searchRequests(c.env.DB, visit.account.id, searchOf(asked));
  const children = (
    <>
      <h1>Requests</h1>
      <p class="lead">
        Everything that has ended, charged or not. A request still in flight is on the <a href="/dashboard">overview</a>
        .
      </p>
      <RequestSearchForm path={PATH} asked={asked} />
      {found.data.length === 0 ? (
        <p class="nothing">No request matches.</p>
      ) : (
        <RequestList path={PATH} found={found.data} />
      )}
      <Paging path={PATH} query={queryOf(asked)} cursor={asked.cursor} next={found.nextCursor} />
    </>
  );
  return page(c, { ...frameOf(visit, "Requests", PATH), children });
}

/** What was typed into the search form. */
export interface AskedRequests {
  readonly id: string;
  readonly model: string;
  readonly outcome: string;
  readonly cursor: string | null;
}

export function askedOf(c: HttpContext): AskedRequests {
  const text = (name: string) => (c.req.query(name) ?? "").trim().slice(0, TEXT_MOST);
  return { id: text("id"), model: text("model"), outcome: text("outcome"), cursor: c.req.query("cursor") ?? null };
}

export function searchOf({ id, model, outcome, cursor }: AskedRequests): RequestSearch {
  const after = cursor === null ? null : decodeCursor(cursor);
  if (cursor !== null && after === null) throw invalidCursor();
  return {
    id: id === "" ? null : id,
    model: model === "" ? null : model,
    outcome: isOutcome(outcome) ? outcome : null,
    after,
    limit: ROWS,
  };
}

export function queryOf({ id, model, outcome }: AskedRequests): Record<string, string> {
  return Object.fromEntries(Object.entries({ id, model, outcome }).filter(([, text]) => text !== ""));
}

/** @param path of the list */
export function RequestSearchForm({ path, asked }: { path: string; asked: AskedRequests }) {
  return (
    <search>
      <form class="row" method="get" action={path}>
        <div class="field grow">
          <label for="id">Request id</label>
          <input id="id" name="id" value={asked.id} placeholder="req_…" autocomplete="off" spellcheck={false} />
        </div>
        <div class="field">
          <label for="model">Model</label>
          <input id="model" name="model" value={asked.model} autocomplete="off" spellcheck={false} />
        </div>
        <div class="field">
          <label for="outcome">Outcome</label>
          <select id="outcome" name="outcome">
            <option value="">any</option>
            {Object.entries(OUTCOMES).map(([outcome, { text }]) => (
              <option value={outcome} selected={outcome === asked.outcome}>
                {text}
              </option>
            ))}
          </select>
        </div>
        <button class="quiet" type="submit">
          Search
        </button>
      </form>
    </search>
  );
}

/** @param path of the list; receipts are below it */
export function RequestList({ path, found }: { path: string; found: readonly FoundRequest[] }) {
  return (
    <table class="stacks requests">
      <thead>
        <tr>
          <th scope="col">Ended</th>
          <th scope="col">Request</th>
          <th scope="col">Model</th>
          <th scope="col">Outcome</th>
          <th scope="col" class="number">
            Tokens in → out
          </th>
          <th scope="col" class="number">
            Credits
          </th>
        </tr>
      </thead>
      <tbody>
        {found.map((request) => (
          <Row path={path} request={request} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ path, request: { event, at, charge } }: { path: string; request: FoundRequest }) {
  const { usage, outcome, estimated } = event;
  const times = event.decision.denial?.count ?? 1;
  return (
    <tr>
      <td data-label="Ended">
        <span class="cell">
          <Instant at={at} />
        </span>
      </td>
      <td data-label="Request">
        <span class="cell">
          <a class="id" href={`${path}/${event.requestId}`} title={event.requestId}>
            {shortId(event.requestId)}
          </a>
        </span>
      </td>
      <td data-label="Model">
        <span class="cell">{event.model}</span>
      </td>
      <td data-label="Outcome">
        <span class="cell">
          <Outcome outcome={outcome} /> {times > 1 ? <span class="soft small">× {times}</span> : null}
          {estimated ? <span class="soft small"> estimated</span> : null}
        </span>
      </td>
      <td class="number" data-label="Tokens in → out">
        <span class="cell">{quantityText(usage)}</span>
      </td>
      <td class="number" data-label="Credits">
        {charge === null ? <span class="cell">—</span> : <span class="cell charge">{creditsText(charge)}</span>}
      </td>
    </tr>
  );
}

function quantityText({ seconds, inputTokens, outputTokens, calls }: Usage): string {
  if (seconds > 0) return `${seconds} s of video`;
  if (inputTokens > 0 || outputTokens > 0) return `${countText(inputTokens)} → ${countText(outputTokens)}`;
  const called = Object.entries(calls).filter(([, times]) => times > 0);
  return called.length === 0 ? "—" : called.map(([call, times]) => `${countText(times)} × ${call}`).join(", ");
}
