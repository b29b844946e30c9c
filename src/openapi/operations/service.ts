import { health, pipelineHealth, webhookReceived } from "../answers/operations.ts";
import { type Operation, told } from "../operation.ts";

const common = { tag: "Service", caller: "anybody", refusals: [] } as const;

/** What needs no key. */
export const serviceOperations: readonly Operation[] = [
  {
    ...common,
    id: "getHealth",
    method: "get",
    path: "/health",
    summary: "Whether the gateway lives",
    answers: { 200: told("It does.", health) },
  },
  {
    ...common,
    id: "getPipelineHealth",
    method: "get",
    path: "/health/pipeline",
    summary: "How the ledger follows",
    answers: {
      200: told("`attention` when entries do not arrive, something is in quarantine, or differs.", pipelineHealth),
    },
  },
  {
    ...common,
    id: "getOpenApi",
    method: "get",
    path: "/openapi.json",
    summary: "This document",
    answers: {
      200: {
        description: "OpenAPI 3.1.",
        contents: [{ kind: "object", description: "An OpenAPI document." }],
        headers: { etag: "Changes with the document." },
      },
    },
  },
  {
    ...common,
    id: "getDocs",
    method: "get",
    path: "/docs",
    summary: "This document as a page",
    answers: {
      200: {
        description: "A page that works without JavaScript.",
        contents: [{ kind: "other", mediaType: "text/html", description: "HTML." }],
      },
    },
  },
  {
    ...common,
    caller: "signature",
    id: "receiveUpstreamWebhook",
    method: "post",
    path: "/webhooks/upstream",
    summary: "An upstream tells that a job has ended",
    description:
      "Signed as Standard Webhooks with one of `SPILLWAY_WEBHOOK_SECRETS`. It is believed in nothing but which job to " +
      "look at.",
    body: [{ kind: "object", description: "The upstream's event; `type` and `data.id` are read." }],
    answers: { 200: told("It was received.", webhookReceived) },
    refusals: ["unknown_url", "invalid_json", "request_too_large", "stale", "invalid_signature", "not_ended"],
  },
];
