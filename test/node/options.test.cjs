/* SPDX-License-Identifier: MIT */
/*
 * Options that are wrong are refused at once, by name and without their values;
 * options that are right reach the library under its own names.
 */
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');

const { LIB, gcnError, makeClient, until } = require('./kit.cjs');
const { NotificationClient } = require(`${LIB}/index.cjs`);
const { load } = require(`${LIB}/loader.cjs`);
const { OPTIONS } = require(`${LIB}/option-names.cjs`);
const { translate } = require(`${LIB}/options.cjs`);

const binding = load(process.env.GCN_NODE_LOOP);
const SECRET = 'secret-canary';
const credentials = { clientId: 'id', clientSecret: SECRET };

for (const name of Object.keys(process.env)) {
  if (name.startsWith('GENESYSCLOUD_')) delete process.env[name];
}

function refused(options, pattern) {
  const given = { credentials, ...options };
  assert.throws(() => new NotificationClient(given), (error) => {
    gcnError('ERR_GCN_CONFIG', { fatal: true, message: pattern })(error);
    assert.doesNotMatch(error.message, new RegExp(SECRET));
    return true;
  });
}

test('names that do not exist', () => {
  refused({ enviroment: 'x' },
    /no option `enviroment`; did you mean `environment`/);
  refused({ backoff: { maxMS: 1 } },
    /`backoff\.maxMS`; did you mean `backoff\.maxMs`/);
  refused({ advanced: { attemptMS: 1 } }, /did you mean `advanced\.attemptMs`/);
  refused({ attemptMs: 1 }, /did you mean `advanced\.attemptMs`/);
  refused({ region: 'x' }, /did you mean `environment`/);
  refused({ clientId: 'x' }, /did you mean `credentials\.clientId`/);
  refused({ dedupe: {} }, /`dedupe`: what is delivered twice/);
  refused({ backoff: { multiplier: 3 } }, /the window always doubles/);
  refused({ endpoints: { streaming: 'wss://x' } }, /the service itself names/);
  refused({ zzzzzz: 1 }, /^there is no option `zzzzzz`$/);
  refused({ __proto__: null, constructor: 1 }, /no option `constructor`/);
});

test('names of what every object has', () => {
  for (const name of ['constructor', 'toString', '__proto__']) {
    assert.throws(() => new NotificationClient(
      JSON.parse(`{"${name}": 1}`)), (error) => {
      gcnError('ERR_GCN_CONFIG')(error);
      assert.equal(error.message, `there is no option \`${name}\``);
      return true;
    });
  }
});

