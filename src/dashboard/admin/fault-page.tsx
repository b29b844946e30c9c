import { HTTPException } from "hono/http-exception";
import { AccountUnreachable } from "../../../durable-objects/client.ts";
import type { HttpContext } from "../../http/context.ts";
import { renderFault } from "../../http/error-response.ts";
import { HttpFault } from "../../http/fault.ts";
import { arrivalPage, isFromElsewhere } from "../arrival.tsx";
import { page } from "../page.tsx";
import { BASE } from "./frame.tsx";
import { endOperator } from "./operator.ts";
import { operatorSignInPath } from "./sign-in-path.ts";

/** Shows to an operator what a handler threw; whoever is not signed in is led to the sign-in. */
export async function operatorFaultPage(c: HttpContext, error: Error): Promise<Response> {
  if (error instanceof HTTPException) {
    return shown(c, "Refused", "This form was sent by another site, so it was not followed.", 403);
  }
  if (error instanceof HttpFault && error.status === 401) {
    if (isFromElsewhere(c)) return arrivalPage(c);
    endOperator(c);
    const asked = c.req.method === "GET" ? new URL(c.req.url) : null;
    return c.redirect(operatorSignInPath(asked && asked.pathname + asked.search, asked ? null : "ended"), 303);
  }
  if (error instanceof HttpFault) {
    return shown(c, error.status === 404 ? "Not found" : "That did not work", error.message, error.status);
  }
  const told = await renderFault(c, error).json<{ error: { message: string } }>();
  const isPassing = error instanceof AccountUnreachable;
  return shown(c, isPassing ? "Not right now" : "Something went wrong", told.error.message, isPassing ? 503 : 500);
}

async function shown(c: HttpContext, title: string, message: string, status: HttpFault["status"] | 500) {
  const children = (
    <>
      <h1>{title}</h1>
      <p class="lead">{message}</p>
      <p>
        <a href={BASE}>Back to the accounts</a>
      </p>
      <p class="small soft">
        Request <span class="id">{c.var.requestId}</span>
      </p>
    </>
  );
  return page(c, { title: `${title} · Operators`, house: "Operators", children }, status);
}
