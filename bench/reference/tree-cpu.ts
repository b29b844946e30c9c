import { readdirSync, readFileSync } from "node:fs";

/** The kernel counts in hundredths of a second on every Linux in use. */
const TICKS_PER_SECOND = 100;
/** Fields of /proc/PID/stat behind the name: the parent, own user and system time, and those of children that ended. */
const PARENT = 1;
const TIMES = [11, 12, 13, 14];

/**
 * CPU time so far of some processes and all that they started, in seconds; `null` where the system does not tell (no
 * /proc). A child that ended counts in its parent, so the workers that PostgreSQL starts and ends are not lost.
 */
export function treeCpuSeconds(roots: readonly number[]): number | null {
  const table = readTable();
  if (roots.some((pid) => !table.has(pid))) return null;
  const wanted = new Set(roots);
  for (const pid of wanted) {
    for (const [child, { parent }] of table) if (parent === pid) wanted.add(child);
  }
  const ticks = [...wanted].reduce((sum, pid) => sum + (table.get(pid)?.ticks ?? 0), 0);
  return ticks / TICKS_PER_SECOND;
}

interface ProcessLine {
  readonly parent: number;
  readonly ticks: number;
}

function readTable(): Map<number, ProcessLine> {
  const table = new Map<number, ProcessLine>();
  for (const name of procEntries()) {
    const line = readLine(name);
    if (line !== null) table.set(Number(name), line);
  }
  return table;
}

function procEntries(): string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** `null`: the process ended since it was listed. */
function readLine(pid: string): ProcessLine | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { parent: Number(fields[PARENT]), ticks: TIMES.reduce((sum, index) => sum + Number(fields[index]), 0) };
  } catch {
    return null;
  }
}
