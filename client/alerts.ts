import { Listing, type PageQuery } from "./listing.ts";
import { type CallOptions, part, type RequestOptions, type Transport } from "./transport.ts";
import type {
  Acknowledged,
  Alert,
  AlertEndpoint,
  AlertEndpointSecret,
  AlertSettings,
  AlertSettingsDocument,
  DeletedEndpoint,
  NewEndpoint,
  Page,
  SentTest,
} from "./types.ts";

/** Being told of what has come about: the holder's own alerts, or the operator's. */
export class Alerts {
  readonly #transport: Transport;
  readonly #base: string;
  readonly #query: NonNullable<RequestOptions["query"]>;

  constructor(transport: Transport, base: "/api" | "/admin", query: NonNullable<RequestOptions["query"]> = {}) {
    this.#transport = transport;
    this.#base = base;
    this.#query = query;
  }

  /** What was told, newest first; `open` leaves out what was acknowledged. */
  list({ open, ...query }: PageQuery & { readonly open?: boolean } = {}): Listing<Alert> {
    const only = open === true ? { acknowledged: "false" } : {};
    return new Listing(this.#transport, `${this.#base}/alerts`, { ...this.#query, ...query, ...only });
  }

  /** Acknowledges one alert, or without an id all of them. */
  acknowledge(id?: string, options?: CallOptions): Promise<Acknowledged> {
    return this.#ask("POST", id === undefined ? "/alerts/acknowledge" : `/alerts/${part(id)}/acknowledge`, options);
  }

  /** Where alerts are sent. */
  async endpoints(options?: CallOptions): Promise<readonly AlertEndpoint[]> {
    return (await this.#ask<Page<AlertEndpoint>>("GET", "/alert-endpoints", options)).data;
  }

  /** The answer holds the secret that signs what is sent, which is shown this once. */
  addEndpoint(endpoint: NewEndpoint, options?: CallOptions): Promise<AlertEndpointSecret> {
    return this.#ask("POST", "/alert-endpoints", { ...options, body: endpoint });
  }

  removeEndpoint(id: string, options?: CallOptions): Promise<DeletedEndpoint> {
    const gone = { code: "endpoint_not_found", answer: { id, deleted: true } };
    return this.#ask("DELETE", `/alert-endpoints/${part(id)}`, { ...options, gone });
  }

  /** Gives an endpoint a new secret; the old one signs as well for a while. */
  rotateEndpoint(id: string, options?: CallOptions): Promise<AlertEndpointSecret> {
    return this.#ask("POST", `/alert-endpoints/${part(id)}/rotate`, options);
  }

  testEndpoint(id: string, options?: CallOptions): Promise<SentTest> {
    return this.#ask("POST", `/alert-endpoints/${part(id)}/test`, options);
  }

  /** What is told. */
  settings(options?: CallOptions): Promise<AlertSettings> {
    return this.#ask("GET", "/alert-settings", options);
  }

  set(settings: AlertSettingsDocument, options?: CallOptions): Promise<AlertSettings> {
    return this.#ask("PUT", "/alert-settings", { ...options, body: settings });
  }

  /** Goes back to what the operator says; for holders alone. */
  unset(options?: CallOptions): Promise<AlertSettings> {
    return this.#ask("DELETE", "/alert-settings", options);
  }

  #ask<Answer>(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    return this.#transport.json<Answer>(method, this.#base + path, { ...options, query: this.#query });
  }
}
