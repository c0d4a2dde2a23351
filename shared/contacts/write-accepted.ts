import type { Catalog } from '../infusionsoft/catalog/catalog.ts';
import { isRefusal, namedFields } from '../infusionsoft/refusal.ts';
import type { Contact } from '../infusionsoft/schemas.ts';
import type { RejectedError } from '../sync/errors.ts';
import { type FieldPlan, isClearable, isEmptyPlan } from '../sync/plan.ts';
import { addressOfRegion, regionKey, withoutRegion } from '../sync/refused-fields.ts';
import { contactField, isStandardField } from '../user/contact-fields.ts';
import type { FieldKey, Mapping } from '../user/define-mapping.ts';
import { halves } from './halves.ts';
import type { Target } from './resolve.ts';
import { type ClaimWritten, type WriteContactDependencies, writeContact } from './write-contact.ts';

export interface WriteAcceptedDependencies extends WriteContactDependencies {
  mapping: Pick<Mapping, 'customFields' | 'userIdField'>;
}

export interface WriteRequest {
  target: Target;
  plan: FieldPlan;
  catalog: Catalog;
  /** Fields in which the contact may have an older value of the sync. */
  known: ReadonlySet<string>;
  /** The email of the user, which is written to find out whether the CRM accepts any write. */
  email: string;
  /** Claims a contact that is created or found by its email. */
  claim?: ClaimWritten;
}

export interface AcceptedWrite {
  contactId: number;
  /** The last answer of the CRM; undefined if nothing was left to write. */
  contact: Contact | undefined;
  /** What the CRM has accepted, and the email if it was written to find that out. */
  plan: FieldPlan;
  /** Fields, and regions of addresses, that the CRM refused. */
  refused: readonly string[];
  /** Those of them that still have an older value of the sync. */
  stale: readonly FieldKey[];
  /** Writes that this call did not need. */
  writesLeft: number;
}

/** Most writes of one call, apart from a second attempt for a company that is gone. Once one was accepted, the last is kept for older values that have to be cleared (`stale`). */
const MAX_WRITES = 4;

/** What is done about a refused field: an address loses its region first, and an older value of the sync is cleared. */
type Remedy = 'region' | 'clear' | 'omit';

/**
 * Writes a plan without the fields that the CRM refuses: those that the answer names, or else those that are found by leaving fields out.
 * At most {@link MAX_WRITES} writes. A refusal that no optional field causes is thrown. The email and the user id are not optional.
 *
 * If the answers name no field, `refused` can include fields that were only written together with a refused one.
 *
 * @throws RejectedError if the CRM refuses the rest, too; otherwise as {@link writeContact} does.
 */
export async function writeAccepted(
  request: WriteRequest,
  dependencies: WriteAcceptedDependencies,
): Promise<AcceptedWrite> {
  const { plan, catalog, known, email, claim } = request;
  const { mapping } = dependencies;
  const optional = optionalFields(plan, mapping);
  const canBeStale = optional.some((key) => known.has(key) && Object.hasOwn(plan.write, key));
  let target = request.target;
  let contact: Contact | undefined;
  let writes = 0;
  let isEmailWritten = false;
  let refusal: RejectedError | undefined;
  /** @returns whether the CRM accepted the plan. Instead of an empty plan, the email is written. */
  const isAccepted = async (part: FieldPlan): Promise<boolean> => {
    const body: FieldPlan = isEmptyPlan(part) ? { write: { EMAIL1: email }, clear: [] } : part;
    writes++;
    try {
      contact = await writeContact(target, body, catalog, dependencies, { isRepeated: writes > 1, claim });
      isEmailWritten ||= body !== part;
      target = { kind: 'update', contactId: contact.id, isClaimed: true, isForeign: false };
      return true;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refusal = error;
      return false;
    }
  };
  const result = (remedies: ReadonlyMap<string, Remedy>): AcceptedWrite => {
    const contactId = contact?.id ?? (target.kind === 'update' ? target.contactId : undefined);
    if (contactId === undefined) throw new Error('The CRM has accepted no write');
    const stale = (Object.keys(plan.write) as FieldKey[]).filter(
      (key) => remedies.get(key) === 'omit' && known.has(key) && isClearable(key),
    );
    const { write, clear } = planWith(plan, remedies);
    return {
      contactId,
      contact,
      plan: { write: { ...write, ...(isEmailWritten && { EMAIL1: email }) }, clear },
      refused: [...remedies].map(([key, remedy]) => (remedy === 'region' ? regionKey(key) : key)),
      stale,
      writesLeft: MAX_WRITES - writes,
    };
  };

  if (await isAccepted(plan)) return result(new Map());
  if (optional.length === 0 || isAboutRequired(refusal, plan, optional, catalog)) throw refusal;

  const remedies = new Map<string, Remedy>();
  // The last write is kept for the required fields alone.
  while (MAX_WRITES - writes > 1) {
    const possible = optional.filter((key) => remedies.get(key) !== 'omit');
    const named = refusal ? namedFields(refusal, possible, catalog) : [];
    if (named.length === 0) break;
    for (const key of named) {
      const field = addressOfRegion(key) ?? key;
      remedies.set(field, nextRemedy(field, remedies.get(field), key !== field, plan, known));
    }
    const rest = planWith(plan, remedies);
    if ((target.kind === 'update' && isEmptyPlan(rest)) || (await isAccepted(rest))) return result(remedies);
  }

  for (const key of remedies.keys()) remedies.set(key, 'omit');
  const open = await openAfterSearch(
    optional.filter((key) => !remedies.has(key)),
    {
      writesLeft: () => MAX_WRITES - writes - (canBeStale && contact !== undefined ? 1 : 0),
      without: (keys) => isAccepted(planWith(plan, new Map([...remedies, ...omitting(keys)]))),
      only: (keys) => isAccepted(onlyOf(plan, keys)),
    },
  );
  if (open === undefined) throw refusal;
  return result(new Map([...remedies, ...omitting(open)]));
}

