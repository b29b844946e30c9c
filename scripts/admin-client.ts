import { SpillwayError } from "../client/errors.ts";
import { SpillwayOperator } from "../client/operator.ts";

/** The operator's client, as scripts and tests make it. */
export class AdminClient extends SpillwayOperator {
  constructor(origin: string, token: string) {
    super({ baseUrl: origin, token });
  }
}

/** What was asked for, or `otherwise` when the gateway refuses with `status`. */
export async function unless<T, Otherwise>(
  status: number,
  otherwise: Otherwise,
  asked: Promise<T>,
): Promise<T | Otherwise> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof SpillwayError && error.status === status) return otherwise;
    throw error;
  }
}
