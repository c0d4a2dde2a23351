import { describe, expect, it } from 'vitest';
import {
  CloudError,
  CrmDownError,
  RefusedFieldsError,
  RejectedError,
  RetryableError,
} from '../../../shared/sync/errors.ts';

const cause = new Error('socket hang up');

describe('a failure that may pass', () => {
  it.each([
    ['RetryableError', RetryableError, false],
    ['CloudError', CloudError, false],
    ['CrmDownError', CrmDownError, true],
  ])('%s says when to retry, and why it failed', (name, Failure, backsOff) => {
    const error = new Failure('The CRM is down', { afterMs: 5000, cause });
    expect(error).toBeInstanceOf(RetryableError);
    expect(error).toMatchObject({ name, message: 'The CRM is down', afterMs: 5000, backsOff, cause });
  });

  it('has no time if none is known', () => {
    expect(new RetryableError('No answer').afterMs).toBeUndefined();
  });
});

describe('a failure that no retry can fix', () => {
  const options = { status: 422, otherUserId: 'ben', detail: 'Bad …', cause };

  it('carries the reason and what is known of it', () => {
    const error = new RejectedError('fails-in-crm', 'Refused', { ...options, errorId: 'e1' });
    expect(error).toMatchObject({ reason: 'fails-in-crm', message: 'Refused', ...options, errorId: 'e1' });
  });

  it('has an id of its own', () => {
    const ids = [1, 2].map(() => new RejectedError('not-a-user', 'No user').errorId);
    expect(ids[0]).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
    expect(ids[0]).not.toBe(ids[1]);
  });

  it('is the same with the id of an earlier one', () => {
    const error = new RejectedError('contact-of-another-user', 'Taken', options);
    const again = error.withId('e1');
    expect(again).toBeInstanceOf(RejectedError);
    expect({ ...again, message: again.message, cause: again.cause }).toEqual({
      ...error,
      message: 'Taken',
      cause,
      errorId: 'e1',
    });
  });

  it('names the fields without which the CRM takes the user', () => {
    const error = new RefusedFieldsError(['PHONE1'], 'Refused', { cause });
    expect(error).toBeInstanceOf(RejectedError);
    expect(error).toMatchObject({ reason: 'refused-by-crm', fields: ['PHONE1'], cause });
  });
});
