/* SPDX-License-Identifier: MIT */
/// <reference types="node" />
import { EventEmitter } from 'node:events';

/** Of this package, e.g. "0.1.0". */
export const version: string;

/* --- options -------------------------------------------------------------- */

export interface Credentials {
  clientId: string;
  clientSecret: string;
  /** For `advanced.grant: 'refresh_token'`. */
  refreshToken?: string;
  /** For the SAML2 and JWT bearer grants. */
  assertion?: string;
}

/** A token, or one with the seconds it has left to live. */
export type AccessToken = string | { token: string; expiresIn?: number };

export interface RenewContext {
  /** `rejected`: what was given last was refused; `manual`: renew(). */
  reason: 'initial' | 'expiring' | 'rejected' | 'manual';
  /** How often in a row it was asked, from 1. */
  attempt: number;
  /** Aborted when nobody waits for this answer any more. */
  signal: AbortSignal;
}

/** Where checkpoints are kept. They hold channel ids: keep them from others. */
export interface CheckpointStore {
  /** What was saved last (0) or before it (1); nothing if there is none. */
  load(generation: 0 | 1):
    Promise<Uint8Array | null | undefined> | Uint8Array | null | undefined;
  /**
   * Settles when `bytes` would survive a power cut. The events numbered
   * `sequences` become acknowledged with it.
   */
  save(bytes: Buffer, sequences: bigint[]): Promise<void> | void;
  /** The last call. */
  close?(): Promise<void> | void;
}

export interface LogRecord {
  level: 'error' | 'warn' | 'info' | 'debug';
  message: string;
}

export interface BackoffOptions {
  /** The first window, which doubles with each failure (1000). */
  initialMs?: number;
  /** What every wait has at least (250). */
  floorMs?: number;
  /** The longest wait, but for what the service asks for (90000). */
  maxMs?: number;
  /** How a wait is drawn from its window ('full'). */
  jitter?: 'full' | 'none' | 'equal' | 'decorrelated';
  /** So many failures in a row are fatal (Infinity). */
  maxAttempts?: number;
}

/** How the stream dialect is spoken: the members of gcn_stream_t. */
export interface StreamOptions {
  preset?: 'guide' | 'rest' | 'sdk' | 'message' | 'ticket';
  path?: string | null;
  tokenIn?: 'query' | 'header';
  tokenParam?: string | null;
  subscriptionsIn?: 'query' | 'message' | 'post';
  form?: 'event' | 'topic' | 'named';
  subscriptionsParam?: string | null;
  subscriptionsPath?: string | null;
  ticketPath?: string | null;
  preflightPath?: string | null;
  resumeParam?: string | null;
  sinceParam?: string | null;
  batchParam?: string | null;
  latencyParam?: string | null;
  batchCountMax?: number;
  latencyMs?: number;
  urlSizeMax?: number;
  limitIs4001?: boolean;
}

/**
 * Everything else that the C library has an option for, by its name in
 * gcnotify/options.h. 0 is the default; Infinity is "off" or "no limit" where
 * the C option has UINT64_MAX for it.
 */
export interface AdvancedOptions {
  attemptMs?: number;
  phaseMs?: number;
  closeMs?: number;
  probeMs?: number;
  silenceMs?: number;
  stableMs?: number;
  retryFirstMs?: number;
  retryAfterMsMax?: number;
  degradedMs?: number;
  syncMs?: number;
  auditMs?: number;
  topicCountMax?: number;
  tokenMarginMs?: number;
  latencyMsMax?: number;
  seed?: number;
  proofMs?: number;
  pingMs?: number;
  pingAnswerMs?: number;
  pingsMissedMax?: number;
  userTimeoutMs?: number;
  keepaliveS?: number;
  rotateJitterMs?: number;
  rotateSpreadMs?: number;
  overlapMs?: number;
  topicRetryMs?: number;
  topicRetryMsMax?: number;
  bodySizeMax?: number;
  connectionCountMax?: number;
  connectionNamesMax?: number;
  staggerMs?: number;
  dnsMs?: number;
  dnsCacheMs?: number;
  handshakesMax?: number;
  recordSize?: number;
  batchCountMax?: number;
  batchSizeMax?: number;
  windowCount?: number;
  windowSize?: number;
  fullMs?: number;
  checkpointMs?: number;
  spareMs?: number;
  /** http:// and ws://, for simulators on loopback. */
  allowPlaintext?: boolean;
  noTlsResume?: boolean;
  keepChannel?: boolean;
  noCombining?: boolean;
  /** Not the budgets that clients of one environment share. */
  ownHub?: boolean;
  orgName?: string;
  clientCertPem?: string;
  clientCertPath?: string;
  clientKeyPem?: string;
  clientKeyPath?: string;
  clientKeyPassword?: string;
  noProxy?: string;
  grant?:
    'client_credentials' | 'refresh_token' | 'saml2_bearer' | 'jwt_bearer';
  full?: 'wait' | 'drop_oldest' | 'keep_latest';
  validate?: 'strict' | 'shallow';
}

