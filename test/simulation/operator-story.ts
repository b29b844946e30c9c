import type { AccountClient } from "../../durable-objects/client.ts";
import type { GrantCommand } from "../../src/core/granting.ts";
import { auditAccount } from "../../src/ledger/account-audit.ts";
import type { Cast } from "./cast.ts";
import { Invocation } from "./invocation.ts";
import { hostOf } from "./network.ts";
import { operate } from "./operate.ts";
import { poisonOf } from "./poison.ts";
import { refundSome } from "./refund-story.ts";
import { requestStory } from "./request-story.ts";
import { rerateSome } from "./rerating-story.ts";
import type { Action, GrantAction } from "./workload.ts";

/** Lets an action of the workload happen. */
export function begin(cast: Cast, accountId: string, action: Action): void {
  switch (action.kind) {
    case "request":
      cast.begin(() => requestStory(cast, accountId, action), new Invocation(cast.world));
      break;
    case "grant":
      for (let copy = 0; copy < action.copies; copy += 1) {
        operate(cast, (accounts) => topUp(cast, accounts, accountId, action));
      }
      break;
    case "refund":
      refundSome(cast, accountId, action.n);
      break;
    case "rerate":
      rerateSome(cast, accountId, action);
      break;
    case "publish":
      cast.offers.publish(cast.world.random.fork(`plan ${action.n}`), cast.world.random.pick(["plus", "pro"]));
      break;
    case "prices":
      cast.offers.changePrices();
      break;
    case "clock":
      moveClock(cast, accountId, action.skewMs);
      break;
    case "outage":
      failLedger(cast, action.lastsMs);
      break;
    case "poison":
      putPoison(cast, accountId, action);
      break;
    default:
      operate(cast, (accounts) => operation(cast, accounts, accountId, action));
  }
}

/** What a person does once. */
async function operation(cast: Cast, accounts: AccountClient, accountId: string, { kind, n }: Action): Promise<void> {
  const { world, offers } = cast;
  if (kind === "void") return voidSome(cast, accounts, accountId, n);
  if (kind === "audit") return audit(cast, accounts, accountId);
  if (kind === "freeze") await accounts.freeze(accountId, "a person looks at it");
  if (kind === "thaw") await accounts.setStatus(accountId, "active", "a person has looked at it");
  if (kind !== "move") return;
  await accounts.followPlan(accountId, offers.plan(world.random.pick(["plus", "pro"])), true);
  world.reach("moved to another plan");
}

function moveClock({ world, hosts }: Cast, accountId: string, skewMs: number): void {
  world.faults.note("clock jumps");
  world.tell(`${accountId}: its clock is now ${skewMs / 1_000} s ahead`);
  hostOf(hosts, accountId).moveClock(skewMs);
}

function failLedger({ world, hosts, database }: Cast, lastsMs: number): void {
  world.faults.note("D1 out for minutes");
  world.tell(`D1 is out for ${lastsMs / 1_000} s`);
  if ([...hosts.values()].some((host) => host.outboxSize() > 0)) world.reach("D1 out while entries wait");
  database.failFor(lastsMs);
}

async function topUp(
  cast: Cast,
  accounts: AccountClient,
  accountId: string,
  action: GrantAction & Action,
): Promise<void> {
  const effectiveAt = action.at + action.startsAfterMs;
  const command: GrantCommand = {
    id: action.grantId,
    kind: action.promotional ? "promotional" : "paid",
    amount: action.amount,
    priority: action.priority,
    effectiveAt,
    expiresAt: action.lastsMs === null ? null : effectiveAt + action.lastsMs,
    features: null,
    reason: "bought",
  };
  const reply = await accounts.grant(accountId, command);
  if (reply.kind === "granted") {
    cast.world.tell(`${accountId}: granted ${action.amount}${reply.created ? "" : ", again"}`);
    cast.promises.grantsAcknowledged.set(`${accountId} ${action.grantId}`, action.amount);
  } else if (reply.kind === "expired" && !cast.promises.granted.has(`${accountId} ${action.grantId}`)) {
    // By the object's clock, which may be ahead. What was granted before is answered as it was, however late.
    cast.world.tell(`${accountId}: ${action.grantId} came too late`);
  } else cast.world.violate("I11: a top-up is acknowledged", `${action.grantId}: ${reply.kind}`);
}

async function voidSome(cast: Cast, accounts: AccountClient, accountId: string, n: number): Promise<void> {
  const known = [...cast.promises.granted.keys()].filter((key) => key.startsWith(`${accountId} `));
  const chosen = known[n % Math.max(1, known.length)]?.split(" ")[1];
  if (chosen === undefined) return;
  const held = hostOf(cast.hosts, accountId)
    .pending()
    .some(({ draws }) => draws.some(({ source }) => source === chosen));
  const reply = await accounts.voidGrant(accountId, chosen, "a person decided so");
  if (!reply?.grant.voidedAt) cast.world.violate("a void is acknowledged", chosen);
  if (held) cast.world.reach("grant voided while held");
}

/** Anybody may hold the ledger against the object at any time, and finds nothing. */
async function audit(cast: Cast, accounts: AccountClient, accountId: string): Promise<void> {
  const { world, database, offers } = cast;
  const { differences } = await auditAccount(
    {
      db: database.db,
      rateOf: offers.rateOf,
      headOf: async (id) => {
        const head = await accounts.head(id);
        if (head && head.unconfirmed.length > 0) world.reach("audit while entries are under way");
        return head;
      },
    },
    accountId,
  );
  const [difference] = differences;
  if (difference) world.violate("an audit at any time finds nothing", `${accountId}: ${JSON.stringify(difference)}`);
}

function putPoison(cast: Cast, accountId: string, action: Action & { kind: "poison" }): void {
  const poison = poisonOf(cast, accountId, action.how, action.n);
  if (!poison) return;
  cast.world.faults.note("poison on the queue");
  cast.world.tell(`poison on the queue: ${action.how}`);
  cast.poison.add(poison.mark);
  cast.queue.put([poison.json]);
}
