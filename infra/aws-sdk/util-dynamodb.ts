export { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
