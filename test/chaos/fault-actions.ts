import { SEARCH_MODES } from '../simulator/account/search.ts';
import { FAULT_KINDS } from '../simulator/traffic/faults.ts';
import { functionFolder } from '../support/function-folder.ts';
import type { Action, ChaosContext } from './chaos-context.ts';
import { liftLimit, resumeRequests } from './quota-actions.ts';

/** Maximum number of forbidden users. */
const MAX_FORBIDDEN = 5;
/** All faults except an exceeded quota, which is a separate action. */
const KINDS = FAULT_KINDS.filter((kind) => kind !== 'quota');
/** Longest delay of a late write, in milliseconds: less than `UNCERTAIN_WRITE_MS`, a minute, divided by the speed of a run. */
const LATE_MS = 5000;
/** Longest delay of searches, in milliseconds. */
const SEARCH_DELAY_MS = 5000;
/** Longest time that contacts answer 404, in milliseconds. */
const HIDDEN_MS = 4000;

/** Kills an execution environment while it works. */
export const kill: Action = async ({ running, counts, world }) => {
  const { cloud } = running.system;
  const folder = world.pick([
    ...Array(4).fill('sync-contact'),
    'diff-user',
    'backfill',
    'send-callback',
  ] as string[]);
  const name = Object.keys(cloud.statistics().functions).find((each) => functionFolder(each) === folder);
  if (name === undefined) throw new Error(`The stack has no function ${folder}`);
  if (cloud.killEnvironment(name)) counts.killed++;
};

/** The CRM rejects every request about a user with 403 until the end of the actions. */
export const forbid: Action = async (context) => {
  const { world, running } = context;
  // A user who shares a contact with this one would wait for the end of the actions too.
  const user = world.pick(world.availableForPairs().filter(({ userId }) => !world.merged.has(userId)));
  if (!user?.email || world.forbidden.size === MAX_FORBIDDEN) return;
  world.forbidden.set(user.userId, user.email);
  await running.controlApi.set('forbidden', { emails: [...world.forbidden.values()] });
};

/** A share of the requests to the CRM fails from now on, or none. */
export const faults: Action = async ({ world, running }) => {
  const kinds = KINDS.filter(() => world.random() < 0.4);
  const rate = world.random() < 0.4 ? 0 : world.random() * 0.6;
  await running.controlApi.set('faults', {
    rate: kinds.length > 0 ? rate : 0,
    kinds: kinds.length > 0 ? kinds : [...KINDS],
    hangMs: 1500,
    slowMs: 700,
    lateMs: Math.round(world.random() * LATE_MS),
  });
};

/** The quota of the CRM is exceeded. */
export const quota: Action = ({ running }) =>
  running.controlApi.set('faults', { rate: 0.2, kinds: ['quota'] });

/** Changes how the CRM's searches match. */
export const search: Action = ({ world, running }) =>
  running.controlApi.set('search', { mode: world.pick(SEARCH_MODES) });

/** Searches see new and changed contacts late, or at once. */
export const searchDelay: Action = ({ world, running }) =>
  running.controlApi.set('search', {
    delayMs: world.random() < 0.4 ? 0 : Math.round(world.random() * SEARCH_DELAY_MS),
  });

/** Changes the form of the CRM's answers: they leave out tags, custom fields or properties without a value, or show them again. */
export const partialAnswers: Action = ({ world, running }) =>
  running.controlApi.set('answers', {
    tagIds: world.random() < 0.5,
    listedCustomFields: world.random() < 0.5,
    nulls: world.random() < 0.5,
    emptyLists: world.random() < 0.5,
    tagResults: world.pick(['object', 'entries']),
    createdStatus: world.pick([200, 201]),
  });

/** Some contacts answer 404 for a while. */
export const hideContacts: Action = ({ world, running }) =>
  running.controlApi.set('hidden', {
    share: world.random() * 0.3,
    forMs: Math.round(world.random() * HIDDEN_MS),
  });

/** A share of the calls of AWS services is throttled from now on, or none. */
export const throttle: Action = async ({ world, proxy }) => {
  proxy.throttleRate = world.random() < 0.5 ? 0 : world.random() * 0.5;
};

/** A share of the answers of AWS services is cut off from now on, or none. */
export const cutOff: Action = async ({ world, proxy }) => {
  proxy.cutOffRate = world.random() < 0.5 ? 0 : world.random() * 0.3;
};

/** Ends all faults and pauses except for forbidden users, refusals, the search mode and the form of answers. Late writes still take effect. */
export async function stopFaults(context: ChaosContext): Promise<void> {
  const {
    running: { controlApi },
    proxy,
    callback,
  } = context;
  // From now on, the callback accepts all events.
  callback.answers.length = 0;
  proxy.throttleRate = 0;
  proxy.cutOffRate = 0;
  await controlApi.set('faults', { rate: 0 });
  await controlApi.set('search', { delayMs: 0 });
  await controlApi.set('answers', { tagIds: true, listedCustomFields: true, nulls: true, emptyLists: true });
  await controlApi.set('hidden', { forMs: 0 });
  await controlApi.set('limits', { wrongHeaders: { answers: 1, headers: {} } });
  await resumeRequests(context);
  await liftLimit(context);
}
