import { expect, it } from 'vitest';
import { type ErasureRecord, strongest } from '../../../shared/store/erasure-records.ts';

const [EARLIER, NOW] = ['2026-06-15T11:00:00.000Z', '2026-06-15T12:00:00.000Z'];
const ERASED: ErasureRecord = {
  userId: 'ann',
  contactId: 10,
  done: 'delete',
  doneAt: EARLIER,
  requestId: 'r1',
};
const answered = { requestId: 'r2', answeredAt: NOW };
const request = (contactId: number, done: ErasureRecord['done']): ErasureRecord => ({
  userId: 'ann',
  contactId,
  done,
  doneAt: NOW,
  ...answered,
});

it.each(['not-proven', 'not-deleted'] as const)(
  'a request that names another contact and does nothing (%s) does not replace the proof of an erasure',
  (done) => {
    expect(strongest(ERASED, request(20, done))).toEqual({ ...ERASED, ...answered, answer: done });
  },
);

it('a request that erases another contact is recorded', () => {
  expect(strongest(ERASED, request(20, 'delete'))).toEqual(request(20, 'delete'));
});

it('a contact that was only marked is remembered when another one is erased', () => {
  expect(strongest({ ...ERASED, done: 'mark' }, request(20, 'delete'))).toEqual({
    ...request(20, 'delete'),
    earlierContactIds: [10],
  });
});
