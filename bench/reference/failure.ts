/** Something is missing or mistyped; the message says all that a person can act on. */
export class CannotRunError extends Error {
  override readonly name = "CannotRunError";
}

/** Prints why a command cannot go on, and ends it with exit code 1. */
export function fail(error: unknown, usage: string): never {
  if (error instanceof CannotRunError) console.error(error.message);
  else if (error instanceof TypeError && "code" in error) console.error(`${error.message}\n\n${usage}`);
  else console.error(error);
  process.exit(1);
}
