import type { Turn } from "./client.ts";

export interface AiSdkQuestion {
  readonly baseUrl: string;
  readonly key: string;
  readonly model: string;
  readonly api: "responses" | "chat";
  readonly messages: readonly object[];
  readonly signal: AbortSignal | undefined;
  readonly tool: string | undefined;
}

/** The messages are those of the answer, as the SDK wants to be given them the next time. */
export function askAiSdk(question: AiSdkQuestion): Promise<Turn & { readonly messages: readonly object[] }>;
