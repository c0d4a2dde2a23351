import * as z from 'zod/mini';
import { forgetPolicySchema } from '../../shared/contacts/erase-contact.ts';
import { deletionPolicySchema } from '../../shared/contacts/retire-contact.ts';
import { POLLED_NAMES } from '../../shared/events/event-types.ts';
import { budgetSettings } from '../../shared/quota/remaining-quota.ts';
import { slotScheduleSchema } from '../../shared/quota/slots.ts';
import { filledText, jsonText, utcMoment } from '../../shared/zod-types.ts';
import '../../shared/zod-messages.ts';

const settingsSchema = z.object({
  USER_TABLE: filledText,
  SYNC_TABLE: filledText,
  SYNC_QUEUE_URL: z.url(),
  DEAD_LETTER_QUEUE_URL: z.url(),
  CRM_URL: z.url(),
  CRM_SECRET_ID: filledText,
  /** See `paceFor` in `shared/quota/pace.ts`. */
  SLOT_SCHEDULE: z.pipe(jsonText, slotScheduleSchema),
  ...budgetSettings,
  /** Most contacts that one request can tag. */
  TAG_BATCH: z.coerce.number().check(z.int(), z.positive()),
  DELETION_POLICY: deletionPolicySchema,
  FORGET_POLICY: forgetPolicySchema,
  /** Bus of the events and their `source`. Unset: changes in the CRM make no events. */
  EVENT_BUS: z.optional(filledText),
  EVENT_SOURCE: z.optional(filledText),
  /** Resources that are polled besides contacts and tags, separated by commas. */
  EVENT_RESOURCES: z._default(
    z.pipe(
      z.pipe(
        z.string(),
        z.transform((names) => names.split(',').filter(Boolean)),
      ),
      z.array(z.enum(POLLED_NAMES)),
    ),
    [],
  ),
  /** The first poll reads changes since this time. Unset: since the time when it runs. */
  EVENT_START: z.optional(utcMoment),
});

/**
 * Reads the function's settings from its environment variables, which the stack sets.
 *
 * @throws ZodError that names every wrong variable.
 */
export function readSettings(environment: NodeJS.ProcessEnv): z.infer<typeof settingsSchema> {
  return settingsSchema.parse(environment);
}
