import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { anyCloudEventSchema, type CloudEvent } from '../../shared/events/event-types.ts';

export interface CallbackReceiver {
  url: string;
  /** Genuine events, in the order in which they came, repeated ones too. */
  events: CloudEvent[];
  /** Number of requests with a wrong signature, which were refused. */
  forged: number;
  /** Status of the next answers to genuine events; 204 when it is empty. */
  answers: number[];
  stop(): void;
}

/** The parts of a local cloud with the signing secret. */
interface SecretHolder {
  outputs: Readonly<Record<string, string>>;
  secretValues(arn: string): string[];
}

/** The signing secret of a system that may not run yet, in base64. */
export const signingSecretOf = (cloud: () => SecretHolder | undefined) => (): string => {
  const holder = cloud();
  return holder?.secretValues(holder.outputs['CallbackSecretArn'] ?? '').at(-1) ?? '';
};

/**
 * An HTTP server of the app that receives events, like the one in docs/events.md: it verifies signatures and refuses forged requests.
 *
 * @param secret the signing secret in base64.
 */
export async function startCallbackReceiver(secret: () => string): Promise<CallbackReceiver> {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    try {
      new Webhook(secret()).verify(body, request.headers as Record<string, string>);
    } catch {
      receiver.forged++;
      response.writeHead(401).end();
      return;
    }
    const status = receiver.answers.shift() ?? 204;
    if (status < 300) receiver.events.push(anyCloudEventSchema.parse(JSON.parse(body)));
    response.writeHead(status).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const receiver: CallbackReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/crm-events`,
    events: [],
    forged: 0,
    answers: [],
    stop: () => void server.close(),
  };
  return receiver;
}
