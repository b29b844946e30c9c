import { SpillwayError } from "../client/errors.ts";
import { Spillway } from "../client/spillway.ts";
import type { NewGrant } from "../client/types.ts";
import { type AdminClient, unless } from "./admin-client.ts";
import type { SecretFiles } from "./secrets-file.ts";

const ACCOUNT = "acct_demo";
const PLAN = "plus";
/** Beside the other secrets of a gateway on this machine. */
const FILE = "demo.json";
const DAY_MS = 86_400_000;

/** What is kept of the demo: its key is shown once by the gateway, and again at every start by us. */
interface DemoRecord {
  /** When the account was first tried to be made; the grants depend on it, so that a repetition asks for the same. */
  readonly createdAt: number;
  readonly key?: string;
}

/**
 * Makes sure that a demo account exists, with a promotional grant of 5 credits for 7 days, a paid grant of 100 credits,
 * and a key that works. Safe to repeat after an end in the middle: the grants carry idempotency keys.
 *
 * @returns the key, the same at every start for as long as it works
 */
export async function ensureDemo(admin: AdminClient, origin: string, files: SecretFiles): Promise<string> {
  const kept = await readRecord(files);
  if (kept?.key !== undefined && (await isKeyAccepted(origin, kept.key))) return kept.key;

  const account = await unless(404, undefined, admin.accounts.get(ACCOUNT));
  const createdAt = account === undefined || kept === undefined ? Date.now() : kept.createdAt;
  await writeRecord(files, { createdAt });
  if (account === undefined) await admin.accounts.create({ id: ACCOUNT, plan: PLAN, name: "Demo" });
  await grant(admin, "demo-promotional", {
    amount: "5",
    kind: "promotional",
    expires_at: new Date(createdAt + 7 * DAY_MS).toISOString(),
    reason: "Welcome credits of the demo",
  });
  await grant(admin, "demo-paid", { amount: "100", kind: "paid", reason: "Credits of the demo" });
  const { key } = await admin.accounts.createKey(ACCOUNT, { name: "demo" });
  await writeRecord(files, { createdAt, key });
  return key;
}

async function readRecord(files: SecretFiles): Promise<DemoRecord | undefined> {
  const text = await files.read(FILE);
  return text === undefined ? undefined : JSON.parse(text);
}

async function writeRecord(files: SecretFiles, record: DemoRecord): Promise<void> {
  await files.write(FILE, JSON.stringify(record));
}

/** False only when the key is unknown, e.g. because SPILLWAY_KEY_SECRET changed or the state was removed. */
async function isKeyAccepted(origin: string, key: string): Promise<boolean> {
  try {
    await new Spillway({ baseUrl: origin, token: key }).account();
    return true;
  } catch (error) {
    if (error instanceof SpillwayError) return error.status !== 401;
    throw error;
  }
}

/** A refusal of the key says that this grant was made before, from a record that was lost since. */
async function grant(admin: AdminClient, idempotencyKey: string, terms: NewGrant): Promise<void> {
  await unless(422, undefined, admin.accounts.grant(ACCOUNT, terms, { idempotencyKey }));
}
