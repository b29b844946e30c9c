import type { UsageOutcome } from "../core/event.ts";

interface Shown {
  readonly text: string;
  readonly tone: "good" | "held" | "wrong" | "";
}

/** How requests end, in words. */
export const OUTCOMES: Readonly<Record<UsageOutcome, Shown>> = {
  completed: { text: "completed", tone: "good" },
  incomplete: { text: "incomplete", tone: "good" },
  failed: { text: "failed", tone: "wrong" },
  cut: { text: "broke off", tone: "held" },
  client_gone: { text: "client gone", tone: "held" },
  rejected: { text: "refused upstream", tone: "wrong" },
  upstream_error: { text: "no answer", tone: "wrong" },
  abandoned: { text: "abandoned", tone: "held" },
  expired: { text: "no end reported", tone: "held" },
  late: { text: "late", tone: "held" },
  denied: { text: "denied", tone: "wrong" },
  corrected: { text: "corrected", tone: "" },
};

export function Outcome({ outcome }: { outcome: UsageOutcome }) {
  const { text, tone } = OUTCOMES[outcome];
  return <span class={`tag ${tone}`}>{text}</span>;
}

export function isOutcome(text: string): text is UsageOutcome {
  return Object.hasOwn(OUTCOMES, text);
}
