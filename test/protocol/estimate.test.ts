import { describe, expect, it } from "vitest";
import { estimateInput, textTokens } from "../../src/protocol/estimate.ts";

/** Texts with the tokens that OpenAI's o200k tokenizer makes of them. */
const SAMPLES: readonly [name: string, text: string, tokens: number][] = [
  [
    "English",
    "When a rate limit window is full, the request flows on into credits instead of stopping. Every account can see why a request was allowed, which limits applied, and what was taken from where.",
    39,
  ],
  [
    "code",
    'export function sum(amounts: Iterable<number>): number {\n  let total = 0;\n  for (const amount of amounts) total += amount;\n  if (!Number.isSafeInteger(total)) throw new RangeError("left the range of safe integers");\n  return total;\n}\n',
    56,
  ],
  [
    "JSON",
    '{"id":"req_01","at":"2026-11-22T10:00:00Z","usage":{"input_tokens":2000,"cached_input_tokens":1000,"output_tokens":300},"draws":[{"source":"codex-included","amount":"0.181250"}],"ok":true}',
    66,
  ],
  [
    "Chinese",
    "泄洪道是大坝的一部分，当水库满了的时候，它让水以受控的方式继续流动。每个请求都由账户对象决定允许多少以及从哪里支付。",
    41,
  ],
  ["Russian", "Водосброс — это часть плотины, которая пропускает воду дальше, когда водохранилище заполнено.", 27],
  [
    "a log",
    "2026-11-22T11:00:12.143Z INFO 10.0.17.1 GET /v1/responses/resp_68af4030 200 181ms\n2026-11-22T11:00:12.207Z WARN 10.0.18.1 POST /v1/responses 429 3ms\n",
    79,
  ],
  [
    "hashes",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
    80,
  ],
  ["numbers", "17, 7936, 15855, 23774, 31693, 39612, 47531, 55450, 63369, 71288, 79207, 87126, 95045, 2961, 10880", 57],
  ["emoji", "😀🎉🚀✅❌👍🔥", 10],
  ["a table", "| model | input | output |\n|---|---|---|\n| gpt-5.4 | 62.5 | 375 |\n| sora-2 | 2.5 | - |\n", 42],
];

describe("the input is estimated with caution", () => {
  it.each(SAMPLES)("%s: at least as many tokens as there are, and not more than twice as many", (_, text, tokens) => {
    expect(textTokens(text)).toBeGreaterThanOrEqual(tokens);
    expect(textTokens(text)).toBeLessThanOrEqual(tokens * 2);
    expect(estimateInput({ input: text }).least).toBeLessThanOrEqual(tokens);
  });

  it("an image counts as an image, however long its URL is", () => {
    const url = `data:image/png;base64,${"A".repeat(1_000_000)}`;
    const responses = { input: [{ role: "user", content: [{ type: "input_image", image_url: url, detail: "high" }] }] };
    const chat = { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url, detail: "low" } }] }] };
    const screenshot = {
      input: [{ type: "computer_call_output", output: { type: "computer_screenshot", image_url: url } }],
    };
    const [, base64 = ""] = url.split(",");
    const made = { input: [{ type: "image_generation_call", id: "ig_1", status: "completed", result: base64 }] };
    const mask = { input: "x", tools: [{ type: "image_generation", input_image_mask: { image_url: url } }] };
    for (const body of [responses, chat, screenshot, made, mask]) {
      expect(estimateInput(body).most).toBeGreaterThanOrEqual(2_000);
      expect(estimateInput(body).most).toBeLessThan(2_100);
    }
    const original = { input: [{ type: "input_image", image_url: url, detail: "original" }] };
    expect(estimateInput(original).most).toBeGreaterThanOrEqual(10_000);
  });

  it("text that only looks like an image counts as text", () => {
    const text = `data:image/png;base64,${"A".repeat(30_000)}`;
    expect(estimateInput({ input: text }).most).toBeGreaterThan(9_000);
    expect(estimateInput({ input: [{ type: "something_new", image_url: text }] }).most).toBeGreaterThan(9_000);
    expect(estimateInput({ input: [{ type: "something_new", result: text }] }).most).toBeGreaterThan(9_000);
  });

  it("a file counts by its bytes", () => {
    const file = {
      type: "input_file",
      filename: "a.pdf",
      file_data: `data:application/pdf;base64,${"A".repeat(40_000)}`,
    };
    expect(estimateInput({ input: [{ role: "user", content: [file] }] }).most).toBeGreaterThanOrEqual(10_000);
    expect(estimateInput({ input: [{ role: "user", content: [file] }] }).most).toBeLessThan(10_100);
  });

  it("instructions, tools and items of unknown types count; what the model never reads does not", () => {
    const words = "seven words that the model will read ".repeat(100);
    const counted = [
      { instructions: words },
      { tools: [{ type: "function", description: words }] },
      { input: [{ type: "item_of_tomorrow", anything: { deep: [words] } }] },
    ];
    for (const body of counted) expect(estimateInput(body).most).toBeGreaterThan(700);
    expect(estimateInput({ client_metadata: { a: words }, metadata: { b: words }, prompt_cache_key: words })).toEqual({
      most: 0,
      least: 0,
    });
  });
});
