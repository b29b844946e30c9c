import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { AdminClient } from "./admin-client.ts";
import { ROOT } from "./repository.ts";

/**
 * Loads the plans, rate cards and upstreams of config/ into a gateway that has none. What was edited since is left alone.
 * Upstreams need no file: without one there is the environment's alone.
 */
export async function seedCatalog(admin: AdminClient): Promise<void> {
  await seedIfEmpty(admin, "/admin/plans", "plans.json");
  await seedIfEmpty(admin, "/admin/rate-cards", "rate-cards.json");
  if (existsSync(fileOf("upstreams.json"))) await seedIfEmpty(admin, "/admin/upstreams", "upstreams.json");
}

async function seedIfEmpty(admin: AdminClient, path: string, file: string): Promise<void> {
  if (!isEmptyList(await admin.request("GET", path))) return;
  const documents: Record<string, unknown> = JSON.parse(await readFile(fileOf(file), "utf8"));
  for (const [id, document] of Object.entries(documents)) {
    await admin.request("PUT", `${path}/${encodeURIComponent(id)}`, { body: document });
  }
}

function fileOf(name: string): string {
  return join(ROOT, "config", name);
}

function isEmptyList(answer: unknown): boolean {
  if (typeof answer !== "object" || answer === null || !("data" in answer)) return false;
  return Array.isArray(answer.data) && answer.data.length === 0;
}
