import { Logger } from '@aws-lambda-powertools/logger';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { pacedClient } from '../../../lambdas/sync-contact/paced-client.ts';
import { DEFAULT_TOKEN } from '../../simulator/simulator.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { consumerOf, record } from '../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { richMapping } from '../../support/rich-mapping.ts';
import { userMessage } from '../../support/user-message.ts';

let crm: Awaited<ReturnType<typeof startCrm>>;
afterEach(() => crm.stop());

const HEADER: ['x-keap-api-key', string] = ['x-keap-api-key', DEFAULT_TOKEN];

/** A consumer that is wired as in the function: with a paced client, and a catalog that it reads itself. */
function environment() {
  const logger = new Logger({ logLevel: 'SILENT' });
  const log = { info: vi.spyOn(logger, 'info'), error: vi.spyOn(logger, 'error') };
  const connect = pacedClient({
    url: crm.url,
    credentials: { current: async () => HEADER, cached: () => HEADER, renew: async () => undefined },
    rateLimiter: { acquireSlot: async () => {} },
  });
  const { client, table, mapping } = crm;
  const users = memoryUserTable({ ...ANN, lastActiveAt: new Date().toISOString() });
  const consumer = consumerOf({ client, table, mapping }, users, { connect, logger, now: Date.now });
  return { ...consumer, log };
}

describe('a consumer', () => {
  it('reads the catalog, counts its requests, and lists those of a user in the log', async () => {
    crm = await startCrm({ isServer: true });
    const { receive, requests, log } = environment();
    expect(await receive(record(userMessage('ann')))).toEqual([]);
    expect((await crm.contacts())[0]?.tags).toEqual(ANN_TAGS);
    expect(requests).toHaveLength((await crm.admin.stats()).totalRequests);
    expect(new Set(requests)).toEqual(new Set([200, 201, 204]));

    await receive(record(userMessage('ann', { cause: 'changed' })));
    const [synced, unchanged] = log.info.mock.calls;
    const request = (line: string) => expect.stringMatching(new RegExp(`^${line} \\d+ ms$`));
    expect(synced).toEqual([
      'Synced',
      expect.objectContaining({
        requests: expect.arrayContaining([
          request('PUT /crm/rest/v1/contacts 20[01]'),
          request('POST /crm/rest/v1/contacts/\\d+/tags 200'),
        ]),
      }),
    ]);
    expect(unchanged).toEqual(['Unchanged', expect.objectContaining({ requests: [] })]);
  });

  it('logs that the mapping does not fit the account', async () => {
    crm = await startCrm({ isServer: true }, richMapping);
    await crm.admin.set('directory', { contactTypes: ['Prospect'] });
    const { receive, log } = environment();
    await receive(record(userMessage('ann')));
    expect(log.error.mock.calls).toEqual([
      [
        'The mapping does not fit the account',
        { problems: [expect.stringMatching(/^contact type "Customer"/)] },
      ],
    ]);
  });
});
