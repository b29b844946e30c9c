import { banner } from "./banner.ts";
import { fail } from "./failure.ts";
import { gatewaySecrets, gatewayVars } from "./gateway-secrets.ts";
import type { LocalGateway } from "./local-gateway.ts";
import { clearProgress, showProgress } from "./progress.ts";
import { SecretFiles } from "./secrets-file.ts";
import { seed } from "./seed.ts";
import { readSettings } from "./settings.ts";
import { stopOnSignals } from "./stop-signals.ts";

/** `npm start`: the gateway with a demo, on this machine, ready to use. */
async function start(): Promise<void> {
  const settings = readSettings(process.env);
  showProgress("Starting the gateway");
  const files = new SecretFiles(settings.stateDir);
  const secrets = await gatewaySecrets(settings, files);
  // Wrangler takes a second to load: imported here, so that the line above is seen first.
  const { startLocalGateway } = await import("./local-gateway.ts");
  gateway = await startLocalGateway({
    port: settings.port,
    stateDir: settings.stateDir,
    vars: gatewayVars(settings, secrets),
    withSimulator: settings.upstreamBaseUrl === undefined,
  });
  showProgress("Loading plans, rate cards and the demo account");
  const demoKey = await seed({ origin: gateway.url, adminToken: secrets.adminToken, demo: settings.demo, files });
  clearProgress();
  console.log(banner(settings, { port: gateway.port, adminToken: secrets.adminToken, demoKey }));
}

let gateway: LocalGateway | undefined;
const isStopping = stopOnSignals(async () => {
  clearProgress();
  await gateway?.dispose();
});
start().catch((error) => {
  clearProgress();
  if (!isStopping()) fail(error);
});
