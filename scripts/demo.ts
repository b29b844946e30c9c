import type { AdminClient } from "./admin-client.ts";
import type { SecretFiles } from "./secrets-file.ts";

const ACCOUNT = "acct_demo";
const PLAN = "plus";
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

  const account = await admin.requestUnless(404, undefined, "GET", `/admin/accounts/${ACCOUNT}`);
  const createdAt = account === undefined || kept === undefined ? Date.now() : kept.createdAt;
  await writeRecord(files, { createdAt });
  if (account === undefined) {
    await admin.request("POST", "/admin/accounts", { body: { id: ACCOUNT, plan: PLAN, name: "Demo" } });
  }
  await grant(admin, "demo-promotional", {
    amount: "5",
    kind: "promotional",
    expires_at: new Date(createdAt + 7 * DAY_MS).toISOString(),
    reason: "Welcome credits of the demo",
  });
  await grant(admin, "demo-paid", { amount: "100", kind: "paid", reason: "Credits of the demo" });
  const key = await makeKey(admin);
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
  const response = await fetch(`${origin}/api/account`, { headers: { authorization: `Bearer ${key}` } });
  await response.body?.cancel();
  return response.status !== 401;
}

/** A refusal of the key says that this grant was made before, from a record that was lost since. */
async function grant(admin: AdminClient, idempotencyKey: string, body: Record<string, string>): Promise<void> {
  await admin.requestUnless(422, undefined, "POST", `/admin/accounts/${ACCOUNT}/grants`, { body, idempotencyKey });
}

async function makeKey(admin: AdminClient): Promise<string> {
  const made = await admin.request("POST", `/admin/accounts/${ACCOUNT}/keys`, { body: { name: "demo" } });
  if (typeof made === "object" && made !== null && "key" in made && typeof made.key === "string") return made.key;
  throw new Error("The gateway made a key for the demo account but did not show it");
}
