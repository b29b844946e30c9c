import { AccountClient, type Shared } from "../../durable-objects/client.ts";
import { GroupedSteps } from "../../durable-objects/grouped-steps.ts";
import { KnownDenials } from "../../durable-objects/known-denials.ts";
import { laterInRequest } from "../../durable-objects/request-timers.ts";
import { SharedFlush } from "../../durable-objects/shared-flush.ts";
import { type CatalogCache, createCatalogCache } from "../catalog/catalog-cache.ts";
import { readCatalog } from "../catalog/read.ts";
import { accountObjects, type Config, type Env, readConfig } from "../env.ts";
import { rootOf } from "../ledger/failure.ts";
import { KnownKeys } from "./api-key.ts";
import { FailedAttempts } from "./failed-attempts.ts";

/** What handlers work with. Made once per isolate. */
export interface Services {
  readonly config: Config;
  readonly env: Env;
  readonly accounts: AccountClient;
  /** Puts entries of all accounts on the ledger's queue; `null` where requests share nothing. */
  readonly flush: SharedFlush | null;
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
  const flush = config.groupsCalls ? sharedFlush(env) : null;
  const services: Services = {
    config,
    flush,
    keys: new KnownKeys(config.keySecret),
    failedAttempts: new FailedAttempts(),
    env,
    accounts: new AccountClient(accountObjects(env), sharedWith(flush)),
    catalog: createCatalogCache({
      load: () => readCatalog(env.DB, Date.now(), config.upstream),
      now: () => Date.now(),
      onStale: (error) => console.error(JSON.stringify({ event: "catalog_stale", message: String(rootOf(error)) })),
    }),
  };
  made.set(env, services);
  return services;
}

function sharedFlush(env: Env): SharedFlush {
  return new SharedFlush({
    send: async (messages) => {
      await env.LEDGER_QUEUE.sendBatch(messages.map((body) => ({ body, contentType: "text" })));
    },
    now: () => Date.now(),
    report: (event, detail) => console.error(JSON.stringify({ event, ...detail })),
  });
}

/** What the requests of this isolate share. */
function sharedWith(flush: SharedFlush | null): Shared {
  const denials = new KnownDenials();
  if (flush === null) return { denials };
  return { denials, steps: new GroupedSteps(), flush: (entries) => flush.take(entries, laterInRequest) };
}
