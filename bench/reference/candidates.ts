import { Client } from "../load.ts";
import { startBareProxy } from "../servers.ts";
import { BenchedSpillway } from "../spillway.ts";
import { startNodeServer } from "./node-server.ts";
import type { Programs } from "./programs.ts";
import type { AccountingName } from "./server/process-settings.ts";
import { ReferenceSystem } from "./system.ts";

/** What serves requests: a bare proxy, Spillway, or the reference in one of its two ways. */
export type SystemName = "bare Worker" | "bare Hono on Node" | "Spillway" | AccountingName;

/** One of the things that are compared: a system with a number of accounts. */
export interface Candidate {
  readonly system: SystemName;
  /** Accounts that take its requests in turn. */
  readonly accounts: number;
  readonly client: Client;
  /** Asks for one account only, which therefore stays loaded. */
  readonly unhurried: Client;
  /** Processes whose work, with that of their children, is its work. */
  readonly pids: () => readonly number[];
}

export interface Place {
  readonly upstreamUrl: string;
  readonly stateRoot: string;
}

/** Systems end with `cleanup`. Of each system the candidates share one instance. */
export class Starter {
  readonly #cleanup: AsyncDisposableStack;
  readonly #place: Place;
  readonly #checks: (() => Promise<void>)[] = [];

  constructor(cleanup: AsyncDisposableStack, place: Place) {
    this.#cleanup = cleanup;
    this.#place = place;
  }

  async bareWorker(): Promise<Candidate> {
    const bare = await startBareProxy(this.#place.upstreamUrl);
    this.#cleanup.defer(() => bare.miniflare.dispose());
    return this.#candidate("bare Worker", bare.port, ["none"], () => present(bare.process.pid));
  }

  async bareNode(): Promise<Candidate> {
    const bare = await startNodeServer("bare.ts", { UPSTREAM_URL: `${this.#place.upstreamUrl}/v1` });
    this.#cleanup.defer(() => bare.kill());
    return this.#candidate("bare Hono on Node", bare.port, ["none"], () => [bare.pid]);
  }

  async spillway(counts: readonly number[]): Promise<Candidate[]> {
    const spillway = await BenchedSpillway.start(this.#place.stateRoot, this.#place.upstreamUrl);
    this.#cleanup.defer(() => spillway.dispose());
    this.#checks.push(() => spillway.checkBooks());
    const candidates: Candidate[] = [];
    for (const count of counts) {
      const keys = (await spillway.makeAccounts(count)).map(({ key }) => key);
      const pids = () => present(spillway.gateway.workerdPid);
      candidates.push(this.#candidate("Spillway", spillway.gateway.port, keys, pids));
    }
    return candidates;
  }

  async reference(programs: Programs, accounting: AccountingName, counts: readonly number[]): Promise<Candidate[]> {
    const system = await ReferenceSystem.start(programs, { ...this.#place, accounting });
    this.#cleanup.defer(() => system.dispose());
    const candidates: Candidate[] = [];
    for (const count of counts) {
      const keys = (await system.makeAccounts(count, PLENTY)).map(({ key }) => key);
      candidates.push(this.#candidate(accounting, system.port, keys, () => system.pids));
    }
    const sent = () => candidates.reduce((sum, { client, unhurried }) => sum + client.sent + unhurried.sent, 0);
    this.#checks.push(() => system.checkBooks(sent()));
    return candidates;
  }

  /** Fails unless the books of every system are right. */
  async checkBooks(): Promise<void> {
    for (const check of this.#checks) await check();
  }

  #candidate(system: SystemName, port: number, keys: readonly string[], pids: Candidate["pids"]): Candidate {
    const client = new Client({ port, keys });
    const unhurried = new Client({ port, keys: keys.slice(0, 1) });
    this.#cleanup.defer(() => client.close());
    this.#cleanup.defer(() => unhurried.close());
    return { system, accounts: keys.length, client, unhurried, pids };
  }
}

/** Micro-credits: a million credits, as Spillway's accounts have in the benchmark. */
const PLENTY = 1_000_000_000_000;

function present(pid: number | undefined): number[] {
  return pid === undefined ? [] : [pid];
}

/** How tables call a candidate. */
export function nameOf({ system, accounts }: Pick<Candidate, "system" | "accounts">): string {
  if (system === "bare Worker" || system === "bare Hono on Node") return system;
  return `${system}, ${accounts.toLocaleString("en")} ${accounts === 1 ? "account" : "accounts"}`;
}
