/** Tells a person what goes on. */
export interface Progress {
  /** Begins a step. */
  step(title: string): void;
  /** Shows how far the step is, from now on, until the next one. */
  watch(describe: () => Promise<string>): void;
  /** Ends the last step. */
  done(): void;
}

const REFRESH_MS = 1000;

/** Progress on a stream: rewritten in place on a terminal, a line each time it changes elsewhere. */
export function progressOn(stream: NodeJS.WriteStream, now: () => number = Date.now): Progress {
  const startedAt = now();
  let timer: NodeJS.Timeout | undefined;
  let title = '';
  let last = '';
  const seconds = () => `${((now() - startedAt) / 1000).toFixed(1).padStart(5)} s`;
  const show = (text: string) => {
    if (text === last) return;
    last = text;
    const line = `${seconds()}  ${title}${text && `: ${text}`}`;
    stream.write(stream.isTTY ? `\r\u001b[2K${line}` : `${line}\n`);
  };
  const end = () => {
    clearInterval(timer);
    if (stream.isTTY && title) stream.write('\n');
  };
  return {
    step(next) {
      end();
      title = next;
      last = '-';
      show('');
    },
    watch(describe) {
      const refresh = () =>
        describe().then(show, (error: unknown) =>
          show(`(no figures: ${error instanceof Error ? error.message : error})`),
        );
      timer = setInterval(() => void refresh(), REFRESH_MS);
    },
    done: end,
  };
}
