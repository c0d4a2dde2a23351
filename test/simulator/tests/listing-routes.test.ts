import { describe, expect, it } from 'vitest';
import { createSimulator, DEFAULT_TOKEN } from '../simulator.ts';
import { simulatorApp } from '../simulator-app.ts';

const app = simulatorApp(createSimulator({ latency: { medianMs: 0, p95Ms: 0 } }));
const get = async (path: string, searchParams: Record<string, string> = {}) => {
  const query = new URLSearchParams(searchParams);
  return app.request(`/crm/rest/v2${path}?${query}`, { headers: { 'x-keap-api-key': DEFAULT_TOKEN } });
};

describe('version 2 refuses', () => {
  it.each<[string, string, Record<string, string>]>([
    ['an unknown filter', '/contacts', { filter: 'changed==yes' }],
    ['another operator than ==', '/contacts', { filter: 'start_update_time>2026-01-01T00:00:00.000Z' }],
    ['a time without milliseconds and a zone', '/contacts', { filter: 'start_update_time==2026-01-01' }],
    ['an unknown order', '/contacts', { order_by: 'tags asc' }],
    ['an unknown field', '/contacts', { fields: 'id,shoe_size' }],
    ['a page of more than a thousand', '/contacts', { page_size: '1001' }],
    ['more than a hundred ids', '/contacts', { filter: `ids==${Array(101).fill(1).join(',')}` }],
    ['tags of all contacts without a filter', '/contacts/-/tags', {}],
    ['an unknown filter of addresses', '/emailAddresses', { filter: 'status==MANUAL' }],
  ])('%s', async (_, path, searchParams) => {
    expect((await get(path, searchParams)).status).toBe(400);
  });

  it('a request without credentials', async () => {
    expect((await app.request('/crm/rest/v2/contacts')).status).toBe(401);
  });
});
