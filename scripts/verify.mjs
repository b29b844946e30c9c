#!/usr/bin/env node
/*
 * Verifies a ledger that was exported with GET /api/ledger/export, without trusting whoever exported it:
 *
 *   node scripts/verify.mjs ledger.ndjson
 *
 * Needs Node 18 or newer and nothing else. It shares no code with the gateway on purpose: it is a second
 * implementation of the same rules, short enough to be read before it is run. It exits with 0 when everything adds up,
 * with 1 and the first bad line when something does not, and with 2 when the file cannot be read.
 *
 * The file has one JSON value per line: a header, the entries in order, an end line. All amounts are integers in
 * micro-credits (1 credit = 1,000,000 micro-credits); instants are milliseconds since 1970.
 *
 * What is checked, in this order, for every entry:
 *   order   sequence numbers are 1, 2, 3 … of the account of the header, beginning in its epoch
 *   epoch   a further epoch begins with an entry that carries over the very balance, and nothing else does
 *   chain   prev is the hash of the entry before (of the first: the genesis), and
 *           hash = SHA-256(prev + the entry without prev and hash, as JSON with sorted keys and no spaces)
 *   sums    every update moves the balance by its amount in the direction of its kind; the running balance follows;
 *           neither the balance nor any grant is ever below zero, no grant has more than was granted
 *   price   the usage priced again from the rates of the header is the charge; what the gateway had to estimate, what
 *           came late and what was corrected later (both are differences) may be charged lower, never higher
 *   paid    included use + debits + overshoot = the charge, and overshoot is refunded in the same entry
 *   once    no usage event is charged twice
 * And of the file: the end line agrees with all that, and its sha256 with the bytes before it.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pathToFileURL } from "node:url";

/** Something does not add up. The message says what, in words for people. */
class Refused extends Error {}

function check(condition, reason) {
  if (!condition) throw new Refused(typeof reason === "function" ? reason() : reason);
}

// — reading —

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value) => typeof value === "string" && value !== "";
const isCount = (value) => Number.isSafeInteger(value) && value >= 0;

/** An object's field that must be there, with the wanted kind of value. */
function field(object, name, isRight, kind) {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  check(isRight(value), () => `"${name}" should be ${kind}, and is ${brief(value)}`);
  return value;
}

const textOf = (object, name) => field(object, name, isText, "a text");
const countOf = (object, name) => field(object, name, isCount, "a whole number from 0");
const objectOf = (object, name) => field(object, name, isObject, "an object");

function brief(value) {
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

function parseLine(bytes) {
  let value;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw new Refused("is not JSON");
  }
  check(isObject(value), "is not a JSON object");
  return value;
}

// — hashing —

