import { Hono } from 'hono';
import type { Simulator, SimulatorEnv } from './simulator.ts';

/** `/app/oauth/authorize` and `/token`, as the vendor's OAuth 2.0 pages describe them. Neither is limited, delayed or counted. */
export function oauthRoutes({ oauth }: Simulator): Hono<SimulatorEnv> {
  const routes = new Hono<SimulatorEnv>();
  routes.get('/app/oauth/authorize', (context) => {
    const { client_id, redirect_uri = '', response_type, state = '' } = context.req.query();
    if (client_id !== oauth.options.clientId || response_type !== 'code' || !URL.canParse(redirect_uri))
      return context.text('The application is not known, or its request is not complete.', 400);
    const back = new URL(redirect_uri);
    back.searchParams.set('state', state);
    if (oauth.options.declines) back.searchParams.set('error', 'access_denied');
    else back.searchParams.set('code', oauth.authorize(redirect_uri));
    return context.redirect(back.href);
  });

  routes.post('/token', async (context) => {
    const form = new URLSearchParams(await context.req.text());
    const text = (name: string) => form.get(name) ?? '';
    const [id, secret] = basic(context.req.header('authorization')) ?? [
      text('client_id'),
      text('client_secret'),
    ];
    if (!oauth.isClient(id, secret)) return context.json({ error: 'invalid_client' }, 401);
    const pair =
      form.get('grant_type') === 'refresh_token'
        ? oauth.refresh(text('refresh_token'))
        : oauth.exchange(text('code'), text('redirect_uri'));
    if (oauth.options.loseNextAnswer) {
      oauth.change({ loseNextAnswer: false });
      context.env.outgoing.destroy();
      return new Response(null, { status: 500 });
    }
    return pair ? context.json(pair) : context.json({ error: 'invalid_grant' }, 400);
  });
  return routes;
}

function basic(header: string | undefined): [string, string] | undefined {
  if (!header?.startsWith('Basic ')) return undefined;
  const [id = '', secret = ''] = Buffer.from(header.slice('Basic '.length), 'base64').toString().split(':');
  return [id, secret];
}