export interface ClientOptions {
  /** An AWS region or an API domain; else GENESYSCLOUD_REGION. */
  environment?: 'us-east-1' | (string & {});
  /**
   * Or a function that is asked for every token request, e.g. of a vault; of
   * two it gives the second is tried if the first is refused. Else
   * GENESYSCLOUD_OAUTHCLIENT_ID and GENESYSCLOUD_OAUTHCLIENT_SECRET.
   */
  credentials?: Credentials |
    ((context: RenewContext) =>
      Promise<Credentials | Credentials[]> | Credentials | Credentials[]);
  /** Your own way to tokens; the login service is never asked. */
  accessToken?: string |
    ((context: RenewContext) => Promise<AccessToken> | AccessToken);
  /** Section of ~/.gc/config.toml that has what is not given here. */
  profile?: string;
  /** A simulator or gateway: https://HOST[:PORT]. */
  endpoints?: { login?: string; api?: string };
  /** Trust anchors: PEM texts, or the path of a file or directory. */
  ca?: string | Uint8Array | readonly (string | Uint8Array)[];
  /** http://[USER:PASSWORD@]HOST:PORT or socks5://...; false: none. */
  proxy?: string | false;
  userAgent?: string;
  backoff?: BackoffOptions;
  /** Channels are replaced at this age, without a break (82800000). */
  rotateChannelAfterMs?: number;
  /** A file's path, or a store of your own. */
  checkpoint?: string | CheckpointStore;
  /**
   * When an event counts as handled: when listeners have returned and loops
   * ask for the next one ('auto'), or by its ack() ('manual').
   */
  ack?: 'auto' | 'manual';
  maxMessageBytes?: number;
  /** So many events may wait before reading rests (256). */
  highWaterMark?: number;
  /** What eventBody is ('json'). */
  parse?: 'json' | 'text' | 'buffer';
  /** Aborting it terminates the client. */
  signal?: AbortSignal;
  /** 'host': Node's loop; 'thread': one of its own. */
  loop?: 'auto' | 'host' | 'thread';
  logger?: (record: LogRecord) => void;
  /** ('warn') */
  logLevel?: LogRecord['level'];
  dialect?: 'channels' | 'stream';
  stream?: StreamOptions;
  advanced?: AdvancedOptions;
}

/* --- what is told --------------------------------------------------------- */

export type State = 'idle' | 'connecting' | 'authenticating' | 'subscribing' |
  'streaming' | 'backing off' | 'refused' | 'closing' | 'closed';

export type ErrorCode = 'ERR_GCN_AUTH' | 'ERR_GCN_FORBIDDEN' |
  'ERR_GCN_RATE_LIMITED' | 'ERR_GCN_TOPIC_REJECTED' |
  'ERR_GCN_CHANNEL_LOST' | 'ERR_GCN_PROTOCOL' | 'ERR_GCN_TLS' |
  'ERR_GCN_NETWORK' | 'ERR_GCN_TIMEOUT' | 'ERR_GCN_CLOSED' |
  'ERR_GCN_CONFIG' | 'ERR_GCN_CHECKPOINT';

export class GenesysNotificationError extends Error {
  private constructor();
  readonly name: 'GenesysNotificationError';
  readonly code: ErrorCode;
  /** The client does not go on by itself. */
  readonly fatal: boolean;
  /** HTTP status, if there was an answer. */
  readonly status?: number;
  /** What the service asked for. */
  readonly retryAfterMs?: number;
  /** ININ-Correlation-Id, for the service's support. */
  readonly correlationId?: string;
  /** Of the WebSocket, as it came. */
  readonly closeCode?: number;
  /** The library's number and name, e.g. "GCN_EAUTH". */
  readonly errno?: number;
  readonly errorName?: string;
  readonly layer?: string;
  readonly op?: string;
  /** ERR_GCN_TOPIC_REJECTED of subscribe(). */
  readonly rejected?: readonly TopicRejection[];
}

export interface TopicRejection {
  readonly topic: string;
  readonly rejectionReason?: string;
  readonly missingPermissions?: readonly string[];
}

