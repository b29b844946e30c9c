import { HTTPException } from "hono/http-exception";
import type { Child } from "hono/jsx";
import type { HttpContext } from "../http/context.ts";
import { renderFault } from "../http/error-response.ts";
import { HttpFault } from "../http/fault.ts";
import { endSession } from "../http/session.ts";
import { arrivalPage, isFromElsewhere } from "./arrival.tsx";
import { page } from "./page.tsx";
import { signInPath } from "./sign-in-path.ts";

/** Shows on a page what a handler threw; whoever is not signed in is led to the sign-in. */
export async function faultPage(c: HttpContext, error: Error): Promise<Response> {
  if (error instanceof HttpFault && error.status === 401) {
    const ended = error.code === "not_signed_in" ? null : "ended";
    if (ended === null && isFromElsewhere(c)) return arrivalPage(c);
    if (ended !== null) endSession(c);
    const back = c.req.method === "GET" ? new URL(c.req.url) : null;
    return c.redirect(signInPath({ next: back && back.pathname + back.search, why: ended }), 303);
  }
  const told = await tellFault(c, error);
  const children = (
    <FaultText told={told} requestId={c.var.requestId}>
      <a href="/dashboard">Back to the overview</a>
    </FaultText>
  );
  return page(c, { title: told.title, children }, told.status);
}

/** What a page says of a fault. */
export interface ToldFault {
  readonly title: string;
  readonly message: string;
  readonly status: HttpFault["status"] | 500;
}

/** What a person is told of what a handler threw. What nobody foresaw goes to the log and is told in general words. */
export async function tellFault(c: HttpContext, error: Error): Promise<ToldFault> {
  if (error instanceof HTTPException) {
    return { title: "Refused", message: "This form was sent by another site, so it was not followed.", status: 403 };
  }
  if (error instanceof HttpFault) return { title: titleOf(error), message: error.message, status: error.status };
  const fault = renderFault(c, error);
  const { message } = (await fault.json<{ error: { message: string } }>()).error;
  return fault.status === 503
    ? { title: "Not right now", message, status: 503 }
    : { title: "Something went wrong", message, status: 500 };
}

/** @param children the way back */
export function FaultText({ told, requestId, children }: { told: ToldFault; requestId: string; children: Child }) {
  return (
    <>
      <h1>{told.title}</h1>
      <p class="lead">{told.message}</p>
      <p>{children}</p>
      <p class="small soft">
        Request <span class="id">{requestId}</span>
      </p>
    </>
  );
}

function titleOf({ status }: HttpFault): string {
  if (status === 404) return "Not found";
  return status === 403 ? "Not allowed" : "That did not work";
}
