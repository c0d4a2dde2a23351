/** Name of the log group of the state machine: Step Functions takes groups by this prefix without a longer resource policy for each. */
export const backfillLogGroupName = (stackName: string) => `/aws/vendedlogs/states/${stackName}-backfill`;
