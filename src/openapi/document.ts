import type { MediaType, OpenApiDocument, PathAnswer, PathOperation, PathParameter } from "./format.ts";
import { componentSchemas, type JsonSchema, referenceTo } from "./json-schemas.ts";
import { type Answer, type Caller, type Content, isAct, type Operation, type Parameter } from "./operation.ts";
import { OPERATIONS } from "./operations/all.ts";
import { refusalsOf, sharedRefusals } from "./refusal-answers.ts";

/** The version of the document; the same as the package's. */
export const API_VERSION = "0.1.0";

const TAGS: readonly (readonly [name: string, description: string])[] = [
  [
    "OpenAI-compatible",
    "A drop-in base URL for Codex and the OpenAI SDKs. Bodies are OpenAI's own; told here is what differs. Everything else under `/v1` is refused: an unmetered route would be a hole.",
  ],
  ["Your account", "What the holder of a key may know. Free, and open at zero balance."],
  ["Accounts", "For the operator: accounts, their keys, their money and their datasets."],
  ["Catalog", "For the operator: plans, prices and upstreams."],
  ["Ledger", "For the operator: checking, correcting and watching the ledger."],
  [
    "Payments",
    "Credits for money, through Stripe, where it is configured. Money is in the smallest unit of its currency.",
  ],
  ["Alerts", "Being told of what has come about, on the dashboard and by signed webhooks."],
  ["Service", "What needs no key."],
];

const DESCRIPTION = `An edge gateway that decides, for every API request, how much is allowed, and from where.

Amounts are decimal strings in credits, instants ISO 8601 in UTC. Answers may gain fields; none is renamed or taken away. Every answer carries \`x-request-id\`. Lists are pages: send \`next_cursor\` as \`cursor\` for the next one.`;

const SECURITY: Readonly<Record<Caller, readonly Readonly<Record<string, readonly string[]>>[]>> = {
  key: [{ key: [] }],
  operator: [{ operator: [] }],
  signature: [],
  anybody: [],
};

const KEY_SCHEME =
  "A key of an account: `sk-spill-…`. Under `/api`, a browser that is signed in to the dashboard may ask without one; what " +
  "changes something then needs the session's token in `x-csrf-token`.";

/** Makes the document. It is the same for every gateway of this version. */
export function openApiDocument(): OpenApiDocument {
  const paths: Record<string, Record<string, PathOperation>> = {};
  for (const operation of OPERATIONS) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: pathOperation(operation) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Spillway", version: API_VERSION, description: DESCRIPTION },
    servers: [{ url: "/" }],
    tags: TAGS.map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: componentSchemas(),
      responses: sharedRefusals(),
      securitySchemes: {
        key: { type: "http", scheme: "bearer", description: KEY_SCHEME },
        operator: { type: "http", scheme: "bearer", description: "`SPILLWAY_ADMIN_TOKEN`." },
      },
    },
  };
}

function pathOperation(operation: Operation): PathOperation {
  const { id, tag, summary, description, reference, caller, body } = operation;
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(reference === undefined ? {} : { externalDocs: { url: reference, description: "OpenAI's reference" } }),
    security: SECURITY[caller],
    parameters: parametersOf(operation),
    ...(body === undefined
      ? {}
      : { requestBody: { required: operation.bodyIsOptional !== true, content: contentOf(body) } }),
    responses: { ...answersOf(operation), ...refusalsOf(operation) },
  };
}

/** The names of a path's parameters. */
function pathNames(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
}

function parametersOf(operation: Operation): PathParameter[] {
  const { path, query = {}, headers = {} } = operation;
  return [
    ...pathNames(path).map((name) => parameter("path", name, { description: "", required: true })),
    ...Object.entries({ ...query, ...(isAct(operation) ? ACT_QUERY : {}) }).map(([name, one]) =>
      parameter("query", name, one),
    ),
    // OpenAPI knows Accept from the contents of the answers.
    ...Object.entries({ ...headers, ...(isAct(operation) ? ACT_HEADERS : {}) })
      .filter(([name]) => name !== "Accept")
      .map(([name, one]) => parameter("header", name, one)),
  ];
}

/** For the log of what operators do. */
const ACT_QUERY: Readonly<Record<string, Parameter>> = {
  reason: {
    description: "Why it is done, for the log, where the body does not say it.",
    schema: { type: "string", maxLength: 500 },
  },
};
const ACT_HEADERS: Readonly<Record<string, Parameter>> = {
  "x-spillway-actor": { description: "Who does it, for the log; percent-encoded beyond ASCII." },
};

function parameter(
  place: PathParameter["in"],
  name: string,
  { description, required, schema }: Parameter,
): PathParameter {
  return {
    name,
    in: place,
    required: required === true,
    ...(description === "" ? {} : { description }),
    schema: schema ?? { type: "string" },
  };
}

function contentOf(contents: readonly Content[]): Record<string, MediaType> {
  return Object.fromEntries(contents.map((content) => [mediaTypeOf(content), { schema: schemaOf(content) }]));
}

function mediaTypeOf(content: Content): string {
  return content.kind === "other" ? content.mediaType : "application/json";
}

function schemaOf(content: Content): JsonSchema {
  if (content.kind === "json") return referenceTo(content.schema);
  if (content.kind === "object") return { type: "object", description: content.description };
  return { type: "string", description: content.description };
}

function answersOf({ answers }: Operation): Record<string, PathAnswer> {
  return Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answerOf(answer)]));
}

function answerOf({ description, contents, headers }: Answer): PathAnswer {
  return {
    description,
    ...(headers === undefined ? {} : { headers: headersOf(headers) }),
    ...(contents.length === 0 ? {} : { content: contentOf(contents) }),
  };
}

function headersOf(headers: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: "string" } }]),
  );
}
