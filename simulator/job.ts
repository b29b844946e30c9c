/** A job waits for this share of its time before it begins. */
export const QUEUED_SHARE = 0.2;

/** Something that goes on without a caller, as a webhook reports it. */
export interface Job {
  readonly id: string;
  /** Nothing will happen any more. */
  isOver(): boolean;
  /** What a webhook calls its end, such as `video.completed`. */
  endEvent(): string;
}
