import type { HttpContext } from "../../http/context.ts";
import { HttpFault } from "../../http/fault.ts";
import { arrivalPage, isFromElsewhere } from "../arrival.tsx";
import { FaultText, tellFault } from "../fault-page.tsx";
import { page } from "../page.tsx";
import { BASE } from "./frame.tsx";
import { endOperator } from "./operator.ts";
import { operatorSignInPath } from "./sign-in-path.ts";

/** Shows to an operator what a handler threw; whoever is not signed in is led to the sign-in. */
export async function operatorFaultPage(c: HttpContext, error: Error): Promise<Response> {
  if (error instanceof HttpFault && error.status === 401) {
    if (isFromElsewhere(c)) return arrivalPage(c);
    endOperator(c);
    const asked = c.req.method === "GET" ? new URL(c.req.url) : null;
    return c.redirect(operatorSignInPath(asked && asked.pathname + asked.search, asked ? null : "ended"), 303);
  }
  const told = await tellFault(c, error);
  const children = (
    <FaultText told={told} requestId={c.var.requestId}>
      <a href={BASE}>Back to the accounts</a>
    </FaultText>
  );
  return page(c, { title: `${told.title} · Operators`, house: "Operators", children }, told.status);
}
