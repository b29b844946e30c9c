// Plain JavaScript, because the packages that it imports are not there when types are checked.
import { createOpenAI } from "@ai-sdk/openai";
import { jsonSchema, stepCountIs, streamText, tool as toolOf } from "ai";

/** Streams an answer, tools and all, as an application would. */
export async function askAiSdk({ baseUrl, key, model, api, messages, signal, tool }) {
  const provider = createOpenAI({ baseURL: baseUrl, apiKey: key });
  const told = { text: "", error: null, tokens: null, messages: [] };
  try {
    const result = streamText({
      model: api === "chat" ? provider.chat(model) : provider(model),
      messages,
      ...(signal === undefined ? {} : { abortSignal: signal }),
      ...(tool === undefined ? {} : { tools: { [tool]: constantTool() }, stopWhen: stepCountIs(5) }),
      onError: ({ error }) => {
        told.error = messageOf(error);
      },
    });
    for await (const part of result.fullStream) if (part.type === "text-delta") told.text += part.text;
    if (told.error !== null) return told;
    const { inputTokens, outputTokens } = await result.totalUsage;
    return {
      ...told,
      tokens: { input: inputTokens, output: outputTokens },
      messages: (await result.response).messages,
    };
  } catch (error) {
    return { ...told, error: told.error ?? messageOf(error) };
  }
}

function constantTool() {
  return toolOf({
    inputSchema: jsonSchema({ type: "object", properties: {} }),
    execute: async () => 42,
  });
}

function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
