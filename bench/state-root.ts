import { existsSync } from "node:fs";
import { tmpdir } from "node:os";

const MEMORY_FILES = "/dev/shm";

/** Where state is kept: in memory where the system has such a place, unless the disk is wanted. */
export function stateRootOf({ disk }: { readonly disk: boolean }): string {
  return !disk && existsSync(MEMORY_FILES) ? MEMORY_FILES : tmpdir();
}
