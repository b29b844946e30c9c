import { ApiError } from "./errors.ts";

export function badForm(why: string): ApiError {
  return new ApiError(400, { message: `We could not parse the form of your request: ${why}.` });
}
