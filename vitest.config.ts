import { join } from "node:path";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { readSimulatorConfig } from "./scripts/gateway-config.ts";
import { ROOT } from "./scripts/repository.ts";

const WORKERS = "test/workers/**/*.test.ts";
/** Tests that start the gateway as a process of its own. */
const SYSTEM = ["test/system/**/*.test.ts", "test/conformance/*.test.ts", "test/browser/**/*.test.ts"];

/** Tests of clients, which `npm run conformance` installs there; `npm test` leaves the folder out. */
const CLIENTS = "test/conformance/clients";

/** A test that hangs must end some day. How fast the machine is, or that it stalls for a while, is no claim of any test. */
const PATIENT = { testTimeout: 60_000, hookTimeout: 60_000 };

/** What the Worker under test finds beside the bindings of wrangler.toml. */
async function testBindings() {
  return {
    SPILLWAY_ADMIN_TOKEN: "test-admin-token",
    SPILLWAY_KEY_SECRET: "test-key-secret-of-at-least-32-bytes",
    UPSTREAM_BASE_URL: "http://upstream.test/v1",
    // A canary: whatever leaves the gateway, this text must not be in it.
    UPSTREAM_API_KEY: "sk-canary-upstream-5f0c1dvQxZ",
    UPSTREAM_EXTRA_HEADERS: "x-simulate",
    // The test plugin turns off by a compatibility flag what lets a request wait for another's call. What starts a
    // gateway of its own has it on, and so has the simulation.
    SPILLWAY_GROUPED_CALLS: "off",
    // Stripe's answers come from test/support/stripe.ts.
    STRIPE_SECRET_KEY: "sk_test_canary_3b1c9e5a7d",
    STRIPE_WEBHOOK_SECRETS: "whsec_test_new_secret, whsec_test_old_secret",
    STRIPE_API_BASE: "http://stripe.test",
    TEST_MIGRATIONS: await readD1Migrations(join(ROOT, "migrations")),
  };
}

export default defineConfig({
  test: {
    // Many tests wait for alarms and queues: more of them than cores are well looked after at once.
    maxWorkers: 3,
    projects: [
      {
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: [WORKERS, `${CLIENTS}/**`, ...SYSTEM],
          ...PATIENT,
        },
      },
      {
        plugins: [
          cloudflareTest(async () => {
            const simulator = readSimulatorConfig();
            return {
              wrangler: { configPath: "./wrangler.toml" },
              miniflare: {
                bindings: await testBindings(),
                workers: [simulator],
                // Nothing is gained by waiting for company here.
                queueConsumers: {
                  "spillway-ledger": {
                    maxBatchSize: 100,
                    maxBatchTimeout: 0,
                    maxRetries: 20,
                    deadLetterQueue: "spillway-ledger-dead",
                  },
                  "spillway-jobs": { maxBatchSize: 10, maxBatchTimeout: 0, maxRetries: 2 },
                  "spillway-top-ups": { maxBatchSize: 10, maxBatchTimeout: 0, maxRetries: 5 },
                  "spillway-alerts": { maxBatchSize: 10, maxBatchTimeout: 0, maxRetries: 10 },
                },
                // Every fetch that leaves the Worker ends in the simulated upstream, whatever its address.
                outboundService: "simulator",
              },
            };
          }),
        ],
        test: {
          name: "workers",
          include: [WORKERS],
          // Fails a file in which a secret is seen anywhere.
          setupFiles: ["test/support/watch-canaries.ts"],
          ...PATIENT,
          // Stripe's package has hundreds of files: bundled, it loads in a moment.
          deps: { optimizer: { ssr: { enabled: true, include: ["stripe"] } } },
        },
      },
      {
        test: {
          name: "system",
          include: SYSTEM,
          testTimeout: 180_000,
          hookTimeout: 300_000,
          expect: { poll: { timeout: 30_000 } },
          // Each starts runtimes and measures or kills its own: after all others, and no more of them than have a core each.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "conformance",
          include: [`${CLIENTS}/*.test.ts`],
          globalSetup: `./${CLIENTS}/global-setup.ts`,
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // Most of each test is a client's own waiting.
          maxConcurrency: 6,
        },
      },
    ],
  },
});
