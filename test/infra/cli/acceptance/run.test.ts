import { afterEach, describe, expect, it } from 'vitest';
import type { PlannedChange } from '../../../../infra/cli/acceptance/plan.ts';
import { type Findings, makeRun } from '../../../../infra/cli/acceptance/run.ts';
import { takeRecord } from '../../../../infra/cli/acceptance/run-record.ts';
import type { TestedSystem } from '../../../../infra/cli/acceptance/system.ts';
import { provisionalCatalog } from '../../../../infra/cli/preview/provisional-catalog.ts';
import type { Contact } from '../../../../shared/infusionsoft/schemas.ts';
import { mapping } from '../../../../shared/user/mapping.ts';
import { requirementsOf } from '../../../../shared/user/requirements.ts';
import { RUN, runRecords } from '../../../support/acceptance-run.ts';
import { consumerOf, record } from '../../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../../support/crm-under-test.ts';

import { userMessage } from '../../../support/user-message.ts';

let crm: Awaited<ReturnType<typeof startCrm>>;
afterEach(() => crm.stop());

/** A system with the consumer of the sync, which gets a message about each write at once. */
async function start() {
  crm = await startCrm();
  const table = memoryUserTable();
  const { receive, erasureRecords } = consumerOf(crm, table, { now: Date.now });
  const written = async (userId: string, more: object = {}) =>
    void (await receive(record({ ...userMessage(userId), ...more })));
  const system: TestedSystem = {
    app: {
      async create(user) {
        table.rows.set(user.userId, user);
        await written(user.userId);
      },
      async edit({ userId, crm: _, ...attributes }) {
        const { crm: state } = table.user(userId);
        table.rows.set(userId, { userId, ...attributes, ...(state && { crm: state }) });
        await written(userId);
      },
      async remove(userId) {
        const { contactId } = table.user(userId).crm ?? {};
        table.rows.delete(userId);
        await written(userId, { cause: 'deleted', contactId, changedAt: new Date().toISOString() });
      },
      read: (userIds) => table.table.readMany(userIds),
    },
    crm: {
      read: (contactId) => crm.client.readContact(contactId),
      search: (email) => crm.client.findContactsByEmail(email),
      remove: (contactId) => crm.client.deleteContact(contactId),
      requested: () => new Set(),
      requests: () => 0,
    },
    sync: {
      async context() {
        const { catalog } = provisionalCatalog(
          await crm.catalog.current(),
          requirementsOf(mapping),
          Date.now(),
        );
        return { mapping, catalog, deletionPolicy: 'mark', now: Date.now() };
      },
      erasureRecord: (userId) => erasureRecords.read(userId),
      itemsAbout: async () => [],
      removeItem: async () => {},
    },
  };
  const recorder = await takeRecord(runRecords(), { ...RUN, startedAt: new Date().toISOString() }, undefined);
  const findings: Findings = { deviations: [], notReturned: new Set(), latencies: new Map() };
  const steps: PlannedChange['kind'][][] = [];
  const run = (tested: TestedSystem = system, timeoutMs = 5000, signal?: AbortSignal) =>
    makeRun(recorder, mapping, tested, { timeoutMs, signal }, findings, (step) =>
      steps.push([...new Set(step.map(({ kind }) => kind))]),
    );
  return { system, recorder, findings, steps, run };
}

describe('a run', () => {
  it('makes every change, finds nothing wrong with a sync that works, and records each contact', async () => {
    const { recorder, findings, steps, run } = await start();
    await run();
    expect(findings.deviations).toEqual([]);
    expect(steps).toEqual([['created'], ['fields', 'tags'], ['email'], ['handover'], ['deleted']]);
    expect([...findings.latencies].map(([kind, ms]) => [kind, ms.length])).toEqual([
      ['created', 4],
      ['fields', 2],
      ['tags', 1],
      ['email', 1],
      ['handover', 1],
      ['deleted', 1],
    ]);
    expect(
      recorder
        .current()
        .contacts.map(({ userId }) => userId)
        .sort(),
    ).toEqual(['acceptance-r-1', 'acceptance-r-2', 'acceptance-r-3', 'acceptance-r-4']);
  });

  it('prints no data of a contact that has the email of another person', async () => {
    const { system, findings, run } = await start();
    const merged = (contact: Contact): Contact => ({
      ...contact,
      given_name: 'Ann',
      email_addresses: [...(contact.email_addresses ?? []), { field: 'EMAIL2', email: 'ann@example.com' }],
    });
    await run({
      ...system,
      crm: { ...system.crm, read: async (id) => merged(await crm.client.readContact(id)) },
    });
    expect(findings.deviations[0]).toEqual({
      userId: 'acceptance-r-1',
      change: 'created',
      field: 'contact',
      expected: 'a contact of this run',
      found: expect.stringMatching(/^contact \d+: it has an email that is not of this run$/),
    });
    expect(JSON.stringify(findings.deviations)).not.toMatch(/ann/i);
  });

  it('names the users that the sync did not finish, and makes no more changes', async () => {
    const { system, findings, steps, run } = await start();
    const silent = { ...system, app: { ...system.app, create: async () => {} } };
    await run(silent, 300);
    expect(steps).toEqual([['created']]);
    expect(findings.deviations).toHaveLength(4);
    expect(findings.deviations[0]).toEqual({
      userId: 'acceptance-r-1',
      change: 'created',
      field: 'sync',
      expected: 'done',
      found: 'not within 0.3 s',
    });
    await run({ ...silent, sync: { ...system.sync, context: async () => undefined } }, 300);
    expect(findings.deviations.at(-1)?.found).toMatch(/deploy the mapping of the working tree/);
  });

  it('stops at once when it is interrupted', async () => {
    const { steps, run } = await start();
    const controller = new AbortController();
    controller.abort();
    await expect(run(undefined, 5000, controller.signal)).rejects.toThrow(/abort/i);
    expect(steps).toEqual([]);
  });
});
