import { userInfo } from "node:os";
import { SpillwayOperator } from "../../client/operator.ts";
import { Spillway } from "../../client/spillway.ts";
import type { ClientOptions } from "../../client/transport.ts";
import { SecretFiles } from "../secrets-file.ts";
import { readSettings } from "../settings.ts";

/** Where the gateway is and who asks, as far as it was typed. */
export interface ConnectionOptions {
  readonly url?: string;
  readonly token?: string;
  readonly key?: string;
  readonly actor?: string;
}

/** Something is not known without which the gateway cannot be asked. The message says how to tell it. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
}

type Environment = Readonly<Record<string, string | undefined>>;

/** A gateway to ask: what is typed counts most, then the environment, then what `npm start` keeps on this machine. */
export class Connection {
  readonly url: string;
  readonly #options: ConnectionOptions;
  readonly #env: Environment;

  /** Throws {@link ConnectionError} for an address that is none. */
  constructor(options: ConnectionOptions, env: Environment) {
    this.#options = options;
    this.#env = env;
    this.url = (options.url ?? read(env, "SPILLWAY_URL") ?? localUrl(env)).replace(/\/+$/, "");
    const parsed = URL.parse(this.url);
    if (parsed?.username || parsed?.password) {
      throw new ConnectionError(
        "Leave user and password out of the address: set SPILLWAY_ADMIN_TOKEN or SPILLWAY_KEY.",
      );
    }
    if (!/^https?:$/.test(parsed?.protocol ?? "")) {
      throw new ConnectionError(`"${this.url}" is no address; write one such as https://gateway.example.`);
    }
  }

  /** A client with the operator's token. */
  async operator(): Promise<SpillwayOperator> {
    const token =
      this.#options.token ??
      read(this.#env, "SPILLWAY_ADMIN_TOKEN") ??
      (await this.#files()?.read("admin-token"))?.trim();
    if (!token) {
      throw new ConnectionError(
        `This needs the operator's token of ${this.url}: set SPILLWAY_ADMIN_TOKEN or pass --token.${this.#localHint()}`,
      );
    }
    return new SpillwayOperator({ ...this.#clientOptions(token), actor: this.#actor() });
  }

  /** A client with a key of an account. */
  async holder(): Promise<Spillway> {
    const key = this.#options.key ?? read(this.#env, "SPILLWAY_KEY") ?? demoKey(await this.#files()?.read("demo.json"));
    if (!key) {
      throw new ConnectionError(
        `This needs a key of an account of ${this.url}: set SPILLWAY_KEY or pass --key.${this.#localHint()}`,
      );
    }
    return new Spillway(this.#clientOptions(key));
  }

  /** A client without a key, for what everybody may ask. */
  anybody(): Spillway {
    return new Spillway({ baseUrl: this.url });
  }

  #clientOptions(token: string): ClientOptions {
    return { baseUrl: this.url, token };
  }

  #actor(): string {
    return this.#options.actor ?? read(this.#env, "SPILLWAY_ACTOR") ?? userInfo().username;
  }

  /** Secrets of this machine's gateway, which no other gateway is ever sent. */
  #files(): SecretFiles | null {
    return this.url === localUrl(this.#env) || isSamePort(this.url, this.#env)
      ? new SecretFiles(readSettings(this.#env).stateDir)
      : null;
  }

  #localHint(): string {
    return this.#files() === null ? "" : " (That of `npm start` is found by itself once it was started here.)";
  }
}

function localUrl(env: Environment): string {
  return `http://localhost:${readSettings(env).port}`;
}

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Whether an address is this machine's gateway in other words. */
function isSamePort(url: string, env: Environment): boolean {
  const parsed = URL.parse(url);
  return parsed !== null && LOOPBACK.has(parsed.hostname) && parsed.port === String(readSettings(env).port);
}

function read(env: Environment, name: string): string | undefined {
  return env[name]?.trim() || undefined;
}

/** The key of the demo account, as `npm start` keeps it. */
function demoKey(record: string | undefined): string | undefined {
  if (record === undefined) return undefined;
  const { key }: { key?: unknown } = JSON.parse(record);
  return typeof key === "string" ? key : undefined;
}
