import * as z from 'zod';

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** An address to which personal data or credentials may be sent. @param error for a text that is no URL. */
export const safeUrl = (error: string) =>
  z.url({ protocol: /^https?$/, error, abort: true }).refine((url) => {
    const { protocol, hostname } = new URL(url);
    return protocol === 'https:' || LOOPBACK.has(hostname);
  }, 'must begin with https:// (http:// is allowed for localhost only)');

/** The origin of the CRM's API. */
export const crmUrl = safeUrl('must be a URL, for example https://api.infusionsoft.com').refine((url) => {
  const { origin, href } = new URL(url);
  return href === `${origin}/`;
}, 'must be an origin without a path, for example https://api.infusionsoft.com');
