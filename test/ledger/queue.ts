/** A delivered queue message that remembers what became of it. */
export interface Delivered extends Message {
  outcome: "none" | "acked" | "retried";
  delaySeconds: number | undefined;
}

export function delivered(body: unknown, id = "message", attempts = 1): Delivered {
  const message: Delivered = {
    id,
    timestamp: new Date(0),
    // A queue carries JSON, not objects.
    body: body === undefined ? undefined : JSON.parse(JSON.stringify(body)),
    attempts,
    outcome: "none",
    delaySeconds: undefined,
    ack() {
      if (message.outcome === "none") message.outcome = "acked";
    },
    retry(options) {
      if (message.outcome !== "none") return;
      message.outcome = "retried";
      message.delaySeconds = options?.delaySeconds;
    },
  };
  return message;
}

export function batchOf(messages: readonly Delivered[]): MessageBatch {
  return {
    queue: "spillway-ledger",
    messages,
    metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } },
    ackAll() {
      for (const message of messages) message.ack();
    },
    retryAll(options) {
      for (const message of messages) message.retry(options);
    },
  };
}
