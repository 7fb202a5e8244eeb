/* SPDX-License-Identifier: MIT */
/*
 * Every call, option and event as a user writes them, and what must not
 * compile.  Never run.
 */
import {
  GenesysNotificationError, NotificationClient, version,
  type AccessToken, type AdvancedOptions, type CheckpointStore,
  type ClientOptions, type Credentials, type Gap, type NotificationEvent,
  type RenewContext, type State, type Stats, type StreamOptions,
  type Subscription, type TopicRejection,
} from 'gcnotify';

interface Presence {
  id: string;
  presenceDefinition: { systemPresence: string };
}

const store: CheckpointStore = {
  async load(generation) {
    return generation === 0 ? new Uint8Array(1) : undefined;
  },
  async save(bytes: Buffer, sequences: bigint[]) {
    console.log(bytes.byteLength, sequences.length);
  },
  close() {},
};

const fromVault = async (context: RenewContext): Promise<Credentials> => {
  context.signal.throwIfAborted();
  const isNew = context.reason === 'rejected' && context.attempt > 1;
  return { clientId: 'id', clientSecret: isNew ? 'new' : 'old' };
};

const ownToken = async (): Promise<AccessToken> =>
  ({ token: 'abc', expiresIn: 3600 });

const stream: StreamOptions = { preset: 'guide', resumeParam: null };
const advanced: AdvancedOptions = {
  attemptMs: 1, dnsCacheMs: Infinity, full: 'drop_oldest', keepChannel: true,
  spareMs: 5000,
};

const options: ClientOptions = {
  environment: 'eu-central-1',
  credentials: fromVault,
  endpoints: { login: 'https://l', api: 'https://a' },
  ca: ['-----BEGIN CERTIFICATE-----', Buffer.from('')],
  proxy: false,
  userAgent: 'sample/1',
  backoff: { initialMs: 1, floorMs: 1, maxMs: 2, jitter: 'full',
    maxAttempts: 3 },
  rotateChannelAfterMs: 1000,
  checkpoint: store,
  ack: 'manual',
  maxMessageBytes: 1 << 20,
  highWaterMark: 100,
  parse: 'json',
  signal: AbortSignal.timeout(1000),
  loop: 'auto',
  logger: ({ level, message }) => console.log(level.length, message),
  logLevel: 'info',
  dialect: 'stream',
  stream,
  advanced,
};

function listen(client: NotificationClient): void {
  client
    .on('notify', (event) => console.log(event.topicName))
    .on('notify:v2.users.x.presence', (event) => event.ack())
    .once('open', ({ connectionIndex, resumed, attempt }) =>
      console.log(connectionIndex + attempt, resumed === true))
    .on('subscribed', ({ topics, rejected }) =>
      console.log(topics.join(), rejected.map(({ topic }) => topic)))
    .on('reconnecting', ({ attempt, delayMs, reason, retryAfter }) =>
      console.log(attempt + delayMs, reason.code, retryAfter === true))
    .on('gap', (gap: Gap) => console.log(gap.until - gap.since, gap.topics))
    .on('heartbeat', (at) => console.log(at.toFixed()))
    .on('state', (to: State, from, info) => console.log(to, from, info.error))
    .on('renewed', ({ proven, overlapMs }) => console.log(proven, overlapMs))
    .on('notice', ({ topicName, eventBody }) =>
      console.log(topicName, eventBody))
    .on('durable', (seq) => console.log(seq + 1n))
    .on('checkpointError', (error) => console.log(error.code))
    .on('refreshToken', (token) => console.log(token.length))
    .on('close', (code, reason) => console.log(code.toFixed(), reason.length))
    .on('error', (error) => console.log(error.fatal, error.status ?? 0));
  // @ts-expect-error there is no such event
  client.on('notification', () => {});
  // @ts-expect-error the code is a number
  client.on('close', (code: string) => code);
}

