import { epochSeconds } from "./clock.ts";
import { ApiError } from "./errors.ts";
import { newId } from "./ids.ts";
import { mediaOf, VARIANTS } from "./media.ts";
import { pageOf } from "./pages.ts";
import type { Answer, HttpExchange, Reply } from "./reply.ts";
import { storedVideo, type VideoOrder } from "./stored-video.ts";
import { characterName, editOrder, extensionOrder, newOrder, remixOrder } from "./video-request.ts";
import { requiredCompleted, requiredVideo } from "./video-store.ts";

/** `POST /v1/videos` */
export const createVideo: Answer = (exchange) => make(exchange, () => newOrder(exchange.body));

/** `POST /v1/videos/{id}/remix` */
export const remixVideo: Answer = (exchange) =>
  make(exchange, () => remixOrder(exchange.body, exchange.videos, exchange.params.id ?? ""));

/** `POST /v1/videos/edits` */
export const editVideo: Answer = (exchange) => make(exchange, () => editOrder(exchange.body, exchange.videos));

/** `POST /v1/videos/extensions` */
export const extendVideo: Answer = (exchange) => make(exchange, () => extensionOrder(exchange.body, exchange.videos));

/** `GET /v1/videos` */
export const listVideos: Answer = ({ query, videos }) => {
  const all = Array.from(videos.videos.values(), (video) => video.object());
  return { json: pageOf(all, query) };
};

/** `GET /v1/videos/{id}` */
export const readVideo: Answer = ({ params, videos }) => ({ json: requiredVideo(videos, params.id ?? "").object() });

/** `DELETE /v1/videos/{id}`: only what is over can be deleted. */
export const deleteVideo: Answer = ({ params, scenario, videos }) => {
  const video = requiredVideo(videos, params.id ?? "");
  if (!video.isOver() && !scenario.video.deleteRunning) {
    throw new ApiError(400, { message: "Only a completed or failed video can be deleted." });
  }
  videos.videos.delete(video.id);
  return { json: { id: video.id, object: "video.deleted", deleted: true } };
};

/** `GET /v1/videos/{id}/content`, whole or in part. */
export const downloadVideo: Answer = ({ params, query, scenario, videos }) => {
  const asked = query.get("variant") ?? "video";
  const variant = VARIANTS.find((known) => known === asked);
  if (variant === undefined) throw new ApiError(400, { message: "Invalid 'variant'.", param: "variant" });
  const video = requiredCompleted(videos, params.id ?? "", notReady());
  return { media: mediaOf(variant, scenario.video.contentBytes ?? video.contentBytes) };
};

/** `POST /v1/videos/characters` */
export const createCharacter: Answer = ({ body, videos }) => {
  const character = { id: newId("char_"), name: characterName(body), created_at: epochSeconds(Date.now()) };
  videos.characters.set(character.id, character);
  return { json: character };
};

/** `GET /v1/videos/characters/{id}` */
export const readCharacter: Answer = ({ params, videos }) => {
  const character = videos.characters.get(params.id ?? "");
  if (character === undefined) throw new ApiError(404, { message: "Character not found.", code: null });
  return { json: character };
};

/** Makes what is ordered, unless an earlier request with the same key did. */
function make({ path, headers, scenario, videos }: HttpExchange, orderOf: () => VideoOrder): Reply {
  const sent = headers.get("idempotency-key");
  const key = sent === null || !scenario.video.idempotent ? null : `${path} ${sent}`;
  const earlier = key === null ? undefined : videos.byKey.get(key);
  if (earlier !== undefined) return { json: earlier.object() };
  const video = storedVideo(orderOf(), scenario.video, scenario.errorCode);
  videos.videos.set(video.id, video);
  if (key !== null) videos.byKey.set(key, video);
  return scenario.video.loseAnswer ? { lost: true, job: video } : { json: video.object(), job: video };
}

function notReady(): ApiError {
  return new ApiError(404, {
    message: "Video is not ready yet, use GET /v1/videos/{video_id} to check status.",
    code: null,
  });
}
