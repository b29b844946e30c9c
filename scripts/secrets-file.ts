import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Small files beside the local state that only their owner can read: tokens and keys that must survive a restart. */
export class SecretFiles {
  readonly #directory: string;

  constructor(stateDir: string) {
    this.#directory = join(stateDir, "secrets");
  }

  /** The text kept as `name`, or undefined. */
  async read(name: string): Promise<string | undefined> {
    try {
      return await readFile(this.path(name), "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Replaces the text as a whole: a crash leaves the old one or the new one. */
  async write(name: string, text: string): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const draft = `${this.path(name)}.${process.pid}`;
    await writeFile(draft, text, { mode: 0o600 });
    // The mode above counts only for a new file, and the umask can only take away from it.
    await chmod(draft, 0o600);
    await rename(draft, this.path(name));
  }

  /** The text kept as `name`; at first use, `prefix` and 256 random bits. */
  async readOrMake(name: string, prefix: string): Promise<string> {
    const kept = (await this.read(name))?.trim();
    if (kept !== undefined && kept !== "") return kept;
    const made = prefix + randomBytes(32).toString("base64url");
    await this.write(name, made);
    return made;
  }

  path(name: string): string {
    return join(this.#directory, name);
  }
}