async function consume(client: NotificationClient): Promise<void> {
  const subscription: Subscription<Presence> = await client.subscribe<Presence>(
    ['v2.users.x.presence'], { replace: true, signal: AbortSignal.abort() });
  const rejected: readonly TopicRejection[] = subscription.rejected;
  console.log(subscription.topics.length, rejected[0]?.missingPermissions);
  for await (const event of subscription) {
    console.log(event.eventBody.presenceDefinition.systemPresence);
    // @ts-expect-error it is not that kind of body
    console.log(event.eventBody.other);
  }
  for await (const event of client) {
    const body: unknown = event.eventBody;
    // @ts-expect-error unknown until somebody says what it is
    console.log(event.eventBody.id);
    // @ts-expect-error events are as they came
    event.topicName = 'other';
    console.log(body);
  }
  const iterator = client.events<Presence>({
    topics: 'v2.users.x.presence', signal: AbortSignal.abort(),
    highWaterMark: 10,
  });
  const next: IteratorResult<NotificationEvent<Presence>> =
    await iterator.next();
  if (next.done !== true) show(next.value);
  await subscription.close();
}

function show(event: NotificationEvent<Presence>): void {
  const seq: bigint = event.seq;
  const at: number = event.receivedAt;
  const parts: string[] = [event.id, event.channelId, event.version,
    event.text(), event.metadata.CorrelationId ?? '', event.resourceId ?? '',
    event.eventType ?? '', event.timestamp ?? ''];
  console.log(seq, at, parts, event.buffer().byteLength, event.toJSON());
}

async function upkeep(client: NotificationClient): Promise<void> {
  await client.connect({ signal: AbortSignal.timeout(5) });
  await client.subscribe({ event: 'routing.queueEvents', resourceId: 'x' });
  await client.subscribe(new Set(['a', 'b']));
  await client.unsubscribe('a');
  await client.renew();
  await client.flush();
  client.reconnectNow();
  client.setCredentials({ clientId: 'id', clientSecret: 'secret' });
  client.pause().resume().ref().unref();
  const isPaused: boolean = client.isPaused();
  const stats: Stats = client.stats();
  const text: string = client.metrics() + client.metrics('json');
  const state: State = client.state;
  console.log(isPaused, stats.events + stats.gaps, text, state, version);
  console.log(client.record().byteLength, client.topics, client.rejected);
  client.terminate();
  await client.close({ timeoutMs: 100 });
}

function judge(error: unknown): number {
  if (!(error instanceof GenesysNotificationError)) throw error;
  switch (error.code) {
  case 'ERR_GCN_RATE_LIMITED': return error.retryAfterMs ?? 0;
  case 'ERR_GCN_TOPIC_REJECTED': return error.rejected?.length ?? 0;
  // @ts-expect-error there is no such code
  case 'ERR_GCN_OTHER': return 1;
  default: return error.correlationId?.length ?? 0;
  }
}

async function main(): Promise<void> {
  const client: NotificationClient = await NotificationClient.connect({
    ...options, topics: ['v2.users.x.presence'],
  });
  listen(client);
  await consume(client).catch(judge);
  await upkeep(client);
  new NotificationClient();
  new NotificationClient({ accessToken: ownToken });
  new NotificationClient({ accessToken: 'abc', profile: 'DEFAULT' });
  // @ts-expect-error an option's name is wrong
  new NotificationClient({ enviroment: 'x' });
  // @ts-expect-error a secret is missing
  new NotificationClient({ credentials: { clientId: 'id' } });
  // @ts-expect-error there is no such way to parse
  new NotificationClient({ parse: 'xml' });
  // @ts-expect-error optional does not mean undefined
  new NotificationClient({ userAgent: undefined });
  // @ts-expect-error topics are for connect() and subscribe()
  new NotificationClient({ topics: ['a'] });
  // @ts-expect-error only the library makes errors
  new GenesysNotificationError('no');
}

void main();
