import { cloudEvent } from '../events/cloud-event.ts';
import type { SeenContact } from '../events/contact-state.ts';
import type { ContactChange } from '../events/diff-contact.ts';
import type { CloudEvent } from '../events/event-types.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { AccountNames } from './account-names.ts';
import type { ContactRecords } from './own-writes.ts';

export interface EventContext {
  names: Pick<AccountNames, 'tagName' | 'fieldLabel'>;
  mapping: Pick<Mapping, 'inbound'>;
  /** `/user-sync/<name of the stack>`. */
  source: string;
  /** Epoch milliseconds. */
  now: number;
}

/** Longer values are left out: an event has at most 256 KB (Amazon EventBridge quotas). In characters. */
const VALUE_MAX = 4000;

/**
 * The event of a change.
 *
 * @param state identifies the state: equal only for equal states.
 */
export function eventOf(
  change: ContactChange,
  seen: SeenContact,
  state: readonly unknown[],
  { user, claim, contactId }: Pick<ContactRecords, 'user' | 'claim' | 'contactId'>,
  { names, mapping, source, now }: EventContext,
): CloudEvent {
  const isUsers = user?.crm?.contactId === contactId || (!user && change.type === 'contact.deleted');
  const common = {
    state,
    userId: isUsers ? claim?.userId : undefined,
    time: Math.min(now, seen.changedAt ?? now),
  };
  switch (change.type) {
    case 'contact.created':
    case 'contact.changed': {
      const nameOf = (key: string) => fieldName(key, names);
      const inbound = change.fields.filter((key) => mapping.inbound?.includes(nameOf(key) as never));
      const values = inbound.map((key) => [nameOf(key), seen.fields?.get(key) ?? null] as const);
      const data = {
        contactId,
        fields: change.fields.map(nameOf),
        values: Object.fromEntries(values.filter(([, value]) => (value?.length ?? 0) <= VALUE_MAX)),
      };
      return cloudEvent({ ...common, kind: change.type, data }, source);
    }
    case 'contact.deleted':
      return cloudEvent({ ...common, kind: change.type, data: { contactId } }, source);
    case 'tag.applied':
    case 'tag.removed': {
      const { tagId } = change;
      const tagName = names.tagName(tagId);
      const data = { contactId, tagId, ...(tagName !== undefined && { tagName }) };
      return cloudEvent({ ...common, kind: change.type, data }, source);
    }
    default: {
      const { type, field, status } = change;
      return cloudEvent({ ...common, kind: type, data: { contactId, field, status } }, source);
    }
  }
}

/** The name of a field as the mapping writes it. A custom field that was deleted keeps its id. */
function fieldName(key: string, names: EventContext['names']): string {
  const [, id] = /^custom_fields\.(\d+)$/.exec(key) ?? [];
  const label = id && names.fieldLabel(Number(id));
  return label ? `custom_fields.${label}` : key;
}
