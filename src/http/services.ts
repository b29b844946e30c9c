import { AccountClient } from "../../durable-objects/client.ts";
import { GroupedSteps } from "../../durable-objects/grouped-steps.ts";
import { KnownDenials } from "../../durable-objects/known-denials.ts";
import { type CatalogCache, createCatalogCache } from "../catalog/catalog-cache.ts";
import { readCatalog } from "../catalog/read.ts";
import { accountObjects, type Config, type Env, readConfig } from "../env.ts";
import { KnownKeys } from "./api-key.ts";
import { FailedAttempts } from "./failed-attempts.ts";

/** What handlers work with. Made once per isolate. */
export interface Services {
  readonly config: Config;
  readonly env: Env;
  readonly accounts: AccountClient;
  readonly catalog: CatalogCache;
  readonly keys: KnownKeys;
  readonly failedAttempts: FailedAttempts;
}

const made = new WeakMap<Env, Services>();

/** The services of this isolate; throws `ConfigError` when a variable is missing. */
export function servicesOf(env: Env): Services {
  const known = made.get(env);
  if (known) return known;
  const config = readConfig(env);
  const services: Services = {
    config,
    keys: new KnownKeys(config.keySecret),
    failedAttempts: new FailedAttempts(),
    env,
    accounts: new AccountClient(
      accountObjects(env),
      config.groupsCalls ? new GroupedSteps() : null,
      new KnownDenials(),
    ),
    catalog: createCatalogCache({
      load: () => readCatalog(env.DB, Date.now(), config.upstream),
      now: () => Date.now(),
      onStale: (error) => console.error(JSON.stringify({ event: "catalog_stale", message: String(error) })),
    }),
  };
  made.set(env, services);
  return services;
}