function sha256(text) {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/** JSON with sorted keys and no spaces: what is hashed. */
function sortedJson(value) {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${sortedJson(value[key])}`).join(",")}}`;
}

// — pricing —

const MILLION = 1_000_000n;

/**
 * The charge for `usage` at `rate` in micro-credits, rounded once and down. Token rates are micro-credits per million
 * tokens, multipliers are millionths, everything else is micro-credits per unit.
 */
function priceOf(rate, usage) {
  const count = (name) => BigInt(countOf(usage, name));
  const [input, cached, written, output] = [
    count("inputTokens"),
    count("cachedInputTokens"),
    count("cacheWriteTokens"),
    count("outputTokens"),
  ];
  check(cached + written <= input, "the usage has more cached input than input");
  check(count("reasoningTokens") <= output, "the usage has more reasoning than output");

  const tier = tierOf(rate, usage.serviceTier);
  // Everything is counted in millionths of millionths of millionths of a micro-credit until the one division.
  const scale = MILLION * MILLION * MILLION;
  let total = 0n;
  if (input > 0n || output > 0n) {
    const tokens = objectOf(rate, "tokens");
    const per = (name) => BigInt(countOf(tokens, name));
    const long = rate.longContext;
    const isLong = isObject(long) && input > BigInt(countOf(long, "aboveInputTokens"));
    const times = (name) => (isLong ? BigInt(countOf(long, name)) : MILLION);
    const inputSide =
      (input - cached - written) * per("input") + cached * per("cachedInput") + written * per("cacheWrite");
    total += (inputSide * times("inputMultiplier") + output * per("output") * times("outputMultiplier")) * tier;
  }
  const seconds = count("seconds");
  if (seconds > 0n) {
    const perSecond = BigInt(countOf(objectOf(rate, "perSecond"), usage.size ?? "default"));
    total += seconds * perSecond * tier * MILLION * MILLION;
  }
  for (const tool of Object.keys(objectOf(usage, "calls"))) {
    total += BigInt(countOf(usage.calls, tool)) * BigInt(countOf(objectOf(rate, "perCall"), tool)) * scale;
  }
  return total / scale;
}

function tierOf(rate, tier) {
  if (tier === null || tier === "default" || tier === "auto") return MILLION;
  return BigInt(countOf(objectOf(rate, "serviceTiers"), tier));
}

// — the header —

function readHeader(header) {
  check(header.type === "spillway-ledger", 'is no header: its type is not "spillway-ledger"');
  check(header.v === 1, () => `this verifier knows version 1 of the format, not ${brief(header.v)}`);
  const account = textOf(header, "account");
  const epoch = countOf(header, "epoch");
  const genesis = sha256(sortedJson({ accountId: account, epoch, genesis: true }));
  check(header.genesis === genesis, "the genesis is not that of this account and epoch");
  check(!Number.isNaN(Date.parse(textOf(header, "exported_at"))), '"exported_at" is no instant');
  return { account, epoch, genesis, rates: objectOf(header, "rates") };
}

function rateOf(rates, { cardId, cardVersion, model }) {
  const card = `${cardId}@${cardVersion}`;
  const models = Object.hasOwn(rates, card) ? rates[card] : undefined;
  check(isObject(models) && Object.hasOwn(models, model), `the header has no rate for ${model} of rate card ${card}`);
  check(isObject(models[model]), `the rate for ${model} of rate card ${card} is no object`);
  return models[model];
}

// — the entries —

/** For each kind of update: how it moves the balance, and whether it names a source. */
const KINDS = {
  grant: { sign: 1, source: true },
  refund: { sign: 1, source: true },
  debit: { sign: -1, source: true },
  expiry: { sign: -1, source: true },
  void: { sign: -1, source: true },
  allowance: { sign: 0, source: true },
  none: { sign: 0, source: false },
  overshoot: { sign: -1, source: false },
  overshoot_refund: { sign: 1, source: false },
  carry_over: { sign: 0, source: false },
};

/** Kinds that are parts of a charge. */
const OF_CHARGES = ["allowance", "debit", "overshoot", "overshoot_refund"];

/** What was learnt from the lines so far. */
class Ledger {
  constructor(header) {
    this.header = header;
    this.epoch = header.epoch;
    this.seq = 0;
    this.head = header.genesis;
    this.balance = 0;
    /** By grant: what was granted, and what is left of it. */
    this.grants = new Map();
    this.charged = new Set();
    this.charges = 0;
    this.firstAt = null;
    this.lastAt = null;
    /** By kind of update: the sum of their amounts. */
    this.totals = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, 0]));
  }

  take(entry) {
    this.checkPlace(entry);
    const updates = field(entry, "updates", (value) => Array.isArray(value) && value.length > 0, "a list of updates");
    for (const [draw, update] of updates.entries()) this.checkUpdate(entry, update, draw);
    this.checkEpoch(entry, updates);
    this.checkCharge(entry, updates);
    this.epoch = entry.epoch;
    this.seq = entry.seq;
    this.head = entry.hash;
    this.firstAt ??= entry.at;
    this.lastAt = entry.at;
  }

  checkPlace(entry) {
    check(entry.v === 1, () => `this verifier knows version 1 of entries, not ${brief(entry.v)}`);
    check(entry.accountId === this.header.account, "the entry is of another account");
    check(entry.epoch === this.epoch || entry.epoch === this.epoch + 1, "the entry is of another epoch");
    check(entry.seq === this.seq + 1, () => `entry ${this.seq + 1} should stand here, and not ${brief(entry.seq)}`);
    countOf(entry, "at");
    check(entry.prev === this.head, "the chain is broken: prev is not the hash of the entry before");
    const { prev, hash, ...content } = entry;
    check(hash === sha256(prev + sortedJson(content)), "the chain is broken: the hash does not fit the content");
  }

  /** An object that has lost its memory goes on from the ledger: its new epoch carries over what there is. */
  checkEpoch(entry, updates) {
    const carried = updates.find(({ kind }) => kind === "carry_over");
    if (entry.epoch === this.epoch) {
      check(carried === undefined, () => `${carried.id}: a balance is carried over within an epoch`);
      return;
    }
    check(
      carried !== undefined && updates.length === 1,
      `epoch ${entry.epoch} does not begin with a balance carried over`,
    );
    check(carried.amount === this.balance, () => `${carried.id}: the balance to carry over is ${this.balance}`);
  }

  checkUpdate(entry, update, draw) {
    check(isObject(update), `update ${draw} is no object`);
    const account = this.header.account.replace(/^acct_/, "");
    const id = `bal_${account}.${entry.epoch}.${entry.seq}.${draw}`;
    check(update.id === id && update.draw === draw, `update ${draw} should be ${id}, and is ${brief(update.id)}`);
    check(isText(update.kind) && Object.hasOwn(KINDS, update.kind), () => `${id}: unknown kind ${brief(update.kind)}`);
    const { sign, source } = KINDS[update.kind];
    const amount = countOf(update, "amount");
    const delta = sign * amount;
    check(
      update.delta === delta,
      () => `${id}: the delta of a ${update.kind} of ${amount} is ${delta}, and not ${brief(update.delta)}`,
    );
    const fits = update.kind === "carry_over" || (update.kind === "none") === (amount === 0);
    check(fits, `${id}: a ${update.kind} cannot be of ${amount}`);
    check(source ? isText(update.source) : update.source === null, `${id}: the source does not fit a ${update.kind}`);
    this.balance += update.delta;
    check(Number.isSafeInteger(this.balance) && this.balance >= 0, `${id}: the balance would be ${this.balance}`);
    check(
      update.balanceAfter === this.balance,
      () => `${id}: the running balance is ${this.balance}, and not ${brief(update.balanceAfter)}`,
    );
    if (update.delta !== 0 && source) this.moveGrant(id, update);
    this.totals[update.kind] += amount;
  }

  moveGrant(id, { kind, source, amount, delta }) {
    const grant = this.grants.get(source);
    if (kind === "grant") {
      check(grant === undefined, `${id}: grant ${source} is granted twice`);
      this.grants.set(source, { amount, left: amount });
      return;
    }
    check(grant !== undefined, `${id}: grant ${source} was never granted`);
    grant.left += delta;
    check(grant.left >= 0, `${id}: grant ${source} gives ${-grant.left} more than it had`);
    check(grant.left <= grant.amount, `${id}: grant ${source} gets back more than it gave`);
  }

  checkCharge({ usage, monetization }, updates) {
    check(usage === null || isObject(usage), '"usage" is no object');
    check(monetization === null || isObject(monetization), '"monetization" is no object');
    if (monetization === null) {
      const part = updates.find(({ kind }) => OF_CHARGES.includes(kind));
      check(part === undefined, () => `${part.id}: a ${part.kind} without a charge`);
      return;
    }
    const { id } = monetization;
    check(usage !== null && isText(usage.id), `charge ${brief(id)} has no usage event`);
    check(monetization.usageId === usage.id, `charge ${brief(id)} is for another usage event than that of its entry`);
    check(id === usage.id.replace(/^use_/, "mon_"), `charge ${brief(id)} does not bear the name of its usage event`);
    check(!this.charged.has(usage.id), `${usage.id} is charged twice`);
    this.charged.add(usage.id);
    this.checkPrice(usage, monetization);
    checkPayers(monetization, updates);
    this.charges += monetization.amount;
  }

  checkPrice(usage, monetization) {
    const amount = countOf(monetization, "amount");
    const price = priceOf(rateOf(this.header.rates, monetization), objectOf(usage, "usage"));
    check(typeof usage.estimated === "boolean", '"estimated" should be true or false');
    const mayBeLess = usage.estimated || usage.outcome === "late" || usage.outcome === "corrected";
    const right = mayBeLess ? BigInt(amount) <= price : BigInt(amount) === price;
    const wanted = mayBeLess ? `at most ${price}` : `${price}`;
    check(right, `${monetization.id}: its usage costs ${wanted}, and ${amount} was charged`);
  }

  checkEnd(end, entries, digest) {
    // It is named only where it is not that of the header.
    const epoch = Object.hasOwn(end, "epoch") ? end.epoch : this.header.epoch;
    check(epoch === this.epoch, () => `the end should name epoch ${this.epoch}, and names ${brief(epoch)}`);
    check(end.seq === this.seq, () => `the end should name entry ${this.seq}, and names ${brief(end.seq)}`);
    check(end.entries === entries, () => `the file has ${entries} entries, and not ${brief(end.entries)}`);
    check(end.head === this.head, "the head is not the hash of the last entry");
    check(end.balance === this.balance, () => `the balance is ${this.balance}, and not ${brief(end.balance)}`);
    const left = [...this.grants.values()].reduce((sum, grant) => sum + grant.left, 0);
    check(left === this.balance, `all grants together have ${left} left, and the balance is ${this.balance}`);
    check(end.sha256 === digest, "the bytes of the lines before are not those that were exported");
  }
}

