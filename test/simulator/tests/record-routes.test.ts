import { afterEach, describe, expect, it } from 'vitest';
import { start, stopAll } from './simulator-under-test.ts';

afterEach(stopAll);

const MARCH = '2026-03-01T08:00:00.000Z';

describe('records that a person makes', () => {
  it('are listed in pages with a count, from a date on', async () => {
    const { api, admin } = await start();
    const dates = [MARCH, '2026-04-01T08:00:00.000Z', '2026-05-01T08:00:00.000Z'];
    const json = dates.map((start_date) => ({ title: 'Call', start_date }));
    await admin.post('records/appointments', { json });
    const list = (searchParams: Record<string, string | number>) =>
      api.get('appointments', { searchParams }).json<{ count: number; appointments: object[] }>();
    expect(await list({ since: '2026-03-15T00:00:00.000Z', limit: 1 })).toMatchObject({
      count: 2,
      appointments: [{ id: 2, title: 'Call', start_date: '2026-04-01T08:00:00.000+0000' }],
    });
    expect((await list({ limit: 2, offset: 2 })).appointments).toHaveLength(1);
  });

  it('are changed and deleted, and a property that is null is removed', async () => {
    const { api, admin } = await start();
    const [{ id = 0 } = {}] = await admin
      .post('records/notes', { json: [{ title: 'a', body: 'b' }] })
      .json<{ id: number }[]>();
    await admin.patch(`records/notes/${id}`, { json: { title: 'c', body: null } });
    expect(await api.get('notes').json()).toMatchObject({ notes: [{ id, title: 'c' }] });
    expect(await api.get('notes').text()).not.toContain('body');
    await admin.delete(`records/notes/${id}`);
    expect(await api.get('notes').json()).toMatchObject({ notes: [], count: 0 });
    expect((await admin.patch(`records/notes/${id}`, { json: {} })).status).toBe(404);
  });

  it.each([
    [
      'users',
      'users',
      { email: 'a@example.com', job_title: 'Coach' },
      { job_title: 'Coach', status: 'Active' },
    ],
    ['companies', 'companies', { name: 'Acme', website: 'w' }, { company_name: 'Acme', website: 'w' }],
    ['opportunity-stages', 'opportunity/stage_pipeline', { stage_name: 'New' }, { stage_name: 'New' }],
  ])('%s have lists of their own', async (name, path, values, shown) => {
    const { api, admin } = await start();
    await admin.post(`records/${name}`, { json: [values] });
    expect(await api.get(path).json()).toMatchObject(
      name === 'opportunity-stages' ? [shown] : { [name]: [shown] },
    );
  });
});

describe('a list refuses', () => {
  it.each([
    ['notes', 'since', MARCH],
    ['transactions', 'since', '2026-03-01'],
    ['emails', 'since', MARCH],
    ['campaigns', 'name', 'x'],
  ])('of %s the query %s=%s', async (path, name, value) => {
    const { api } = await start();
    expect((await api.get(path, { searchParams: { [name]: value } })).status).toBe(400);
  });
});
