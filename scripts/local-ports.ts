import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Both the runtime and our clients use IPv4's loopback; `localhost` reaches it on every system. */
export const LOOPBACK = "127.0.0.1";

/** Something else listens on the port that the gateway was told to use. */
export class PortInUseError extends Error {
  override readonly name = "PortInUseError";
  readonly port: number;

  constructor(port: number) {
    super(`Port ${port} is in use. Choose another one: PORT=${port + 1}`);
    this.port = port;
  }
}

const RETRY_MS = 100;
/** A gateway that was killed a moment ago may still be letting go of its port. */
const PATIENCE_MS = 1_500;

/** @throws PortInUseError when the port does not become free within a moment. */
export async function waitForFreePort(port: number): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (!(await isFree(port))) {
    if (Date.now() >= giveUpAt) throw new PortInUseError(port);
    await sleep(RETRY_MS);
  }
}

/** A port of the loopback that nobody listens on at the moment. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  server.listen(0, LOOPBACK);
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, LOOPBACK);
    await once(server, "listening");
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") return false;
    throw error;
  } finally {
    server.close();
  }
}
