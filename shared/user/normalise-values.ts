/** A value in the CRM's form, or the reason why it was dropped. `changed` says how the value was corrected. */
export type Normalised = { value: string; changed?: string } | { dropped: string };

/** A text in one line without control characters, cut to `max` UTF-16 units, the stricter interpretation of the CRM's limits. */
export function normaliseText(raw: string, max: number): Normalised {
  const clean = raw
    .toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
  if (clean === '') return { dropped: 'only spaces and control characters' };
  if (clean.length > max) return { value: cut(clean, max), changed: `cut to ${max} characters` };
  return clean === raw.trim() ? { value: clean } : { value: clean, changed: 'control characters removed' };
}

/** Cuts between characters, never inside a surrogate pair. */
function cut(text: string, max: number): string {
  let short = '';
  for (const character of text) {
    if (short.length + character.length > max) break;
    short += character;
  }
  return short.trim();
}

/** The day of a date or moment as it is written, in ISO 8601: its time and offset are dropped. The day of other forms is that of UTC. */
export function normaliseDate(raw: string): Normalised {
  const moment = normaliseMoment(raw);
  if (!('value' in moment)) return { dropped: 'not a date' };
  const [written] = /^\d{4}-\d\d-\d\d/.exec(raw.trim()) ?? [];
  // 31 February is read as 3 March.
  const midnight = normaliseMoment(`${written}T00:00:00Z`);
  const day = 'value' in midnight ? midnight.value : moment.value;
  return { value: day.slice(0, 10) };
}

/** A moment in UTC, in ISO 8601, with a year of four digits. */
export function normaliseMoment(raw: string): Normalised {
  const time = Date.parse(raw);
  const moment = Number.isNaN(time) ? '' : new Date(time).toISOString();
  return /^\d{4}-/.test(moment) ? { value: moment } : { dropped: 'not a date and time' };
}

/** A web address of up to `max` characters. `https` is added if it has no scheme. */
export function normaliseWebsite(raw: string, max: number): Normalised {
  const text = raw.trim();
  const url = URL.parse(/^[a-z]+:/i.test(text) ? text : `https://${text}`);
  return url && /^https?:$/.test(url.protocol) && url.hostname.includes('.') && url.href.length <= max
    ? { value: url.href }
    : { dropped: `not a web address of up to ${max} characters` };
}
