import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countContactFault, type ServerErrors } from '../../../shared/contacts/contact-faults.ts';
import { ContactFaultError } from '../../../shared/infusionsoft/http/failures.ts';
import { CONTACT_FAULT } from '../../../shared/quota/retry-policy.ts';
import { RejectedError } from '../../../shared/sync/errors.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const { deliveries, apartMs } = CONTACT_FAULT;
const ERROR = new ContactFaultError('The CRM failed for a contact (500)', 'raw', 60_000);
const at = (ms: number) => new Date(NOON + ms).toISOString();

/** @param afterMs time since noon. @param lastWriteMs when the CRM last accepted a change, since noon. */
const count = (before: ServerErrors | undefined, afterMs: number, lastWriteMs: number, answer?: string) =>
  countContactFault(ERROR, before, answer, {
    lastWriteAt: async () => NOON + lastWriteMs,
    now: () => NOON + afterMs,
  });

describe('a failure of the CRM for one contact', () => {
  it.each([
    ['the first counts', undefined, 0, -1, 1],
    ['one soon after the last that counted does not', 1, apartMs - 1, apartMs - 2, 1],
    ['one without a success of another user since then does not', 1, 10 * apartMs, 0, 1],
    ['one after minutes and a success of another user does', 1, apartMs, 1, 2],
  ])('%s', async (_, before, afterMs, lastWriteMs, counted) => {
    const known = before === undefined ? undefined : { count: before, at: at(0) };
    const { serverErrors, failure } = await count(known, afterMs, lastWriteMs);
    expect(serverErrors).toEqual({ count: counted, at: at(counted === before ? 0 : afterMs) });
    expect(failure).toBeInstanceOf(ContactFaultError);
    expect(failure).toMatchObject({ afterMs: 60_000, backsOff: true });
  });

  it('rejects with the message of the CRM at the last that counts, and from then on at once', async () => {
    const last = await count({ count: deliveries - 1, at: at(0) }, apartMs, 1, 'owner 99 is inactive');
    expect(last.failure).toBeInstanceOf(RejectedError);
    expect(last.failure).toMatchObject({
      reason: 'fails-in-crm',
      status: 500,
      detail: 'owner 99 is inactive',
    });
    expect(last.failure.message).toContain('(500): owner 99 is inactive');
    const again = await count(last.serverErrors, 2 * apartMs, 2 * apartMs);
    expect(again.failure.message).toMatch(/\(500\)$/);
    expect(again.failure).toMatchObject({ reason: 'fails-in-crm', detail: undefined });
    expect(again.serverErrors).toEqual(last.serverErrors);
  });

  it('never rejects in less than eight minutes, nor without a success of another user in each gap', async () => {
    const delivery = fc.record({ afterMs: fc.integer({ min: 0, max: apartMs }), isWritten: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(delivery, { maxLength: 60 }), async (all) => {
        let known: ServerErrors | undefined;
        let now = 0;
        const writes: number[] = [];
        for (const { afterMs, isWritten } of all) {
          now += afterMs;
          if (isWritten) writes.push(now);
          const { serverErrors, failure } = await count(known, now, writes.at(-1) ?? -1);
          if (failure instanceof RejectedError) {
            expect(now).toBeGreaterThanOrEqual((deliveries - 1) * apartMs);
            expect(writes.length).toBeGreaterThanOrEqual(deliveries - 1);
            return;
          }
          known = serverErrors;
        }
      }),
    );
  });
});
