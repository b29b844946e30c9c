import { interrupt } from "./frames.ts";
import { JPEG, MP4, WEBP } from "./sample-media.ts";
import type { Interruption } from "./scenario.ts";

/** A file that can be downloaded, whole or in part. */
export interface Media {
  readonly type: string;
  /** In bytes. */
  readonly length: number;
  /** The bytes from `from` to before `to`, in pieces. */
  pieces(from: number, to: number): Generator<Uint8Array>;
}

export type Variant = "video" | "thumbnail" | "spritesheet";

export const VARIANTS: readonly Variant[] = ["video", "thumbnail", "spritesheet"];

const PIECE = 64 * 1024;

/** `contentBytes`: a file of that size in place of the sample, of which byte n is the remainder of n / 251. */
export function mediaOf(variant: Variant, contentBytes: number | null): Media {
  switch (variant) {
    case "video":
      return contentBytes === null ? sample("video/mp4", MP4) : pattern("video/mp4", contentBytes);
    case "thumbnail":
      return sample("image/webp", WEBP);
    case "spritesheet":
      return sample("image/jpeg", JPEG);
  }
}

/** Sends a part of `media`; where the scenario wants it, half of that, and then the interruption. */
export async function* playMedia(
  media: Media,
  { from, to }: { readonly from: number; readonly to: number },
  interruption: Interruption | null,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (interruption === null) {
    yield* media.pieces(from, to);
    return;
  }
  yield* media.pieces(from, from + Math.floor((to - from) / 2));
  await interrupt(interruption, signal);
}

function sample(type: string, base64: string): Media {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return {
    type,
    length: bytes.length,
    *pieces(from, to) {
      if (from < to) yield bytes.slice(from, to);
    },
  };
}

/** A prime, so that a piece that is lost, doubled or moved shows. */
const PERIOD = 251;

function pattern(type: string, length: number): Media {
  const source = Uint8Array.from({ length: PIECE + PERIOD }, (_, index) => index % PERIOD);
  return {
    type,
    length,
    *pieces(from, to) {
      for (let at = from; at < to; at += PIECE) {
        const start = at % PERIOD;
        yield source.slice(start, start + Math.min(PIECE, to - at));
      }
    },
  };
}
