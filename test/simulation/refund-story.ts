import type { Cast } from "./cast.ts";
import { operate } from "./operate.ts";

/** A person gives back a part of some charge. */
export function refundSome(cast: Cast, accountId: string, n: number): void {
  const charged = [...cast.promises.charged.keys()].filter((key) => key.startsWith(`${accountId} `));
  const attempt = charged[n % Math.max(1, charged.length)]?.split(" ")[1];
  if (attempt !== undefined) refundTwice(cast, accountId, attempt, `ref_${n}`);
}

/** A person gives back a part of what `attempt` (`<request>.<attempt>`) was charged; the button was pressed twice. */
export function refundTwice(cast: Cast, accountId: string, attempt: string, id: string): void {
  const { world, promises } = cast;
  const requestId = attempt.slice(0, attempt.lastIndexOf("."));
  const key = `${accountId} ${attempt.replace(/^req_/, "mon_")}`;
  const amount = world.random.pick([null, 1_000]);
  for (const _ of ["first", "second"]) {
    operate(cast, async (accounts) => {
      const reply = await accounts.refund(accountId, { id, requestId, amount, reason: "a person decided so" });
      if (reply.kind === "unknown") world.violate("what was charged can be refunded", requestId);
      if (reply.kind === "refunded") promises.refundAcknowledged(key, id, reply.refund.amount);
    });
  }
}
