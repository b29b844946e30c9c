import { Hono } from "hono";
import type { HttpEnv } from "../../http/context.ts";
import { ownResource } from "../stored/own-resource.ts";
import { makeCharacter, readCharacter } from "./characters.ts";
import { listVideos } from "./list.ts";
import { makeVideo } from "./make.ts";
import { downloadContent, removeVideo, retrieveVideo } from "./read.ts";

/**
 * The Videos API. Making a video is held at its creation and settled at its completion; everything else costs nothing
 * and works without credits. Only the account that made a video finds it.
 */
export function videoRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.post("/", (c) => makeVideo(c, "create"));
  routes.get("/", listVideos);
  routes.post("/edits", (c) => makeVideo(c, "edit"));
  routes.post("/extensions", (c) => makeVideo(c, "extension"));
  routes.post("/characters", makeCharacter);
  routes.get("/characters/:id", readCharacter);
  routes.post("/:id/remix", (c) => makeVideo(c, "remix"));
  routes.get("/:id", async (c) => retrieveVideo(c, await ownResource(c, "video")));
  routes.delete("/:id", async (c) => removeVideo(c, await ownResource(c, "video")));
  routes.get("/:id/content", async (c) => downloadContent(c, await ownResource(c, "video")));
  return routes;
}