export interface NotificationEvent<B = unknown> {
  readonly topicName: string;
  readonly version: string;
  /** Parsed when it is first read, once. */
  readonly eventBody: B;
  readonly metadata: { readonly CorrelationId?: string };
  /**
   * The key to handle an event once: the service's id, else a hash of topic,
   * correlation id and body.
   */
  readonly id: string;
  /** 1, 2, 3, ... per client, over reconnects. */
  readonly seq: bigint;
  /** Tells channels apart; not the service's id, which is a secret. */
  readonly channelId: string;
  /** Unix time in ms. */
  readonly receivedAt: number;
  /** Stream dialect. */
  readonly resourceId: string | undefined;
  readonly eventType: string | undefined;
  readonly timestamp: string | undefined;
  /** The body as it came. */
  text(): string;
  buffer(): Buffer;
  /** It is handled: the checkpoint may move over it. */
  ack(): void;
  toJSON(): object;
}

export interface StateInfo {
  reason: string;
  /** Attempts since the client was made. */
  attempt?: number;
  /** Failed ones since the last stable stream. */
  failures?: number;
  willRetry?: boolean;
  retryInMs?: number;
  connectionIndex?: number;
  error?: GenesysNotificationError;
}

export interface Gap {
  /** Unix times in ms: not before, not after. */
  since: number;
  until: number;
  reason: string;
  topics: readonly string[];
  certainty: 'blind' | 'possible' | 'dropped';
  connectionIndex: number;
}

export interface ClientEvents {
  notify: [event: NotificationEvent];
  /** A connection streams, its topics confirmed. */
  open: [info: {
    connectionIndex: number;
    /** It goes on where it had ended; a gap tells if it could not. */
    resumed: boolean;
    attempt: number;
  }];
  subscribed: [info: {
    topics: readonly string[];
    rejected: readonly TopicRejection[];
  }];
  reconnecting: [info: {
    /** Failures in a row. */
    attempt: number;
    delayMs: number;
    reason: GenesysNotificationError;
    /** The service asked for the delay. */
    retryAfter: boolean;
  }];
  /** Events of this time may be missing: read the state by REST. */
  gap: [gap: Gap];
  heartbeat: [at: number];
  state: [to: State, from: State, info: StateInfo];
  /** A channel was replaced by a successor. */
  renewed: [info: {
    reason: string;
    /** Nothing was missed; else a gap was told. */
    proven: boolean;
    overlapMs: number;
    duplicates: number;
    connectionIndex: number;
  }];
  /** A system message of the service (v2.system.*). */
  notice: [notice: { topicName: string; eventBody: unknown }];
  /** Every event up to `seq` is acknowledged for good. */
  durable: [seq: bigint];
  checkpointError: [error: GenesysNotificationError];
  /** The login service replaced the refresh token: keep this one. */
  refreshToken: [refreshToken: string];
  /** The very end; 1000, or 1006 after a refusal or without a goodbye. */
  close: [code: number, reason: string];
  /** Fatal ones only; without a listener only if nothing else was told. */
  error: [error: GenesysNotificationError];
}

/** Counters since the client was made, and present values; -1: none. */
export interface Stats {
  readonly state: State;
  readonly events: number;
  readonly eventBytes: number;
  readonly heartbeats: number;
  readonly notices: number;
  readonly garbage: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly attempts: number;
  readonly streams: number;
  readonly failures: number;
  readonly gaps: number;
  readonly gapMs: number;
  readonly tokenRequests: number;
  readonly channelRequests: number;
  readonly topicRequests: number;
  readonly upgrades: number;
  readonly limited: number;
  readonly nevers: number;
  readonly topics: number;
  readonly topicsRejected: number;
  readonly stateAge: number;
  readonly lastEventAge: number;
  readonly lastFrameAge: number;
  readonly lastOutage: number;
  readonly connections: number;
  readonly reused: number;
  readonly rotations: number;
  readonly rotationsUnproven: number;
  readonly duplicates: number;
  readonly audits: number;
  readonly drifts: number;
  readonly renewals: number;
  readonly tokenLife: number;
  readonly tlsFull: number;
  readonly tlsResumed: number;
  readonly sleeps: number;
  readonly batches: number;
  readonly resumed: number;
  readonly resumesLost: number;
  readonly preflights: number;
  readonly repeated: number;
  readonly inFlight: number;
  readonly inFlightSize: number;
  readonly acked: number;
  readonly dropped: number;
  readonly fullAge: number;
  readonly saves: number;
  readonly savesFailed: number;
  readonly saveAge: number;
  readonly spares: number;
  readonly sparesUsed: number;
  readonly sparesLost: number;
}

