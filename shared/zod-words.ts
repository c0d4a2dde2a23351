import { en } from 'zod/locales';
import * as z from 'zod/mini';

/**
 * Imported where a person reads what zod says: `zod/mini`, less than half as large as `zod` and sooner loaded, comes without
 * words for what is wrong.
 */
z.config(en());
