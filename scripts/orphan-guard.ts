import { spawn } from "node:child_process";
import type { Writable } from "node:stream";

/**
 * Ends the processes of this process when it is killed with SIGKILL, which it cannot notice itself.
 *
 * workerd outlives a killed parent: it goes on listening on the gateway's port and keeps the state files open. So a
 * shell of a few hundred kilobytes waits beside us on a pipe. It remembers the last list of process ids that it read;
 * when the pipe ends, because we ended in whatever way, it kills those. Pipes, unlike parent-death signals, work on
 * Linux and macOS alike. Windows has no such shell: there the guard does nothing.
 */
const GUARD_SCRIPT = `
trap '' HUP INT TERM
pids=
while read -r line; do pids=$line; done
for pid in $pids; do kill -s KILL -- "$pid" 2>/dev/null; done
`;

const guarded = new Set<number>();
let guard: Writable | undefined;

/** From now on `pid` ends with this process. A negative id means a whole process group. */
export function guardProcess(pid: number): void {
  guarded.add(pid);
  guard ??= startGuard();
  tellGuard();
}

/** Takes back `guardProcess`; to be called as soon as the process ended, before its id can be given to another. */
export function releaseProcess(pid: number): void {
  if (guarded.delete(pid)) tellGuard();
}

function tellGuard(): void {
  guard?.write(`${[...guarded].join(" ")}\n`);
}

function startGuard(): Writable | undefined {
  if (process.platform === "win32") return undefined;
  // Its own process group: a Ctrl-C in the terminal must not end the guard before us.
  const shell = spawn("/bin/sh", ["-c", GUARD_SCRIPT], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  const forget = () => {
    guard = undefined;
  };
  shell.on("error", forget);
  shell.on("exit", forget);
  shell.stdin.on("error", forget);
  shell.unref();
  if ("unref" in shell.stdin && typeof shell.stdin.unref === "function") shell.stdin.unref();
  return shell.stdin;
}
