import { epochSeconds } from "./clock.ts";
import { ApiError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { type Frames, play, type WireEvent } from "./frames.ts";
import { newId } from "./ids.ts";
import { type Plan, planAnswer, servedTier } from "./plan.ts";
import type { Answer } from "./reply.ts";
import { isObject, type JsonObject, metadataOf, optionalInteger, requiredBody, requiredModel } from "./request-body.ts";
import { MAX_DELTAS } from "./scenario.ts";
import { type Prose, proseFor } from "./text.ts";
import { chatUsage } from "./usage.ts";

const MAX_TOKENS = 1_000_000_000;
const MAX_CHOICES = 128;

/** What all choices of one completion share. */
interface Completion {
  base: { id: string; created: number; model: string; service_tier: string; system_fingerprint: string };
  proses: Prose[];
  plan: Plan;
  finishReason: "stop" | "length" | "content_filter";
  usage: object | undefined;
  /** Why it fails in the end, or `null`. */
  failure: ApiError | null;
}

/** `POST /v1/chat/completions`, JSON or a stream of chunks. Output is counted per choice, usage over all of them. */
export const answerChat: Answer = (exchange) => {
  const body = requiredBody(exchange.body);
  const completion = completionOf(exchange, body);
  if (body.stream !== true) return { json: wholeCompletion(completion) };
  const wantsUsage = isObject(body.stream_options) && body.stream_options.include_usage === true;
  return { beats: (signal) => play(chunkFrames(completion, wantsUsage), exchange.scenario, signal) };
};

function completionOf(exchange: Exchange, body: JsonObject): Completion {
  const { scenario, bodyText } = exchange;
  metadataOf(body);
  const limit =
    optionalInteger(body, "max_completion_tokens", 1, MAX_TOKENS) ?? optionalInteger(body, "max_tokens", 1, MAX_TOKENS);
  const n = optionalInteger(body, "n", 1, MAX_CHOICES) ?? 1;
  const first = proseFor(bodyText);
  const plan = planAnswer(exchange, first, { limit });
  if (plan.deltas * n > MAX_DELTAS) throw new ApiError(400, { message: "Too much output over all choices." });
  const { output, reasoning } = plan.count;
  return {
    base: {
      id: newId("chatcmpl-"),
      created: epochSeconds(Date.now()),
      model: requiredModel(body),
      service_tier: servedTier(exchange),
      system_fingerprint: "fp_simulated",
    },
    proses: Array.from({ length: n }, (_, choice) => proseFor(bodyText, choice)),
    plan,
    finishReason: finishReasonOf(plan),
    usage: chatUsage({ ...plan.count, output: output * n, reasoning: reasoning * n }, scenario.usage),
    failure: plan.ending === "failed" ? failureOf(scenario.errorCode) : null,
  };
}

function wholeCompletion(completion: Completion): object {
  const { base, proses, plan, finishReason, usage, failure } = completion;
  if (failure !== null) throw failure;
  const choices = proses.map((prose, index) => ({
    index,
    message: { role: "assistant", content: prose.text(plan.deltas), refusal: null, annotations: [] },
    logprobs: null,
    finish_reason: finishReason,
  }));
  return { ...base, object: "chat.completion", choices, ...(usage === undefined ? {} : { usage }) };
}

/** The choices take turns: delta `i` is word `i / n` of choice `i mod n`. */
function chunkFrames(completion: Completion, wantsUsage: boolean): Frames {
  const { base, proses, plan, finishReason, usage, failure } = completion;
  const n = proses.length;
  const head = { ...base, object: "chat.completion.chunk" };
  const chunk = (index: number, delta: object, reason: string | null): WireEvent => ({
    data: {
      ...head,
      choices: [{ index, delta, logprobs: null, finish_reason: reason }],
      ...(wantsUsage ? { usage: null } : {}),
    },
  });
  const ofEachChoice = (event: (index: number) => WireEvent) => proses.map((_, index) => event(index));
  const usageChunk: WireEvent[] = wantsUsage && usage !== undefined ? [{ data: { ...head, choices: [], usage } }] : [];
  return {
    deltas: plan.deltas * n,
    opening: () => ofEachChoice((index) => chunk(index, { role: "assistant", content: "", refusal: null }, null)),
    delta: (at) => chunk(at % n, { content: proses[at % n]?.word(Math.floor(at / n)) ?? "" }, null),
    closing: () =>
      failure === null
        ? [...ofEachChoice((index) => chunk(index, {}, finishReason)), ...usageChunk, { data: "[DONE]" }]
        : [{ data: failure.body() }],
  };
}

function finishReasonOf(plan: Plan): Completion["finishReason"] {
  if (plan.ending !== "incomplete") return "stop";
  return plan.incompleteReason === "content_filter" ? "content_filter" : "length";
}

function failureOf(code: string | null): ApiError {
  return new ApiError(500, { message: "The simulated model failed.", ...(code === null ? {} : { code }) });
}
