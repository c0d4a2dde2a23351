import { memoize } from './memoize.ts';

/**
 * Time zones that the CRM accepts for a contact. Source: https://developer.infusionsoft.com/faqs/what-timezones-do-contact-calls-accept
 */
export const KNOWN_TIME_ZONES: readonly string[] = [
  'Pacific/Pago_Pago',
  'Pacific/Honolulu',
  'America/Adak',
  'Pacific/Marquesas',
  'America/Anchorage',
  'Pacific/Gambier',
  'America/Los_Angeles',
  'America/Santa_Isabel',
  'Pacific/Pitcairn',
  'America/Denver',
  'America/Mazatlan',
  'America/Phoenix',
  'America/Mexico_City',
  'America/Chicago',
  'America/Guatemala',
  'Pacific/Easter',
  'America/Bogota',
  'America/Havana',
  'America/New_York',
  'America/Caracas',
  'America/Campo_Grande',
  'America/Halifax',
  'America/Goose_Bay',
  'America/Santo_Domingo',
  'America/Santiago',
  'Atlantic/Stanley',
  'America/Asuncion',
  'America/St_Johns',
  'America/Argentina/Buenos_Aires',
  'America/Sao_Paulo',
  'America/Miquelon',
  'America/Montevideo',
  'America/Godthab',
  'America/Noronha',
  'Atlantic/Azores',
  'Atlantic/Cape_Verde',
  'Europe/London',
  'UTC',
  'Europe/Berlin',
  'Africa/Windhoek',
  'Africa/Lagos',
  'Asia/Damascus',
  'Europe/Istanbul',
  'Asia/Beirut',
  'Asia/Gaza',
  'Africa/Cairo',
  'Asia/Jerusalem',
  'Africa/Johannesburg',
  'Asia/Baghdad',
  'Europe/Minsk',
  'Asia/Tehran',
  'Asia/Yerevan',
  'Asia/Baku',
  'Asia/Dubai',
  'Europe/Moscow',
  'Asia/Kabul',
  'Asia/Karachi',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Asia/Dhaka',
  'Asia/Yekaterinburg',
  'Asia/Rangoon',
  'Asia/Omsk',
  'Asia/Jakarta',
  'Asia/Shanghai',
  'Asia/Krasnoyarsk',
  'Australia/Eucla',
  'Asia/Irkutsk',
  'Asia/Tokyo',
  'Australia/Darwin',
  'Australia/Adelaide',
  'Australia/Brisbane',
  'Australia/Sydney',
  'Asia/Yakutsk',
  'Australia/Lord_Howe',
  'Pacific/Noumea',
  'Asia/Vladivostok',
  'Pacific/Norfolk',
  'Pacific/Fiji',
  'Pacific/Tarawa',
  'Pacific/Majuro',
];

/**
 * The copy of the vendor's list that could be read ends here, within the zones of the Pacific. The list has the order and the zones of an
 * old version of jsTimezoneDetect, whose list ends with these. A zone that the CRM refuses costs that field only.
 */
const LIKELY_TIME_ZONES: readonly string[] = [
  'Pacific/Auckland',
  'Pacific/Tongatapu',
  'Pacific/Chatham',
  'Pacific/Apia',
  'Pacific/Kiritimati',
];

const SUPPORTED = [...KNOWN_TIME_ZONES, ...LIKELY_TIME_ZONES];

/** Zones are compared over these years: what they were before does not matter for what is sent to a contact. */
const FIRST = Date.UTC(2027, 0, 1);
const LAST = Date.UTC(2032, 0, 1);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** No zone changes its clocks twice within this time. */
const STEP_MS = 10 * DAY_MS;

/**
 * The time zone of the CRM for a zone of the IANA database: the same, or one with the same offsets from 2027 to 2031, if possible on the
 * same continent. If there is none, one whose clocks change within the same day, at another hour.
 *
 * @returns undefined for a zone whose rules no supported zone has; `none` for a text that is not a zone.
 */
export const supportedTimeZone = memoize((text: string): string | undefined | 'none' => {
  const zone = text.trim();
  const listed = SUPPORTED.find((each) => each.toLowerCase() === zone.toLowerCase());
  if (listed !== undefined) return listed;
  if (!isTimeZone(zone)) return 'none';
  const inArea = (each: string) => each.startsWith(`${zone.split('/')[0]}/`);
  const candidates = [...SUPPORTED.filter(inArea), ...SUPPORTED.filter((each) => !inArea(each))];
  const within = (ms: number) => candidates.find((each) => hasSameRules(zone, each, ms));
  return within(0) ?? within(DAY_MS);
});

/** Offsets such as `+01:00` are time zones to JavaScript, but not to the CRM. */
function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return /^[A-Za-z]/.test(zone);
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** A change of the clocks. */
interface Change {
  /** Epoch milliseconds, to the hour. */
  at: number;
  /** The offset from then on, such as `GMT+01:00`. */
  offset: string;
}

function hasSameRules(one: string, other: string, toleranceMs: number): boolean {
  const [changes, others] = [changesOf(one), changesOf(other)];
  return (
    changes.length === others.length &&
    changes.every(({ at, offset }, index) => {
      const same = others[index];
      return same?.offset === offset && Math.abs(same.at - at) <= toleranceMs;
    })
  );
}

/** The offset at the first moment, and each change of it. */
const changesOf = memoize((zone: string): readonly Change[] => {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  const offsetAt = (at: number) => format.format(at).split(', ')[1] ?? '';
  const changes = [{ at: FIRST, offset: offsetAt(FIRST) }];
  for (let from = FIRST; from < LAST; from += STEP_MS) {
    const before = offsetAt(from);
    const offset = offsetAt(from + STEP_MS);
    if (before === offset) continue;
    let [earlier, later] = [from, from + STEP_MS];
    while (later - earlier > HOUR_MS) {
      const middle = earlier + HOUR_MS * Math.round((later - earlier) / HOUR_MS / 2);
      if (offsetAt(middle) === before) earlier = middle;
      else later = middle;
    }
    changes.push({ at: later, offset });
  }
  return changes;
});
