import { expect, test } from "vitest";
import { gatewayVars } from "../../scripts/gateway-secrets.ts";
import { simulatorVars } from "../../scripts/local-gateway.ts";
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

test("the simulated upstream, which speaks WebSocket, never sees a real key", () => {
  const vars = { ...varsOf({ UPSTREAM_API_KEY: "sk-live", UPSTREAM_BASE_URL: "" }), ...simulatorVars("http://s.test") };
  expect(Object.values(vars)).not.toContain("sk-live");
  expect(vars).toMatchObject({ UPSTREAM_BASE_URL: "http://s.test/v1", UPSTREAM_WEBSOCKET: "pass" });
});