function checkPayers({ id, amount }, updates) {
  const total = (...kinds) =>
    updates.filter(({ kind }) => kinds.includes(kind)).reduce((sum, update) => sum + update.amount, 0);
  const paid = total("allowance", "debit", "overshoot");
  check(paid === amount, `${id}: ${amount} was charged and ${paid} was paid`);
  const [overshoot, refunded] = [total("overshoot"), total("overshoot_refund")];
  check(overshoot === refunded, `${id}: an overshoot of ${overshoot} was refunded with ${refunded}`);
}

// — the file —

/** The lines of a file as bytes, without their newlines; the last one also when it has none. */
async function* linesOf(chunks) {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let to = bytes.indexOf(10); to !== -1; to = bytes.indexOf(10, from)) {
      yield bytes.subarray(from, to);
      from = to + 1;
    }
    rest = bytes.subarray(from);
  }
  if (rest.length > 0) yield rest;
}

const isBlank = (line) => line.every((byte) => byte === 32 || byte === 9 || byte === 13);

/**
 * Verifies an export, given as chunks of bytes. Answers `{ok: true, summary}`, or `{ok: false, line, reason}` with the
 * number of the first bad line.
 */
export async function verifyLedger(chunks) {
  const digest = createHash("sha256");
  let ledger = null;
  let ended = false;
  let number = 0;
  try {
    for await (const line of linesOf(chunks)) {
      number += 1;
      if (ended) {
        check(isBlank(line), "there is something after the end line");
        continue;
      }
      const value = parseLine(line);
      if (ledger === null) ledger = new Ledger(readHeader(value));
      else if (value.type === "end") {
        ledger.checkEnd(value, number - 2, digest.copy().digest("hex"));
        ended = true;
      } else ledger.take(value);
      digest.update(line).update("\n");
    }
    number += 1;
    check(ended, ledger === null ? "the file is empty" : "the file is cut off: it has no end line");
    return { ok: true, summary: summaryOf(ledger) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { ok: false, line: number, reason: error.message };
  }
}

function summaryOf({ header, epoch, seq, head, balance, grants, charges, charged, totals, firstAt, lastAt }) {
  return {
    account: header.account,
    epoch,
    entries: seq,
    firstAt,
    lastAt,
    head,
    balance,
    charges: { count: charged.size, amount: charges },
    totals,
    grants: [...grants].filter(([, { left }]) => left !== 0).map(([id, { left }]) => [id, left]),
  };
}

function credits(micro) {
  const digits = String(Math.abs(micro)).padStart(7, "0");
  return `${micro < 0 ? "-" : ""}${digits.slice(0, -6)}.${digits.slice(-6)}`;
}

function printable({ account, epoch, entries, firstAt, lastAt, head, balance, charges, totals, grants }) {
  const day = (at) => new Date(at).toISOString();
  const others = ["expiry", "void", "refund"].filter((kind) => totals[kind] > 0);
  const lines = [
    `Everything adds up: ${entries} entries of ${account}, ${epoch === 1 ? "epoch 1" : `up to epoch ${epoch}`}.`,
    ...(entries === 0 ? [] : [`  from       ${day(firstAt)} to ${day(lastAt)}`]),
    `  granted    ${credits(totals.grant)}`,
    `  charged    ${credits(charges.amount)} in ${charges.count} charges: ${credits(totals.debit)} from grants, ${credits(totals.allowance)} included, ${credits(totals.overshoot)} refunded as overshoot`,
    ...others.map((kind) => `  ${kind.padEnd(9)}  ${credits(totals[kind])}`),
    `  balance    ${credits(balance)}`,
    ...grants.map(([id, left]) => `    ${credits(left)} left of ${id}`),
    `  head       ${head}`,
  ];
  return lines.join("\n");
}

async function main([path, ...others]) {
  if (path === undefined || others.length > 0 || path === "--help") {
    console.error("usage: node verify.mjs ledger.ndjson   (- reads standard input)");
    return 2;
  }
  try {
    const verified = await verifyLedger(path === "-" ? process.stdin : createReadStream(path));
    if (verified.ok) {
      console.log(printable(verified.summary));
      return 0;
    }
    console.error(`Line ${verified.line}: ${verified.reason}.`);
    return 1;
  } catch (error) {
    console.error(`${path} cannot be read: ${error instanceof Error ? error.message : error}`);
    return 2;
  }
}

async function isMain() {
  const { realpath } = await import("node:fs/promises");
  const started = process.argv[1];
  return started !== undefined && import.meta.url === pathToFileURL(await realpath(started)).href;
}

if (await isMain()) process.exitCode = await main(process.argv.slice(2));
