import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { AdminClient } from "../../../scripts/admin-client.ts";
import { seedCatalog } from "../../../scripts/catalog-seed.ts";
import { simulatorVars, startLocalGateway, startSimulator } from "../../../scripts/local-gateway.ts";
import { ROOT } from "../../../scripts/repository.ts";
import { MODELS, PLANS } from "./offer.ts";

/** The gateway under test, for every file. */
export interface UnderTest {
  readonly url: string;
  readonly simulatorUrl: string;
  readonly adminToken: string;
}

declare module "vitest" {
  interface ProvidedContext {
    underTest: UnderTest;
  }
}

const ADMIN_TOKEN = "operator-of-the-conformance-suite";

/** Starts the gateway with the plans and prices of config/, and a few more. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const simulator = await startSimulator("none");
  const gateway = await startLocalGateway({
    port: 0,
    vars: {
      ...simulatorVars(simulator.url),
      // The second tells the requests of one cell of the table from all others, in the upstream's journal.
      UPSTREAM_EXTRA_HEADERS: "x-simulate,x-cell",
      UPSTREAM_WEBSOCKET: process.env.UPSTREAM_WEBSOCKET ?? "bridge",
      SPILLWAY_ADMIN_TOKEN: ADMIN_TOKEN,
      SPILLWAY_KEY_SECRET: "key-secret-of-the-conformance-suite",
    },
    log: "none",
  });
  const admin = new AdminClient(gateway.url, ADMIN_TOKEN);
  await seedCatalog(admin);
  const { default: card } = JSON.parse(await readFile(join(ROOT, "config", "rate-cards.json"), "utf8"));
  const models = { ...card.models, ...MODELS };
  await admin.request("PUT", "/admin/rate-cards/default", { body: { models } });
  for (const [id, plan] of Object.entries(PLANS)) await admin.request("PUT", `/admin/plans/${id}`, { body: plan });
  project.provide("underTest", { url: gateway.url, simulatorUrl: simulator.url, adminToken: ADMIN_TOKEN });
  return async () => {
    await gateway.dispose();
    await simulator.dispose();
  };
}
