import { Hono } from 'hono';
import { afterEach, expect, it } from 'vitest';
import { type Server, startServer } from '../../local-cloud/emulators/start-server.ts';
import { type RecordingProxy, recordingProxy } from '../recording-proxy.ts';

let proxy: RecordingProxy;
let server: Server;
afterEach(async () => {
  await proxy.stop();
  await server.stop();
});

async function proxyOf(app: Hono): Promise<void> {
  server = await startServer(app);
  proxy = await recordingProxy(server.endpoint);
}

it('forwards and records requests and answers as they are', async () => {
  await proxyOf(
    new Hono()
      .post('/token', async (context) => context.text(await context.req.text(), 400, { 'x-limit': '7' }))
      .get('/login', (context) => context.redirect('https://app.example/callback'))
      .delete('/tags', (context) => context.body(null, 204)),
  );
  const form = 'grant_type=refresh_token&refresh_token=a%2Bb';
  const headers = { 'content-type': 'application/x-www-form-urlencoded', authorization: 'Basic YTpi' };
  const answer = await fetch(`${proxy.url}/token?a=1%2C2`, { method: 'POST', headers, body: form });
  expect([answer.status, answer.headers.get('x-limit'), await answer.text()]).toEqual([400, '7', form]);
  expect((await fetch(`${proxy.url}/login`, { redirect: 'manual' })).status).toBe(302);
  expect((await fetch(`${proxy.url}/tags`, { method: 'DELETE' })).status).toBe(204);
  expect(proxy.exchanges).toMatchObject([
    {
      method: 'POST',
      url: '/token?a=1%2C2',
      request: { headers, body: form },
      answer: { status: 400, headers: { 'x-limit': '7' }, body: form },
    },
    {
      method: 'GET',
      url: '/login',
      answer: { status: 302, headers: { location: 'https://app.example/callback' } },
    },
    { method: 'DELETE', url: '/tags', request: { body: '' }, answer: { status: 204, body: '' } },
  ]);
});
