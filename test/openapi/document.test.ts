import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { ROOT } from "../../scripts/repository.ts";
import { API_VERSION, openApiDocument } from "../../src/openapi/document.ts";
import { OPERATIONS } from "../../src/openapi/operations/all.ts";
import { OPENAI_REFUSALS } from "../../src/openapi/operations/openai.ts";
import { refusalCodesOf } from "../../src/openapi/refusal-answers.ts";
import { REFUSALS } from "../../src/openapi/refusals.ts";

const document = openApiDocument();

describe("the OpenAPI document", () => {
  test("is valid OpenAPI 3.1", async () => {
    const { valid, errors } = await new Validator().validate(JSON.parse(JSON.stringify(document)));
    expect(errors ?? []).toEqual([]);
    expect(valid).toBe(true);
  });

  test("names each route once, and its own names lead somewhere", () => {
    const ids = OPERATIONS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const text = JSON.stringify(document);
    for (const [, kind = "", name = ""] of text.matchAll(/"#\/components\/(schemas|responses)\/(\w+)"/g)) {
      expect(Object.keys(kind === "schemas" ? document.components.schemas : document.components.responses)).toContain(
        name,
      );
    }
  });

  test("carries the version of the package", () => {
    expect(API_VERSION).toBe(packageJson.version);
  });
});

/** Every `HttpFault` of the source, as its status and code. */
function thrownFaults(): (readonly [status: number, code: string])[] {
  return readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
    .filter((path) => /\.tsx?$/.test(path) && !/^(proxy|dashboard|protocol)\//.test(path))
    .flatMap((path) => {
      const text = readFileSync(join(ROOT, "src", path), "utf8");
      const faults = text.matchAll(/new HttpFault\(\s*(\d{3}),\s*"(\w+)"/g);
      return [...faults].map(([, status = "", code = ""]) => [Number(status), code] as const);
    });
}

describe("the refusals of the document", () => {
  test("are all that the gateway has, with the status that it gives them", () => {
    const known: Readonly<Record<string, readonly [number, string]>> = REFUSALS;
    for (const [status, code] of thrownFaults()) expect([code, known[code]?.[0]]).toEqual([code, status]);
  });

  test("each belongs to a route", () => {
    const told = new Set<string>(OPERATIONS.flatMap(refusalCodesOf));
    expect(Object.keys(REFUSALS).filter((code) => !told.has(code))).toEqual([]);
  });

  test("under /v1 say of every status of a denial what it means", () => {
    for (const status of ["400", "401", "403", "404", "429", "503"]) expect(OPENAI_REFUSALS[status]).toBeTruthy();
  });
});
