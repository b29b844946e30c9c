import { WebSocket } from "undici";

/** An isolate collects when it is next used: under load within a second, on a busy machine a little later. */
const PATIENCE_MS = 5_000;
/** The Worker and its objects, which share an isolate on one machine. */
const GATEWAY = "core:user:spillway";
/** The others that every request uses. Those that are idle never answer, and do not grow. */
const AROUND_IT = ["outbound:0", "d1:db:entry", "d1:db", "queues:queue:spillway-ledger", "queues:queue"];
const MEGABYTE = 1_048_576;

interface Target {
  readonly id: string;
  readonly webSocketDebuggerUrl: string;
}

interface HeapUsage {
  readonly usedSize: number;
  readonly embedderHeapUsedSize: number;
  readonly backingStorageSize: number;
}

/**
 * Has the isolates of a workerd that serve requests collect their garbage, over the port for debuggers, and answers what
 * is left in the gateway's, in MB: objects, the runtime's parts of them, and buffers. V8 lets a heap grow for minutes
 * while there is room, so that without it a leak cannot be told from thrift. Throws when the gateway's was not collected.
 */
export async function collectGarbage(inspectorPort: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${inspectorPort}/json`, { signal: AbortSignal.timeout(PATIENCE_MS) });
  const targets: Target[] = JSON.parse(await response.text());
  // One after the other: workerd does not answer several debuggers at once.
  for (const { id, webSocketDebuggerUrl } of targets) {
    // One that had nothing to do for so long has made no garbage either.
    if (AROUND_IT.includes(id)) await collectIn(webSocketDebuggerUrl).catch(() => undefined);
  }
  const gateway = targets.find(({ id }) => id === GATEWAY);
  if (!gateway) throw new Error(`workerd does not show ${GATEWAY} to debuggers`);
  const { usedSize, embedderHeapUsedSize, backingStorageSize } = await collectIn(gateway.webSocketDebuggerUrl);
  return (usedSize + embedderHeapUsedSize + backingStorageSize) / MEGABYTE;
}

/** What is in use afterwards. */
async function collectIn(url: string): Promise<HeapUsage> {
  const socket = new WebSocket(url);
  const broken = Promise.withResolvers<never>();
  const tooLong = setTimeout(() => broken.reject(new Error("the debugger does not answer")), PATIENCE_MS);
  for (const end of ["error", "close"] as const) {
    socket.addEventListener(end, () => broken.reject(new Error("the debugger's connection broke")));
  }
  try {
    await Promise.race([new Promise((resolve) => socket.addEventListener("open", resolve)), broken.promise]);
    // Collecting is a task of its own, which a question that does not wait for its end would overtake, and which is
    // given up when the connection ends.
    await Promise.race([ask<unknown>(socket, 1, "HeapProfiler.collectGarbage"), broken.promise]);
    return await Promise.race([ask<HeapUsage>(socket, 2, "Runtime.getHeapUsage"), broken.promise]);
  } finally {
    clearTimeout(tooLong);
    socket.close();
  }
}

function ask<Result>(socket: WebSocket, id: number, method: string): Promise<Result> {
  const { promise, resolve } = Promise.withResolvers<Result>();
  socket.addEventListener("message", ({ data }) => {
    const answer: { id?: number; result: Result } = JSON.parse(String(data));
    if (answer.id === id) resolve(answer.result);
  });
  socket.send(JSON.stringify({ id, method }));
  return promise;
}
