/** A process with a simulated clock: runs each world that it receives and sends the result. Exits when its parent disconnects. */
import { simulatedTime } from './simulated-time.ts';
import { runWorld, type WorldOptions } from './world.ts';

const MORNING = Date.parse('2026-06-15T06:00:00Z');

const run = simulatedTime(MORNING);
process.on('message', async (options: WorldOptions) => {
  process.send?.(await run(() => runWorld(options)));
});
process.once('disconnect', () => process.exit());
