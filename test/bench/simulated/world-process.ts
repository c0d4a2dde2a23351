/** A process of its own, taken out of time: runs each world that it is sent, and tells what it came to. Ends with its parent's channel. */
import { simulatedTime } from './simulated-time.ts';
import { runWorld, type WorldOptions } from './world.ts';

const MORNING = Date.parse('2026-06-15T06:00:00Z');

const run = simulatedTime(MORNING);
process.on('message', async (options: WorldOptions) => {
  process.send?.(await run(() => runWorld(options)));
});
process.once('disconnect', () => process.exit());
