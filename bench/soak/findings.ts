import type { Book, Entry } from "./book.ts";
import type { AccountBooks } from "./books.ts";
import { credits } from "./prices.ts";
import { Service } from "./service.ts";

/** A promise, and what was found of it. */
export interface Finding {
  readonly promise: string;
  readonly isKept: boolean;
  readonly found: string;
  /** The first cases in which it was broken. */
  readonly cases: readonly string[];
}

const CASES_SHOWN = 5;

export function finding(promise: string, found: string, broken: readonly string[]): Finding {
  return { promise, found, isKept: broken.length === 0, cases: broken.slice(0, CASES_SHOWN) };
}

/** Compares what clients were told with what the ledger says, request by request. */
export function moneyFindings(service: Service, book: Book, all: readonly AccountBooks[]): Finding[] {
  const requests = all.flatMap((books) => books.requests);
  const charges = new Map(requests.map(({ requestId, charge }) => [requestId, charge]));
  return [
    toldFinding(service, book, charges),
    unsureFinding(book, charges),
    unknownFinding(service, book, requests),
    twiceFinding(requests),
    actsFinding(book, all),
    sumsFinding(all),
  ];
}

/** Repetitions are told of the same request several times. */
function byRequest(entries: readonly Entry[]): Map<string, Entry> {
  return new Map(entries.flatMap((entry) => (entry.requestId === null ? [] : [[entry.requestId, entry]])));
}

function toldFinding(service: Service, book: Book, charges: ReadonlyMap<string, number>): Finding {
  const broken: string[] = [];
  let told = 0;
  let cut = 0;
  let sum = 0;
  for (const [id, entry] of byRequest(book.entries.filter(({ ending }) => ending === "answered"))) {
    const charge = charges.get(id) ?? 0;
    // A stream can be read to its end in the moment before the kill, and its settlement comes too late for it.
    if (charge < entry.price && service.explains(entry.startedAt, entry.endedAt)) cut += 1;
    else if (charge !== entry.price)
      broken.push(`${entry.kind} ${id}: told ${credits(entry.price)}, charged ${credits(charge)}`);
    told += 1;
    sum += charge;
  }
  const found = `${told} requests, ${credits(sum)} credits${cut > 0 ? `; ${cut} cut off by a kill cost less` : ""}`;
  return finding("what clients were told is what they are charged", found, broken);
}

function unsureFinding(book: Book, charges: ReadonlyMap<string, number>): Finding {
  const answered = byRequest(book.entries.filter(({ ending }) => ending === "answered"));
  const others = [...byRequest(book.entries.filter(({ ending }) => ending !== "answered"))].filter(
    ([id]) => !answered.has(id),
  );
  const broken = others.flatMap(([id, { kind, ending, price }]) => {
    const charge = charges.get(id) ?? 0;
    const most = ending === "refused" ? 0 : price;
    return charge > most ? [`${kind} ${id}: charged ${credits(charge)}, at most ${credits(most)}`] : [];
  });
  const sum = others.reduce((total, [id]) => total + (charges.get(id) ?? 0), 0);
  const found = `${others.length} requests, ${credits(sum)} credits`;
  return finding("who left, failed or was refused is charged within bounds", found, broken);
}

function unknownFinding(service: Service, book: Book, requests: AccountBooks["requests"]): Finding {
  const known = byRequest(book.entries);
  const unknown = requests.filter(({ requestId }) => !known.has(requestId));
  // Whose connection ended before an answer began was never told an id.
  const untold = book.entries.filter(
    ({ requestId, kind, startedAt, endedAt }) =>
      requestId === null && (kind === "hang-up" || service.explains(startedAt, endedAt)),
  ).length;
  const broken = unknown.length > untold ? unknown.map(({ requestId }) => requestId) : [];
  return finding(
    "nobody is charged for what nobody asked",
    `${unknown.length} requests of ${untold} whose client was told no id`,
    broken,
  );
}

function twiceFinding(requests: AccountBooks["requests"]): Finding {
  const seen = new Map<string, number>();
  for (const { requestId, outcome } of requests) {
    if (outcome !== "late") seen.set(requestId, (seen.get(requestId) ?? 0) + 1);
  }
  const twice = [...seen].filter(([, count]) => count > 1).map(([id, count]) => `${id}: ${count} times`);
  return finding("no request ends twice", `${seen.size} requests`, twice);
}

function actsFinding(book: Book, all: readonly AccountBooks[]): Finding {
  const broken: string[] = [];
  let told = 0;
  for (const { account, kinds, status } of all) {
    if (status !== "active") broken.push(`${account} is ${status}`);
    for (const kind of ["grant", "refund"] as const) {
      const acts = book.acts.filter((act) => act.account === account && act.kind === kind);
      const first = kind === "grant" && (kinds.get("grant") ?? 0) > 0 ? Service.credits : 0;
      const sum = acts.reduce((total, { amount }) => total + (amount ?? 0), first);
      const written = kinds.get(kind) ?? 0;
      if (sum !== written) broken.push(`${account}: ${kind}s told ${credits(sum)}, written ${credits(written)}`);
      told += acts.length;
    }
  }
  return finding("grants and refunds are those that operators were told of", `${told} grants and refunds`, broken);
}

function sumsFinding(all: readonly AccountBooks[]): Finding {
  const broken: string[] = [];
  let charged = 0;
  for (const { account, requests, kinds, deltas, available, reserved } of all) {
    const charges = requests.reduce((sum, { charge }) => sum + charge, 0);
    const paid = ["allowance", "debit", "overshoot"].reduce((sum, kind) => sum + (kinds.get(kind) ?? 0), 0);
    if (charges !== paid) broken.push(`${account}: charges ${credits(charges)}, balance updates ${credits(paid)}`);
    if (deltas !== available + reserved) {
      broken.push(`${account}: ledger ${credits(deltas)}, account ${credits(available + reserved)}`);
    }
    charged += charges;
  }
  return finding("charges, balance updates and balances have the same sum", `${credits(charged)} credits`, broken);
}
