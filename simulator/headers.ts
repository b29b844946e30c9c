/**
 * Headers that speak about the operator's account or contradict the asked model. A gateway must not let any of
 * them through, so every answer carries them all.
 */
const OPERATOR_HEADERS: readonly [string, string][] = [
  ["openai-organization", "org-simulated"],
  ["openai-project", "proj_simulated"],
  ["openai-model", "gpt-simulated-2026-10-01"],
  ["set-cookie", "__cf_bm=simulated; path=/; HttpOnly; Secure"],
  ["x-ratelimit-limit-requests", "10000"],
  ["x-ratelimit-limit-tokens", "30000000"],
  ["x-ratelimit-remaining-requests", "9999"],
  ["x-ratelimit-remaining-tokens", "29999000"],
  ["x-ratelimit-reset-requests", "6ms"],
  ["x-ratelimit-reset-tokens", "2ms"],
  ["x-codex-primary-used-percent", "99"],
  ["x-codex-primary-window-minutes", "300"],
];

/** Adds what every answer of the upstream carries. */
export function addUpstreamHeaders(headers: Headers, requestId: string, processingMs: number): void {
  headers.set("x-request-id", requestId);
  headers.set("openai-processing-ms", String(processingMs));
  headers.set("openai-version", "2020-10-01");
  for (const [name, value] of OPERATOR_HEADERS) headers.set(name, value);
}
