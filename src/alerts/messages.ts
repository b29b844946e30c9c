/** Asks for the delivery of an alert to an endpoint. It may be lost or come twice. */
export interface AlertMessage {
  readonly v: 1;
  readonly deliveryId: string;
}

const MESSAGES_PER_BATCH = 100;

/** Never throws: a delivery that is not asked for now is found by the next look at the list. */
export async function askToDeliver(queue: Queue<AlertMessage>, deliveryIds: readonly string[]): Promise<void> {
  try {
    for (let first = 0; first < deliveryIds.length; first += MESSAGES_PER_BATCH) {
      const bodies = deliveryIds
        .slice(first, first + MESSAGES_PER_BATCH)
        .map((deliveryId) => ({ v: 1, deliveryId }) as const);
      await queue.sendBatch(bodies.map((body) => ({ body, contentType: "json" })));
    }
  } catch (error) {
    console.error(JSON.stringify({ event: "alert_queue_failed", message: String(error) }));
  }
}
