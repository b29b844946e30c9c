import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { CannotRunError } from "./failure.ts";

/** The databases of the reference are programs of this machine; none comes with `npm ci`. */
export interface Programs {
  readonly redis: string;
  readonly postgres: string;
  readonly initdb: string;
  /** Who PostgreSQL runs as where we are root, which it refuses to be. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
}

/** Where Debian keeps the programs of PostgreSQL's server, by version. */
const DEBIAN = "/usr/lib/postgresql";
export const INSTALL = "apt-get install -y redis-server postgresql";

/** @throws CannotRunError that says what to install */
export function findPrograms(): Programs {
  const redis = find("redis-server", []);
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = versions.map((version) => join(DEBIAN, version, "bin"));
  const postgres = find("postgres", folders);
  const initdb = find("initdb", folders);
  if (redis === undefined || postgres === undefined || initdb === undefined) {
    const missing = [redis === undefined ? "redis-server" : "", postgres === undefined ? "postgres" : ""].filter(
      Boolean,
    );
    throw new CannotRunError(`${missing.join(" and ") || "initdb"} not found. On Debian: ${INSTALL}`);
  }
  return { redis, postgres, initdb, owner: process.getuid?.() === 0 ? postgresUser() : undefined };
}

export function hasPrograms(): boolean {
  try {
    findPrograms();
    return true;
  } catch {
    return false;
  }
}

function find(program: string, folders: readonly string[]): string | undefined {
  const path = (process.env.PATH ?? "").split(delimiter);
  return [...folders, ...path].map((folder) => join(folder, program)).find(existsSync);
}

function postgresUser() {
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}
