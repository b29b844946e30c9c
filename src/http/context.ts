import type { Context } from "hono";
import type { Env } from "../env.ts";
import type { Services } from "./services.ts";

/** What every handler finds in its context. */
export interface HttpEnv {
  Bindings: Env;
  Variables: {
    requestId: string;
    services: Services;
    begunAt: number;
  };
}

export type HttpContext = Context<HttpEnv>;
