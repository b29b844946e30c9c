import { expectTypeOf, test } from "vitest";
import type {
  Account,
  AdminLogEntry,
  BalanceUpdate,
  Grant,
  KindTotal,
  MonetizationEvent,
  PendingReservation,
  Receipt,
  Reconciliation,
  UsageEvent,
  UsageTotal,
} from "../../client/types.ts";
import type { AdminLogWire } from "../../src/catalog/admin-log.ts";
import type * as reconciliations from "../../src/ledger/reconciliations.ts";
import type { accountWire, grantWire } from "../../src/wire/account.ts";
import type { balanceUpdateWire, monetizationEventWire, usageEventWire } from "../../src/wire/ledger.ts";
import type { receiptWire } from "../../src/wire/receipt.ts";
import type { pendingWire } from "../../src/wire/reservation.ts";
import type { kindTotalWire } from "../../src/wire/totals.ts";
import type { usageTotalWire } from "../../src/wire/usage-totals.ts";

/** Schemas know no `readonly`. */
type Plain<T> = T extends object ? { -readonly [Key in keyof T]: Plain<T[Key]> } : T;
type Told<Show extends (...given: never[]) => unknown> = Plain<ReturnType<Show>>;

// Answers of a test show only some of the words that a field can hold. Types know all of them.
test("what is documented has every word that the gateway can say", () => {
  expectTypeOf<Told<typeof accountWire>["status"]>().toEqualTypeOf<Account["status"]>();
  expectTypeOf<Told<typeof accountWire>["gates"][number]["unit"]>().toEqualTypeOf<Account["gates"][number]["unit"]>();
  expectTypeOf<Told<typeof grantWire>>().toEqualTypeOf<Grant>();
  expectTypeOf<Told<typeof usageEventWire>["outcome"]>().toEqualTypeOf<UsageEvent["outcome"]>();
  expectTypeOf<Told<typeof monetizationEventWire>>().toEqualTypeOf<MonetizationEvent>();
  expectTypeOf<Told<typeof balanceUpdateWire>["kind"]>().toEqualTypeOf<BalanceUpdate["kind"]>();
  expectTypeOf<Told<typeof receiptWire>["decision"]["considered"]>().toEqualTypeOf<Receipt["decision"]["considered"]>();
  expectTypeOf<NonNullable<Told<typeof receiptWire>["reservation"]>>().toEqualTypeOf<
    NonNullable<Receipt["reservation"]>
  >();
  expectTypeOf<Told<typeof usageTotalWire>>().toEqualTypeOf<UsageTotal>();
  expectTypeOf<Told<typeof kindTotalWire>>().toEqualTypeOf<KindTotal>();
  expectTypeOf<Plain<reconciliations.Reconciliation>>().toEqualTypeOf<Reconciliation>();
  expectTypeOf<keyof Told<typeof pendingWire>>().toEqualTypeOf<keyof PendingReservation>();
  expectTypeOf<Plain<AdminLogWire>>().toEqualTypeOf<AdminLogEntry>();
});
