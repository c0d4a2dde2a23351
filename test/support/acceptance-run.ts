import type { RunRecord, RunRecordStore } from '../../infra/cli/acceptance/run-record.ts';
import { memoryStore } from './memory-store.ts';

/** An acceptance run that has just started. */
export const RUN = {
  runId: 'r',
  domain: 'example.com',
  users: 4,
  startedAt: '2027-01-01T00:00:00Z',
  contacts: [],
  retired: false,
};

/** A store in memory for the record of a run. @param onRemove called when the record is removed. */
export const runRecords = (onRemove: () => void = () => {}): RunRecordStore => ({
  ...memoryStore<RunRecord>(),
  remove: async () => onRemove(),
});
