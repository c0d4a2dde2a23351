import { InvalidArgumentError } from 'commander';

/** Formats a moment in a time zone. */
export type InZone = (text: string) => string;

/** A date with a time, in ISO 8601. The CRM writes the offset without a colon. */
const MOMENT = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)$/;

/** Parses the name of a time zone of the IANA database, such as `Europe/Berlin`. */
export function timeZone(text: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InvalidArgumentError('It must be a time zone, such as Europe/Berlin.');
  }
}

/**
 * Formats moments in a time zone. Dates without a time, and texts that are not dates, stay as they are.
 *
 * @example inZone('Europe/Berlin')('2026-11-29T05:00:00.000+0000') // → '2026-11-29T06:00:00+01:00'
 */
export function inZone(zone: string): InZone {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'longOffset',
  });
  return (text) => {
    const [, time, offset = ''] = MOMENT.exec(text) ?? [];
    const at = Date.parse(`${time}${offset.replace(/^([+-]\d\d):?(\d\d)$/, '$1:$2')}`);
    if (time === undefined || Number.isNaN(at)) return text;
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
    const { year, month, day, hour, minute, second, timeZoneName = '' } = parts;
    const shift = timeZoneName.replace('GMT', '').replace('\u2212', '-') || '+00:00';
    return `${year}-${month}-${day}T${hour}:${minute}:${second}${shift}`;
  };
}
