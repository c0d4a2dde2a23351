import * as z from 'zod/mini';

// Values that many schemas are made of, made once: to make one takes time, of which a cold start has little.

/** An id of the CRM, or a number of things. */
export const positiveInt = z.int().check(z.positive());

/** A text with something in it. */
export const filledText = z.string().check(z.minLength(1));

/** A moment in UTC, in ISO 8601, as the sync itself writes it. */
export const utcMoment = z.iso.datetime();
