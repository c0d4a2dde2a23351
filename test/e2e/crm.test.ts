import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishConnection } from '../../infra/cli/support/connection-file.ts';
import { BUSY_SLACK_MS } from '../demo/busy-machine.ts';
import { type SimulatedSystem, startSimulatedSystem } from '../demo/simulated-system.ts';
import { commandsOn } from '../support/command.ts';

let running: SimulatedSystem;
let withdraw = () => {};
const run = commandsOn(() => running.system);
const crm = (...args: string[]) => run('crm', args);
let annId = 0;
beforeAll(async () => {
  running = await startSimulatedSystem({
    simulator: ['--latency-median', '5', '--latency-p95', '10'],
    settings: { crm: { windowSlackMs: BUSY_SLACK_MS } },
  });
  withdraw = publishConnection(running.system.connection);
  const [ann] = await running.controlApi.addContacts([
    {
      values: { given_name: 'Ann', 'email_addresses.EMAIL1': 'ann@example.com', job_title: 'Coach' },
      customFields: { 'Favourite Workout': '=yoga()' },
      tags: ['Yogi', 'App User'],
    },
    { values: { given_name: 'Bob', 'email_addresses.EMAIL1': 'bob@example.com' } },
  ]);
  annId = ann?.id ?? 0;
  await running.controlApi.addRecords('orders', [
    {
      title: 'Mat',
      status: 'PAID',
      order_date: '2026-03-01T08:00:00.000Z',
      contact: { id: annId },
      payments: [{ amount: 20, pay_date: '2026-03-02T08:00:00.000Z' }],
    },
    { title: 'Towel', order_date: '2026-05-01T08:00:00.000Z', contact: { id: annId } },
  ]);
  await running.controlApi.addRecords('tasks', [
    { title: 'Call Ann', contact: { id: annId }, due_date: '2026-07-01T08:00:00.000Z' },
    { title: 'Tidy up', completed: true },
  ]);
});
afterAll(async () => {
  withdraw();
  await running?.stop();
});

const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('user-sync crm list', () => {
  it('prints a table of the usual columns', async () => {
    const { code, out, err } = await crm('list', 'contacts');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.split('\n')[0]).toMatch(/^id +given_name +family_name +email_addresses.EMAIL1.email/);
    expect(out).toMatch(/Ann .*ann@example\.com/);
  });

  it('prints contacts as CSV with custom fields by their label, and defuses formulas', async () => {
    const { code, out } = await crm(
      'list',
      'contacts',
      '--format',
      'csv',
      '--fields',
      'given_name,job_title,Favourite Workout',
    );
    expect({ code, out }).toEqual({
      code: 0,
      out: "given_name,job_title,Favourite Workout\nAnn,Coach,'=yoga()\nBob,,\n",
    });
  });

  it('filters, gathers nested resources, and shows times in a zone', async () => {
    const { code, out } = await crm(
      ...['list', 'orders', '--since', '2026-02-01', '--until', '2026-04-01', '--filter', 'paid=true'],
      ...['--expand', 'payments', '--format', 'ndjson', '--zone', 'Europe/Berlin'],
    );
    expect(code).toBe(0);
    expect(lines(out)).toMatchObject([
      { title: 'Mat', order_date: '2026-03-01T09:00:00+01:00', payments: [{ amount: 20 }] },
    ]);
  });

  it('lists tasks, companies and tags, and what belongs to one item', async () => {
    const tasks = await crm('list', 'tasks', '--filter', 'completed=false', '--format', 'ndjson');
    expect(lines(tasks.out)).toMatchObject([{ title: 'Call Ann', due_date: '2026-07-01T08:00:00.000+0000' }]);
    expect((await crm('list', 'companies', '--json')).out).toBe('[]\n');
    const tags = JSON.parse((await crm('list', 'tags', '--json')).out);
    expect(tags).toMatchObject([{ name: 'Yogi' }, { name: 'App User' }]);
    const tagged = await crm(
      'list',
      `tags/${tags[0].id}/contacts`,
      '--fields',
      'contact.id',
      '--format',
      'csv',
    );
    expect(tagged.out).toBe(`contact.id\n${annId}\n`);
  });

  it('ends at the limit', async () => {
    const before = (await running.controlApi.stats()).totalRequests;
    expect(
      lines((await crm('list', 'contacts', '--limit', '1', '--fields', 'id', '--format', 'ndjson')).out),
    ).toEqual([{ id: annId }]);
    expect((await running.controlApi.stats()).totalRequests).toBe(before + 1);
  });

  it.each([
    [['list', 'contatcs'], /no resource contatcs. Did you mean contacts/],
    [['list', 'contacts', '--filter', 'emial=x'], /no filter emial. Did you mean email/],
    [['list', 'contacts', '--fields', 'given_nam'], /no field given_nam. Did you mean given_name/],
    [['list', 'tags', '--since', '2026-01-01'], /cannot be listed by date/],
    [['list', 'orders', '--filter', 'paid=perhaps'], /paid takes true or false/],
    [['list', 'contacts', '--expand', 'orders'], /Nested lists: tags, emails, credit-cards/],
    [['get', 'contacts'], /Name the id/],
  ])('%j exits with 2 and says what there is', async (args, message) => {
    const { code, out, err } = await crm(...args);
    expect(err).toMatch(message);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });

  it('says when requests are possible again during a pause', async () => {
    await run('quota', ['--pause', '5']);
    const { code, err } = await crm('list', 'tags');
    await run('quota', ['--resume']);
    expect(code).toBe(1);
    expect(err).toMatch(/✗ Paused by an operator until 20.*Run the command again after that/);
  });

  it('stops where the quota that is reserved for live changes begins', async () => {
    const { windows } = JSON.parse((await run('quota', ['--json'])).out);
    const { left, reserve } = windows[1];
    await running.controlApi.set('limits', { usedByOthers: left - reserve + 200 });
    // The CRM says so with the next answer.
    await crm('get', 'user-info');
    const { code, err } = await crm('list', 'tags');
    await running.controlApi.set('limits', { resetUsed: true });
    await run('quota', ['--resume']);
    expect(err).toMatch(/reserved for live changes. It resets at 20/);
    expect(code).toBe(1);
  });
});

describe('user-sync crm get', () => {
  it('reads a contact with its custom fields and its tags', async () => {
    const { code, out } = await crm('get', 'contacts', String(annId), '--expand', 'tags', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      given_name: 'Ann',
      job_title: 'Coach',
      custom_fields: { 'Favourite Workout': '=yoga()' },
      tags: [{ tag: { name: 'Yogi' } }, { tag: { name: 'App User' } }],
    });
    expect((await crm('get', 'contacts', String(annId))).out).toMatch(/ given_name +Ann\n/);
  });

  it('says that there is no such item', async () => {
    const { code, err } = await crm('get', 'contacts', '999999');
    expect(err).toMatch(/The CRM does not have contacts\/999999/);
    expect(code).toBe(1);
  });
});