const omitting = (keys: readonly string[]): [string, Remedy][] => keys.map((key) => [key, 'omit']);

interface Search {
  writesLeft(): number;
  /** Writes everything but some fields. @returns whether the CRM accepts it. */
  without(keys: readonly string[]): Promise<boolean>;
  /** Writes some fields alone, after a write was accepted. */
  only(keys: readonly string[]): Promise<boolean>;
}

/**
 * Looks for the fields that the CRM refuses by leaving fields out. The first write without some of them that the CRM accepts is followed by
 * writes of the rest, in parts. The last chance to get one accepted is a write without all of them.
 *
 * @param suspects all optional fields of a refused write, the most suspicious first.
 * @returns the fields that were not accepted; undefined if the CRM refuses a write without any of them.
 */
async function openAfterSearch(
  suspects: readonly string[],
  { writesLeft, without, only }: Search,
): Promise<readonly string[] | undefined> {
  const [first, second] = halves(suspects);
  if (writesLeft() === 0) return undefined;
  const isDivided = suspects.length > 1 && writesLeft() > 1;
  let groups: Group[];
  if (isDivided && (await without(first))) groups = [{ keys: first }];
  else if (!(await without(suspects))) return undefined;
  else groups = isDivided ? [{ keys: second, isRefused: true }, { keys: first }] : [{ keys: suspects }];
  while (writesLeft() > 0) {
    const [last] = groups;
    // All others were accepted. One field alone is tried again, since the refusal may have had another cause.
    if (groups.length === 1 && last && last.keys.length > 1) last.isRefused = true;
    const untested = groups.findLast(({ isRefused }) => !isRefused);
    const large = groups.find(({ keys }) => keys.length > 1);
    if (untested) {
      if (await only(untested.keys)) groups = groups.filter((group) => group !== untested);
      else untested.isRefused = true;
    } else if (large) {
      const parts = halves(large.keys).map((keys) => ({ keys }));
      groups = [...groups.filter((group) => group !== large), ...parts];
    } else break;
  }
  return groups.flatMap(({ keys }) => keys);
}

/** Fields that are written together. */
interface Group {
  keys: readonly string[];
  /** Whether the CRM is known to refuse one of them. */
  isRefused?: boolean;
}

/** The plan with what is done about refused fields. */
function planWith({ write, clear }: FieldPlan, remedies: ReadonlyMap<string, Remedy>): FieldPlan {
  const entries = Object.entries(write).flatMap(([key, value]): [string, string][] => {
    const remedy = remedies.get(key);
    if (remedy === 'region') return [[key, withoutRegion(value)]];
    return remedy === undefined ? [[key, value]] : [];
  });
  const cleared = (Object.keys(write) as FieldKey[]).filter((key) => remedies.get(key) === 'clear');
  return {
    write: Object.fromEntries(entries) as FieldPlan['write'],
    clear: [...clear.filter((key) => !remedies.has(key)), ...cleared],
  };
}

const onlyOf = ({ write, clear }: FieldPlan, keys: readonly string[]): FieldPlan => ({
  write: Object.fromEntries(
    Object.entries(write).filter(([key]) => keys.includes(key)),
  ) as FieldPlan['write'],
  clear: clear.filter((key) => keys.includes(key)),
});

function nextRemedy(
  key: string,
  before: Remedy | undefined,
  isAboutRegion: boolean,
  { write }: FieldPlan,
  known: ReadonlySet<string>,
): Remedy {
  const isWritten = Object.hasOwn(write, key);
  if (before === undefined && isAboutRegion && isWritten) return 'region';
  return before !== 'clear' && isWritten && known.has(key) && isClearable(key) ? 'clear' : 'omit';
}

/** Whether the answer names the email or the user id, and nothing else. */
function isAboutRequired(
  refusal: RejectedError | undefined,
  { write }: FieldPlan,
  optional: readonly string[],
  catalog: Catalog,
): boolean {
  if (!refusal || namedFields(refusal, optional, catalog).length > 0) return false;
  const required = Object.keys(write).filter((key) => !optional.includes(key));
  return namedFields(refusal, required, catalog).length > 0;
}

/**
 * Fields of a plan that the CRM may refuse without harm to the rest, the most suspicious first: values of which the CRM has a list, then
 * custom fields.
 */
function optionalFields(
  { write, clear }: FieldPlan,
  { customFields, userIdField }: WriteAcceptedDependencies['mapping'],
): string[] {
  const required = ['EMAIL1', ...(userIdField === undefined ? [] : [`custom_fields.${userIdField}`])];
  const rank = (key: string): number => {
    if (!isStandardField(key))
      return customFields[key.slice('custom_fields.'.length)]?.type === 'Text' ? 2 : 1;
    const { kind } = contactField(key);
    if (['text', 'phone', 'email', 'social'].includes(kind)) return 3;
    return kind === 'date' || kind === 'website' ? 2 : 0;
  };
  return [...Object.keys(write), ...clear]
    .filter((key) => !required.includes(key))
    .sort((a, b) => rank(a) - rank(b));
}
