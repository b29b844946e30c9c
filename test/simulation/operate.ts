import { type AccountClient, AccountUnreachable } from "../../durable-objects/client.ts";
import type { Cast } from "./cast.ts";
import { Invocation } from "./invocation.ts";
import { clientFor } from "./network.ts";

const TRIES = 4;
const BETWEEN_TRIES_MS = 30_000;

/** Runs `work`, again if the object cannot be reached. */
export function operate(cast: Cast, work: (accounts: AccountClient) => Promise<void>): void {
  const invocation = new Invocation(cast.world);
  const accounts = clientFor(invocation, cast.hosts);
  cast.begin(async () => {
    for (let tried = 1; ; tried += 1) {
      try {
        return await work(accounts);
      } catch (error) {
        if (!(error instanceof AccountUnreachable)) throw error;
        if (tried === TRIES) return;
        await cast.world.sleep(BETWEEN_TRIES_MS);
      }
    }
  }, invocation);
}
