/**
 * Slack of the window where the sync, its cloud and the CRM share the cores of one machine, in milliseconds: while an environment
 * starts, a request that has started can wait longer for a core than a network would keep it. What the default slack comes to is
 * measured by `npm run bench`.
 */
export const BUSY_SLACK_MS = 250;

/** A machine that stands still for longer bends requests past the limit all the same. Each such request is made again. */
const REFUSED_PART = 0.01;

/** Whether more requests were refused than a busy machine explains: then the pace is not kept. */
export const isRefusedOften = ({ requests, throttled }: { requests: number; throttled: number }): boolean =>
  throttled > (requests + throttled) * REFUSED_PART;
