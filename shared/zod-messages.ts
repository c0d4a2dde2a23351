import { en } from 'zod/locales';
import * as z from 'zod/mini';

/**
 * Gives zod its English error messages. `zod/mini`, which is less than half as large as `zod`, has none. Import this file where a person
 * reads them.
 */
z.config(en());