/* --- the client ----------------------------------------------------------- */

/** A subscription of the stream dialect; a string is one line of it. */
export type StreamSubscription = {
  event: string;
  resourceId?: string;
  filters?: Record<string, readonly string[]>;
} | { topic: string; filter?: { query: string } };

export type Topic = string | StreamSubscription;

export interface Subscription<B = unknown> extends
  AsyncIterable<NotificationEvent<B>>, AsyncDisposable {
  /** Those that the service permits, as of now. */
  readonly topics: readonly string[];
  /** Those it does not; they are asked for again, slowly. */
  readonly rejected: readonly TopicRejection[];
  readonly closed: boolean;
  /** Gives up the topics that no other subscription holds. */
  close(): Promise<void>;
}

type Args<K> = K extends keyof ClientEvents ? ClientEvents[K] :
  K extends `notify:${string}` ? [event: NotificationEvent] : any[];
type EventName = keyof ClientEvents | `notify:${string}`;
type Listener<K> = (...args: Args<K>) => void;

export class NotificationClient extends EventEmitter
  implements AsyncDisposable, AsyncIterable<NotificationEvent> {
  /** Throws ERR_GCN_CONFIG. Does not connect. */
  constructor(options?: ClientOptions);

  /** Makes a client that streams these topics. */
  static connect(options?: ClientOptions & {
    topics?: Topic | Iterable<Topic>;
  }): Promise<NotificationClient>;

  /** Settles when the stream is open; rejected only if that is hopeless. */
  connect(options?: { signal?: AbortSignal }): Promise<this>;

  /**
   * Settles with the service's word on each topic; connects if need be.
   * Rejected with ERR_GCN_TOPIC_REJECTED if it has permitted none.
   * `replace`: no other topics from now on.
   */
  subscribe<B = unknown>(topics: Topic | Iterable<Topic>, options?: {
    signal?: AbortSignal;
    replace?: boolean;
  }): Promise<Subscription<B>>;

  /** Whoever holds them. */
  unsubscribe(topics: Topic | Iterable<Topic>): Promise<void>;

  readonly topics: readonly string[];
  readonly rejected: readonly TopicRejection[];
  readonly state: State;

  /** It is a consumer from now on: unread, it makes reading rest. */
  events<B = unknown>(options?: {
    signal?: AbortSignal;
    topics?: Topic | Iterable<Topic>;
    highWaterMark?: number;
  }): AsyncIterableIterator<NotificationEvent<B>>;

  /**
   * Replaces the channels without a break; settles when it is done.  Rejected
   * with ERR_GCN_TIMEOUT if there is no successor within `attemptMs` for each
   * channel, and while reading rests nothing is concluded; the present ones
   * serve on.
   */
  renew(options?: { signal?: AbortSignal }): Promise<void>;
  /** Ends a wait for the next attempt. */
  reconnectNow(): void;
  setCredentials(credentials: Credentials): void;

  /** Settles when everything acknowledged so far is durable. */
  flush(): Promise<void>;

  pause(): this;
  resume(): this;
  isPaused(): boolean;

  stats(): Stats;
  metrics(format?: 'openmetrics' | 'json'): string;
  /** The flight recorder's dump, for "gcn replay". */
  record(): Buffer;

  ref(): this;
  /** A TCP connect that is under way may hold the process for 5 s. */
  unref(): this;

  /**
   * `timeoutMs`: how long the goodbye and the checkpoint store may take; less
   * than 0 is 0.  Never rejected; throws ERR_GCN_CONFIG for wrong options.
   */
  close(options?: { timeoutMs?: number }): Promise<void>;
  terminate(): void;

  [Symbol.asyncDispose](): Promise<void>;
  [Symbol.asyncIterator](): AsyncIterableIterator<NotificationEvent>;

  on<K extends EventName>(name: K, listener: Listener<K>): this;
  once<K extends EventName>(name: K, listener: Listener<K>): this;
  off<K extends EventName>(name: K, listener: Listener<K>): this;
  addListener<K extends EventName>(name: K, listener: Listener<K>): this;
  removeListener<K extends EventName>(name: K, listener: Listener<K>): this;
  prependListener<K extends EventName>(name: K, listener: Listener<K>): this;
  prependOnceListener<K extends EventName>(
    name: K, listener: Listener<K>): this;
  emit<K extends EventName>(name: K, ...args: Args<K>): boolean;
}
