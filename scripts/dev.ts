import { setTimeout as sleep } from "node:timers/promises";
import { banner } from "./banner.ts";
import { dotEnv } from "./dot-env.ts";
import { everyMinute } from "./every-minute.ts";
import { fail } from "./failure.ts";
import { gatewaySecrets, gatewayVars } from "./gateway-secrets.ts";
import { LOOPBACK, waitForFreePort } from "./local-ports.ts";
import { clearProgress, showProgress } from "./progress.ts";
import { SecretFiles } from "./secrets-file.ts";
import { seed } from "./seed.ts";
import { readSettings, SettingsError } from "./settings.ts";
import { stopOnSignals } from "./stop-signals.ts";
import { WranglerProcess } from "./wrangler-process.ts";

const START_PATIENCE_MS = 60_000;
const POLL_MS = 200;

/** What has to be ended when we are asked to end, latest first. */
const running: { end(): Promise<void> }[] = [];

/** `npm run dev`: what `npm start` does, under `wrangler dev`, which loads the gateway again at every change. */
async function dev(): Promise<void> {
  const settings = readSettings(process.env);
  if (settings.port === 0) throw new SettingsError("PORT must not be 0 here: choose a port");
  await waitForFreePort(settings.port);
  const files = new SecretFiles(settings.stateDir);
  const secrets = await gatewaySecrets(settings, files);

  showProgress("Applying migrations");
  await applyMigrations(settings.stateDir);
  if (isStopping()) return;

  showProgress("Starting wrangler dev");
  const vars = gatewayVars(settings, secrets);
  if (settings.upstreamBaseUrl === undefined) Object.assign(vars, await startSimulatedUpstream());
  // In a file that only its owner can read: arguments of a command are shown to everybody on the machine.
  await files.write("dev.env", dotEnv(vars));
  const origin = `http://${LOOPBACK}:${settings.port}`;
  const wrangler = new WranglerProcess(
    [
      "dev",
      ...["--ip", LOOPBACK, "--port", String(settings.port)],
      ...["--persist-to", settings.stateDir, "--env-file", files.path("dev.env")],
    ],
    "shown",
  );
  running.push(wrangler);
  await waitUntilHealthy(origin, wrangler);
  everyMinute(() => fetch(`${origin}/cdn-cgi/local/scheduled?cron=${encodeURIComponent("* * * * *")}`));

  const demoKey = await seed({ origin, adminToken: secrets.adminToken, demo: settings.demo, files });
  clearProgress();
  console.log(banner(settings, { port: settings.port, adminToken: secrets.adminToken, demoKey }));
  process.exitCode = await wrangler.ended;
  await end();
}

async function applyMigrations(stateDir: string): Promise<void> {
  const wrangler = new WranglerProcess(
    ["d1", "migrations", "apply", "DB", "--local", "--persist-to", stateDir],
    "kept",
  );
  running.push(wrangler);
  const output = await wrangler.readOutput();
  if ((await wrangler.ended) !== 0) throw new Error(`The migrations could not be applied\n${output}`);
}

async function startSimulatedUpstream(): Promise<Record<string, string>> {
  const { simulatorVars, startSimulator } = await import("./local-gateway.ts");
  const simulator = await startSimulator();
  running.push({ end: () => simulator.dispose() });
  return simulatorVars(simulator.url);
}

async function waitUntilHealthy(origin: string, wrangler: WranglerProcess): Promise<void> {
  const giveUpAt = Date.now() + START_PATIENCE_MS;
  while (wrangler.isRunning && Date.now() < giveUpAt) {
    const answer = await fetch(`${origin}/health`).catch(() => undefined);
    if (answer?.ok === true) return;
    await sleep(POLL_MS);
  }
  throw new Error("wrangler dev did not come up");
}

async function end(): Promise<void> {
  for (const one of running.reverse()) await one.end();
}

const isStopping = stopOnSignals(async () => {
  clearProgress();
  await end();
});
dev().catch(async (error) => {
  if (isStopping()) return;
  clearProgress();
  await end();
  fail(error);
});
