import type { RateLookup } from "../../src/core/audit.ts";
import { exportLedger } from "../../src/ledger/export.ts";
import { writeEntries } from "../../src/ledger/write.ts";
import { type History, rateOf } from "../ledger/history.ts";
import { T0 } from "./core-fixtures.ts";
import { migratedD1 } from "./sqlite-d1.ts";

/** The export of a ledger that has all entries of `history`, as the gateway makes it. */
export async function exportOf(history: History, rates: RateLookup = rateOf): Promise<string> {
  const { db } = migratedD1();
  await writeEntries(db, history.entries);
  return textOf(await exportLedger({ db, rateOf: rates }, history.id, history.head(), T0));
}

export function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return new Response(stream).text();
}
