import type { _Record as ApiRecord, AttributeValue } from '@aws-sdk/client-dynamodb-streams';

/** A record of the event that Lambda passes on for a change. */
export type StreamRecord = ReturnType<typeof toStreamRecord>;

type Item = Record<string, AttributeValue> | undefined;

/** The change as Lambda passes it on: times in epoch seconds, binary values in base64 (Lambda developer guide, "Example event"). */
export function toStreamRecord(record: ApiRecord, eventSourceARN: string, awsRegion: string) {
  const { Keys, NewImage, OldImage, ApproximateCreationDateTime, ...change } = record.dynamodb ?? {};
  return {
    eventID: record.eventID ?? '',
    eventName: record.eventName ?? '',
    eventVersion: record.eventVersion ?? '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion,
    dynamodb: {
      ApproximateCreationDateTime: Math.floor((ApproximateCreationDateTime ?? new Date()).getTime() / 1000),
      ...images({ Keys, NewImage, OldImage }),
      SequenceNumber: change.SequenceNumber ?? '',
      SizeBytes: change.SizeBytes ?? 0,
      StreamViewType: change.StreamViewType ?? '',
    },
    ...(record.userIdentity && {
      userIdentity: { principalId: record.userIdentity.PrincipalId, type: record.userIdentity.Type },
    }),
    eventSourceARN,
  };
}

function images(items: Record<string, Item>): Record<string, unknown> {
  const present = Object.entries(items).filter(([, item]) => item !== undefined);
  return Object.fromEntries(present.map(([name, item = {}]) => [name, mapValues(item)]));
}

function mapValues(item: Record<string, AttributeValue>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, toJson(value)]));
}

function toJson(value: AttributeValue): unknown {
  if (value.B) return { B: base64(value.B) };
  if (value.BS) return { BS: value.BS.map(base64) };
  if (value.L) return { L: value.L.map(toJson) };
  if (value.M) return { M: mapValues(value.M) };
  return value;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
