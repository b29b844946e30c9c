import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { gatewayVars } from "../../scripts/gateway-secrets.ts";
import { simulatorVars } from "../../scripts/local-gateway.ts";
import { ROOT } from "../../scripts/repository.ts";
import { readSettings } from "../../scripts/settings.ts";

const SECRETS = { adminToken: "admin-token", keySecret: "key-secret" };

function varsOf(environment: Record<string, string>): Record<string, string> {
  return gatewayVars(readSettings(environment), SECRETS);
}

test("npm start passes every variable of upstreams on to the gateway", () => {
  const upstream = {
    UPSTREAM_BASE_URL: "https://api.openai.com/v1",
    UPSTREAM_API_KEY: "sk-live",
    UPSTREAM_AZURE_KEY: "sk-azure",
    UPSTREAM_WEBSOCKET: "refuse",
    UPSTREAM_IDLE_MS: "5000",
  };
  expect(varsOf({ ...upstream, UPSTREAM_EMPTY: " ", OTHER: "x" })).toEqual({
    SPILLWAY_ADMIN_TOKEN: "admin-token",
    SPILLWAY_KEY_SECRET: "key-secret",
    ...upstream,
  });
});

/** The names in the table of variables; what only Cloudflare has stands there as that, and the rest makes npm start. */
async function configurable(): Promise<string[]> {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const rows = readme.split("\n").filter((line) => /^\| `[A-Z_…]+`/.test(line) && !line.includes("on Cloudflare only"));
  const names = rows.flatMap((row) =>
    [...(row.split("|")[1] ?? "").matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name ?? ""),
  );
  const ownToStart = ["PORT", "SPILLWAY_STATE_DIR", "SPILLWAY_NO_DEMO", "UPSTREAM_BASE_URL"];
  return names.filter((name) => !name.endsWith("_") && !ownToStart.includes(name));
}

test("npm start passes on whatever the README says can be set", async () => {
  const names = await configurable();
  expect(names).toEqual(
    expect.arrayContaining(["SPILLWAY_ADMIN_TOKEN", "STRIPE_SECRET_KEY", "SPILLWAY_GROUPED_CALLS"]),
  );
  const set = {
    UPSTREAM_BASE_URL: "https://api.openai.com/v1",
    ...Object.fromEntries(names.map((name) => [name, "x"])),
  };
  const passed = gatewayVars(readSettings(set), { adminToken: "x", keySecret: "x" });
  expect(names.filter((name) => passed[name] === undefined)).toEqual([]);
});

test("the simulated upstream, which speaks WebSocket, never sees a real key", () => {
  const vars = { ...varsOf({ UPSTREAM_API_KEY: "sk-live", UPSTREAM_BASE_URL: "" }), ...simulatorVars("http://s.test") };
  expect(Object.values(vars)).not.toContain("sk-live");
  expect(vars).toMatchObject({ UPSTREAM_BASE_URL: "http://s.test/v1", UPSTREAM_WEBSOCKET: "pass" });
});
