import * as z from 'zod/mini';

// Types that many schemas share. Each is made once: making one takes time, which counts in a cold start.

/** An id of the CRM, or a count of at least one. */
export const positiveInt = z.int().check(z.positive());

/** A text with at least one character. */
export const filledText = z.string().check(z.minLength(1));

/** A time in UTC, in ISO 8601, as the sync itself writes it. */
export const utcMoment = z.iso.datetime();

/** A text that contains JSON, parsed. */
export const jsonText = z.pipe(
  z.string(),
  z.transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      context.issues.push({ code: 'custom', message: 'must be JSON', input: text });
      return z.NEVER;
    }
  }),
);
