import { Hono } from "hono";
import { answerChat } from "./chat.ts";
import { ApiError } from "./errors.ts";
import { type Answer, exchange, type SimulatorEnv, UNROUTED } from "./exchange.ts";
import { createJournal } from "./journal.ts";
import { listModels, readModel } from "./models.ts";
import { answerResponses } from "./responses.ts";

/** One simulated upstream with a journal of its own. Holds no other state between requests. */
export function createSimulator(): Hono<{ Bindings: SimulatorEnv }> {
  const journal = createJournal();
  const app = new Hono<{ Bindings: SimulatorEnv }>();

  app.get("/simulator/requests", (c) => c.json(journal.report()));
  app.delete("/simulator/requests", (c) => {
    journal.clear();
    return c.body(null, 204);
  });

  const route = (method: string, path: string, answer: Answer): void => {
    app.on(method, path, (c) => exchange(c, journal, `${method} ${path}`, answer));
  };
  route("POST", "/v1/responses", answerResponses);
  route("POST", "/v1/chat/completions", answerChat);
  route("GET", "/v1/models", listModels);
  route("GET", "/v1/models/:model", readModel);

  app.notFound((c) => exchange(c, journal, UNROUTED, unknownUrl));
  return app;
}

const unknownUrl: Answer = ({ method, path }) => {
  throw new ApiError(404, { message: `Invalid URL (${method} ${path})` });
};
