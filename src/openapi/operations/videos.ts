import type { Content, Operation } from "../operation.ts";
import { free, JSON_BODY, metered } from "./openai-route.ts";

const FORM_BODY: Content = {
  kind: "other",
  mediaType: "multipart/form-data",
  description: "As OpenAI's reference has it; files are streamed to the upstream.",
};
const FILE: Content = { kind: "other", mediaType: "video/mp4", description: "The file, or the part of it asked for." };

export const videoOperations: readonly Operation[] = [
  metered({
    id: "createVideo",
    method: "post",
    path: "/v1/videos",
    summary: "Make a video",
    family: "videos",
    description: "Its seconds and size are priced and held at once, and charged when it is done; a failed one is free.",
    body: [JSON_BODY, FORM_BODY],
  }),
  free({
    id: "listVideos",
    method: "get",
    path: "/v1/videos",
    summary: "The account's own videos",
    family: "videos",
    query: {
      limit: { description: "How many at most.", schema: { type: "integer", minimum: 1, maximum: 100, default: 20 } },
      after: { description: "The id of the last video that was seen." },
      order: { description: "By creation.", schema: { type: "string", enum: ["asc", "desc"], default: "desc" } },
    },
  }),
  metered({
    id: "editVideo",
    method: "post",
    path: "/v1/videos/edits",
    summary: "Make a video from another one",
    family: "videos",
    body: [JSON_BODY, FORM_BODY],
  }),
  metered({
    id: "extendVideo",
    method: "post",
    path: "/v1/videos/extensions",
    summary: "Make a video longer",
    family: "videos",
    body: [JSON_BODY, FORM_BODY],
  }),
  metered({
    id: "createCharacter",
    method: "post",
    path: "/v1/videos/characters",
    summary: "Make a character from an uploaded video",
    family: "videos",
    body: [FORM_BODY],
  }),
  free({
    id: "getCharacter",
    method: "get",
    path: "/v1/videos/characters/{id}",
    summary: "A character",
    family: "videos",
  }),
  metered({
    id: "remixVideo",
    method: "post",
    path: "/v1/videos/{id}/remix",
    summary: "Make a video after another one",
    family: "videos",
    body: [JSON_BODY],
  }),
  free({ id: "getVideo", method: "get", path: "/v1/videos/{id}", summary: "A video's state", family: "videos" }),
  free({ id: "deleteVideo", method: "delete", path: "/v1/videos/{id}", summary: "Delete a video", family: "videos" }),
  free({
    id: "downloadVideo",
    method: "get",
    path: "/v1/videos/{id}/content",
    summary: "A video's file, or a picture of it",
    family: "videos",
    description: "`Range` requests are passed on.",
    answer: [FILE],
    query: { variant: { description: "What to download.", schema: { type: "string", examples: ["video"] } } },
  }),
];
