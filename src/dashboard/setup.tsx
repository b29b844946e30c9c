import { isEntitledModel } from "../core/plan.ts";
import type { HttpContext } from "../http/context.ts";
import { CodeBlock } from "./code-block.tsx";
import { page } from "./page.tsx";
import { frameOf, type Visit, visitOf } from "./visit.ts";

/** How to point clients at this gateway, with the caller's own values. */
export async function setup(c: HttpContext): Promise<Response> {
  const visit = await visitOf(c);
  const { origin } = new URL(c.req.url);
  const base = `${origin}/v1`;
  const models = modelsOf(visit);
  const model = models[0] ?? "MODEL";
  const children = (
    <>
      <h1>Set up</h1>
      <p class="lead">
        Spillway is a drop-in base URL. The examples have your own values but the key: put one of{" "}
        <a href="/dashboard/keys">yours</a> into the environment variable <code>SPILLWAY_KEY</code>.
      </p>
      <dl class="facts">
        <dt>Base URL</dt>
        <dd class="id">{base}</dd>
        <dt>Models of your plan</dt>
        <dd class="id">{models.length === 0 ? "none" : models.join(" ")}</dd>
      </dl>
      {EXAMPLES.map(({ id, title, hint, text }) => (
        <section aria-labelledby={`h-${id}`}>
          <h2 id={`h-${id}`}>{title}</h2>
          <p class="soft">{hint}</p>
          <CodeBlock id={id} label={title} text={text(base, model)} />
        </section>
      ))}
    </>
  );
  return page(c, { ...frameOf(visit, "Set up", "/dashboard/setup"), children });
}

function modelsOf({ account, catalog }: Visit): string[] {
  return catalog
    .models(Date.now())
    .filter(
      ({ feature, model, rate }) =>
        isEntitledModel(account.plan, feature, model) && Object.keys(rate.perSecond).length === 0,
    )
    .map(({ model }) => model);
}

interface Example {
  readonly id: string;
  readonly title: string;
  readonly hint: string;
  readonly text: (base: string, model: string) => string;
}

const EXAMPLES: readonly Example[] = [
  {
    id: "codex",
    title: "Codex",
    hint: "At the top of ~/.codex/config.toml; then run codex with SPILLWAY_KEY set.",
    text: (base, model) => `model = "${model}"
model_provider = "spillway"

[model_providers.spillway]
name = "Spillway"
base_url = "${base}"
env_key = "SPILLWAY_KEY"
wire_api = "responses"
supports_websockets = true`,
  },
  {
    id: "typescript",
    title: "OpenAI SDK for TypeScript",
    hint: "The id that it prints leads to the receipt of the request.",
    text: (base, model) => `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${base}", apiKey: process.env.SPILLWAY_KEY });
const response = await client.responses.create({ model: "${model}", input: "Say hello" });
console.log(response.output_text, response._request_id);`,
  },
  {
    id: "python",
    title: "OpenAI SDK for Python",
    hint: "Streams, background responses and chat completions work as they do with OpenAI.",
    text: (base, model) => `import os
from openai import OpenAI

client = OpenAI(base_url="${base}", api_key=os.environ["SPILLWAY_KEY"])
response = client.responses.create(model="${model}", input="Say hello")
print(response.output_text, response._request_id)`,
  },
  {
    id: "ai-sdk",
    title: "AI SDK",
    hint: "spillway(…) speaks the Responses API, spillway.chat(…) Chat Completions.",
    text: (base, model) => `import { createOpenAI } from "@ai-sdk/openai";
import { generateText } from "ai";

const spillway = createOpenAI({ baseURL: "${base}", apiKey: process.env.SPILLWAY_KEY });
const { text } = await generateText({ model: spillway("${model}"), prompt: "Say hello" });`,
  },
  {
    id: "curl",
    title: "curl",
    hint: "The header x-request-id of the answer names its receipt.",
    text: (base, model) => `curl -iN ${base}/responses \\
  -H "Authorization: Bearer $SPILLWAY_KEY" -H "Content-Type: application/json" \\
  -d '{"model":"${model}","input":"Say hello","stream":true,"max_output_tokens":200}'`,
  },
];
