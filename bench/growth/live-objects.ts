import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

const PAGE_BYTES = 4_096;

/** Memory of a process in MB; `null` where the system does not tell (no /proc). */
export function residentMb(pid: number | undefined): number | null {
  try {
    const [, pages = "0"] = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ");
    return (Number(pages) * PAGE_BYTES) / 1e6;
  } catch {
    return null;
  }
}

/** Objects whose database the runtime has open; `null` where the system does not tell. */
export function liveObjects(pid: number | undefined): number | null {
  const directory = `/proc/${pid}/fd`;
  try {
    const open = readdirSync(directory).map((name) => linkOf(join(directory, name)));
    return new Set(open.filter((path) => path.includes("AccountObject") && path.endsWith(".sqlite"))).size;
  } catch {
    return null;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
