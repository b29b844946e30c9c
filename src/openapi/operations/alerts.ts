import { alertSettingsDocument, newEndpoint } from "../../alerts/body-schemas.ts";
import {
  acknowledged,
  alertEndpointSecret,
  alertEndpoints,
  alertSettings,
  alerts,
  deletedEndpoint,
  sentTest,
} from "../answers/alerts.ts";
import { json, type Operation, PAGING, type Parameter, told } from "../operation.ts";
import type { RefusalCode } from "../refusals.ts";

/** Whose alerts: the holder's own under `/api`, the operator's under `/admin`, or there those of an account. */
interface Side {
  readonly base: "/api" | "/admin";
  readonly caller: "key" | "operator";
  /** Tells the ids of one side from those of the other. */
  readonly own: "" | "Own";
  readonly query: Readonly<Record<string, Parameter>>;
  readonly looking: readonly RefusalCode[];
  readonly changing: readonly RefusalCode[];
}

const HOLDER: Side = {
  base: "/api",
  caller: "key",
  own: "Own",
  query: {},
  looking: ["plan_changing"],
  changing: ["plan_changing", "invalid_csrf_token"],
};

const OPERATOR: Side = {
  base: "/admin",
  caller: "operator",
  own: "",
  query: { account: { description: "Those of this account, instead of the operator's own." } },
  looking: [],
  changing: [],
};

function operationsOf(side: Side): Operation[] {
  return [...listOperations(side), ...endpointOperations(side), ...settingsOperations(side)];
}

function listOperations({ base, caller, own, query, looking, changing }: Side): Operation[] {
  const common = { tag: "Alerts", caller, query } as const;
  return [
    {
      ...common,
      id: `list${own}Alerts`,
      method: "get",
      path: `${base}/alerts`,
      summary: "What was told, newest first",
      query: {
        ...PAGING,
        ...query,
        acknowledged: {
          description: "`false` leaves out what was acknowledged.",
          schema: { type: "string", enum: ["false"] },
        },
      },
      answers: { 200: told("A page of alerts.", alerts) },
      refusals: [...looking, "invalid_limit", "invalid_cursor", "invalid_request"],
    },
    {
      ...common,
      id: `acknowledgeAll${own}Alerts`,
      method: "post",
      path: `${base}/alerts/acknowledge`,
      summary: "Acknowledge all of them",
      answers: { 200: told("They were seen.", acknowledged) },
      refusals: changing,
    },
    {
      ...common,
      id: `acknowledge${own}Alert`,
      method: "post",
      path: `${base}/alerts/{id}/acknowledge`,
      summary: "Acknowledge an alert",
      answers: { 200: told("It was seen.", acknowledged) },
      refusals: changing,
    },
  ];
}

function endpointOperations({ base, caller, own, query, looking, changing }: Side): Operation[] {
  const common = { tag: "Alerts", caller, query } as const;
  return [
    {
      ...common,
      id: `list${own}AlertEndpoints`,
      method: "get",
      path: `${base}/alert-endpoints`,
      summary: "Where alerts are sent",
      answers: { 200: told("All endpoints, without their secrets.", alertEndpoints) },
      refusals: looking,
    },
    {
      ...common,
      id: `create${own}AlertEndpoint`,
      method: "post",
      path: `${base}/alert-endpoints`,
      summary: "Have alerts sent somewhere",
      description:
        "As signed webhooks (Standard Webhooks), again until they are taken. Only to public https addresses; the answer has the address as it was understood.",
      body: [json(newEndpoint)],
      answers: { 201: told("The endpoint and its secret.", alertEndpointSecret) },
      refusals: [...changing, "too_many_endpoints"],
    },
    {
      ...common,
      id: `delete${own}AlertEndpoint`,
      method: "delete",
      path: `${base}/alert-endpoints/{id}`,
      summary: "Send no more alerts there",
      answers: { 200: told("It is gone.", deletedEndpoint) },
      refusals: [...changing, "endpoint_not_found"],
    },
    {
      ...common,
      id: `rotate${own}AlertEndpoint`,
      method: "post",
      path: `${base}/alert-endpoints/{id}/rotate`,
      summary: "Give an endpoint a new secret",
      description: "The old one signs as well for a while, so that it can be changed without a gap.",
      answers: { 200: told("The endpoint and its new secret.", alertEndpointSecret) },
      refusals: [...changing, "endpoint_not_found"],
    },
    {
      ...common,
      id: `test${own}AlertEndpoint`,
      method: "post",
      path: `${base}/alert-endpoints/{id}/test`,
      summary: "Send a test to an endpoint",
      description: "One every five seconds.",
      answers: { 202: told("It is on its way.", sentTest) },
      refusals: [...changing, "endpoint_not_found", "tested_already"],
    },
  ];
}

function settingsOperations({ base, caller, own, query, looking, changing }: Side): Operation[] {
  const common = { tag: "Alerts", caller, query } as const;
  return [
    {
      ...common,
      id: `get${own}AlertSettings`,
      method: "get",
      path: `${base}/alert-settings`,
      summary: "What is told",
      answers: { 200: told("The settings in force.", alertSettings) },
      refusals: looking,
    },
    {
      ...common,
      id: `put${own}AlertSettings`,
      method: "put",
      path: `${base}/alert-settings`,
      summary: "Say what is told",
      description: "The operator's own count for every account that has none.",
      body: [json(alertSettingsDocument)],
      answers: { 200: told("The settings in force.", alertSettings) },
      refusals: changing,
    },
  ];
}

export const alertOperations: readonly Operation[] = [
  ...operationsOf(HOLDER),
  {
    tag: "Alerts",
    caller: "key",
    id: "deleteOwnAlertSettings",
    method: "delete",
    path: "/api/alert-settings",
    summary: "Go back to what the operator says",
    answers: { 200: told("The settings in force.", alertSettings) },
    refusals: HOLDER.changing,
  },
  ...operationsOf(OPERATOR),
];
