import { setTimeout as sleep } from "node:timers/promises";
import { memoryOf } from "../process-memory.ts";
import { collectGarbage } from "./garbage.ts";
import { ask, type Place, question } from "./requests.ts";
import type { Service } from "./service.ts";
import { look, oneOf } from "./stories.ts";

const LAG_PATIENCE_MS = 30_000;
const LAG_PAUSE_MS = 100;

/** One look at the gateway from outside. `null`: it could not be seen at that moment. */
export interface Sample {
  /** Since the load began. */
  readonly atMs: number;
  /** Of workerd, with which restarts can be told. */
  readonly pid: number | null;
  /** What the Worker and the objects hold in V8's heap, in MB, after their garbage was collected. */
  readonly heapMb: number | null;
  /** Resident memory of workerd in MB, after that. */
  readonly memoryMb: number | null;
  readonly openReservations: number | null;
  /** Entries that the accounts' objects have decided and the ledger does not have yet. */
  readonly outbox: number | null;
  /** From an answer until the ledger has confirmed its entry. */
  readonly lagMs: number | null;
  /** Of `/health/pipeline`. */
  readonly health: string | null;
}

export async function takeSample(place: Place, startedAt: number): Promise<Sample> {
  const { service } = place;
  const pid = service.gateway.workerdPid ?? null;
  const [memory, openReservations, outbox, health, lagMs] = await Promise.all([
    seen(() => memoryInUse(service, pid)),
    seen(async () => (await service.admin.ledger.reservations({ limit: 500 }).all()).length),
    seen(() => outboxDepth(service)),
    seen(() => pipelineHealth(service)),
    lag(place),
  ]);
  const { heapMb = null, memoryMb = null } = memory ?? {};
  return { atMs: Date.now() - startedAt, pid, heapMb, memoryMb, openReservations, outbox, lagMs, health };
}

async function seen<Answer>(look: () => Promise<Answer>): Promise<Answer | null> {
  try {
    return await look();
  } catch {
    return null;
  }
}

/** By how many entries the ledger is behind the objects. */
async function outboxDepth({ admin, gateway, customers, poor }: Service): Promise<number> {
  const accounts = await Promise.all([...customers, ...poor].map(({ id }) => admin.accounts.get(id)));
  const d1 = await gateway.getD1();
  const { results } = await d1
    .prepare("SELECT account_id, max_seq FROM balances")
    .all<{ account_id: string; max_seq: number }>();
  const written = new Map(results.map(({ account_id, max_seq }) => [account_id, max_seq]));
  return accounts.reduce((sum, { id, as_of_seq }) => sum + Math.max(0, as_of_seq - (written.get(id) ?? 0)), 0);
}

async function pipelineHealth({ gateway }: Service): Promise<string> {
  const response = await fetch(`${gateway.url}/health/pipeline`, { signal: AbortSignal.timeout(5_000) });
  return ((await response.json()) as { status: string }).status;
}

/** A request of its own, and how long its entry is on its way. */
async function lag(place: Place): Promise<number | null> {
  const customer = oneOf(place.service.customers);
  const answer = await ask(place, customer, question("json", "json", 5));
  const { requestId } = answer?.entry ?? {};
  if (!requestId) return null;
  const from = Date.now();
  while (Date.now() < from + LAG_PATIENCE_MS) {
    const text = await look(place, customer.key, `/api/requests/${requestId}`);
    const receipt: { ledger: { confirmed: boolean } | null } | null = text === null ? null : JSON.parse(text);
    if (receipt?.ledger?.confirmed) return Date.now() - from;
    await sleep(LAG_PAUSE_MS);
  }
  return null;
}

async function memoryInUse(
  { inspectorPort }: Service,
  pid: number | null,
): Promise<Pick<Sample, "heapMb" | "memoryMb">> {
  const heapMb = await collectGarbage(inspectorPort);
  return { heapMb, memoryMb: memoryOf(pid) };
}
