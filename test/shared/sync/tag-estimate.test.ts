import { describe, expect, it } from 'vitest';
import { addUser, emptyEstimate, isFull, requestsFor } from '../../../shared/sync/tag-estimate.ts';

describe('the estimate of a tag job', () => {
  it('counts users, bytes of their ids, and changes', () => {
    const estimate = emptyEstimate();
    addUser(estimate, 'ann', { remove: [1], add: [2] });
    addUser(estimate, 'zoë', { remove: [], add: [2] });
    expect(estimate).toEqual({ users: 2, bytes: 7, counts: { '-1': 1, '+2': 2 }, alone: 3 });
  });

  it.each([
    { users: 1999, bytes: 74_999, full: false },
    { users: 2000, bytes: 10, full: true },
    { users: 1, bytes: 75_000, full: true },
  ])('with $users users and $bytes bytes is full: $full', ({ users, bytes, full }) => {
    expect(isFull({ users, bytes })).toBe(full);
  });

  it.each([
    {
      name: 'tag by tag, when many users get one tag',
      users: 50,
      change: { remove: [], add: [1] },
      requests: 1,
    },
    {
      name: 'one by one, when one user gets many tags',
      users: 1,
      change: { remove: [], add: [1, 2, 3] },
      requests: 1,
    },
    { name: 'nothing without a change', users: 3, change: { remove: [], add: [] }, requests: 0 },
  ])('takes the cheaper way: $name', ({ users, change, requests }) => {
    const estimate = emptyEstimate();
    for (let index = 0; index < users; index++) addUser(estimate, `user-${index}`, change);
    expect(requestsFor(estimate, 100)).toBe(requests);
  });
});
