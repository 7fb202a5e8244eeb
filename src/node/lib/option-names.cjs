/* SPDX-License-Identifier: MIT */
/*
 * Which options there are and of what kind, as data.  `advanced` and `stream`
 * have the library's own names (gcnotify/options.h, gcnotify/types.h) in
 * camelCase; their meaning and defaults are documented there.
 */
'use strict';

const COUNT = 'count';
const FLAG = 'flag';
const TEXT = 'text';

/* Names of one kind, as members of a table. */
function all(kind, names) {
  return Object.fromEntries(names.map((name) => [name, kind]));
}

const ADVANCED = {
  ...all(COUNT, [
    'attemptMs', 'phaseMs', 'closeMs', 'probeMs', 'silenceMs', 'stableMs',
    'retryFirstMs', 'retryAfterMsMax', 'degradedMs', 'syncMs', 'auditMs',
    'topicCountMax', 'tokenMarginMs', 'latencyMsMax', 'seed', 'proofMs',
    'pingMs', 'pingAnswerMs', 'pingsMissedMax', 'userTimeoutMs', 'keepaliveS',
    'rotateJitterMs', 'rotateSpreadMs', 'overlapMs', 'topicRetryMs',
    'topicRetryMsMax', 'bodySizeMax', 'connectionCountMax',
    'connectionNamesMax', 'staggerMs', 'dnsMs', 'dnsCacheMs', 'handshakesMax',
    'recordSize', 'batchCountMax', 'batchSizeMax', 'windowCount', 'windowSize',
    'fullMs', 'checkpointMs', 'spareMs',
  ]),
  ...all(FLAG, [
    'allowPlaintext', 'noTlsResume', 'keepChannel', 'noCombining', 'ownHub',
  ]),
  ...all(TEXT, [
    'orgName', 'clientCertPem', 'clientCertPath', 'clientKeyPem',
    'clientKeyPath', 'clientKeyPassword', 'noProxy',
  ]),
  grant: [
    'client_credentials', 'refresh_token', 'saml2_bearer', 'jwt_bearer',
  ],
  full: ['wait', 'drop_oldest', 'keep_latest'],
  validate: ['strict', 'shallow'],
};

const TEXT_OR_NULL = 'text or null';

const STREAM = {
  preset: ['guide', 'rest', 'sdk', 'message', 'ticket'],
  tokenIn: ['query', 'header'],
  subscriptionsIn: ['query', 'message', 'post'],
  form: ['event', 'topic', 'named'],
  ...all(TEXT_OR_NULL, [
    'path', 'tokenParam', 'subscriptionsParam', 'subscriptionsPath',
    'ticketPath', 'preflightPath', 'resumeParam', 'sinceParam', 'batchParam',
    'latencyParam',
  ]),
  ...all(COUNT, ['batchCountMax', 'latencyMs', 'urlSizeMax']),
  limitIs4001: FLAG,
};

const ENDPOINTS = { login: TEXT, api: TEXT };

const BACKOFF = {
  ...all(COUNT, ['initialMs', 'floorMs', 'maxMs', 'maxAttempts']),
  jitter: ['full', 'none', 'equal', 'decorrelated'],
};

/* The kinds that have no name are checked where they are taken. */
const OPTIONS = {
  environment: TEXT,
  credentials: undefined,
  accessToken: undefined,
  profile: TEXT,
  endpoints: ENDPOINTS,
  ca: undefined,
  proxy: undefined,
  userAgent: TEXT,
  backoff: BACKOFF,
  rotateChannelAfterMs: COUNT,
  checkpoint: undefined,
  ack: ['auto', 'manual'],
  maxMessageBytes: COUNT,
  highWaterMark: COUNT,
  parse: ['json', 'text', 'buffer'],
  signal: undefined,
  loop: ['auto', 'host', 'thread'],
  logger: undefined,
  logLevel: ['error', 'warn', 'info', 'debug'],
  dialect: ['channels', 'stream'],
  stream: STREAM,
  advanced: ADVANCED,
};

/* What people write who come from somewhere else. */
const MEANT = {
  region: 'environment',
  basePath: 'endpoints.api',
  url: 'endpoints.api',
  clientId: 'credentials.clientId',
  clientSecret: 'credentials.clientSecret',
  token: 'accessToken',
  refreshToken: 'credentials.refreshToken',
  assertion: 'credentials.assertion',
  multiplier: 'initialMs; the window always doubles',
  retries: 'maxAttempts',
  log: 'logger',
  streaming: 'api; the service itself names the streaming host',
};

const GONE = {
  dedupe: 'what is delivered twice is known by the library, in windows of ' +
    'its own',
  topics: 'topics are for NotificationClient.connect() and subscribe()',
};

module.exports = { GONE, MEANT, OPTIONS };
