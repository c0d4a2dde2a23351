/** Shows a person what a run is doing. */
export interface Progress {
  /** Begins a step. */
  step(title: string): void;
  /** Shows the state of the step from now on, until the next step. */
  watch(describe: () => Promise<string>): void;
  /** Writes one line that stays. */
  note(text: string): void;
  /** Ends the last step. */
  done(): void;
}

const REFRESH_MS = 1000;

/** Milliseconds as text, such as `8.4 s`. */
export const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;

/**
 * Progress on a stream: rewritten in place on a terminal, otherwise a line per change.
 *
 * @param now milliseconds since the start of the process.
 */
export function progressOn(
  stream: NodeJS.WriteStream,
  now: () => number = () => performance.now(),
): Progress {
  let timer: NodeJS.Timeout | undefined;
  let title = '';
  let last = '';
  const write = (text: string) => {
    const line = `${seconds(now()).padStart(7)}  ${text}`;
    stream.write(stream.isTTY ? `\r\u001b[2K${line}` : `${line}\n`);
  };
  const show = (text: string) => {
    if (text === last) return;
    last = text;
    write(`${title}${text && `: ${text}`}`);
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
    note(text) {
      write(text);
      if (stream.isTTY) stream.write('\n');
      last = '-';
    },
    done: end,
  };
}
