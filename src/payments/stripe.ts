import type Stripe from "stripe";
import type { StripeConfig } from "../env.ts";
import type { HttpContext } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";

const TIMEOUT_MS = 20_000;
const RETRIES = 2;

const clients = new WeakMap<StripeConfig, Promise<Stripe>>();

/** Stripe's client. Its package is large, so that it is loaded when a payment is first dealt with, and not at every start. */
export function stripeClient(config: StripeConfig): Promise<Stripe> {
  const known = clients.get(config);
  if (known) return known;
  const client = import("stripe").then(({ default: Client }) => {
    const { protocol, hostname, port } = new URL(config.apiBase);
    return new Client(config.secretKey, {
      httpClient: Client.createFetchHttpClient((input: string | URL | Request, init?: RequestInit) =>
        fetch(input, init),
      ),
      host: hostname,
      port: port === "" ? (protocol === "https:" ? 443 : 80) : port,
      protocol: protocol === "https:" ? "https" : "http",
      maxNetworkRetries: RETRIES,
      timeout: TIMEOUT_MS,
      telemetry: false,
    });
  });
  clients.set(config, client);
  return client;
}

/** The configuration of payments. Throws {@link HttpFault} where the operator takes none. */
export function requireStripe(c: HttpContext): StripeConfig {
  const { stripe } = c.var.services.config;
  if (!stripe) throw new HttpFault(409, "payments_not_configured", "No payment provider is configured here.");
  return stripe;
}
