import { HTTPException } from "hono/http-exception";
import { AccountUnreachable } from "../../durable-objects/client.ts";
import type { HttpContext } from "../http/context.ts";
import { renderFault } from "../http/error-response.ts";
import { HttpFault } from "../http/fault.ts";
import { endSession } from "../http/session.ts";
import { arrivalPage, isFromElsewhere } from "./arrival.tsx";
import { page } from "./page.tsx";
import { signInPath } from "./sign-in-path.ts";

/** Shows on a page what a handler threw; whoever is not signed in is led to the sign-in. */
export async function faultPage(c: HttpContext, error: Error): Promise<Response> {
  if (error instanceof HTTPException) {
    const fault = new HttpFault(403, "cross_site", "This form was sent by another site, so it was not followed.");
    return shown(c, "Refused", fault.message, 403);
  }
  if (error instanceof HttpFault && error.status === 401) {
    const ended = error.code === "not_signed_in" ? null : "ended";
    if (ended === null && isFromElsewhere(c)) return arrivalPage(c);
    if (ended !== null) endSession(c);
    const back = c.req.method === "GET" ? new URL(c.req.url) : null;
    return c.redirect(signInPath({ next: back && back.pathname + back.search, why: ended }), 303);
  }
  if (error instanceof HttpFault) return shown(c, titleOf(error), error.message, error.status);
  const answer = renderFault(c, error);
  const told = (await answer.json()) as { error: { message: string } };
  const isPassing = error instanceof AccountUnreachable;
  return shown(c, isPassing ? "Not right now" : "Something went wrong", told.error.message, isPassing ? 503 : 500);
}

async function shown(c: HttpContext, title: string, message: string, status: HttpFault["status"] | 500) {
  return page(
    c,
    {
      title,
      children: (
        <>
          <h1>{title}</h1>
          <p class="lead">{message}</p>
          <p>
            <a href="/dashboard">Back to the overview</a>
          </p>
          <p class="small soft">
            Request <span class="id">{c.var.requestId}</span>
          </p>
        </>
      ),
    },
    status,
  );
}

function titleOf({ status }: HttpFault): string {
  if (status === 404) return "Not found";
  return status === 403 ? "Not allowed" : "That did not work";
}
