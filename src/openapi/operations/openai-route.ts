import type { Answer, Content, Method, Operation, Parameter } from "../operation.ts";

/** The client-facing routes. Their bodies are OpenAI's; told here is what the gateway adds, takes away and refuses. */

const REFERENCE = "https://platform.openai.com/docs/api-reference";

export const JSON_BODY: Content = { kind: "object", description: "As OpenAI's reference has it." };

const LIMIT_HEADERS = {
  "spillway-decision": "What was reserved and by which kind of source: `allow; allowance=0.010000; grant=0.002000`.",
  "x-ratelimit-limit-requests": "The tightest of the account's own gates; also `remaining`, `reset`, and for `tokens`.",
  "x-codex-primary-used-percent":
    "The account's own windows and credits, as Codex shows them: `x-codex-primary-*`, `x-codex-secondary-*`, `x-codex-credits-*`.",
} as const;

const ALWAYS = {
  "x-request-id": "The gateway's own id of the request: `GET /api/requests/{id}` shows its receipt.",
  "server-timing": "How long the decision and the upstream took.",
} as const;

interface Route {
  readonly id: string;
  readonly method: Method;
  readonly path: string;
  readonly summary: string;
  readonly family: "responses" | "chat" | "models" | "videos";
  readonly description?: string;
  readonly body?: readonly Content[];
  readonly answer?: readonly Content[];
  readonly query?: Readonly<Record<string, Parameter>>;
}

const METERED: Readonly<Record<string, Parameter>> = {
  "Idempotency-Key": {
    description: "The same key is charged once; another body under it is refused with 422.",
    schema: { type: "string", minLength: 1, maxLength: 255 },
  },
};

/** Priced before the call, reserved, forwarded and settled. */
export function metered(route: Route): Operation {
  return operation(route, { ...ALWAYS, ...LIMIT_HEADERS }, METERED);
}

/** Costs nothing and works without credits. What is stored is found only by the account that made it. */
export function free(route: Route): Operation {
  return operation(route, ALWAYS, {});
}

function operation(
  { family, answer = [JSON_BODY], ...route }: Route,
  headers: Readonly<Record<string, string>>,
  asked: Readonly<Record<string, Parameter>>,
): Operation {
  const answers: Record<number, Answer> = { 200: { description: "Upstream's answer.", contents: answer, headers } };
  return {
    ...route,
    tag: "OpenAI-compatible",
    caller: "key",
    headers: asked,
    answers,
    refusals: [],
    reference: `${REFERENCE}/${family}`,
  };
}
