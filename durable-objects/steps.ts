import type {
  CheckpointRequest,
  EndReply,
  ReleaseRequest,
  ReserveReply,
  ReserveRequest,
  SettleRequest,
} from "./commands.ts";

/** A step on the way of a request. Those of one account that come at the same time share a call to its object. */
export type Step =
  | { readonly kind: "reserve"; readonly request: ReserveRequest }
  | { readonly kind: "settle"; readonly request: SettleRequest }
  | { readonly kind: "release"; readonly request: ReleaseRequest }
  | { readonly kind: "checkpoint"; readonly request: CheckpointRequest };

/** What the kinds of steps are answered. */
export interface StepAnswers {
  readonly reserve: ReserveReply;
  readonly settle: EndReply;
  readonly release: EndReply;
  readonly checkpoint: boolean;
}

/** What became of a step: one that fails keeps no other of its call from being done. */
export type StepOutcome<Answer = StepAnswers[keyof StepAnswers]> =
  | { readonly answer: Answer }
  | { readonly failure: string };
