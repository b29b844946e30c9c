import { beforeAll, describe, expect, test } from "vitest";
import { createApp } from "../../src/app.ts";
import { openApiDocument } from "../../src/openapi/document.ts";
import { OPERATIONS } from "../../src/openapi/operations/all.ts";
import { call, openGateway } from "../support/gateway.ts";

const document = openApiDocument();

beforeAll(openGateway);

/** Pages for people and their files are no API. */
const PAGES = /^\/(dashboard|docs\/)/;

/** Every route that the gateway serves for programs, as `GET /api/requests/{id}`. */
function servedRoutes(): string[] {
  const routes = createApp()
    // Middleware stands in the list as well.
    .routes.filter(({ method, path }) => method !== "ALL" && !PAGES.test(path))
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)(\{[^}]*\})?/g, "{$1}")}`);
  return [...new Set(routes)].sort();
}

function documentedRoutes(): string[] {
  return Object.entries(document.paths)
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
    .sort();
}

describe("GET /openapi.json", () => {
  test("has every route that is served, and no other", () => {
    expect(documentedRoutes()).toEqual(servedRoutes());
  });

  test("is open to everybody, and not sent twice to who has it", async () => {
    const response = await call("/openapi.json");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(document);
    const etag = response.headers.get("etag") ?? "";
    const again = await call("/openapi.json", { headers: { "if-none-match": etag } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
  });
});

/** A WebSocket is asked for with an upgrade; without one, anybody is told so. */
const UPGRADED = "connectResponses";

describe("who may ask a route", () => {
  const asked = OPERATIONS.filter(({ id }) => id !== UPGRADED);

  test.each(asked.map((operation) => [operation.id, operation] as const))("%s: as documented", async (_, operation) => {
    const { method, path, caller } = operation;
    const response = await call(path.replaceAll(/\{\w+\}/g, "unknown"), { method: method.toUpperCase() });
    await response.text();
    // Without a key, a token or a signature. Where no secret of upstreams' webhooks is set, there is no such route.
    if (caller === "anybody") expect(response.status).toBe(200);
    else expect(caller === "signature" ? [401, 404] : [401]).toContain(response.status);
  });
});

describe("GET /docs", () => {
  let page = "";
  beforeAll(async () => {
    page = await (await call("/docs")).text();
  });

  test("tells of every route and of every schema", () => {
    for (const methods of Object.values(document.paths)) {
      for (const { operationId, summary } of Object.values(methods)) {
        expect(page).toContain(`id="${operationId}"`);
        expect(page).toContain(summary.replaceAll("&", "&amp;").replaceAll("'", "&#39;"));
      }
    }
    for (const id of Object.keys(document.components.schemas)) expect(page).toContain(`id="schema-${id}"`);
  });

  test("has no link that leads nowhere on the page", () => {
    const anchors = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
    for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) expect(anchors).toContain(target);
  });

  test("runs no script and loads nothing from elsewhere", async () => {
    const response = await call("/docs");
    expect(response.headers.get("content-security-policy")).toBe(
      "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    expect(page).not.toMatch(/<script|<style|style="|src="http/);
  });

  test("finds its stylesheet, which may be kept for ever", async () => {
    const [, path = ""] = /<link rel="stylesheet" href="([^"]+)"/.exec(page) ?? [];
    const style = await call(path);
    expect(style.status).toBe(200);
    expect(style.headers.get("content-type")).toBe("text/css; charset=utf-8");
    expect(style.headers.get("cache-control")).toContain("immutable");
    expect(await style.text()).toContain("--paper");
    expect((await call("/docs/style.000000000000.css")).status).toBe(404);
  });

  test("shows commands for the gateway that was asked", () => {
    expect(page).toContain("curl https://gateway.test/api/account");
  });
});
