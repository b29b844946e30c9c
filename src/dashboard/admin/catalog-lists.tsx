import { Hono } from "hono";
import type { Child } from "hono/jsx";
import {
  listPlans,
  listRateCards,
  listUpstreams,
  PLAN_CURSOR,
  RATE_CARD_CURSOR,
  UPSTREAM_CURSOR,
} from "../../catalog/list.ts";
import { upstreamKey } from "../../env.ts";
import type { HttpContext, HttpEnv } from "../../http/context.ts";
import { HttpFault } from "../../http/fault.ts";
import { pageOf } from "../../http/query.ts";
import { countText } from "../amounts.tsx";
import { TextField } from "../fields.tsx";
import { Paging } from "../paging.tsx";
import { type Column, Table } from "../tables.tsx";
import { WireInstant } from "../wire-text.tsx";
import type { AdminApi } from "./api.ts";
import { type DocumentKind, PLAN_KIND, RATE_CARD_KIND, UPSTREAM_KIND } from "./document-kinds.ts";
import { FoldedForm, reasonOf } from "./fields.tsx";
import { consolePage } from "./frame.tsx";
import { type Operator, operatorOf, readOperatorForm } from "./operator.ts";

/** The lists of plans, rate cards and upstreams, each of which leads to its editor. */
export function catalogListPages(api: AdminApi): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/plans", plansPage);
  routes.get("/rate-cards", rateCardsPage);
  routes.get("/upstreams", upstreamsPage);
  for (const { path } of [PLAN_KIND, RATE_CARD_KIND, UPSTREAM_KIND]) {
    // A form without a script can only ask for `?id=`.
    routes.get(`${path.slice(path.lastIndexOf("/"))}/new`, (c) => c.redirect(`${path}/${newId(c)}`, 303));
  }
  routes.post("/upstreams/:id/delete", (c) => deleteUpstream(c, api));
  return routes;
}

function newId(c: HttpContext): string {
  return encodeURIComponent(c.req.query("id")?.trim() || "unnamed");
}

async function plansPage(c: HttpContext): Promise<Response> {
  const operator = await operatorOf(c);
  const page = pageOf(c, PLAN_CURSOR);
  const { data, next_cursor: next } = await listPlans(c.env.DB, page);
  return listPage(c, operator, PLAN_KIND, {
    title: "Plans",
    lead: "What is offered. A new version reaches an account with its next request.",
    list: <Table columns={PLAN_COLUMNS} rows={data} nothing="There are no plans yet." />,
    cursor: page.cursor,
    next,
  });
}

type Plan = Awaited<ReturnType<typeof listPlans>>["data"][number];

const PLAN_COLUMNS: readonly Column<Plan>[] = [
  { label: "Plan", show: ({ id }) => <DocumentLink kind={PLAN_KIND} id={id} /> },
  { label: "Name", show: ({ name }) => name },
  { label: "Version", number: true, show: ({ version }) => version },
  { label: "Features", show: ({ features }) => Object.keys(features).join(", ") },
  { label: "Allowances", show: ({ allowances }) => namesOf(allowances) },
  { label: "Entitlements", show: ({ entitlements }) => namesOf(entitlements) },
  { label: "Gates", number: true, show: ({ gates }) => gates.length },
  { label: "Since", show: ({ created_at }) => <WireInstant at={created_at} /> },
];

function namesOf(list: readonly { readonly id: string }[]): string {
  return list.length === 0 ? "none" : list.map(({ id }) => id).join(", ");
}

async function rateCardsPage(c: HttpContext): Promise<Response> {
  const operator = await operatorOf(c);
  const page = pageOf(c, RATE_CARD_CURSOR);
  const { data, next_cursor: next } = await listRateCards(c.env.DB, Date.now(), page);
  return listPage(c, operator, RATE_CARD_KIND, {
    title: "Prices",
    lead: "Rate cards and their versions. The default card prices every request; a version is in force from its instant on.",
    list: <Table columns={CARD_COLUMNS} rows={data} nothing="There are no rate cards yet." />,
    cursor: page.cursor,
    next,
  });
}

type Card = Awaited<ReturnType<typeof listRateCards>>["data"][number];

const CARD_COLUMNS: readonly Column<Card>[] = [
  { label: "Rate card", show: ({ id }) => <DocumentLink kind={RATE_CARD_KIND} id={id} /> },
  {
    label: "Version",
    number: true,
    show: ({ id, version }) => (
      <a href={`${RATE_CARD_KIND.path}/${id}?version=${version}`} aria-label={`Version ${version} of ${id}`}>
        {version}
      </a>
    ),
  },
  { label: "State", show: (card) => <CardState card={card} /> },
  { label: "In force from", show: ({ effective_at }) => <WireInstant at={effective_at} /> },
  { label: "Models", number: true, show: ({ models }) => countText(Object.keys(models).length) },
];

