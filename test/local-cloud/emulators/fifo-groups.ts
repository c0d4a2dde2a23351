import type { BuildAppOptions } from 'fauxqs';

type Queue = ReturnType<NonNullable<BuildAppOptions['stores']>['sqsStore']['createQueue']>;

/** Most messages that one ReceiveMessage returns (Amazon SQS API reference). */
const MAX_RECEIVED = 10;

/**
 * Makes a FIFO queue of fauxqs return as many messages of one group as there are, in order, before those of the next:
 * fauxqs returns one of each group, so that a consumer would never see two messages of a user in a batch as it does on
 * SQS ("FIFO queue delivery logic", Amazon SQS developer guide). A group with messages in flight stays locked, and
 * messages that come back keep their order (fauxqs puts each in front of its group: right for one, wrong for several).
 */
export function deliverGroupsTogether(queue: Queue): void {
  const dequeue = queue.dequeue.bind(queue);
  const processTimers = queue.processTimers.bind(queue);
  const changeVisibility = queue.changeVisibility.bind(queue);
  let receiving = false;

  queue.dequeue = (maxCount, ...rest) => {
    const received: ReturnType<Queue['dequeue']> = [];
    const taken = new Map<string, number>();
    queue.processTimers();
    receiving = true;
    while (received.length < Math.min(maxCount, MAX_RECEIVED)) {
      const [message] = dequeue(1, ...rest);
      if (!message) break;
      received.push(message);
      const groupId = queue.inflightMessages.get(message.ReceiptHandle)?.message.messageGroupId ?? '';
      taken.set(groupId, (taken.get(groupId) ?? 0) + 1);
      queue.fifoLockedGroups.delete(groupId);
    }
    receiving = false;
    for (const [groupId, count] of taken) queue.fifoLockedGroups.set(groupId, count);
    return received;
  };

  queue.processTimers = () => {
    if (receiving) return;
    const returning = new Set<string | undefined>();
    const now = Date.now();
    for (const { message, visibilityDeadline } of queue.inflightMessages.values())
      if (visibilityDeadline <= now) returning.add(message.messageGroupId);
    processTimers();
    for (const groupId of returning) restoreOrder(queue, groupId);
  };

  queue.changeVisibility = (receiptHandle, timeoutSeconds) => {
    const groupId = queue.inflightMessages.get(receiptHandle)?.message.messageGroupId;
    changeVisibility(receiptHandle, timeoutSeconds);
    restoreOrder(queue, groupId);
  };
}

function restoreOrder(queue: Queue, groupId = ''): void {
  queue.fifoMessages.get(groupId)?.sort((a, b) => Number(a.sequenceNumber) - Number(b.sequenceNumber));
}
