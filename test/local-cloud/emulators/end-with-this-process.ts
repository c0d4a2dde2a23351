import type { ChildProcess } from 'node:child_process';

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

/**
 * Kills a child when this process ends, be it by a signal: a child that outlives its parent would run on for ever.
 *
 * @returns takes the arrangement back, for when the child has ended.
 */
export function endWithThisProcess(child: ChildProcess): () => void {
  const kill = () => void child.kill('SIGKILL');
  const handlers = SIGNALS.map((signal) => {
    const handler = () => {
      kill();
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    };
    process.once(signal, handler);
    return [signal, handler] as const;
  });
  process.once('exit', kill);
  return () => {
    process.removeListener('exit', kill);
    for (const [signal, handler] of handlers) process.removeListener(signal, handler);
  };
}
