import { createHash } from 'node:crypto';

/** What SQS allows in a message group id: 1 to 128 of the letters, digits and punctuation of ASCII. */
const ALLOWED = /^[!-~]{1,128}$/;

/** The FIFO group of a user: its id, or a hash of it where SQS would not take the id. */
export function messageGroupOf(userId: string): string {
  return ALLOWED.test(userId) ? userId : createHash('sha256').update(userId).digest('hex');
}
