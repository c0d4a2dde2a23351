/** The folder under `lambdas/` of a function, by its logical id or name. */
export const functionFolder = (name: string): string =>
  (/(DiffUser|SyncContact|Backfill|RotateToken|SendCallback|CheckHealth)/.exec(name)?.[1] ?? name)
    .replace(/(?<!^)([A-Z])/g, '-$1')
    .toLowerCase();
