import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import Stripe from "stripe";

const WEBHOOK_SECRET = "whsec_of_the_browser_test";
const stripe = new Stripe("sk_test_signs_only");

/** A purchase at the fake, with what the gateway asked for. */
interface Session {
  readonly id: string;
  readonly asked: URLSearchParams;
}

/**
 * Stripe as buyers and the gateway see it, on this machine: the API that begins a checkout, the page where one pays, and
 * signed webhooks. Its page is on another site than the gateway, as Stripe's is: `localhost` and `127.0.0.1` are two.
 */
export class FakeStripe {
  /** What was begun, the newest last. */
  readonly sessions: Session[] = [];
  /** Where webhooks go. */
  gatewayUrl = "";
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
  });

  static async start(): Promise<FakeStripe> {
    const fake = new FakeStripe();
    await new Promise<void>((resolve) => fake.#server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  /** The variables of a gateway that takes its payments here. */
  get vars(): Record<string, string> {
    return {
      STRIPE_SECRET_KEY: "sk_test_of_the_browser_test",
      STRIPE_WEBHOOK_SECRETS: WEBHOOK_SECRET,
      STRIPE_API_BASE: `http://127.0.0.1:${this.#port}`,
    };
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  /** Tells the gateway of something, as Stripe does. Fails unless it is taken. */
  async tell(type: string, object: object): Promise<void> {
    const event = {
      id: `evt_${crypto.randomUUID()}`,
      object: "event",
      api_version: "2026-10-28.endive",
      livemode: false,
    };
    const created = Math.floor(Date.now() / 1_000);
    const payload = JSON.stringify({ ...event, created, pending_webhooks: 1, request: null, type, data: { object } });
    const signature = await stripe.webhooks.generateTestHeaderStringAsync({ payload, secret: WEBHOOK_SECRET });
    const headers = { "content-type": "application/json", "stripe-signature": signature };
    const answer = await fetch(`${this.gatewayUrl}/webhooks/stripe`, { method: "POST", headers, body: payload });
    if (!answer.ok) throw new Error(`${type} was answered with ${answer.status}: ${await answer.text()}`);
  }

  /** The payment of a purchase, as events of it name it. */
  paymentOf({ id }: Session) {
    return id.replace("cs_", "pi_");
  }

  /** What the gateway wrote to a purchase. */
  metadataOf({ asked }: Session): Record<string, string> {
    const fields = [...asked].map(([name, value]) => [/^metadata\[(\w+)\]$/.exec(name)?.[1], value] as const);
    return Object.fromEntries(fields.flatMap(([name, value]) => (name === undefined ? [] : [[name, value]])));
  }

  /** The money of a purchase has arrived. */
  async pay(session: Session, paid?: number): Promise<void> {
    const { asked, id } = session;
    const amount = paid ?? Number(asked.get("line_items[0][price_data][unit_amount]"));
    const currency = asked.get("line_items[0][price_data][currency]");
    const common = { currency, customer: "cus_buyer", livemode: false, metadata: this.metadataOf(session) };
    await this.tell("checkout.session.completed", {
      ...common,
      id,
      object: "checkout.session",
      amount_subtotal: amount,
      amount_total: amount,
      mode: "payment",
      payment_intent: this.paymentOf(session),
      payment_status: "paid",
      status: "complete",
    });
    await this.tell("payment_intent.succeeded", {
      ...common,
      id: this.paymentOf(session),
      object: "payment_intent",
      amount,
      amount_received: amount,
      payment_method: "pm_card",
      setup_future_usage: asked.get("payment_intent_data[setup_future_usage]"),
      status: "succeeded",
    });
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? "/", "http://stripe");
    if (pathname === "/v1/checkout/sessions") return this.#begin(await bodyOf(request), response);
    const session = this.sessions.find(({ id }) => pathname.startsWith(`/pay/${id}`));
    if (!session) {
      response.writeHead(404).end("{}");
      return;
    }
    if (request.method === "POST") {
      await this.pay(session);
      response.writeHead(303, { location: session.asked.get("success_url") ?? "" }).end();
      return;
    }
    response.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html><title>Stripe</title>
      <form method="post"><button>Pay</button></form><a href="${session.asked.get("cancel_url")}">Back</a>`);
  }

  #begin(asked: URLSearchParams, response: ServerResponse): void {
    const id = `cs_${this.sessions.length + 1}`;
    this.sessions.push({ id, asked });
    const url = `http://localhost:${this.#port}/pay/${id}`;
    const expires_at = Math.floor(Date.now() / 1_000) + 3_600;
    const body = JSON.stringify({ id, object: "checkout.session", url, expires_at });
    response.writeHead(200, { "content-type": "application/json" }).end(body);
  }
}

async function bodyOf(request: IncomingMessage): Promise<URLSearchParams> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return new URLSearchParams(text);
}
