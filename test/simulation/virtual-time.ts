import type { World } from "./world.ts";

/** Runs `work` with timers, randomness and an error log that belong to `world`: the code under test needs no real ones. */
export async function inVirtualTime<T>(world: World, work: () => Promise<T>): Promise<T> {
  const random = world.random.fork("Math.random");
  const cancelled = new Set<number>();
  let timers = 0;
  const replaced = {
    setTimeout: (run: () => void, ms = 0): number => {
      timers += 1;
      const timer = timers;
      world.at(world.now + ms, () => {
        if (!cancelled.delete(timer)) run();
      });
      return timer;
    },
    clearTimeout: (timer: number): void => void cancelled.add(timer),
    scheduler: { wait: (ms: number) => world.sleep(ms) },
  };
  const names = Object.keys(replaced);
  const originals = names.map((name) => Object.getOwnPropertyDescriptor(globalThis, name));
  const { random: originalRandom } = Math;
  const { error: originalError } = console;
  for (const [name, value] of Object.entries(replaced)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  Math.random = () => random.next();
  console.error = (text: unknown) => world.tell(String(text));
  try {
    return await work();
  } finally {
    Math.random = originalRandom;
    console.error = originalError;
    for (const [index, name] of names.entries()) {
      const original = originals[index];
      if (original) Object.defineProperty(globalThis, name, original);
      else Reflect.deleteProperty(globalThis, name);
    }
  }
}
