import { setTimeout as sleep } from "node:timers/promises";
import type { Book } from "./book.ts";
import { readBooks } from "./books.ts";
import { type Finding, finding, moneyFindings } from "./findings.ts";
import { FLAT_HEAP, FLAT_RESIDENT, type FlatMemory, type MemoryTrend, type Trend } from "./memory.ts";
import type { Place } from "./requests.ts";
import type { Service } from "./service.ts";

/** What a kill left is found by the sweep of the minute, or sent again by its account. */
const QUIET_MS = 150_000;
const PAUSE_MS = 2_000;
/** No request of a story is under way for longer. */
const LONGEST_MS = 20_000;

interface Open {
  readonly account: string;
  readonly request_id: string;
  readonly reserved_at: string | null;
  readonly expires_at: string | null;
}

/** Waits until nothing moves any more, or patience ends; asks again for acts whose answer was lost. */
export async function becomeQuiet({ service, book }: Place): Promise<void> {
  for (const act of book.acts.filter(({ amount }) => amount === null)) act.amount = await act.repeat();
  const giveUpAt = Date.now() + QUIET_MS;
  while (Date.now() < giveUpAt) {
    const { pending } = await service.admin.ledger.reconcile(null);
    const open = await openReservations(service);
    if (pending.outbox === 0 && open.every((reservation) => isLeftByKill(service, reservation))) return;
    await sleep(PAUSE_MS);
  }
}

async function openReservations({ admin }: Service): Promise<Open[]> {
  return admin.ledger.reservations({ limit: 500 }).all();
}

/** One that was open at a kill is held until its time is over, unless its end becomes known sooner. */
function isLeftByKill(service: Service, { reserved_at, expires_at }: Open): boolean {
  const reservedAt = Date.parse(reserved_at ?? "");
  return service.explains(reservedAt, reservedAt + LONGEST_MS) && Date.parse(expires_at ?? "") > Date.now();
}

/** Everything that was promised, compared with what is found now. */
export async function judge(place: Place, trend: MemoryTrend): Promise<Finding[]> {
  const { service, book } = place;
  const all = [];
  for (const { id } of [...service.customers, ...service.poor]) all.push(await readBooks(service, id));
  return [
    ...moneyFindings(service, book, all),
    await reconciliationFinding(service),
    await reservationsFinding(service),
    troubleFinding(service, book),
    ...memoryFindings(trend),
  ];
}

async function reconciliationFinding({ admin }: Service): Promise<Finding> {
  const { checked, differences, unchecked, pending } = await admin.ledger.reconcile(null);
  const quarantined = await admin.ledger.quarantine({ limit: 500 }).all();
  const broken = [...differences, ...unchecked, ...quarantined].map((item) => JSON.stringify(item));
  if (pending.outbox > 0) broken.push(`${pending.outbox} entries are still on their way`);
  return finding(
    "the ledger is complete and adds up",
    `${checked.accounts} accounts, ${checked.events} events`,
    broken,
  );
}

async function reservationsFinding(service: Service): Promise<Finding> {
  const open = await openReservations(service);
  const stuck = open.filter((reservation) => !isLeftByKill(service, reservation));
  return finding(
    "no reservation is stuck",
    `${open.length} open${open.length > 0 ? ", held since a kill until their time is over" : ""}`,
    stuck.map(({ account, request_id, reserved_at }) => `${account} ${request_id} since ${reserved_at}`),
  );
}

function troubleFinding(service: Service, { troubles }: Book): Finding {
  const unexplained = troubles.filter(({ from, to }) => !service.explains(from, to));
  return finding(
    "no failure but those of a kill",
    `${troubles.length - unexplained.length} in ${service.kills.length} kills`,
    unexplained.map(({ from, text }) => `${new Date(from).toISOString()} ${text}`),
  );
}

function memoryFindings({ minutes, heap, resident }: MemoryTrend): Finding[] {
  const findings = [flatFinding("the heap is flat", heap, minutes, FLAT_HEAP)];
  // Where there is no /proc, only the heap is seen.
  if (resident !== null) findings.push(flatFinding("resident memory is flat", resident, minutes, FLAT_RESIDENT));
  return findings;
}

function flatFinding(promise: string, trend: Trend | null, minutes: number, flat: FlatMemory): Finding {
  const found =
    trend === null
      ? "not seen"
      : `${trend.mbPerMinute.toFixed(2)} MB a minute, ${trend.fromMb.toFixed(1)} to ${trend.toMb.toFixed(1)} MB`;
  if (minutes < flat.minutes) return finding(promise, `${found}; not judged below ${flat.minutes} minutes`, []);
  const isFlat = trend !== null && trend.mbPerMinute <= flat.mbPerMinute;
  return finding(
    promise,
    `${found} over ${minutes.toFixed(1)} minutes`,
    isFlat ? [] : [`at most ${flat.mbPerMinute} MB a minute is flat`],
  );
}
