/** One safeguard, and the edits of the source that take it away. */
export interface Mutant {
  readonly safeguard: string;
  readonly edits: readonly Edit[];
  /** Why taking it away changes nothing that is promised; then nobody need catch it. */
  readonly knownEquivalent?: string;
}

export interface Edit {
  readonly file: string;
  /** Must stand in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

const CORE_ENDS_ONCE: Edit = {
  file: "src/core/settlement.ts",
  find: `  invariant(live !== undefined && live.attempt === reservation.attempt, "only a pending reservation ends");`,
  replace: "  void live;",
};

/** What the protocol rests on. Each of these, taken away alone, must break a promise. */
export const MUTANTS: readonly Mutant[] = [
  {
    safeguard: "the ledger's primary key: a balance moves once per update",
    edits: [
      {
        file: "migrations/0002_ledger.sql",
        find: `  PRIMARY KEY (account_id, epoch, seq, draw)\n) STRICT, WITHOUT ROWID;`,
        replace: "  CHECK (true)\n) STRICT;",
      },
    ],
  },
  {
    safeguard: "an entry leaves the outbox when the ledger has it, not when the queue took it",
    edits: [
      {
        file: "durable-objects/outbox.ts",
        find: "    this.#sentUpTo(unsent.at(-1)?.seq ?? 0);\n    this.#sentAt = now;\n",
        replace:
          "    if (sent) this.#store.confirm([...stale, ...fresh].map(({ seq }) => seq), () => null);\n    this.#sentUpTo(unsent.at(-1)?.seq ?? 0);\n    this.#sentAt = now;\n",
      },
    ],
  },
  {
    safeguard: "an entry that was handed over stays in the outbox until the ledger has it",
    edits: [
      {
        file: "durable-objects/outbox.ts",
        find: "    for (const { seq } of entries) this.#beyond.add(seq);\n",
        replace: "    this.#store.confirm(entries.map(({ seq }) => seq), () => null);\n",
      },
    ],
  },
  {
    safeguard: "settling again settles nothing",
    edits: [
      CORE_ENDS_ONCE,
      {
        file: "durable-objects/account-requests.ts",
        find: `reservation.state === "settled" ? null : end(`,
        replace: "end(",
      },
      {
        file: "durable-objects/account-requests.ts",
        find: `    if (reservation.state === "pending") return settle(`,
        replace: `    if (reservation.state !== "expired") return settle(`,
      },
    ],
  },
  {
    safeguard: "reserving again reserves nothing",
    edits: [
      {
        file: "src/core/reserve.ts",
        find: `  return existing.owner === command.owner
    ? { kind: "reserved", reservation: existing }
    : { kind: "in_flight", reservation: existing };`,
        replace: "  return null;",
      },
    ],
  },
  {
    safeguard: "a late settlement charges only the difference",
    edits: [
      {
        file: "src/core/settlement.ts",
        find: "Math.max(0, charge - before.charge)",
        replace: "charge",
      },
    ],
  },
  {
    safeguard: "an object is told after the ledger's commit, not before it",
    edits: [
      {
        file: "src/ledger/consumer.ts",
        find: "  const written = await writeAll(",
        replace: "  await confirmAll(deps, items);\n  const written = await writeAll(",
      },
    ],
  },
  {
    safeguard: "an update and its balance are one transaction",
    edits: [
      {
        file: "src/ledger/write.ts",
        find: "  const [others] = await db.batch(entryStatements(db, entries));\n",
        replace:
          "  const moved = entries.flatMap((entry) => rowsOf(entry).updates);\n" +
          "  const pairs = JSON.stringify(entries.map(({ accountId, epoch }) => [accountId, epoch]));\n" +
          '  await db.batch([db.prepare(MOVE_BALANCES).bind("[" + moved.join() + "]", pairs)]);\n' +
          "  const [others] = await db.batch(entryStatements(db, entries));\n",
      },
      { file: "src/ledger/write.ts", find: "    ...statement(MOVE_BALANCES, updates),\n", replace: "" },
    ],
  },
  {
    safeguard: "an event has its id from its decision, not from its sending",
    edits: [
      {
        file: "durable-objects/outbox.ts",
        find: "  const messages = packEntries(rows.map(({ json }) => json));",
        replace: `  const messages = packEntries(rows.map(({ json }) => {
    const { prev, hash: _, ...entry } = JSON.parse(json);
    if (entry.usage) entry.usage.id = entry.usage.id + "~" + Math.floor(Math.random() * 1e9);
    if (entry.monetization) entry.monetization.usageId = entry.usage.id;
    if (entry.monetization) entry.monetization.id = entry.usage.id.replace("use_", "mon_");
    return JSON.stringify(chain(sha256Hex, entry, prev));
  }));`,
      },
      {
        file: "durable-objects/outbox.ts",
        find: `import { packEntries } from "../src/core/ledger-message.ts";`,
        replace: `import { packEntries } from "../src/core/ledger-message.ts";
import { chain } from "../src/core/event.ts";
import { sha256Hex } from "../src/sha256.ts";`,
      },
    ],
  },
  {
    safeguard: "what is in the ledger already moves no balance again",
    edits: [
      {
        file: "src/ledger/write.ts",
        find: "WHERE NOT EXISTS (\n  SELECT 1 FROM balance_updates known",
        replace: "WHERE true OR NOT EXISTS (\n  SELECT 1 FROM balance_updates known",
      },
    ],
  },
  {
    safeguard: "an entry that comes twice in one batch moves the balance once",
    edits: [{ file: "src/ledger/write.ts", find: "  SELECT DISTINCT ${", replace: "  SELECT ${" }],
  },
  {
    safeguard: "who moves a balance says so, and the trigger does not move it too",
    edits: [{ file: "src/ledger/insert-rows.ts", find: "const SUMMED = 1;", replace: "const SUMMED = null;" }],
  },
  {
    safeguard: "what entries carry is read when the account is loaded",
    edits: [
      {
        file: "durable-objects/state-store.ts",
        find: "    for (const { state } of states) {",
        replace: "    for (const { state } of states.slice(0, 0)) {",
      },
    ],
  },
  {
    safeguard: "an entry carries also what those before it have changed",
    edits: [
      {
        file: "durable-objects/state-store.ts",
        find: "      return serialiseState(newest, [...this.#grantsAhead.values()]);",
        replace: "      return serialiseState(newest, grants);",
      },
    ],
  },
  {
    safeguard: "an entry takes the place of one that the ledger has, and of no other",
    edits: [{ file: "durable-objects/outbox-store.ts", find: "`(confirmed = 1 OR ", replace: "`(true OR " }],
  },
  {
    safeguard: "a row is written over by one entry only",
    edits: [
      {
        file: "durable-objects/outbox-store.ts",
        find: "this.#resting.pop() ?? null",
        replace: "this.#resting.at(-1) ?? null",
      },
    ],
  },
  {
    safeguard: "rows whose entries the ledger has are written over",
    edits: [{ file: "durable-objects/outbox-store.ts", find: "    this.#resting?.push(...fresh);\n", replace: "" }],
  },
  {
    safeguard: "which rows may be written over is looked up again after a command that failed",
    edits: [{ file: "durable-objects/account-store.ts", find: "    this.outbox.forget();\n", replace: "" }],
  },
  {
    safeguard: "all up to a number are confirmed only where nothing before it is missing",
    edits: [
      {
        file: "durable-objects/outbox-store.ts",
        find: "fresh.findLast((seq) => seq < firstOther)",
        replace: "fresh.at(-1)",
      },
    ],
  },
  {
    safeguard: "what is confirmed before one that came before it is marked",
    edits: [
      {
        file: "durable-objects/outbox-store.ts",
        find: "    if (beyond.length > 0) {",
        replace: "    if (beyond.length < 0) {",
      },
    ],
  },
  {
    safeguard: "the tables are brought up to date as a whole, grants included",
    edits: [
      {
        file: "durable-objects/state-store.ts",
        find: "    for (const grant of this.#grantsAhead.values()) this.#writeGrant(grant);\n",
        replace: "    for (const grant of [...this.#grantsAhead.values()].slice(1)) this.#writeGrant(grant);\n",
      },
    ],
  },
  {
    safeguard: "a change without an entry is written to the tables",
    edits: [
      {
        file: "durable-objects/state-store.ts",
        find: "    if (last && this.#grantsAhead",
        replace: "    if (this.#grantsAhead",
      },
      {
        file: "durable-objects/state-store.ts",
        find: "      this.#carrier = last.seq;",
        replace: "      this.#carrier = last?.seq ?? null;",
      },
    ],
  },
  {
    safeguard: "a reservation that has ended is pending no more, whatever its slot says",
    edits: [
      {
        file: "durable-objects/reservation-store.ts",
        find: "      AND ended.request_id = pending.request_id AND ended.attempt >= pending.attempt",
        replace: "      AND ended.request_id = pending.request_id AND ended.attempt < 0",
      },
    ],
  },
  {
    safeguard: "a request that is tried again is pending, though its first attempt has ended",
    edits: [
      {
        file: "durable-objects/reservation-store.ts",
        find: " AND ended.attempt >= pending.attempt",
        replace: "",
      },
    ],
  },
  {
    safeguard: "a slot is only written over when its request has ended",
    edits: [
      {
        file: "durable-objects/reservation-store.ts",
        find: "    this.#highest = rows[0]?.slot ?? 0;",
        replace: "    this.#highest = 0;",
      },
    ],
  },
  {
    safeguard: "an ended request is forgotten after its slot, never before",
    edits: [
      {
        file: "durable-objects/reservation-store.ts",
        find: `"DELETE FROM pending_reservations WHERE place < ? AND`,
        replace: `"DELETE FROM pending_reservations WHERE place < ? AND false AND`,
      },
    ],
  },
  {
    safeguard: "exact numbers are confirmed, not all up to the highest",
    edits: [
      {
        file: "durable-objects/outbox-store.ts",
        find: "JSON.stringify(seqs);\n    const these",
        replace: "JSON.stringify(Array.from({ length: Math.max(...seqs) + 1 }, (_, seq) => seq));\n    const these",
      },
    ],
  },
  {
    safeguard: "what is not confirmed is sent again",
    edits: [
      {
        file: "durable-objects/outbox.ts",
        find: "  const stale = due ? ",
        replace: "  const stale = due && this.#sentSeq < 0 ? ",
      },
    ],
  },
  {
    safeguard: "an entry that goes at once has an alarm behind it",
    edits: [
      {
        file: "durable-objects/account-turns.ts",
        find: "this.armBy(dueAt > now ? dueAt : now + RESEND_LATEST_MS, now);",
        replace: "if (dueAt > now) this.armBy(dueAt, now);",
      },
    ],
    knownEquivalent: "The sweeper and later entries do the same, only later.",
  },
  {
    safeguard: "releasing again releases nothing",
    edits: [
      CORE_ENDS_ONCE,
      {
        file: "durable-objects/account-requests.ts",
        find: `    if (reservation.state === "released") return only({ kind: "released" });\n`,
        replace: "",
      },
      {
        file: "durable-objects/account-requests.ts",
        find: `    reservation.state === "pending" ? release(`,
        replace: `    reservation.state !== "expired" ? release(`,
      },
    ],
  },
  {
    safeguard: "a top-up that comes again is the same",
    edits: [
      {
        file: "durable-objects/account-operations.ts",
        find: "    const existing = turns.store.state.grant(request.id);\n    if (existing) {",
        replace:
          "    const existing = turns.store.state.grant(request.id);\n    if (existing && existing.amount < 0) {",
      },
    ],
  },
  {
    safeguard: "a decision counts what others hold",
    edits: [
      {
        file: "src/core/sources.ts",
        find: "available: holds ? left - heldOfGrant(state, grant.id) : left,",
        replace: "available: left,",
      },
    ],
  },
  {
    safeguard: "the end of a grant takes nothing that is held",
    edits: [
      {
        file: "src/core/granting.ts",
        find: "  const free = remaining(grant) - heldOfGrant(state, grant.id);",
        replace: "  const free = remaining(grant);",
      },
    ],
  },
  {
    safeguard: "a command of an earlier attempt is fenced off",
    edits: [
      {
        file: "durable-objects/account-requests.ts",
        find: `    if (reservation.attempt !== request.attempt) return only({ kind: "fenced" });\n`,
        replace: "",
      },
    ],
  },
  {
    safeguard: "the id of a charge does not contain its price",
    edits: [
      {
        file: "src/core/settlement.ts",
        find: "  return { id: monetizationId(usage), usageId: usage, cardId, cardVersion, model, amount };",
        replace:
          "  return { id: monetizationId(usage) + cardVersion, usageId: usage, cardId, cardVersion, model, amount };",
      },
    ],
  },
  {
    safeguard: "the sweeper wakes accounts whose alarm was lost",
    edits: [
      {
        file: "src/upkeep/sweeper.ts",
        find: "ids.map((id) => accounts.wake(id))",
        replace: 'ids.map(async (id) => (id === "" ? accounts.wake(id) : null))',
      },
    ],
  },
  {
    safeguard: "only its own asker is told again to go ahead",
    edits: [
      {
        file: "src/core/reserve.ts",
        find: "  return existing.owner === command.owner\n",
        replace: "  return existing.owner !== null\n",
      },
    ],
  },
  {
    safeguard: "an expiry charges the last checkpoint, not what was reserved",
    edits: [
      {
        file: "src/core/settlement.ts",
        find: "    usage: reservation.checkpoint ?? NO_USAGE,",
        replace: "    usage: reservation.bound,",
      },
    ],
  },
  {
    safeguard: "another content under the same id is refused",
    edits: [
      {
        file: "src/core/reserve.ts",
        find: `  if (unlike) return { kind: "mismatch" };\n`,
        replace: "",
      },
    ],
  },
  {
    safeguard: "a second history of an account is refused",
    edits: [
      {
        file: "migrations/0002_ledger.sql",
        find: "account_id = NEW.account_id AND epoch = NEW.epoch AND seq = NEW.seq AND hash <> NEW.hash",
        replace: "false AND hash <> NEW.hash",
      },
    ],
  },
  {
    safeguard: "a message is proven by its hash",
    edits: [
      {
        file: "src/ledger/message.ts",
        find: `.hash === hash ? null : "hash does not match the content"`,
        replace: `.hash !== "" ? null : String(hash)`,
      },
    ],
  },
  {
    safeguard: "a chunk that is refused is halved until the bad entry stands alone",
    edits: [
      {
        file: "src/ledger/consumer.ts",
        find: "      if (only && chunk.length === 1) {",
        replace: "      if (only) {",
      },
    ],
  },
  {
    safeguard: "memory is read again after a failed transaction",
    edits: [
      {
        file: "durable-objects/account-turns.ts",
        find: "    } catch (error) {\n      this.forget();\n      throw error;",
        replace: "    } catch (error) {\n      throw error;",
      },
    ],
  },
  {
    safeguard: "a change is stored before it is in memory",
    edits: [
      {
        file: "durable-objects/account-turns.ts",
        find: "          this.store.write(done.change);",
        replace: "          if (state) applyChange(state, done.change);\n          this.store.write(done.change);",
      },
      {
        file: "durable-objects/account-turns.ts",
        find: "      if (state) applyChange(state, change);\n",
        replace: "      void change;\n",
      },
      {
        file: "durable-objects/account-turns.ts",
        find: "    } catch (error) {\n      this.forget();\n      throw error;",
        replace: "    } catch (error) {\n      throw error;",
      },
    ],
  },
  {
    safeguard: "an alarm looks for what has expired",
    edits: [
      {
        file: "durable-objects/account-alarm.ts",
        find: `    this.#attempt("expire", () => upkeep.expireReservations(this.#turns));\n`,
        replace: "",
      },
    ],
  },
  {
    safeguard: "an alarm that has run sets the next one",
    edits: [
      {
        file: "durable-objects/account-alarm.ts",
        find: `    this.#attempt("arm", () => upkeep.armNext(this.#turns, this.#outbox));\n`,
        replace: "",
      },
    ],
    knownEquivalent: "The sweeper and the alarms of new entries do the same, only later.",
  },
  {
    safeguard: "a refund that comes again is the same",
    edits: [
      {
        file: "durable-objects/account-operations.ts",
        find: "find(({ id }) => id === request.id)",
        replace: 'find(({ id }) => id === "")',
      },
      {
        file: "durable-objects/account-operations.ts",
        find: "    turns.store.addRefund(request.id, request.requestId);\n",
        replace: "",
      },
    ],
  },
  {
    safeguard: "an estimated charge stays within what upstream used",
    edits: [
      {
        file: "src/proxy/failure-policy.ts",
        find: "report: { usage: reading.counted, outcome, estimated: true }",
        replace:
          "report: { usage: { ...reading.counted, outputTokens: reading.counted.outputTokens * 2 }, outcome, estimated: true }",
      },
    ],
  },
  {
    safeguard: "a job that outlives its reservation is still asked after",
    edits: [
      {
        file: "src/core/job.ts",
        find: `  return reservation.state === "pending" || acceptsLate(reservation, now);`,
        replace: `  return reservation.state === "pending" || (acceptsLate(reservation, now) && now < 0);`,
      },
    ],
  },
  {
    safeguard: "a poll is followed by the next one until the job has ended",
    edits: [
      {
        file: "durable-objects/job-polls.ts",
        find: "      store.movePoll(resource.id, pollAt, polls);",
        replace:
          "      if (polls < 2) store.movePoll(resource.id, pollAt, polls);\n      else store.closeJob(resource.id);",
      },
    ],
  },
  {
    safeguard: "a job is attached before its client is told of it",
    edits: [
      {
        file: "durable-objects/account-resources.ts",
        find: "    turns.resources.keep(resourceOf(reservation, request.made, false, now, job));",
        replace: "    turns.resources.keep(resourceOf(reservation, request.made, false, now));",
      },
    ],
  },
  {
    safeguard: "a job that is asked for again without a key is begun once",
    edits: [
      {
        file: "src/core/reserve.ts",
        find: "  const repeated = findRepeated(state, command, now);",
        replace: "  const repeated = now < 0 ? findRepeated(state, command, now) : null;",
      },
    ],
  },
  {
    safeguard: "a renewal is made once per period, also when the clock goes back",
    edits: [
      {
        file: "src/core/entitlement.ts",
        find: "  return before === undefined || before < periodAt(period, now).start;",
        replace: "  return before !== periodAt(period, now).start;",
      },
    ],
  },
  {
    safeguard: "of several steps in one call, each is answered with its own outcome",
    edits: [
      {
        file: "durable-objects/grouped-steps.ts",
        find: "[one, at(answers, index)]",
        replace: "[one, at(answers, group.length - 1 - index)]",
      },
    ],
  },
  {
    safeguard: "a step goes by itself where the one that took it along was cut off",
    edits: [
      {
        file: "durable-objects/grouped-steps.ts",
        find: "const PATIENCE_MS = 2_000;",
        replace: "const PATIENCE_MS = 1e12;",
      },
    ],
  },
  {
    safeguard: "a correction that comes again is the same",
    edits: [
      {
        file: "durable-objects/account-operations.ts",
        find: "    const before = turns.store.correction(id);",
        replace: '    const before = id === "" ? turns.store.correction(id) : null;',
      },
      {
        file: "durable-objects/account-operations.ts",
        find: "    turns.store.addCorrection(id, difference);\n",
        replace: "",
      },
    ],
  },
  {
    safeguard: "a correction that comes again takes nothing again",
    edits: [
      {
        file: "durable-objects/account-operations.ts",
        find: "    const before = turns.store.correction(id);",
        replace: '    const before = id === "" ? turns.store.correction(id) : null;',
      },
      {
        file: "durable-objects/account-operations.ts",
        find: "    turns.store.addCorrection(id, difference);\n",
        replace: "",
      },
      {
        file: "src/core/refund.ts",
        find: "  return [...ended, ...refunded, ...corrections];",
        replace: "  return [...ended, ...refunded, ...corrections.slice(0, 0)];",
      },
    ],
  },
  {
    safeguard: "a correction counts refunds that the ledger has",
    edits: [
      {
        file: "src/core/rerate.ts",
        find: "  const parts = [...own, ...byHand].map(partOf);",
        replace: "  const parts = [...own, ...byHand.slice(0, 0)].map(partOf);",
      },
      {
        file: "src/core/refund.ts",
        find: "  return [...ended, ...refunded, ...corrections];",
        replace: "  return [...ended, ...refunded.slice(0, 0), ...corrections];",
      },
    ],
  },
  {
    safeguard: "a correction counts what the ledger does not have yet",
    edits: [
      {
        file: "src/core/rerate.ts",
        find: "  if (!charged.parts || !reservation) return charged;",
        replace: "  if (charged.givenBack >= 0) return charged;",
      },
    ],
  },
  {
    safeguard: "a refund counts what corrections gave back",
    edits: [
      {
        file: "src/core/rerate.ts",
        find: "refunds: [...reservation.refunds, refund] }",
        replace: "refunds: [...reservation.refunds, refund].slice(0, -1) }",
      },
    ],
  },
  {
    safeguard: "what goes back goes to those who still have something in it",
    edits: [
      {
        file: "src/core/charge-part.ts",
        find: "    payers: [...paying, ...repaid],",
        replace: "    payers: [...inOrder.flatMap(({ payers }) => payers), ...paying.slice(0, 0)],",
      },
    ],
  },
  {
    safeguard: "a dry run of a correction posts nothing",
    edits: [
      {
        file: "durable-objects/account-operations.ts",
        find: "    if (dryRun) return only(answer);",
        replace: "    if (dryRun && difference === 0) return only(answer);",
      },
    ],
  },
  {
    safeguard: "what comes late after a correction costs the corrected price",
    edits: [
      {
        file: "src/core/settlement.ts",
        find: `  if (!correctedTo || typeof whole !== "number") {`,
        replace: `  if (!correctedTo || typeof whole !== "number" || reserved >= 0) {`,
      },
    ],
  },
  {
    safeguard: "what comes late after a correction costs only what the request has not come to yet",
    edits: [
      {
        file: "src/core/settlement.ts",
        find: "Math.max(0, right - gross)",
        replace: "Math.max(0, right - before.charge - gross * 0)",
      },
    ],
  },
  {
    safeguard: "a correction that posts nothing sets the price of what comes late",
    edits: [
      {
        file: "src/core/rerate.ts",
        find: "  if (!reservation || !mayComeLate(reservation)) return NO_CHANGE;",
        replace: "  if (!reservation || command.charged.gross >= 0) return NO_CHANGE;",
      },
    ],
  },
  {
    safeguard: "a correction that posted nothing and comes again sets no price again",
    edits: [
      {
        file: "durable-objects/account-operations.ts",
        find: "    turns.store.addCorrection(id, difference);\n",
        replace: "    if (difference !== 0) turns.store.addCorrection(id, difference);\n",
      },
    ],
  },
  {
    safeguard: "a forgotten request is corrected only by a ledger that has all that was done to it",
    edits: [
      {
        file: "src/core/rerate.ts",
        find: "  return (parts ? parts.length - ends : 0) < countActs();",
        replace: "  return (parts ? parts.length - ends : 0) < Math.min(0, countActs());",
      },
    ],
  },
  {
    safeguard: "a receipt tells what the ledger does not have yet",
    edits: [
      {
        file: "src/http/find-receipt.ts",
        find: "await readLedger(), known?.unread);",
        replace: "await readLedger());",
      },
    ],
  },
  {
    safeguard: "a receipt shows what was decided last, not what was written last",
    edits: [
      {
        file: "src/core/receipt-from-ledger.ts",
        find: "  const decided = lastAttempt(entries);",
        replace:
          "  const decided = entries.length < 0 ? lastAttempt(entries) : entries.findLast(({ usage }) => usage)?.usage?.attempt;",
      },
    ],
  },
  {
    safeguard: "a receipt of a forgotten request tells of its newest correction",
    edits: [
      {
        file: "durable-objects/account-reading.ts",
        find: "    return only(unread.length > 0 ?",
        replace: "    return only(unread.length < 0 ?",
      },
    ],
  },
  {
    safeguard: "an epoch takes nothing more once another has begun",
    edits: [
      {
        file: "src/ledger/write.ts",
        find: `NOT \${hasEntries(">")} AND `,
        replace: "",
      },
    ],
  },
  {
    safeguard: "a key that was charged in an earlier epoch is not charged again",
    edits: [
      {
        file: "src/core/carried-requests.ts",
        find: "    if (rate) this.#remember(",
        replace: "    if (rate && at < 0) this.#remember(",
      },
    ],
  },
  {
    safeguard: "attempts of an epoch are numbered above those of the one before",
    edits: [
      {
        file: "src/core/reserve.ts",
        find: "  return (epoch - FIRST_EPOCH) * ATTEMPTS_PER_EPOCH;",
        replace: "  return (epoch - FIRST_EPOCH) * 0 * ATTEMPTS_PER_EPOCH;",
      },
    ],
  },
];
