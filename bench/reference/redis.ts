import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@redis/client";
import type { Programs } from "./programs.ts";
import { type Service, startService, untilReady } from "./service.ts";

export type RedisClient = ReturnType<typeof createClient>;

export interface Redis extends Service {
  readonly url: string;
  readonly client: RedisClient;
}

/** A Redis of its own that keeps what it was told in an append-only file, synchronised once a second: the usual setting. */
export async function startRedis({ redis }: Programs, parent: string, port: number): Promise<Redis> {
  const home = join(parent, "redis");
  await mkdir(home, { mode: 0o700 });
  const password = randomBytes(16).toString("hex");
  const settings = {
    bind: "127.0.0.1",
    port: String(port),
    dir: home,
    requirepass: password,
    appendonly: "yes",
    appendfsync: "everysec",
    save: '""',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`);
  const service = startService(redis, ["-"], {
    input: lines.join(""),
    log: join(parent, "redis.log"),
    stopSignal: "SIGTERM",
  });
  const url = `redis://:${password}@127.0.0.1:${port}`;
  const client: RedisClient = createClient({ url });
  client.on("error", () => undefined);
  const connected = client.connect();
  await untilReady("redis-server", service, () => connected);
  return {
    ...service,
    url,
    client,
    async stop() {
      client.destroy();
      await service.stop();
    },
  };
}