test('what objects inherit is no option', async (t) => {
  const more = {
    extend: () => {}, profile: 'canary', proxy: 7, ca: 7, jitter: 'some',
    clientId: 'canary', endpoints: 7, timeoutMs: 'some',
  };
  for (const [name, value] of Object.entries(more)) {
    Object.defineProperty(Object.prototype, name, {
      value, enumerable: true, configurable: true, writable: true,
    });
  }
  t.after(() => Object.keys(more).forEach(
    (name) => delete Object.prototype[name]));
  const client = makeClient(t, {
    __proto__: { parse: 'inherited' }, credentials,
    environment: 'mypurecloud.de',
    backoff: {}, advanced: {},
    loop: process.env.GCN_NODE_LOOP,
  });
  client.setCredentials(credentials);
  await client.close();
  refused({ credentials: { clientSecret: SECRET } }, /clientId` is missing/);
});

test('what is given is read once', (t) => {
  let count = 0;
  const client = makeClient(t, {
    credentials, environment: 'mypurecloud.de', loop: process.env.GCN_NODE_LOOP,
    get userAgent() {
      return ++count === 1 ? 'tests/1' : 7;
    },
  });
  assert.equal(count, 1);
  assert.equal(client.state, 'idle');
});

test('a client that could not be made is not left behind', async (t) => {
  const { Client } = binding;
  const made = [];
  t.after(() => {
    binding.Client = Client;
  });
  binding.Client = class extends Client {
    constructor(...args) {
      super(...args);
      made.push(this);
    }
  };
  const signal = {
    aborted: false,
    addEventListener() {
      throw new Error('not today');
    },
  };
  assert.throws(() => new NotificationClient({
    credentials, environment: 'mypurecloud.de', signal,
    loop: process.env.GCN_NODE_LOOP,
  }), /not today/);
  assert.equal(made.length, 1);
  await until(() => made[0].state() === 'closed', 'its end');
});

test('values of a wrong kind', () => {
  refused({ environment: 7 },
    /`environment` must be a string, but is of type number/);
  refused({ backoff: { maxMs: -1 } },
    /`backoff\.maxMs` must be an integer from 0/);
  refused({ backoff: { maxMs: '5' } }, /`backoff\.maxMs` must be an integer/);
  refused({ backoff: 5 }, /`backoff` must be an object, but is of type number/);
  refused({ backoff: { jitter: 'some' } }, /must be one of 'full', 'none'/);
  refused({ parse: 'xml' }, /`parse` must be one of 'json', 'text', 'buffer'/);
  refused({ loop: 'mine' }, /`loop` must be one of/);
  refused({ highWaterMark: 0 }, /`highWaterMark` must be an integer from 1/);
  refused({ ca: 5 }, /`ca` must be a PEM text/);
  refused({ ca: ['a', 'b'] }, /`ca`: a list must be of PEM texts/);
  refused({ proxy: true }, /`proxy` must be a URL, or false/);
  refused({ signal: {} }, /`signal` must be an AbortSignal/);
  refused({ logger: console }, /`logger` must be a function/);
  refused({ checkpoint: {} }, /`checkpoint` must be a path or a store/);
  refused({ checkpoint: null },
    /`checkpoint` must be a path or a store, but is null/);
  refused({ stream: { preset: 'x' } }, /`stream\.preset` must be one of/);
  refused({ stream: { path: 7 } }, /`stream\.path` must be a string or null/);
  refused({ advanced: { noTlsResume: 1 } }, /must be true or false/);
  assert.throws(() => new NotificationClient(null), gcnError('ERR_GCN_CONFIG'));
  assert.throws(() => new NotificationClient([]), gcnError('ERR_GCN_CONFIG'));
});

test('credentials', () => {
  refused({ credentials: SECRET }, /`credentials` must be an object/);
  refused({ credentials: { clientId: SECRET } },
    /`credentials\.clientSecret` is missing or empty/);
  refused({ credentials: { ...credentials, secret: SECRET } },
    /no option `credentials\.secret`/);
  refused({ accessToken: 'x' }, /`credentials` or `accessToken`, not both/);
  refused({ credentials: undefined, accessToken: 7 }, /`accessToken` must be/);
  refused({ credentials: undefined }, new RegExp('credentials are missing: ' +
    '.*variables GENESYSCLOUD_OAUTHCLIENT_ID and ' +
    'GENESYSCLOUD_OAUTHCLIENT_SECRET$'));
  process.env.GENESYSCLOUD_OAUTHCLIENT_ID = 'id';
  refused({ credentials: undefined },
    /variable GENESYSCLOUD_OAUTHCLIENT_SECRET$/);
  process.env.GENESYSCLOUD_OAUTHCLIENT_SECRET = SECRET;
  process.env.GENESYSCLOUD_REGION = 'eu_central_1';
  const { native } = translate({}, binding);
  delete process.env.GENESYSCLOUD_OAUTHCLIENT_ID;
  delete process.env.GENESYSCLOUD_OAUTHCLIENT_SECRET;
  delete process.env.GENESYSCLOUD_REGION;
  assert.equal(native.clientId, 'id');
  assert.equal(native.clientSecret, SECRET);
  assert.equal(native.region, 'eu_central_1');
});

test('the profile of the official command line', (t) => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'gcn-home-'));
  const former = process.env.HOME;
  t.after(() => {
    process.env.HOME = former;
    fs.rmSync(home, { recursive: true });
  });
  process.env.HOME = home;
  refused({ profile: 'mine' }, /config\.toml cannot be read/);
  fs.mkdirSync(path.join(home, '.gc'));
  fs.writeFileSync(path.join(home, '.gc', 'config.toml'), '[mine]\n' +
    'environment = "mypurecloud.de"\nclient_credentials = "from-file"\n' +
    `client_secret = "${SECRET}"\n`);
  const { native } = translate({ profile: 'mine' }, binding);
  assert.deepEqual(
    [native.region, native.clientId, native.clientSecret],
    ['mypurecloud.de', 'from-file', SECRET]);
  const other = translate({ profile: 'mine', environment: 'x' }, binding);
  assert.equal(other.native.region, 'x', 'what is given comes first');
  assert.throws(() => translate({ profile: 'none' }, binding),
    gcnError('ERR_GCN_CONFIG'));
  fs.appendFileSync(path.join(home, '.gc', 'config.toml'), 'no toml');
  assert.throws(() => translate({ profile: 'other' }, binding),
    gcnError('ERR_GCN_CONFIG', { message: /`profile`.*config\.toml/ }));
});

test('what the library itself refuses', () => {
  refused({ environment: 'mars-north-1' }, /mars-north-1|region/);
  refused({ endpoints: { login: 'http://example.com', api: 'http://x.y' } },
    /https|plaintext/);
  refused({ backoff: { initialMs: 5, floorMs: 10, maxMs: 1 } }, /retry/);
  refused({ userAgent: 'a\nb' }, /user_agent|userAgent/);
});

test('the binding knows every option', (t) => {
  for (const [name, kind] of Object.entries(OPTIONS.advanced)) {
    const samples = { count: 0, flag: false, text: undefined };
    const value = Array.isArray(kind) ? kind[0] : samples[kind];
    const options = { credentials, advanced: { [name]: value } };
    const { native } = translate(options, binding);
    assert.equal(binding.checkOptions(native), null, name);
  }
  for (const [name, kind] of Object.entries(OPTIONS.stream)) {
    for (const value of Array.isArray(kind) ? kind : [undefined]) {
      const stream = { subscriptionsPath: '/p', [name]: value };
      const { native } = translate(
        { credentials, dialect: 'stream', stream }, binding);
      assert.equal(binding.checkOptions(native), null, `${name} ${value}`);
    }
  }
  makeClient(t, { credentials, advanced: { dnsCacheMs: Infinity } });
});

test('what is given reaches the library', () => {
  const signal = AbortSignal.timeout(1000);
  const { native, settings } = translate({
    environment: 'eu-central-1', credentials, proxy: false, userAgent: 'ua',
    endpoints: { login: 'https://l', api: 'https://a' },
    ca: [Buffer.from('-----BEGIN CERTIFICATE-----a'), '-----BEGIN X-----b'],
    backoff: { initialMs: 1, floorMs: 2, maxMs: 3, jitter: 'none',
      maxAttempts: 4 },
    rotateChannelAfterMs: 5, checkpoint: '/c', maxMessageBytes: 6,
    highWaterMark: 7, parse: 'text', signal, dialect: 'stream',
    stream: { preset: 'rest' }, advanced: { full: 'drop_oldest', seed: 9 },
  }, binding);
  assert.deepEqual({ ...native, caPem: undefined }, {
    region: 'eu-central-1', clientId: 'id', clientSecret: SECRET, proxy: '',
    userAgent: 'ua', loginUrl: 'https://l', apiUrl: 'https://a',
    caPem: undefined, retryBaseMs: 1, retryFloorMs: 2, retryCapMs: 3,
    retryJitter: 'none', rotateMs: 5, checkpointPath: '/c', messageSizeMax: 6,
    dialect: 'stream', stream: { preset: 'rest' }, full: 'drop_oldest',
    seed: 9, ack: 'manual', hearsHeartbeats: true,
  });
  assert.match(native.caPem, /-----a\n-----BEGIN X-----b$/);
  assert.deepEqual(
    [settings.highWaterMark, settings.parse, settings.maxAttempts,
      settings.automatic, settings.acknowledges],
    [7, 'text', 4, true, true]);
  const plain = translate({ credentials, ca: '/ca.pem' }, binding);
  assert.equal(plain.native.caPath, '/ca.pem');
  assert.equal(plain.native.ack, 'auto');
  assert.equal(plain.settings.acknowledges, false);
});
