import { expect } from "vitest";
import type { z } from "zod";
import { errorAnswer } from "../../src/openapi/answers/errors.ts";
import type { Operation } from "../../src/openapi/operation.ts";
import { OPERATIONS } from "../../src/openapi/operations/all.ts";
import { refusalCodesOf } from "../../src/openapi/refusal-answers.ts";
import { statusOf } from "../../src/openapi/refusals.ts";

/** Holds real answers against the document, and keeps which of them were seen. */
export class DocumentedAnswers {
  readonly #seen = new Set<string>();

  /** `fetch`, with every answer of a documented route checked on its way. */
  through(fetch: (url: string, init: RequestInit) => Promise<Response>) {
    return async (url: string, init: RequestInit = {}): Promise<Response> => {
      const response = await fetch(url, init);
      await this.#check(init.method ?? "GET", new URL(url, "https://gateway.test").pathname, response.clone());
      return response;
    };
  }

  /** Answers that are documented as JSON of a schema and that nobody has asked for. */
  get unseen(): string[] {
    return OPERATIONS.flatMap((operation) =>
      Object.keys(operation.answers)
        .filter((status) => schemaOf(operation, Number(status)) !== null)
        .map((status) => `${operation.id} ${status}`),
    ).filter((answer) => !this.#seen.has(answer));
  }

  async #check(method: string, path: string, response: Response): Promise<void> {
    const operation = operationOf(method, path);
    const about = `${operation.id} ${response.status}`;
    if (response.status >= 400) return checkRefusal(operation, response);
    expect(Object.keys(operation.answers), about).toContain(String(response.status));
    if (!response.headers.get("content-type")?.startsWith("application/json")) return;
    const schema = schemaOf(operation, response.status);
    if (!schema) return;
    const body: unknown = await response.json();
    // Equal, because a default of the schema must not stand for what the gateway left out.
    expect(schema.parse(body), about).toEqual(body);
    this.#seen.add(about);
  }
}

async function checkRefusal(operation: Operation, response: Response): Promise<void> {
  const { error } = errorAnswer.parse(await response.json());
  const told = refusalCodesOf(operation).map((code) => `${code} ${statusOf(code)}`);
  expect(told, operation.id).toContain(`${error.code} ${response.status}`);
}

function operationOf(method: string, path: string): Operation {
  const candidates = OPERATIONS.filter(
    (operation) => operation.method === method.toLowerCase() && patternOf(operation.path).test(path),
  );
  // `/a/latest` is a route beside `/a/{id}`.
  const [operation] = candidates.sort((a, b) => a.path.split("{").length - b.path.split("{").length);
  if (!operation) throw new Error(`${method} ${path} is not in the document`);
  return operation;
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`);
}

function schemaOf({ answers }: Operation, status: number): z.ZodType | null {
  const content = answers[status]?.contents.find(({ kind }) => kind === "json");
  return content?.kind === "json" ? content.schema : null;
}