function CardState({ card: { in_force, effective_at } }: { card: Card }) {
  if (in_force) return <span class="tag good">in force</span>;
  return Date.parse(effective_at) > Date.now() ? (
    <span class="tag held">announced</span>
  ) : (
    <span class="tag">past</span>
  );
}

async function upstreamsPage(c: HttpContext): Promise<Response> {
  const operator = await operatorOf(c);
  const page = pageOf(c, UPSTREAM_CURSOR);
  const { data, next_cursor: next } = await listUpstreams(c.env.DB, page);
  const environment = c.var.services.config.upstream;
  const isReplaced = data.some(({ id }) => id === environment.id);
  return listPage(c, operator, UPSTREAM_KIND, {
    title: "Upstreams",
    lead: "Where requests are sent. Keys are secrets of the Worker: here stand their names, and whether they are set.",
    list: (
      <>
        <Table columns={upstreamColumns(c, operator)} rows={data} nothing="No upstream was added." />
        <p>
          {isReplaced ? "Replaced by the one above of its id: " : "Also in use: "}
          <code>{environment.id}</code>, of the environment's variables, at <code>{environment.baseUrl}</code>.
        </p>
      </>
    ),
    cursor: page.cursor,
    next,
  });
}

type StoredUpstream = Awaited<ReturnType<typeof listUpstreams>>["data"][number];

function upstreamColumns(c: HttpContext, operator: Operator): Column<StoredUpstream>[] {
  return [
    { label: "Upstream", show: ({ id }) => <DocumentLink kind={UPSTREAM_KIND} id={id} /> },
    { label: "Address", show: ({ base_url }) => <span class="id">{base_url ?? "as the environment's"}</span> },
    {
      label: "Key",
      show: ({ key_secret }) => (
        <>
          <code>{key_secret}</code>{" "}
          {upstreamKey(c.env, key_secret) === null ? (
            <span class="tag wrong">not set</span>
          ) : (
            <span class="tag good">set</span>
          )}
        </>
      ),
    },
    { label: "Order", number: true, show: ({ order }) => order },
    { label: "Weight", number: true, show: ({ weight }) => weight },
    {
      label: "State",
      show: ({ enabled }) => <span class={`tag ${enabled ? "good" : ""}`}>{enabled ? "enabled" : "disabled"}</span>,
    },
    { label: "Changed", show: ({ updated_at }) => <WireInstant at={updated_at} /> },
    {
      label: "By hand",
      show: ({ id }) => (
        <FoldedForm
          operator={operator}
          action={`${UPSTREAM_KIND.path}/${id}/delete`}
          id={`delete-${id}`}
          summary="Delete"
          label="Delete the upstream"
          grave
        />
      ),
    },
  ];
}

async function deleteUpstream(c: HttpContext, api: AdminApi): Promise<Response> {
  const operator = await operatorOf(c);
  const reason = reasonOf(await readOperatorForm(c, operator));
  const path = `${UPSTREAM_KIND.api}/${encodeURIComponent(c.req.param("id") ?? "")}`;
  const outcome = await api.act(c, operator, { method: "DELETE", path, reason });
  if (outcome.done) return c.redirect(`${UPSTREAM_KIND.path}?done=deleted`, 303);
  throw new HttpFault(outcome.status === 404 ? 404 : 400, "not_deleted", outcome.text);
}

function DocumentLink({ kind, id }: { kind: DocumentKind; id: string }) {
  return (
    <a class="id" href={`${kind.path}/${id}`}>
      {id}
    </a>
  );
}

interface List {
  readonly title: string;
  readonly lead: string;
  readonly list: Child;
  /** Of this page, and of the next one. */
  readonly cursor: string | null;
  readonly next: string | null;
}

const WAYS = { first: "First", next: "Next" };

function listPage(c: HttpContext, operator: Operator, kind: DocumentKind, { title, lead, list, cursor, next }: List) {
  const children = (
    <>
      <h1>{title}</h1>
      <p class="lead">{lead}</p>
      {list}
      <Paging path={kind.path} query={{}} cursor={cursor} next={next} words={WAYS} />
      <section aria-labelledby="new">
        <h2 id="new">A new {kind.name}</h2>
        <form class="row" method="get" action={`${kind.path}/new`}>
          <TextField id="id" name="id" label="Id" required />
          <button type="submit" class="quiet">
            Begin
          </button>
        </form>
      </section>
    </>
  );
  return consolePage(c, operator, { title, current: kind.path, children });
}
