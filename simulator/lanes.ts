import { ApiError } from "./errors.ts";
import { itemAmong, type ResponseStore } from "./response-store.ts";
import type { StoredResponse } from "./stored-response.ts";

/** Requests of one `stream_id`: one after the other, in the order in which they came. */
export interface Lane {
  /** `null`: the one of all requests without `stream_id`. */
  readonly streamId: string | null;
  /** Requests that are running or wait. */
  busy: number;
  tail: Promise<void>;
  /** What may be continued in this connection although it is not stored: the last response alone. */
  latest: StoredResponse | null;
  /** What the user said to the running response, and nothing has answered yet. */
  steering: unknown;
}

export interface Lanes {
  /** @throws ApiError 400 for an id that cannot be one, and for one too many */
  of(streamId: unknown): Lane;
  /** Runs `work` when all before it in the lane has ended. `work` must not reject. */
  enqueue(lane: Lane, work: () => Promise<void>): void;
  /** The lane in which the response `id` was the last one. */
  withLatest(id: string): Lane | undefined;
  /** What a request in `lane` finds and keeps: the connection's last responses, and what is stored. */
  storeFor(lane: Lane): ResponseStore;
}

const MAX_NAMED = 32;

export function createLanes(stored: ResponseStore): Lanes {
  const lanes = new Map<string | null, Lane>();
  const latest = () => [...lanes.values()].flatMap((lane) => lane.latest ?? []);
  return {
    of(streamId) {
      const id = laneId(streamId);
      const known = lanes.get(id);
      if (known !== undefined) return known;
      if (id !== null && lanes.size - (lanes.has(null) ? 1 : 0) >= MAX_NAMED) throw tooManyStreams();
      const lane: Lane = { streamId: id, busy: 0, tail: Promise.resolve(), latest: null, steering: null };
      lanes.set(id, lane);
      return lane;
    },
    enqueue(lane, work) {
      lane.busy += 1;
      lane.tail = lane.tail.then(work).finally(() => {
        lane.busy -= 1;
      });
    },
    withLatest: (id) => [...lanes.values()].find((lane) => lane.latest?.id === id),
    storeFor: (lane) => ({
      find: (id) => latest().find((response) => response.id === id) ?? stored.find(id),
      findItem: (id) => itemAmong(latest(), id) ?? stored.findItem(id),
      keep(response, isStored) {
        lane.latest = response;
        stored.keep(response, isStored);
      },
      delete: stored.delete,
    }),
  };
}

function laneId(streamId: unknown): string | null {
  if (streamId === undefined || streamId === null) return null;
  if (typeof streamId === "string" && /^[\w.-]{1,256}$/.test(streamId)) return streamId;
  throw new ApiError(400, {
    message: "The 'stream_id' field must have 1 to 256 letters, numbers, underscores, hyphens and periods.",
    code: "invalid_stream_id",
    param: "stream_id",
  });
}

function tooManyStreams(): ApiError {
  return new ApiError(400, {
    message: `This WebSocket connection has reached its maximum number of distinct stream IDs (${MAX_NAMED}).`,
    code: "websocket_stream_limit_reached",
    param: "stream_id",
  });
}
