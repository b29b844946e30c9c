import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "../client/types.ts";
import type { AdminClient } from "./admin-client.ts";
import { ROOT } from "./repository.ts";

/**
 * Loads the plans, rate cards, credit packs and upstreams of config/ into a gateway that has none. What was edited since
 * is left alone. Upstreams need no file: without one there is the environment's alone.
 */
export async function seedCatalog(admin: AdminClient): Promise<void> {
  const { plans, rateCards, upstreams } = admin;
  await seedIfEmpty(plans, "plans.json");
  await seedIfEmpty(rateCards, "rate-cards.json");
  await seedPacks(admin);
  if (existsSync(fileOf("upstreams.json"))) await seedIfEmpty(upstreams, "upstreams.json");
}

/** One kind of documents. What is in the files is for the gateway to check. */
interface Documents<Document> {
  list(): { page(): Promise<Page<unknown>> };
  put(id: string, document: Document): Promise<unknown>;
}

async function seedIfEmpty<Document>(documents: Documents<Document>, file: string): Promise<void> {
  const { data } = await documents.list().page();
  if (data.length > 0) return;
  const stored: Record<string, Document> = JSON.parse(await readFile(fileOf(file), "utf8"));
  for (const [id, document] of Object.entries(stored)) await documents.put(id, document);
}

const PACKS = "/admin/credit-packs";

async function seedPacks(admin: AdminClient): Promise<void> {
  if (!isEmptyList(await admin.request("GET", PACKS))) return;
  const stored: Record<string, unknown> = JSON.parse(await readFile(fileOf("credit-packs.json"), "utf8"));
  for (const [id, body] of Object.entries(stored)) {
    await admin.request("PUT", `${PACKS}/${encodeURIComponent(id)}`, { body });
  }
}

function isEmptyList(answer: unknown): boolean {
  if (typeof answer !== "object" || answer === null || !("data" in answer)) return false;
  return Array.isArray(answer.data) && answer.data.length === 0;
}

function fileOf(name: string): string {
  return join(ROOT, "config", name);
}
