import ky, { type KyInstance, type Options } from 'ky';
import type { PreloadedContact, ReadableContact } from '../simulator/admin-routes.ts';
import { DEFAULT_TOKEN, type SimulatorOptions } from '../simulator/simulator.ts';
import { type RunningSimulator, startSimulator } from '../simulator/start-simulator.ts';
import type { Statistics } from '../simulator/traffic/statistics.ts';

const running: RunningSimulator[] = [];

/** Starts a simulator without latency by default, with a client for its API and one for `/_simulator`. */
export async function start(options: SimulatorOptions = {}) {
  const simulator = await startSimulator({
    latency: { medianMs: 0, p95Ms: 0 },
    searchDelayMs: 0,
    ...options,
  });
  running.push(simulator);
  const common: Options = { throwHttpErrors: false, retry: 0 };
  const api = ky.create({
    ...common,
    prefix: `${simulator.url}/crm/rest/v1`,
    headers: { 'x-keap-api-key': DEFAULT_TOKEN },
  });
  const admin = ky.create({ ...common, prefix: `${simulator.url}/_simulator` });
  const preload = (contacts: PreloadedContact[]) =>
    admin.post('contacts', { json: contacts }).json<{ id: number }[]>();
  return {
    url: simulator.url,
    api,
    admin,
    preload,
    contacts: () => admin.get('contacts').json<ReadableContact[]>(),
    stats: () => admin.get('stats').json<Statistics>(),
  };
}

/** Stops every simulator that `start` started. */
export async function stopAll(): Promise<void> {
  for (const simulator of running.splice(0)) await simulator.stop();
}

/** The first email of a contact, as in a request body. */
export const email = (address: string) => ({ email_addresses: [{ field: 'EMAIL1', email: address }] });

/** Upserts a contact by email. */
export const upsert = (api: KyInstance, body: object) =>
  api.put('contacts', { json: { ...body, duplicate_option: 'Email' } });
