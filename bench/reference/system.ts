import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { type NodeServer, startNodeServer } from "./node-server.ts";
import { type Postgres, startPostgres } from "./postgres.ts";
import type { Programs } from "./programs.ts";
import { type Redis, startRedis } from "./redis.ts";
import { keyHash } from "./server/gates.ts";
import { type AccountingName, type ServerSettings, serverEnvironment } from "./server/process-settings.ts";
import { freePort } from "./service.ts";

export interface ReferenceAccount {
  readonly id: string;
  readonly key: string;
}

export interface ReferenceOptions {
  readonly accounting: AccountingName;
  readonly upstreamUrl: string;
  /** Where Redis and PostgreSQL keep their files, in a new directory. */
  readonly stateRoot: string;
  /** Default: 15 minutes. */
  readonly holdMs?: number;
}

const LARGE = 1_000_000_000;
const HOLD_MS = 15 * 60_000;

/** The reference with its accounts: one Node, one Redis and one PostgreSQL, which nobody else uses. */
export class ReferenceSystem {
  readonly postgres: Postgres;
  readonly redis: Redis;
  readonly #settings: ServerSettings;
  readonly #databases: AsyncDisposableStack;
  #server: NodeServer;

  static async start(programs: Programs, options: ReferenceOptions): Promise<ReferenceSystem> {
    const { accounting, stateRoot, upstreamUrl, holdMs = HOLD_MS } = options;
    await using cleanup = new AsyncDisposableStack();
    const stateDir = await mkdtemp(join(stateRoot, "reference-bench-"));
    cleanup.defer(() => rm(stateDir, { recursive: true, force: true }));
    // PostgreSQL runs as another user, in a directory of its own inside.
    await chmod(stateDir, 0o711);
    const postgres = await startPostgres(programs, stateDir, await freePort());
    cleanup.defer(() => postgres.stop());
    const redis = await startRedis(programs, stateDir, await freePort());
    cleanup.defer(() => redis.stop());
    const settings = {
      accounting,
      upstreamUrl: `${upstreamUrl}/v1`,
      redisUrl: redis.url,
      databaseUrl: postgres.url,
      port: await freePort(),
      holdMs,
    };
    const server = await startNodeServer("main.ts", serverEnvironment(settings));
    return new ReferenceSystem(postgres, redis, settings, server, cleanup.move());
  }

  private constructor(
    postgres: Postgres,
    redis: Redis,
    settings: ServerSettings,
    server: NodeServer,
    databases: AsyncDisposableStack,
  ) {
    this.postgres = postgres;
    this.redis = redis;
    this.#settings = settings;
    this.#server = server;
    this.#databases = databases;
  }

  get port(): number {
    return this.#settings.port;
  }

  /** The processes whose work, with that of their children, is the work of the system. */
  get pids(): readonly number[] {
    return [this.#server.pid, this.redis.pid, this.postgres.pid];
  }

  /** @param credits of each, in micro-credits */
  async makeAccounts(count: number, credits: number): Promise<ReferenceAccount[]> {
    const accounts = Array.from({ length: count }, () => ({
      id: `acct_${randomUUID()}`,
      key: `sk-ref-${randomUUID()}`,
    }));
    const ids = accounts.map(({ id }) => id);
    await this.postgres.pool.query(
      "INSERT INTO balances (account, granted, balance) SELECT id, $2::bigint, $2::bigint FROM unnest($1::text[]) AS id",
      [ids, credits],
    );
    const limits = { requests: LARGE, tokens: 100 * LARGE, in_flight: LARGE };
    await Promise.all(
      accounts.flatMap(({ id, key }) => [
        this.redis.client.hSet(`key:${keyHash(key)}`, { account: id, ...limits }),
        this.redis.client.set(`balance:${id}`, credits),
      ]),
    );
    return accounts;
  }

  /** What the copy of the balance in Redis says, in micro-credits. */
  async cachedBalance({ id }: ReferenceAccount): Promise<number> {
    return Number(await this.redis.client.get(`balance:${id}`));
  }

  /** Kills the server with SIGKILL and starts it again on the same port and databases. */
  async crash(): Promise<void> {
    await this.#server.kill();
    this.#server = await startNodeServer("main.ts", serverEnvironment(this.#settings));
  }

  /** Fails unless exactly `requests` were booked, each charge moved its balance, and nothing is still reserved. */
  async checkBooks(requests: number): Promise<void> {
    const { rows } = await this.postgres.pool.query(BOOKS);
    const { used, charged, updated, wrong } = rows[0];
    if ([used, charged, updated].some((count) => Number(count) !== requests) || Number(wrong) !== 0) {
      throw new Error(`The books of the reference are wrong after ${requests} requests: ${JSON.stringify(rows[0])}`);
    }
  }

  async dispose(): Promise<void> {
    await this.#server.kill();
    await this.#databases.disposeAsync();
  }
}

const BOOKS = `
SELECT (SELECT count(*) FROM usage_events) AS used, (SELECT count(*) FROM charges) AS charged,
  (SELECT count(*) FROM balance_updates) AS updated,
  (SELECT count(*) FROM balances b WHERE reserved <> 0
     OR balance <> granted - coalesce((SELECT sum(amount) FROM charges c WHERE c.account = b.account), 0)) AS wrong`;
