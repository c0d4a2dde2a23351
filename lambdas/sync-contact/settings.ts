import * as z from 'zod/mini';
import { deletionPolicySchema, forgetPolicySchema } from '../../shared/contacts/retire-contact.ts';
import { budgetSettings } from '../../shared/quota/remaining-quota.ts';
import { slotScheduleSchema } from '../../shared/quota/slots.ts';
import { filledText, jsonText } from '../../shared/zod-types.ts';
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
  /** Contacts that a request can tag at most. */
  TAG_BATCH: z.coerce.number().check(z.int(), z.positive()),
  DELETION_POLICY: deletionPolicySchema,
  FORGET_POLICY: forgetPolicySchema,
});

/**
 * Reads the function's settings from its environment variables, which the stack sets.
 *
 * @throws ZodError that names every wrong variable.
 */
export function readSettings(environment: NodeJS.ProcessEnv): z.infer<typeof settingsSchema> {
  return settingsSchema.parse(environment);
}
