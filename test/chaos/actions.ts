import { startBackfill } from '../../infra/cli/backfill/follow-backfill.ts';
import type { Action } from './chaos-context.ts';
import { changeConsent, optOut } from './consent-actions.ts';
import { byHand, poll } from './event-actions.ts';
import {
  cutOff,
  faults,
  forbid,
  hideContacts,
  kill,
  partialAnswers,
  quota,
  search,
  searchDelay,
  throttle,
} from './fault-actions.ts';
import { drift, handOver, mergeUsers, moveToSubscriber, swap, webForm } from './meeting-actions.ts';
import { endDay, raiseLimit, wrongHeader } from './quota-actions.ts';
import { breakEmail, oddValue, refuseBulkTags, unreadable, withoutEmail } from './refusal-actions.ts';
import { failContact, serverErrors } from './server-error-actions.ts';
import {
  correctEmail,
  create,
  deleteInFlight,
  duplicate,
  edit,
  forget,
  putOlder,
  putWithout,
  recreate,
  remove,
  resync,
} from './user-actions.ts';

const burst: Action = async (context) => {
  for (let time = 0; time < 5; time++) await edit(context);
};

/** Starts a backfill. Only one per mode runs at a time: others are skipped. */
const backfill: Action = async ({ world, running, sfn, counts }) => {
  counts.backfills++;
  const mode = world.pick(['contacts', 'contacts', 'tags', 'refresh'] as const);
  await startBackfill(sfn, running.system.cloud.outputs['BackfillStateMachineArn'] ?? '', { mode });
};

/** Actions by name. The weight says how often an action is drawn, relative to the others. */
export const ACTIONS: Readonly<Record<string, readonly [weight: number, action: Action]>> = {
  // Users on their own.
  edit: [34, edit],
  burst: [3, burst],
  create: [8, create],
  delete: [4, remove],
  recreate: [3, recreate],
  deleteInFlight: [3, deleteInFlight],
  correctEmail: [3, correctEmail],
  forget: [3, forget],
  changeConsent: [6, changeConsent],
  optOut: [3, optOut],
  // The app writes whole items, or an operator removes the `crm` map.
  putOlder: [3, putOlder],
  putWithout: [3, putWithout],
  resync: [2, resync],
  // Two users want the same email or contact, or people change contacts by hand.
  handOver: [9, handOver],
  swap: [5, swap],
  mergeUsers: [3, mergeUsers],
  drift: [2, drift],
  webForm: [3, webForm],
  moveToSubscriber: [3, moveToSubscriber],
  // One user or message that the CRM, or the sync, refuses.
  breakEmail: [2, breakEmail],
  withoutEmail: [3, withoutEmail],
  unreadable: [3, unreadable],
  refuseBulkTags: [2, refuseBulkTags],
  oddValue: [5, oddValue],
  failContact: [3, failContact],
  // Polls, and changes made by hand that the app gets events about.
  poll: [8, poll],
  byHand: [6, byHand],
  // Limits.
  raiseLimit: [4, raiseLimit],
  wrongHeader: [2, wrongHeader],
  endDay: [2, endDay],
  // Faults.
  duplicate: [6, duplicate],
  kill: [8, kill],
  backfill: [6, backfill],
  forbid: [2, forbid],
  faults: [8, faults],
  serverErrors: [2, serverErrors],
  // Rare, because an exceeded quota pauses everything for a minute.
  quota: [0.4, quota],
  search: [2, search],
  searchDelay: [3, searchDelay],
  partialAnswers: [3, partialAnswers],
  hideContacts: [2, hideContacts],
  throttle: [4, throttle],
  cutOff: [4, cutOff],
};
