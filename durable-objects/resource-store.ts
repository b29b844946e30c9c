import type { Resource, ResourceKind } from "../src/core/resource.ts";
import { type ResourceColumns, toResource } from "./account-rows.ts";
import type { CountedSql } from "./counted-sql.ts";

/** Which of an account's resources a list shows, and in which order. */
export interface ResourceQuery {
  readonly kind: ResourceKind;
  readonly limit: number;
  /** The resource after which the list goes on. */
  readonly after: Resource | null;
  readonly order: "asc" | "desc";
}

/** All SQL of what the account has made at upstreams. */
export class ResourceStore {
  readonly #sql: CountedSql;

  constructor(sql: CountedSql) {
    this.#sql = sql;
  }

  resource(id: string): Resource | null {
    const [row] = this.#sql.all<ResourceColumns>("SELECT * FROM resources WHERE id = ?", id);
    return row ? toResource(row) : null;
  }

  /** By age; those of the same instant by id. */
  list({ kind, limit, after, order }: ResourceQuery): Resource[] {
    const [beyond, direction] = order === "asc" ? [">", "ASC"] : ["<", "DESC"];
    const from = after ? `AND (created_at, id) ${beyond} (?, ?)` : "";
    return this.#sql
      .all<ResourceColumns>(
        `SELECT * FROM resources WHERE kind = ? ${from} ORDER BY created_at ${direction}, id ${direction} LIMIT ?`,
        kind,
        ...(after ? [after.createdAt, after.id] : []),
        limit,
      )
      .map(toResource);
  }

  /** Jobs that upstream is to be asked after, the most overdue first. */
  due(now: number, limit: number): Resource[] {
    return this.#sql
      .all<ResourceColumns>("SELECT * FROM resources WHERE poll_at <= ? ORDER BY poll_at LIMIT ?", now, limit)
      .map(toResource);
  }

  /** When the next job is due; `null` without open jobs. */
  nextDueAt(): number | null {
    const [row] = this.#sql.all<{ at: number | null }>(
      "SELECT min(poll_at) AS at FROM resources WHERE poll_at IS NOT NULL",
    );
    return row?.at ?? null;
  }

  /** Stores a resource; one that is known keeps the instant of its creation, and its details where none are told. */
  write(resource: Resource): void {
    const { job, details } = resource;
    this.#sql.run(
      `INSERT INTO resources (id, kind, upstream, model, request_id, attempt, created_at, context_tokens, output_tokens,
         item_ids, details, poll_at, polls)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, upstream = excluded.upstream, model = excluded.model,
         request_id = excluded.request_id, attempt = excluded.attempt, context_tokens = excluded.context_tokens,
         output_tokens = excluded.output_tokens, item_ids = excluded.item_ids, details = coalesce(excluded.details, details),
         poll_at = excluded.poll_at, polls = excluded.polls`,
      resource.id,
      resource.kind,
      resource.upstream,
      resource.model,
      resource.requestId,
      resource.attempt,
      resource.createdAt,
      resource.contextTokens,
      resource.outputTokens,
      JSON.stringify(resource.itemIds),
      details === null ? null : JSON.stringify(details),
      job?.pollAt ?? null,
      job?.polls ?? 0,
    );
  }

  movePoll(id: string, pollAt: number, polls: number): void {
    this.#sql.run("UPDATE resources SET poll_at = ?, polls = ? WHERE id = ?", pollAt, polls, id);
  }

  /** Upstream is not asked after it any more. */
  closeJob(id: string): void {
    this.#sql.run("UPDATE resources SET poll_at = NULL WHERE id = ? AND poll_at IS NOT NULL", id);
  }

  /** Forgets a resource, but no open job: it is still to be charged. Returns whether it was there and is gone. */
  remove(id: string): boolean {
    return this.#sql.run("DELETE FROM resources WHERE id = ? AND poll_at IS NULL", id) > 0;
  }

  /** Forgets responses that were made before `at`, but no open jobs. */
  prune(at: number, limit: number): void {
    this.#sql.run(
      `DELETE FROM resources WHERE id IN (
         SELECT id FROM resources WHERE kind = 'response' AND created_at < ? AND poll_at IS NULL LIMIT ?)`,
      at,
      limit,
    );
  }
}
