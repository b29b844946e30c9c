import type { World } from "./world.ts";

/** One run of a Worker. Once it has died, nothing of it goes on: what it waits for never comes. */
export class Invocation {
  readonly world: World;
  #alive = true;

  constructor(world: World) {
    this.world = world;
  }

  get alive(): boolean {
    return this.#alive;
  }

  die(): void {
    this.#alive = false;
  }

  sleep(ms: number): Promise<void> {
    return this.guard(this.world.sleep(ms));
  }

  /** `work`, as long as this invocation lives. */
  guard<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      work.then(
        (value) => this.#alive && resolve(value),
        (error: unknown) => this.#alive && reject(error),
      );
    });
  }

  /** Dies and never comes back. */
  vanish(): Promise<never> {
    this.die();
    return new Promise(() => {});
  }
}
