import { Hono } from "hono";
import { conduct, type SimulatorContext, type SimulatorEnv, UNROUTED } from "./call.ts";
import { answerChat } from "./chat.ts";
import { compactInput, countInputTokens } from "./compaction.ts";
import { ApiError } from "./errors.ts";
import { exchange } from "./exchange.ts";
import { createJournal } from "./journal.ts";
import { listModels, readModel } from "./models.ts";
import type { Answer } from "./reply.ts";
import { cancelResponse, deleteResponse, listInputItems, readResponse } from "./response-routes.ts";
import { answerResponses } from "./responses.ts";
import { upgrade } from "./upgrade.ts";
import { createUpstreams, type Upstreams } from "./upstreams.ts";
import {
  createCharacter,
  createVideo,
  deleteVideo,
  downloadVideo,
  editVideo,
  extendVideo,
  listVideos,
  readCharacter,
  readVideo,
  remixVideo,
} from "./video-routes.ts";

/** One simulated upstream with a journal of its own. Between requests it holds the stored responses and videos besides. */
export function createSimulator(): Hono<{ Bindings: SimulatorEnv }> {
  const journal = createJournal();
  const upstreams = createUpstreams();
  const app = new Hono<{ Bindings: SimulatorEnv }>();

  app.get("/simulator/requests", (c) => c.json(journal.report()));
  app.delete("/simulator/requests", (c) => {
    journal.clear();
    return c.body(null, 204);
  });
  app.get("/simulator/videos", (c) => c.json({ videos: videosIn(upstreams) }));

  const answered = (c: SimulatorContext, name: string, answer: Answer) =>
    conduct(c, journal, name, (call) => exchange(call, upstreams, answer));
  const route = (method: string, path: string, answer: Answer): void => {
    app.on(method, path, (c) => answered(c, `${method} ${path}`, answer));
  };
  route("POST", "/v1/responses", answerResponses);
  route("POST", "/v1/responses/compact", compactInput);
  route("POST", "/v1/responses/input_tokens", countInputTokens);
  route("GET", "/v1/responses/:id", readResponse);
  route("DELETE", "/v1/responses/:id", deleteResponse);
  route("POST", "/v1/responses/:id/cancel", cancelResponse);
  route("GET", "/v1/responses/:id/input_items", listInputItems);
  route("POST", "/v1/videos", createVideo);
  route("GET", "/v1/videos", listVideos);
  route("POST", "/v1/videos/edits", editVideo);
  route("POST", "/v1/videos/extensions", extendVideo);
  route("POST", "/v1/videos/characters", createCharacter);
  route("GET", "/v1/videos/characters/:id", readCharacter);
  route("GET", "/v1/videos/:id", readVideo);
  route("DELETE", "/v1/videos/:id", deleteVideo);
  route("POST", "/v1/videos/:id/remix", remixVideo);
  route("GET", "/v1/videos/:id/content", downloadVideo);
  route("POST", "/v1/chat/completions", answerChat);
  route("GET", "/v1/models", listModels);
  route("GET", "/v1/models/:model", readModel);

  app.get("/v1/responses", (c, next) =>
    c.req.header("upgrade")?.toLowerCase() === "websocket"
      ? conduct(c, journal, "GET /v1/responses", (call) => upgrade(call, journal, upstreams.of(call.host).responses))
      : next(),
  );
  app.notFound((c) => answered(c, UNROUTED, unknownUrl));
  return app;
}

/** Every video of every upstream, as it is now. */
function videosIn(upstreams: Upstreams): object[] {
  return Array.from(upstreams.all()).flatMap(([host, { videos }]) =>
    Array.from(videos.videos.values(), (video) => ({ host, ...video.object() })),
  );
}

const unknownUrl: Answer = ({ method, path }) => {
  throw new ApiError(404, { message: `Invalid URL (${method} ${path})` });
};
