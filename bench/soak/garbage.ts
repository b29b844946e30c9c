import { WebSocket } from "undici";

const PATIENCE_MS = 5_000;
/** An isolate that is idle collects when it is asked, and says so only when it is used again. */
const ANSWER_MS = 250;

interface Target {
  readonly webSocketDebuggerUrl: string;
}

/**
 * Has every isolate of a workerd collect its garbage, over the port for debuggers: the gateway's, and those of D1 and the
 * queues. V8 lets a heap grow for minutes while there is room, so that without it a leak cannot be told from thrift.
 * Throws when workerd does not answer at all.
 */
export async function collectGarbage(inspectorPort: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${inspectorPort}/json`, { signal: AbortSignal.timeout(PATIENCE_MS) });
  const targets: Target[] = JSON.parse(await response.text());
  // One after the other: workerd does not answer several debuggers at once.
  for (const { webSocketDebuggerUrl } of targets) await collectIn(webSocketDebuggerUrl);
}

async function collectIn(url: string): Promise<void> {
  const socket = new WebSocket(url);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const tooLong = setTimeout(() => reject(new Error("the debugger does not answer")), PATIENCE_MS);
  let asked: NodeJS.Timeout | undefined;
  socket.addEventListener("open", () => {
    socket.send(JSON.stringify({ id: 1, method: "HeapProfiler.collectGarbage" }));
    asked = setTimeout(resolve, ANSWER_MS);
  });
  socket.addEventListener("message", ({ data }) => {
    const { id }: { id?: number } = JSON.parse(String(data));
    if (id === 1) resolve();
  });
  socket.addEventListener("error", () => reject(new Error("the debugger's connection broke")));
  await promise.finally(() => {
    clearTimeout(tooLong);
    clearTimeout(asked);
    socket.close();
  });
}
