import { wait } from "./clock.ts";
import { ApiError } from "./errors.ts";
import { MAX_WAIT_MS, type Refusal, type Scenario } from "./scenario.ts";

/** Does what stands in the place of an answer: throws the error, or gives the redirect. */
export async function refuse(
  refusal: Refusal,
  scenario: Scenario,
  credential: string,
  signal: AbortSignal,
): Promise<Response> {
  switch (refusal.kind) {
    case "status":
      throw new ApiError(refusal.status, {
        ...(scenario.errorCode === null ? {} : { code: scenario.errorCode }),
        ...(scenario.retryAfter === null ? {} : { headers: { "retry-after": scenario.retryAfter } }),
      });
    case "leak_key":
      throw new ApiError(401, {
        message: `Incorrect API key provided: ${partOf(credential)}. You can find your API key in your account settings.`,
      });
    case "redirect":
      return new Response(null, { status: 302, headers: { location: refusal.location } });
    case "hang":
      await wait(MAX_WAIT_MS, signal);
      throw new ApiError(504, { message: "The upstream gave up." });
  }
}

/** The start and the end of the key around asterisks, as OpenAI prints it; never the whole key. */
function partOf(credential: string): string {
  const head = credential.slice(0, Math.min(8, Math.floor(credential.length / 2)));
  const tail = credential.slice(credential.length - Math.min(4, Math.floor(credential.length / 4)));
  return `${head}********${tail}`;
}
