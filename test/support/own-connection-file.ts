/** Gives each test file a connection file of its own, because test files run in parallel. */
import { fileURLToPath } from 'node:url';

process.env['USER_SYNC_CONNECTION_FILE'] = fileURLToPath(
  new URL(`../../.local/cloud-${process.pid}-${process.env['VITEST_POOL_ID']}.json`, import.meta.url),
);
