import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { authorizeByCode, type Redirect } from '../../../../infra/cli/authorize/oauth-flow.ts';
import { CommandError } from '../../../../infra/cli/support/command-error.ts';
import { DEFAULT_CLIENT } from '../../../simulator/oauth.ts';
import { type RunningSimulator, startSimulator } from '../../../simulator/start-simulator.ts';

let crm: RunningSimulator;
beforeEach(async () => {
  crm = await startSimulator();
});
afterEach(() => crm.stop());

/** Acts as the browser: follows redirects. */
let pages: string[] = [];
const browse = async (url: string) => {
  pages.push(await (await fetch(url)).text());
};
const authorize = (
  more: { open?: (url: string) => void; clientSecret?: string; timeoutMs?: number; redirect?: Redirect } = {},
) => {
  pages = [];
  return authorizeByCode({
    authorizeUrl: `${crm.url}/app/oauth/authorize`,
    crmUrl: crm.url,
    client: {
      clientId: DEFAULT_CLIENT.clientId,
      clientSecret: more.clientSecret ?? DEFAULT_CLIENT.clientSecret,
    },
    redirect: more.redirect ?? { port: 0 },
    timeoutMs: more.timeoutMs ?? 10_000,
    open: more.open ?? browse,
  });
};

describe('the authorization', () => {
  it('returns a token pair that works', async () => {
    const { accessToken } = await authorize();
    const answer = await fetch(`${crm.url}/crm/rest/v1/oauth/connect/userinfo`, {
      headers: { authorization: `Bearer ${accessToken}` },
    });
    expect(answer.status).toBe(200);
  });

  it('that is declined says so', async () => {
    await fetch(`${crm.url}/_simulator/oauth`, { method: 'POST', body: '{"declines":true}' });
    const failure = authorize();
    await expect(failure).rejects.toThrow(CommandError);
    await expect(failure).rejects.toThrow('declined in the browser');
    await expect.poll(() => pages).toEqual([expect.stringContaining('Access was declined')]);
  });

  it('ignores a callback with another state', async () => {
    const forged: number[] = [];
    const { accessToken } = await authorize({
      open: async (url) => {
        const back = new URL(new URL(url).searchParams.get('redirect_uri') ?? '');
        back.search = '?code=stolen&state=guessed';
        forged.push((await fetch(back)).status);
        await browse(url);
      },
    });
    expect(forged).toEqual([400]);
    expect(accessToken).toMatch(/\S/);
  });

  it('says so in the browser and the terminal if the state does not come back', async () => {
    const answers: string[] = [];
    const failure = authorize({
      open: async (url) => {
        const back = new URL(new URL(url).searchParams.get('redirect_uri') ?? '');
        back.search = '?code=good';
        answers.push(await (await fetch(back)).text());
      },
      timeoutMs: 500,
    });
    await expect(failure).rejects.toThrow(/without the parameter "state".*--service-account-key/);
    expect(answers).toEqual([expect.stringContaining('without the parameter "state"')]);
  });

  it('with a wrong secret says what to check, without the secret', async () => {
    const failure = authorize({ clientSecret: 'wr0ng' });
    await expect(failure).rejects.toThrow(/invalid_client.*client id and secret/);
    await expect(failure).rejects.not.toThrow(/wr0ng/);
  });

  it('without a callback times out', async () => {
    await expect(authorize({ open: () => {}, timeoutMs: 50 })).rejects.toThrow(/did not return/);
  });
});

describe('the authorization with an HTTPS redirect URI', () => {
  const uri = 'https://app.example.com/crm/callback?from=keap';
  /** Acts as a person who copies the address that the browser shows in the end, or a changed one. */
  const paste = (changed: (address: URL) => string = ({ href }) => href) => {
    const { promise, resolve } = Promise.withResolvers<string>();
    return authorize({
      redirect: { uri, readAddress: () => promise },
      open: async (url) => {
        const { headers } = await fetch(url, { redirect: 'manual' });
        resolve(changed(new URL(headers.get('location') ?? '')));
      },
    });
  };
  const requireHttps = () =>
    fetch(`${crm.url}/_simulator/oauth`, { method: 'POST', body: '{"httpsOnly":true}' });

  it('returns a token pair, also if the CRM accepts no other redirect URI', async () => {
    await requireHttps();
    expect((await paste()).accessToken).toMatch(/\S/);
  });

  it('is what the command recommends if the CRM accepts no other redirect URI', async () => {
    await requireHttps();
    await expect(authorize({ timeoutMs: 200 })).rejects.toThrow(/did not return.*--redirect-uri https/);
    await expect.poll(() => pages).toEqual(['The redirect URI must use HTTPS.']);
  });

  const changes: [string, (address: URL) => string, RegExp][] = [
    ['is not an address', () => 'code=1', /not an address.*paste the whole line/],
    ['has no code', ({ origin }) => origin, /callback has no code/],
    ['has an error', () => `${uri}&error=access_denied`, /declined in the browser/],
    ['has no state', () => `${uri}&code=1`, /without the parameter "state".*--service-account-key/],
    ['has another state', () => `${uri}&code=1&state=guessed`, /belongs to another authorization/],
  ];
  it.each(changes)('fails if what is pasted %s', async (_, changed, message) => {
    const failure = paste(changed);
    await expect(failure).rejects.toThrow(CommandError);
    await expect(failure).rejects.toThrow(message);
  });
});
