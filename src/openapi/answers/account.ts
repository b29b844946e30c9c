import * as z from "zod";
import { answer, pageOf } from "./answer.ts";
import { count, credits, features, instant, quantity } from "./fields.ts";

/** Accounts, as their holders and the operator see them. */

const window = answer(
  "Window",
  z.strictObject({
    kind: z.enum(["anchored", "sliding", "calendar"]),
    period: z.string().meta({ description: "Its length; of calendar windows day, week or month.", examples: ["5h"] }),
    time_zone: z.string().optional().describe("Of calendar windows."),
    limit: quantity,
    used: quantity,
    reserved: quantity,
    remaining: quantity,
    started_at: instant.nullable(),
    resets_at: instant.nullable().describe("When room comes back; the same instant that is enforced."),
  }),
);

const allowance = answer(
  "Allowance",
  z
    .strictObject({
      id: z.string(),
      features,
      models: z.array(z.string()).nullable(),
      unit: z.enum(["credits", "requests", "tokens", "seconds"]),
      windows: z.array(window),
    })
    .describe("Included use that renews with its windows. A draw needs room in every one of them."),
);

export const grant = answer(
  "Grant",
  z
    .strictObject({
      id: z.string(),
      kind: z.enum(["promotional", "entitlement", "paid", "adjustment"]),
      amount: credits,
      used: credits,
      reserved: credits,
      expired: credits,
      remaining: credits,
      priority: count.describe("Smaller burns first."),
      effective_at: instant,
      expires_at: instant.nullable(),
      features,
      reason: z.string(),
      created_at: instant,
      voided_at: instant.nullable(),
    })
    .describe("An immutable allotment of credits."),
);

const gate = answer(
  "Gate",
  z
    .strictObject({
      id: z.string(),
      unit: z.enum(["requests", "tokens", "input_tokens", "output_tokens", "credits", "concurrency"]),
      per: z.enum(["account", "key"]),
      limit: z.union([count, credits]),
      remaining: z.union([count, credits]),
      resets_at: instant.nullable(),
    })
    .describe("A limit that can only refuse; credits never buy it off."),
);

export const account = answer(
  "Account",
  z.strictObject({
    id: z.string(),
    plan: z.strictObject({ id: z.string(), version: z.int().min(1), name: z.string() }),
    status: z.enum(["active", "suspended", "frozen"]),
    as_of_seq: count.describe("The newest entry of the ledger that this is the sum of."),
    credits: z.strictObject({ available: credits, reserved: credits, used: credits }),
    allowances: z.array(allowance),
    grants: z.array(grant).describe("Grants with something left, in the order in which they burn."),
    gates: z.array(gate),
  }),
);

/** The same with what only an operator is told. */
export const operatorAccount = answer(
  "OperatorAccount",
  z.strictObject({
    ...account.shape,
    name: z.string().nullable(),
    status_reason: z.string().nullable(),
  }),
);

export const reopenedAccount = answer(
  "ReopenedAccount",
  z.strictObject({
    account: z.string(),
    epoch: count.describe("The epoch that has begun."),
    seq: count.describe("The entry with which it begins."),
    head: z.string().describe("The hash of that entry."),
    balance: credits.describe("What is carried over."),
    status: account.shape.status,
    plan: z.string(),
    grants: count.describe("Grants with something left."),
    keys: count.describe("Keys that are not revoked, as far as the account still has them. No ledger tells of keys."),
  }),
);

const keyFields = {
  id: z.string(),
  name: z.string().nullable(),
  scopes: z.array(z.string()).nullable().describe("What the key may be used for; `null` is everything."),
  created_at: instant,
  expires_at: instant.nullable(),
};

export const apiKey = answer("ApiKey", z.strictObject({ ...keyFields, revoked_at: instant.nullable() }));
export const apiKeys = pageOf("ApiKeys", apiKey);

export const newApiKey = answer(
  "NewApiKey",
  z.strictObject({ ...keyFields, key: z.string().describe("The key itself. It is shown this once and never stored.") }),
);

/** The same from the holder's own routes, which tell more of it. */
export const ownNewKey = answer("OwnNewApiKey", z.strictObject({ ...newApiKey.shape, revoked_at: instant.nullable() }));

export const rolledKey = answer(
  "RolledApiKey",
  z.strictObject({
    ...ownNewKey.shape,
    replaces: z
      .strictObject({ id: z.string(), expires_at: instant.nullable() })
      .describe("The key that it takes over from, and until when that one works on."),
  }),
);

export const ownRevokedKey = answer(
  "OwnRevokedKey",
  z.strictObject({
    id: z.string(),
    revoked: z.literal(true),
    was_own: z.boolean().describe("Whether it was the key that asked."),
  }),
);

export const revokedKey = answer("RevokedKey", z.strictObject({ id: z.string(), revoked: z.literal(true) }));

export const refund = answer(
  "Refund",
  z.strictObject({ id: z.string(), request_id: z.string(), amount: credits, reason: z.string(), at: instant }),
);

export const objectWork = answer(
  "ObjectWork",
  z
    .strictObject({
      calls: count.describe("Turns: commands, and the parts of alarms."),
      rows_written: count,
      rows_read: count.optional(),
      alarms_set: count,
      requests: count.optional().describe("Calls from outside and alarms that rang, but for this question."),
      messages: count.optional().describe("Messages that it put on the ledger's queue itself."),
      polls: count.optional().describe("Questions after jobs put on their queue."),
      handed_over: count.optional().describe("Entries that the gateway put on the ledger's queue for it."),
      confirmations: count.optional().describe("How often the ledger has told it what it holds."),
      flushed: z
        .strictObject({ entries: count, messages: count })
        .optional()
        .describe("What the isolate that answers has put on the ledger's queue, for all accounts, since it began."),
    })
    .describe("What the account's object did since it was last woken."),
);

export const listedAccount = answer(
  "ListedAccount",
  z
    .strictObject({
      id: z.string(),
      name: z.string().nullable(),
      created_at: instant,
      balance: credits.describe("Granted and not used, as far as the ledger has it."),
      entries: count,
      last_entry_at: instant.nullable(),
    })
    .describe("An account with what the ledger says of it. Plan and status are known to its object alone."),
);
export const listedAccounts = pageOf("ListedAccounts", listedAccount);

export const resolvedReservation = answer(
  "ResolvedReservation",
  z.strictObject({
    account: z.string(),
    request_id: z.string(),
    action: z.enum(["release", "settle_checkpoint"]),
    charge: credits,
  }),
);
