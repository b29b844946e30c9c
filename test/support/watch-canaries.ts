import { env } from "cloudflare:workers";
import { afterAll, expect } from "vitest";
import type { Env } from "../../src/env.ts";
import { canaryWatch } from "./canaries.ts";
import { rowsOfD1, rowsOfObjects } from "./stored-rows.ts";

/**
 * Set up for every file of tests in workerd: what the gateway logs and queues is looked at as it happens, answers as
 * tests read them, and at the end every row of D1 and of every object. A secret in any of them fails the file.
 */

const { LEDGER_QUEUE, JOB_QUEUE, TOP_UP_QUEUE, ALERT_QUEUE } = env as Env;
const WATCHED = Symbol("watched");

for (const level of ["log", "info", "warn", "error", "debug"] as const) {
  const log = console[level].bind(console);
  console[level] = (...told: unknown[]) => {
    canaryWatch.see(told.map(textOf).join(" "), { where: "the log" });
    log(...told);
  };
}

for (const queue of [LEDGER_QUEUE, JOB_QUEUE, TOP_UP_QUEUE, ALERT_QUEUE]) watchQueue(Object.getPrototypeOf(queue));

afterAll(async () => {
  for (const { name, text } of await rowsOfD1()) canaryWatch.see(text, { where: `the table ${name}` });
  for (const { name, text } of await rowsOfObjects()) canaryWatch.see(text, { where: `an object's table ${name}` });
  expect(canaryWatch.takeLeaks()).toEqual([]);
});

function textOf(told: unknown): string {
  if (told instanceof Error) return `${told.stack ?? told} ${textOf(told.cause)}`;
  return typeof told === "string" ? told : (JSON.stringify(told) ?? String(told));
}

/** All queues share one prototype, which is changed once. */
function watchQueue(prototype: object): void {
  if (Reflect.has(prototype, WATCHED)) return;
  Reflect.set(prototype, WATCHED, true);
  for (const name of ["send", "sendBatch"]) {
    const sends: unknown = Reflect.get(prototype, name);
    if (typeof sends !== "function") throw new Error(`queues have no ${name} any more`);
    Reflect.set(prototype, name, function (this: unknown, messages: unknown, ...more: unknown[]) {
      const all = name === "sendBatch" ? [...(messages as Iterable<unknown>)] : messages;
      canaryWatch.see(JSON.stringify(all), { where: "a queue" });
      return Reflect.apply(sends, this, [all, ...more]);
    });
  }
}
