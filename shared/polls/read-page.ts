import { RejectedError } from '../sync/errors.ts';

/** How far a list was read that is continued with a token of the CRM. */
interface TokenRun {
  token?: string | undefined;
  pages?: number | undefined;
  restarted?: boolean | undefined;
}

/**
 * Reads the next page of a run. If the CRM refuses the stored token, for example one of yesterday, the run begins again, but only once:
 * a second refusal shows that the CRM does not list the page.
 *
 * @param discard removes the run from the store, so that the next one begins with the first page.
 * @returns the page, and the run that it belongs to.
 * @throws RejectedError if the CRM refuses a page for a second time, or the first page; the failures of the read.
 */
export async function readPage<Run extends TokenRun, Page>(
  run: Run,
  read: (token: string | undefined) => Promise<Page>,
  discard: () => Promise<void>,
): Promise<{ page: Page; run: Run }> {
  try {
    return { page: await read(run.token), run };
  } catch (error) {
    if (!(error instanceof RejectedError) || run.token === undefined) throw error;
    if (run.restarted) {
      await discard();
      throw error;
    }
  }
  return { page: await read(undefined), run: { ...run, token: undefined, pages: 0, restarted: true } };
}
