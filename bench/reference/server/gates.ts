import { createHash } from "node:crypto";
import { createClient } from "@redis/client";
import { admit, finish } from "./gate-scripts.ts";

export type Admission =
  | { readonly kind: "admitted"; readonly account: string; readonly minute: string }
  | { readonly kind: "unknown_key" | "gate" | "no_credits" };

/** The fast half of the reference: keys, windows and a copy of the balances, in Redis. */
export type Gates = Awaited<ReturnType<typeof connectGates>>;

export async function connectGates(url: string) {
  const redis = createClient({ url, scripts: { admit, finish } });
  redis.on("error", (error) => console.error("redis", error));
  await redis.connect();
  return {
    /** @param ceiling what the copy of the balance must have (micro-credits); 0: it is not asked */
    async admit(key: string, requestId: string, tokens: number, ceiling: number): Promise<Admission> {
      const [kind, account, minute] = await redis.admit(keyHash(key), Date.now(), requestId, tokens, ceiling);
      if (kind === "admitted" && account !== undefined && minute !== undefined) return { kind, account, minute };
      return { kind: kind === "gate" || kind === "no_credits" ? kind : "unknown_key" };
    },
    /** @param tokens used beyond what was admitted; usually less than 0 */
    async finish(account: string, minute: string, requestId: string, tokens: number, charged: number): Promise<void> {
      await redis.finish(account, minute, requestId, tokens, charged);
    },
  };
}

/** What is stored of a key. */
export function keyHash(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}
