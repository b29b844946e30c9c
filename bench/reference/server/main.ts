import { serve } from "@hono/node-server";
import { Pool } from "pg";
import { referenceApp } from "./app.ts";
import { checkThenDebit } from "./check-then-debit.ts";
import { Upstream } from "./forward.ts";
import { connectGates } from "./gates.ts";
import { readServerSettings } from "./process-settings.ts";
import { expireReservations, reserveAndSettle } from "./reserve-and-settle.ts";

/** The reference as a process: tells its port over IPC when it is ready, and ends with its parent. */
const settings = readServerSettings(process.env);
const pool = new Pool({ connectionString: settings.databaseUrl, max: 16 });
pool.on("error", (error) => console.error("postgres", error));
const gates = await connectGates(settings.redisUrl);

const careful = settings.accounting === "reserve-and-settle";
const accounting = careful ? reserveAndSettle(pool, settings.holdMs) : checkThenDebit(pool);
if (careful) setInterval(() => expireReservations(pool).catch(console.error), 1_000);

const upstream = new Upstream(settings.upstreamUrl, "sk-upstream-of-the-benchmark");
const { fetch } = referenceApp({ gates, accounting, upstream });
serve({ fetch, port: settings.port, hostname: "127.0.0.1" }, ({ port }) => process.send?.(port));
process.on("disconnect", () => process.exit(0));
