import { isAwaited, nextPoll, paysFor } from "../src/core/job.ts";
import type { Resource } from "../src/core/resource.ts";
import { type AccountTurns, only } from "./account-turns.ts";
import type { Platform } from "./platform.ts";
import type { JobMessage } from "./resource-commands.ts";
import { within } from "./within.ts";

/** Polls wait this long for company, so that one alarm serves many. */
const GATHER_MS = 1_000;
const JOBS_PER_ALARM = 1_000;
/** A queue that does not answer must not hold up the alarm. */
const SEND_TIMEOUT_MS = 8_000;
/** A batch may carry 100 messages. */
const MESSAGES_PER_BATCH = 100;

/**
 * The jobs that upstream is to be asked after now. Each is moved to its next poll first: a message that gets lost is
 * followed by the next one. A job whose outcome cannot be charged any more is closed.
 */
export function takeDueJobs(turns: AccountTurns): JobMessage[] {
  return turns.run((state, now) => {
    const messages: JobMessage[] = [];
    if (!state) return only(messages);
    const { store } = turns.resources;
    for (const resource of store.due(now, JOBS_PER_ALARM)) {
      const reservation = turns.reservation(state, resource.requestId);
      if (!resource.job || !reservation || !paysFor(reservation, resource) || !isAwaited(reservation, now)) {
        store.closeJob(resource.id);
        continue;
      }
      const { pollAt, polls } = nextPoll(resource.job, resource.createdAt, now);
      store.movePoll(resource.id, pollAt, polls);
      messages.push(messageOf(state.row.id, resource));
    }
    return only(messages);
  });
}

function messageOf(accountId: string, resource: Resource): JobMessage {
  const { id, kind, upstream, model, requestId, attempt, details } = resource;
  return { v: 1, accountId, resource: { id, kind, upstream, model, requestId, attempt, details } };
}

/** Puts `messages` on the queue. What it refuses is not repeated: the next poll of each job is set already. */
export async function askAfterJobs(
  messages: readonly JobMessage[],
  poll: Platform["poll"],
  report: Platform["report"],
): Promise<void> {
  try {
    for (let first = 0; first < messages.length; first += MESSAGES_PER_BATCH) {
      await within(SEND_TIMEOUT_MS, poll(messages.slice(first, first + MESSAGES_PER_BATCH)));
    }
  } catch (error) {
    report("job_polls_not_sent", { account: messages[0]?.accountId, message: String(error) });
  }
}

/** When an open job next needs the alarm; `null` without one. */
export function nextJobAt(turns: AccountTurns, now: number): number | null {
  const at = turns.resources.store.nextDueAt();
  return at === null ? null : Math.max(at, now + GATHER_MS);
}
