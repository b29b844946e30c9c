import { planDocument } from "../../catalog/plan-document.ts";
import { rateCardDocument } from "../../catalog/rate-card-document.ts";
import { upstreamDocument } from "../../catalog/upstream-document.ts";
import {
  deletedUpstream,
  plans,
  putPlanAnswer,
  putRateCardAnswer,
  putUpstreamAnswer,
  rateCards,
  upstreams,
} from "../answers/catalog.ts";
import { DRY_RUN, json, type Operation, PAGING, told } from "../operation.ts";

const common = { tag: "Catalog", caller: "operator" } as const;

/** Plans, prices and upstreams. */
export const catalogOperations: readonly Operation[] = [
  {
    ...common,
    id: "listPlans",
    method: "get",
    path: "/admin/plans",
    summary: "The newest version of every plan, by id",
    query: PAGING,
    answers: { 200: told("A page of plans.", plans) },
    refusals: ["invalid_limit", "invalid_cursor"],
  },
  {
    ...common,
    id: "putPlan",
    method: "put",
    path: "/admin/plans/{id}",
    summary: "Publish a plan",
    description:
      "The same document keeps its version, a changed one becomes the next. It reaches an account with its next request.",
    query: DRY_RUN,
    body: [json(planDocument)],
    answers: { 200: told("The plan as it is stored, with every default written out.", putPlanAnswer) },
    refusals: ["invalid_id", "invalid_dry_run", "invalid_plan"],
  },
  {
    ...common,
    id: "listRateCards",
    method: "get",
    path: "/admin/rate-cards",
    summary: "Every version of every rate card, newest first within a card",
    query: PAGING,
    answers: { 200: told("A page of versions.", rateCards) },
    refusals: ["invalid_limit", "invalid_cursor"],
  },
  {
    ...common,
    id: "putRateCard",
    method: "put",
    path: "/admin/rate-cards/{id}",
    summary: "Publish a version of a rate card",
    description:
      "It is in force from `effective_at`, or at once. What is under way keeps the price it was reserved at.",
    query: DRY_RUN,
    body: [json(rateCardDocument)],
    answers: { 200: told("The version as it is stored.", putRateCardAnswer) },
    refusals: ["invalid_id", "invalid_dry_run", "invalid_rate_card"],
  },
  {
    ...common,
    id: "listUpstreams",
    method: "get",
    path: "/admin/upstreams",
    summary: "Where requests are sent",
    query: PAGING,
    answers: { 200: told("A page of upstreams, and the environment's.", upstreams) },
    refusals: ["invalid_limit", "invalid_cursor"],
  },
  {
    ...common,
    id: "putUpstream",
    method: "put",
    path: "/admin/upstreams/{id}",
    summary: "Add or replace an upstream",
    description: "Its key is a secret of the Worker; the document names the secret and never holds the key.",
    query: DRY_RUN,
    body: [json(upstreamDocument)],
    answers: { 200: told("The upstream as it is stored.", putUpstreamAnswer) },
    refusals: ["invalid_id", "invalid_dry_run", "invalid_upstream"],
  },
  {
    ...common,
    id: "deleteUpstream",
    method: "delete",
    path: "/admin/upstreams/{id}",
    summary: "Remove an upstream",
    answers: { 200: told("It gets no more requests.", deletedUpstream) },
    refusals: ["invalid_id", "upstream_not_found"],
  },
];
