/* SPDX-License-Identifier: MIT */
/*
 * The binding itself, below the classes that users see: types, lifetimes, and
 * where reports come from.  GCN_NODE_BINDING names the file (host.node or
 * thread.node), GCN_EXE the simulator.
 *
 * Run with GCN_BINDING_PART set, or as a worker, this file is one of the
 * programs at its end that a test starts.
 */
'use strict';

const assert = require('node:assert');
const { AsyncLocalStorage } = require('node:async_hooks');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const v8 = require('node:v8');
const vm = require('node:vm');
const { Worker, isMainThread, parentPort, workerData } =
  require('node:worker_threads');

const binding = require(process.env.GCN_NODE_BINDING);

const LIMIT_MS = 20000;
const TOPIC = 'v2.users.7d7c9f6e-6f43-4e6e-a1dd-8b6d5b9f2f11.presence';
const UV_ENOENT = -os.constants.errno.ENOENT;

function optionsOf(url, more) {
  return {
    loginUrl: url,
    apiUrl: url,
    clientId: 'node-tests',
    clientSecret: 'node-tests-secret-canary',
    allowPlaintext: true,
    proxy: '',
    syncMs: 5,
    closeMs: 500,
    ...more,
  };
}

/* Those of the present test. */
const all = new Set();

/* A client and all that it says; `on(type, payload, texts)` sees it first. */
class Heard {
  reports = [];
  #watchers = new Set();

  constructor(url, more, on = () => {}) {
    all.add(this);
    this.client = new binding.Client(
      optionsOf(url, more), (type, payload, ...texts) => {
        this.reports.push({ type, payload: copyOf(payload), texts });
        on(type, payload, texts, this.client);
        for (const look of this.#watchers) look();
      });
  }

  get types() {
    return this.reports.map((report) => report.type);
  }

  get sequences() {
    return this.reports.filter(({ type }) => type === 'events')
      .flatMap(({ payload, texts }) => Array.from(
        { length: texts.length / binding.eventTexts },
        (_, i) => payload[i * binding.eventNumbers]));
  }

  until(good, what) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(
        `no ${what} among ${this.types}`)), LIMIT_MS);
      const look = () => {
        const found = good();
        if (!found) return;
        clearTimeout(timer);
        this.#watchers.delete(look);
        resolve(found);
      };
      this.#watchers.add(look);
      look();
    });
  }

  report(type, fits = () => true) {
    return this.until(() => this.reports.find(
      (report) => report.type === type && fits(report.payload)), type);
  }

  events(count) {
    return this.until(() => this.sequences.length >= count, `${count} events`);
  }

  stream() {
    this.client.subscribe([TOPIC]);
    this.client.start();
    return this.report('state', ({ to }) => to === 'streaming');
  }

  end() {
    this.client.close();
    return this.report('close');
  }

  /* For a test that failed: an open client would keep the process. */
  drop() {
    if (this.types.includes('close')) return;
    this.client.setCloseMs(0);
    try {
      this.client.close();
    } catch (error) {
      assert.strictEqual(error.code, 'GCN_ECLOSING');
    }
  }
}

/* The numbers of events are the client's and change. */
function copyOf(payload) {
  return payload instanceof Float64Array ? payload.slice() : payload;
}

function startSim(t, more) {
  const { startSim: start } = require('./sim.cjs');
  return start(t, {
    tls: false, rate: '200/s', ...more,
    args: ['--any-topic', '--heartbeat', '300ms', ...(more?.args || [])],
  });
}

/* Every option with a value of its type.  Not here: members of the C struct
 * that are callbacks or pointers. */
const TEXTS = `region loginUrl apiUrl clientId clientSecret userAgent caPem
  caPath refreshToken assertion orgName clientCertPem clientCertPath
  clientKeyPem clientKeyPath clientKeyPassword proxy noProxy
  checkpointPath`.split(/\s+/);
const COUNTS = `attemptMs phaseMs closeMs probeMs silenceMs stableMs retryBaseMs
  retryFloorMs retryCapMs retryFirstMs retryAfterMsMax syncMs auditMs
  messageSizeMax topicCountMax tokenMarginMs latencyMsMax seed degradedMs
  proofMs pingMs pingAnswerMs pingsMissedMax userTimeoutMs keepaliveS rotateMs
  rotateJitterMs rotateSpreadMs overlapMs topicRetryMs topicRetryMsMax
  bodySizeMax connectionCountMax connectionNamesMax staggerMs dnsMs dnsCacheMs
  handshakesMax recordSize batchCountMax batchSizeMax windowCount windowSize
  fullMs checkpointMs spareMs`.split(/\s+/);
const FLAGS = `allowPlaintext noTlsResume keepChannel noCombining`.split(/\s+/);
const CHOICES = {
  logLevel: ['error', 'warn', 'info', 'debug'],
  grant: ['client_credentials', 'refresh_token', 'saml2_bearer', 'jwt_bearer'],
  retryJitter: ['full', 'none', 'equal', 'decorrelated'],
  dialect: ['channels', 'stream'],
  ack: ['auto', 'manual'],
  full: ['wait', 'drop_oldest', 'keep_latest'],
  validate: ['strict', 'shallow'],
};
const HOOKS = ['asksCredentials', 'asksToken', 'hasStore', 'hearsHeartbeats',
  'hearsLog', 'ownHub'];
const STREAM = {
  preset: ['guide', 'rest', 'sdk', 'message', 'ticket'],
  tokenIn: ['query', 'header'],
  subscriptionsIn: ['query', 'message', 'post'],
  form: ['event', 'topic', 'named'],
};
const STREAM_TEXTS = `path tokenParam subscriptionsParam subscriptionsPath
  ticketPath preflightPath resumeParam sinceParam batchParam
  latencyParam`.split(/\s+/);

/* What the library says of it; throws what the binding throws. */
function check(more) {
  return binding.checkOptions({ ...optionsOf('http://127.0.0.1:1'), ...more });
}

function refuses(call, pattern) {
  assert.throws(call, (error) => error instanceof TypeError &&
    error.code === 'ERR_INVALID_ARG_TYPE' && pattern.test(error.message));
}

function refusesMember(member, value, name = member) {
  refuses(() => check({ [member]: value }), new RegExp(`^${name} `));
}

const tests = {};

tests['exports'] = () => {
  assert.match(binding.version, /^\d+\.\d+\.\d+$/);
  assert.match(binding.uvVersion, /^1\.\d+\.\d+/);
  assert.match(process.env.GCN_NODE_BINDING,
    new RegExp(`${binding.kind}\\.node$`));
  assert.strictEqual(binding.errors.GCN_EAUTH, -20002);
  for (const [name, code] of Object.entries(binding.errors)) {
    assert.strictEqual(binding.errName(code), name);
    assert.ok(binding.strerror(code).length > 5);
  }
  assert.strictEqual(binding.errName(UV_ENOENT), 'ENOENT');
  assert.strictEqual(binding.regionDomain('eu-central-1'), 'mypurecloud.de');
  assert.strictEqual(binding.regionDomain('nowhere'), null);
};

tests['helpers judge what they are given'] = () => {
  assert.strictEqual(check({}), null);
  assert.match(check({ clientSecret: '' }), /^client_secret is missing/);
  assert.strictEqual(
    binding.subscription('{"event":"a.b","resourceId":"7"}'), 'a.b@7');
  assert.throws(() => binding.subscription('{"event":7}'),
    { code: 'EINVAL', message: /event/ });
  refuses(() => binding.subscription(7), /^json is not a string/);
  refuses(() => binding.regionDomain(), /^key is not a string/);
  refuses(() => binding.errName('x'), /^code is not a number/);
  const text = '[default]\nenvironment = "mypurecloud.ie"\n';
  const value = (key, from = text) =>
    binding.profileValue(from, 'DEFAULT', key);
  assert.strictEqual(value('environment'), 'mypurecloud.ie');
  assert.strictEqual(value('client_secret'), null);
  assert.throws(() => value('x', '[default\n'), /^Error: line 1 /);
};

tests['every option with a value of its type, and of another'] = () => {
  for (const name of TEXTS) {
    check({ [name]: 'x' });
    for (const wrong of [7, null, {}, true]) refusesMember(name, wrong);
    refusesMember(name, 'a\0b');
  }
  for (const name of COUNTS) {
    for (const right of [0, 1, 7, 2 ** 53 - 1, Infinity]) {
      check({ [name]: right });
    }
    for (const wrong of ['7', null, -1, 0.5, NaN, -Infinity, 2 ** 53, 7n]) {
      refusesMember(name, wrong);
    }
  }
  for (const name of [...FLAGS, ...HOOKS]) {
    for (const right of [true, false]) check({ [name]: right });
    for (const wrong of [0, 1, 'true', null]) refusesMember(name, wrong);
  }
  for (const [name, choices] of Object.entries(CHOICES)) {
    for (const right of choices) check({ [name]: right });
    for (const wrong of ['x', '', 0, null, `${choices[0]}\0`]) {
      refusesMember(name, wrong);
    }
  }
};

tests['every member of stream with a value of its type, and of another'] =
() => {
  const dialect = 'stream';
  for (const [name, choices] of Object.entries(STREAM)) {
    for (const right of choices) check({ dialect, stream: { [name]: right } });
    for (const wrong of ['x', 7, null]) {
      refusesMember('stream', { [name]: wrong }, `stream.${name}`);
    }
  }
  for (const name of STREAM_TEXTS) {
    for (const right of ['/x', null]) {
      check({ dialect, stream: { [name]: right } });
    }
    refusesMember('stream', { [name]: 7 }, `stream.${name}`);
    refusesMember('stream', { [name]: 'a\0b' }, `stream.${name}`);
  }
  for (const name of ['batchCountMax', 'latencyMs', 'urlSizeMax']) {
    check({ dialect, stream: { [name]: 100 } });
    refusesMember('stream', { [name]: '7' }, `stream.${name}`);
  }
  refusesMember('stream', { limitIs4001: 1 }, 'stream.limitIs4001');
  refusesMember('stream', { paht: '/' }, 'stream.paht');
  refusesMember('stream', 'guide');
};

tests['values arrive where they belong'] = () => {
  assert.match(check({ probeMs: 40000, silenceMs: 30000 }), /probe_ms/);
  assert.match(check({ attemptMs: 2 ** 50 }), /^attempt_ms is over a year/);
  assert.match(check({ connectionCountMax: 19 }), /^connection_count_max/);
  assert.match(check({ keepaliveS: 40000 }), /^keepalive_s/);
  assert.strictEqual(check({ keepaliveS: Infinity }), null);
  assert.match(check({ grant: 'refresh_token' }), /^refresh_token/);
  assert.match(check({ apiUrl: 'ftp://x' }), /^api_url/);
  assert.match(check({ allowPlaintext: false }), /plaintext/);
  assert.match(check({ checkpointPath: '/x', hasStore: true }), /store/);
  assert.strictEqual(check({ clientSecret: undefined, asksToken: true }), null);
};

tests['no member that is none'] = () => {
  refusesMember('clientID', 'x');
  refusesMember('eventCb', () => {});
  refusesMember('x'.repeat(200), 1, 'x+');
  refusesMember('region\0x', 'y', 'a name with a NUL character');
  refusesMember('stream', { 'path\0x': '/' }, 'a name with a NUL character');
  refuses(() => binding.checkOptions(), /^options is not an object/);
  assert.strictEqual(check({ clientID: undefined }), null);
};

/* What a careless library, or an enemy, puts on the prototype of all objects;
 * the names mean nothing to the runtime itself. */
async function withPrototype(members, run) {
  Object.defineProperties(Object.prototype, members);
  try {
    return await run();
  } finally {
    for (const name of Object.keys(members)) delete Object.prototype[name];
  }
}

tests['only own members with names are options'] = () => withPrototype({
  extend: { value: () => {}, enumerable: true, configurable: true },
  preset: { value: 'no such', enumerable: true, configurable: true },
  connectionCountMax: { value: 1000, enumerable: true, configurable: true },
}, () => {
  assert.strictEqual(check({}), null);
  assert.strictEqual(check({ [Symbol('x')]: 1 }), null);
  assert.strictEqual(check({ dialect: 'stream', stream: { path: '/x' } }),
    null);
  assert.strictEqual(binding.checkOptions(
    Object.create({ region: 7 }, Object.getOwnPropertyDescriptors(
      optionsOf('http://127.0.0.1:1')))), null);
});

tests['setters of Object.prototype see no report'] = async (t) => {
  const sim = await startSim(t);
  const enemy = {
    set() { throw new Error('the setter was called'); },
    get() { return undefined; },
    configurable: true,
  };
  await withPrototype({
    verdict: enemy, willRetry: enemy, tokenRequests: enemy, rotations: enemy,
  }, async () => {
    const heard = new Heard(sim.url);
    const { payload } = await heard.stream();
    assert.ok(Object.hasOwn(payload, 'willRetry'));
    await heard.report('topic', ({ verdict }) => verdict === 'permitted');
    assert.strictEqual(heard.client.stats().tokenRequests, 1);
    await heard.end();
  });
};

/* A new member of the struct must be put into the table or on this list. */
tests['no option of the library is forgotten'] = (t) => {
  const root = process.env.GCN_SOURCE_ROOT;
  if (!root) return t.diagnostic('GCN_SOURCE_ROOT is not set');
  const file = path.join(root, 'include/gcnotify/options.h');
  const text = fs.readFileSync(file, 'utf8')
    .replace(/\/\*[^]*?\*\//g, '')
    .replace(/^[^]*?typedef struct \{/, '').replace(/\} gcn_options_t[^]*/, '');
  const left = new Set(`size data alloc_data hub store
    checkpoint_sqlite`.split(/\s+/));
  const known = new Set([...TEXTS, ...COUNTS, ...FLAGS,
    ...Object.keys(CHOICES), 'stream']);
  const members = [...text.matchAll(/(\w+);/g)].map(([, name]) => name)
    .filter((name) => !name.endsWith('_cb') && !left.has(name))
    .map((name) => name.replace(/_(\w)/g, (_, c) => c.toUpperCase()));
  assert.ok(members.length > 70);
  assert.deepStrictEqual(members.filter((name) => !known.has(name)), []);
};

tests['a client that cannot be made'] = () => {
  const { Client } = binding;
  const good = optionsOf('http://127.0.0.1:1');
  refuses(() => Client(good, () => {}), /new/);
  refuses(() => new Client(good), /^listener is not a function/);
  refuses(() => new Client(undefined, () => {}), /^options /);
  refuses(() => new Client({ ...good, x: 1 }, () => {}), /^x is no option/);
  for (let i = 0; i < 50; i++) {
    assert.throws(() => new Client({ ...good, clientId: 'a:b' }, () => {}), {
      code: 'GCN_ECONFIG',
      errno: binding.errors.GCN_ECONFIG,
      message: /^client_id has a colon/,
    });
  }
  const thrown = new Error('mine');
  const options = { ...good, get region() { throw thrown; } };
  assert.throws(() => new Client(options, () => {}), thrown);
};

tests['a subclass, and a this that is no client'] = async () => {
  const names = Object.getOwnPropertyNames(binding.Client.prototype)
    .filter((name) => name !== 'constructor');
  assert.ok(names.length >= 23);
  for (const name of names) {
    const method = binding.Client.prototype[name];
    for (const garbage of [undefined, null, 7, 'x', {}, [], new Map(),
      Object.create(binding.Client.prototype)]) {
      assert.throws(() => method.call(garbage, 1, 0), TypeError);
    }
  }
  class Sub extends binding.Client {}
  await new Promise((resolve) => {
    const sub = new Sub(optionsOf('http://127.0.0.1:1'), resolve);
    assert.ok(sub instanceof Sub && sub.state() === 'idle');
    sub.close();
  });
};

tests['arguments of methods'] = async () => {
  const heard = new Heard('http://127.0.0.1:1');
  const { client } = heard;
  refuses(() => client.subscribe(), /^topics is not an array/);
  refuses(() => client.subscribe(TOPIC), /^topics is not an array/);
  refuses(() => client.subscribe([TOPIC, 7]), /^topics\[1\] is not a string/);
  refuses(() => client.unsubscribe(['a\0b']), /^topics\[0\] has a NUL/);
  for (const length of [200001, 2 ** 31, 2 ** 32 - 1]) {
    const many = [TOPIC, TOPIC, TOPIC];
    many.length = length;
    refuses(() => client.subscribe(many), /^topics has more than 200000 el/);
  }
  assert.throws(() => client.subscribe(['']), { code: 'EINVAL' });
  assert.throws(() => client.subscribe(['é']), { code: 'EINVAL' });
  client.subscribe([]);
  refuses(() => client.setGrant(), /^credentials are not an object/);
  refuses(() => client.setGrant({ clientId: 'x' }), /^clientSecret /);
  refuses(() => client.setGrant({ clientId: 'x', clientSecret: 'a\0b' }),
    /^clientSecret has a NUL/);
  assert.throws(() => client.setGrant({ clientId: 'a:b', clientSecret: 'x' }),
    { code: 'EINVAL' });
  refuses(() => client.credentialsDone('1', 0, []), /^ticket /);
  refuses(() => client.credentialsDone(1, 'x', []), /^status /);
  refuses(() => client.credentialsDone(1, 0, {}), /^list /);
  refuses(() => client.credentialsDone(1, 0, [1]), /^credentials /);
  refuses(() => client.credentialsDone(1, 0, [{}, {}, {}]), /^list has more/);
  refuses(() => client.tokenDone(1, 0, 7), /^token /);
  refuses(() => client.tokenDone(1, 0, 'x', -1), /^expiresIn /);
  refuses(() => client.loadDone(1, 0, 'x'), /^bytes /);
  refuses(() => client.loadDone(1, 0, new Uint16Array(2)), /^bytes /);
  refuses(() => client.saveDone(1, 0.5), /^status /);
  refuses(() => client.ack(), /^sequence /);
  refuses(() => client.setCloseMs(-1), /^ms /);
  assert.throws(() => client.setCloseMs(2 ** 40), { code: 'EINVAL' });
  for (const late of [
    () => client.credentialsDone(99, -1), () => client.saveDone(99, 0),
    () => client.loadDone(99, 0), () => client.tokenDone(99, 0, 'x', 60),
  ]) assert.throws(late, { code: 'ENOENT', errno: UV_ENOENT });
  assert.strictEqual(client.start(), undefined);
  await heard.end();
};

tests['a client may be closed while its arguments are read'] = async () => {
  const heard = new Heard('http://127.0.0.1:1');
  const { client } = heard;
  assert.throws(() => client.setGrant({
    get clientId() {
      client.close();
      return 'x';
    },
    clientSecret: 'y',
  }), { code: 'GCN_ECLOSING' });
  await heard.report('close');
};

const WISHES = [
  ['start'], ['stop'], ['subscribe', [TOPIC]], ['unsubscribe', [TOPIC]],
  ['setGrant', { clientId: 'x', clientSecret: 'y' }], ['rotate'],
  ['reconnectNow'], ['credentialsDone', 1, 0, []], ['tokenDone', 1, 0, 'x'],
  ['ack', 1], ['pause'], ['resume'], ['ref'], ['unref'], ['close'],
];

tests['methods after close'] = async () => {
  const heard = new Heard('http://127.0.0.1:1');
  const { client } = heard;
  const closing = { code: 'GCN_ECLOSING', errno: -20000 };
  client.start();
  client.close();
  for (const [name, ...args] of WISHES) {
    assert.throws(() => client[name](...args), closing, name);
  }
  client.setCloseMs(0);
  client.setCloseMs(100);
  await heard.report('close');
  for (const [name, ...args] of [...WISHES, ['loadDone', 1, 0],
    ['saveDone', 1, 0], ['stats'], ['statsJson'], ['metrics'], ['record'],
    ['acksUnknown']]) {
    assert.throws(() => client[name](...args), closing, name);
  }
  client.setCloseMs(0);
  assert.strictEqual(client.state(), 'closed');
  assert.deepStrictEqual(heard.types.filter((type) => type === 'close'),
    ['close']);
};

tests['what a look sees'] = async (t) => {
  const sim = await startSim(t);
  const heard = new Heard(sim.url);
  const { client } = heard;
  assert.strictEqual(client.state(), 'idle');
  await heard.stream();
  await heard.events(3);
  const stats = client.stats();
  assert.strictEqual(stats.state, 'streaming');
  assert.strictEqual(stats.saveAge, -1);
  assert.ok(stats.events >= 3 && stats.topics === 1);
  assert.strictEqual(Object.values(stats)
    .filter((value) => typeof value !== 'number').length, 1);
  assert.ok(JSON.parse(client.statsJson()));
  assert.match(client.metrics(), /# EOF\n$/);
  assert.ok(Buffer.isBuffer(client.record()) && client.record().length > 100);
  await heard.end();
};

tests['no report comes from inside of a call'] = async (t) => {
  const sim = await startSim(t);
  let inside = '';
  const seen = new Set();
  const store = (type, { ticket } = {}, client) => {
    if (type === 'load') guarded(client, 'loadDone', ticket, UV_ENOENT);
    if (type === 'save') guarded(client, 'saveDone', ticket, 0);
  };
  const guarded = (client, name, ...args) => {
    const before = inside;
    inside = name;
    try {
      client[name](...args);
    } finally {
      inside = before;
    }
  };
  const heard = new Heard(sim.url, {
    hasStore: true, hearsLog: true, logLevel: 'debug', asksCredentials: true,
  }, (type, payload, texts, client) => {
    assert.strictEqual(inside, '', `${type} inside of ${inside}`);
    seen.add(type);
    store(type, payload, client);
    if (type !== 'credentials') return;
    guarded(client, 'credentialsDone', payload.ticket, 0, [
      { clientId: sim.clientId, clientSecret: sim.clientSecret }]);
  });
  const { client } = heard;
  for (const [name, ...args] of [['subscribe', [TOPIC]], ['start'], ['stop'],
    ['start'], ['pause'], ['resume'], ['rotate'], ['reconnectNow']]) {
    guarded(client, name, ...args);
  }
  await heard.events(5);
  guarded(client, 'setGrant', { clientId: 'other', clientSecret: 'wrong' });
  guarded(client, 'unsubscribe', [TOPIC]);
  guarded(client, 'close');
  await heard.report('close');
  for (const type of ['load', 'log', 'state', 'topic', 'credentials', 'events',
    'storeClose', 'close']) {
    assert.ok(seen.has(type), type);
  }
};

tests['events: numbers and texts'] = async (t) => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'gcn-')), 'c');
  t.after(() => fs.rmSync(path.dirname(file), { recursive: true }));
  const body = { name: 'Žofie \u{1f680}', plain: 'x'.repeat(600) };
  fs.writeFileSync(file, `${JSON.stringify(
    { topicName: TOPIC, version: '2', eventBody: body })}\n`);
  const sim = await startSim(t, { args: ['--corpus', file] });
  const heard = new Heard(sim.url);
  await heard.stream();
  await heard.events(5);
  const { payload, texts } = await heard.report('events');
  assert.strictEqual(texts.length % binding.eventTexts, 0);
  assert.strictEqual(texts[0], TOPIC);
  assert.deepStrictEqual(JSON.parse(texts[1]), body);
  assert.strictEqual(texts[4], undefined);
  assert.strictEqual(payload[0], 1);
  assert.ok(Math.abs(payload[3] - Date.now()) < 60000);
  assert.deepStrictEqual(heard.sequences.slice(0, 5), [1, 2, 3, 4, 5]);
  await heard.end();
};

/* What Latin-1 has goes another way than what it has not, and ASCII goes eight
 * bytes at a time. */
tests['texts arrive as they are'] = async (t) => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'gcn-')), 'c');
  t.after(() => fs.rmSync(path.dirname(file), { recursive: true }));
  const all256 = String.fromCharCode(...Array(256).keys());
  const texts = [all256, all256.slice(128), `${all256}\u0100`, 'Ž',
    '\u{1f680}', '\uffff', `${'x'.repeat(5000)}é`, 'ÿ'.repeat(3000), 'é漢é'];
  for (let i = 0; i < 18; i++) {
    texts.push(`${'-'.repeat(i)}ü${'+'.repeat(18 - i)}ß\u0080`);
  }
  fs.writeFileSync(file, texts.map((text) => `${JSON.stringify(
    { topicName: TOPIC, version: '2', eventBody: { text } })}\n`).join(''));
  const sim = await startSim(t, { rate: '1000/s', args: ['--corpus', file] });
  const heard = new Heard(sim.url);
  await heard.stream();
  await heard.events(2 * texts.length);
  const seen = new Set(heard.reports.filter(({ type }) => type === 'events')
    .flatMap((report) => report.texts.filter(
      (_, i) => i % binding.eventTexts === 1))
    .map((body) => JSON.parse(body).text));
  for (const text of texts) assert.ok(seen.has(text), JSON.stringify(text));
  assert.strictEqual(seen.size, texts.length);
  await heard.end();
};

/* JavaScript that comes late costs no event, and no memory without bound. */
tests['a listener that comes late'] = async (t) => {
  const sim = await startSim(t, { rate: '20000/s' });
  const heard = new Heard(sim.url);
  await heard.stream();
  for (let i = 0; i < 3; i++) {
    await heard.events(heard.sequences.length + 500);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    const waiting = heard.client.stats().events - heard.sequences.length;
    assert.ok(waiting <= 1200, `${waiting} events wait`);
  }
  await heard.events(heard.sequences.length + 5000);
  heard.sequences.forEach((sequence, i) =>
    assert.strictEqual(sequence, i + 1));
  assert.ok(!heard.types.includes('gap'));
  await heard.end();
};

tests['pause and resume'] = async (t) => {
  const sim = await startSim(t, { rate: '2000/s' });
  const heard = new Heard(sim.url);
  const step = () => new Promise((resolve) => setTimeout(resolve, 50));
  await heard.stream();
  await heard.events(10);
  heard.client.pause();
  const end = Date.now() + LIMIT_MS;
  for (let before = -1, now = 0; before !== now;) {
    assert.ok(Date.now() < end, 'it goes on reading');
    before = now;
    await step();
    now = heard.client.stats().events;
  }
  heard.client.resume();
  await heard.events(heard.sequences.length + 100);
  await heard.end();
};

tests['acknowledged from inside of the report and later'] = async (t) => {
  const sim = await startSim(t);
  let inside = 0;
  const heard = new Heard(sim.url, { ack: 'manual' },
    (type, payload, texts, client) => {
      if (type !== 'events' || inside === 3) return;
      for (let i = 0; i < texts.length / binding.eventTexts; i++) {
        if (inside === 3) return;
        client.ack(payload[i * binding.eventNumbers]);
        inside++;
      }
    });
  const { client } = heard;
  await heard.stream();
  await heard.report('durable', (sequence) => sequence === 3);
  await heard.events(10);
  for (const sequence of [7, 6, 5]) client.ack(sequence);
  client.ack(4);
  await heard.report('durable', (sequence) => sequence === 7);
  assert.ok(client.stats().acked >= 7);
  for (const never of [0, Math.max(...heard.sequences) + 1000, Infinity]) {
    assert.throws(() => client.ack(never), { code: 'ENOENT' });
  }
  assert.strictEqual(client.acksUnknown(), 0);
  if (binding.kind === 'host') {
    assert.throws(() => client.ack(7), { code: 'ENOENT' });
    assert.strictEqual(client.acksUnknown(), 0);
  } else {
    client.ack(7); /* the thread alone knows, and says so later */
    assert.strictEqual(client.acksUnknown(), 1);
  }
  assert.throws(() => client.acksUnknown.call({}), TypeError);
  await heard.end();
};

tests['no acknowledgement by hand where it is not asked for'] = async (t) => {
  const sim = await startSim(t);
  for (const more of [{}, { hasStore: true, checkpointMs: 60000 }]) {
    let tries = 0;
    const heard = new Heard(sim.url, more, (type, payload, texts, client) => {
      answer(client, type, payload);
      if (type !== 'events') return;
      tries++;
      assert.throws(() => client.ack(payload[0]), { code: 'ENOENT' });
    });
    await heard.stream();
    await heard.until(() => tries >= 2, 'events');
    await heard.end();
  }
};

/* What was not heard is not forgotten: not while the listener is at work, and
 * not where reports wait for it on the way. */
tests['a checkpoint moves when the listener was told'] = async (t) => {
  const sim = await startSim(t, { rate: '2000/s' });
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gcn-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  let before = 0;
  let looks = 0;
  const heard = new Heard(sim.url, {
    checkpointPath: path.join(folder, 'checkpoint'), checkpointMs: 1,
  }, (type, payload, texts, client) => {
    if (type !== 'events') return;
    if (looks++ < 10) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
      assert.ok(client.stats().acked <= before);
    }
    before += texts.length / binding.eventTexts;
  });
  await heard.stream();
  await heard.report('durable', (sequence) => sequence >= 10);
  await heard.until(() => looks >= 10, 'looks');
  await heard.end();
  assert.ok(fs.existsSync(path.join(folder, 'checkpoint')));
};

tests['a store: load, save, close'] = async (t) => {
  const sim = await startSim(t);
  const kept = [null, null];
  const refuseOld = (client, ticket) => {
    const code = /^(ENOENT|GCN_ECLOSING)$/; /* the last one ends the client */
    assert.throws(() => client.saveDone(ticket, 0), { code });
    assert.throws(() => client.loadDone(ticket, 0), { code });
  };
  const run = async (enough) => {
    const heard = new Heard(sim.url, { hasStore: true, checkpointMs: 1 },
      (type, payload, texts, client) => {
        if (type === 'load') {
          const bytes = kept[payload.generation];
          client.loadDone(payload.ticket, bytes ? 0 : UV_ENOENT,
            bytes || undefined);
          refuseOld(client, payload.ticket);
        } else if (type === 'save') {
          assert.ok(Buffer.isBuffer(payload.bytes));
          kept.unshift(payload.bytes);
          setImmediate(() => {
            client.saveDone(payload.ticket, 0);
            refuseOld(client, payload.ticket);
          });
        }
      });
    await heard.stream();
    await enough(heard);
    await heard.end();
    assert.deepStrictEqual(heard.types.slice(-2), ['storeClose', 'close']);
    assert.ok(heard.types.lastIndexOf('save') > 0);
    return heard;
  };
  const first = await run((heard) => heard.report('durable'));
  assert.strictEqual(first.types.filter((type) => type === 'load').length, 2);
  const second = await run((heard) => heard.report('gap'));
  assert.strictEqual(second.types.filter((type) => type === 'load').length, 1);
  const { payload } = await second.report('gap');
  assert.deepStrictEqual(payload.topics, [TOPIC]);
  assert.ok(payload.fromUnixMs <= payload.toUnixMs);
};

tests['a store that fails to load'] = async (t) => {
  const sim = await startSim(t);
  const heard = new Heard(sim.url, { hasStore: true },
    (type, payload, texts, client) => {
      if (type === 'load') client.loadDone(payload.ticket, -5);
    });
  heard.client.subscribe([TOPIC]);
  heard.client.start();
  const { payload } = await heard.report('checkpoint');
  assert.strictEqual(payload.op, 'checkpoint');
  assert.strictEqual(payload.retryAfter, -1);
  await heard.end();
};

tests['credentials and tokens on demand'] = async (t) => {
  const sim = await startSim(t);
  const refused = [];
  const heard = new Heard(sim.url, {
    clientId: undefined, clientSecret: undefined, asksCredentials: true,
    retryBaseMs: 10, retryFloorMs: 10, degradedMs: 60000,
  }, (type, payload, texts, client) => {
    if (type !== 'credentials') return;
    refused.push(payload.refused);
    setImmediate(() => client.credentialsDone(payload.ticket, 0, [
      { clientId: sim.clientId, clientSecret: 'wrong' },
      { clientId: sim.clientId, clientSecret: sim.clientSecret }]));
  });
  await heard.stream();
  assert.deepStrictEqual(refused, [false]);
  await heard.end();
  const tokens = new Heard(sim.url, {
    clientId: undefined, clientSecret: undefined, asksToken: true,
  }, (type, payload, texts, client) => {
    if (type === 'token') client.tokenDone(payload.ticket, 0, 'made-up', 60);
  });
  tokens.client.subscribe([TOPIC]);
  tokens.client.start();
  const { payload } = await tokens.report('state', ({ failure }) => failure);
  assert.strictEqual(payload.failure.httpStatus, 401);
  assert.strictEqual(typeof payload.willRetry, 'boolean');
  await tokens.end();
};

tests['a failure as an object'] = async (t) => {
  const sim = await startSim(t);
  const heard = new Heard(sim.url, { clientSecret: 'wrong' });
  heard.client.subscribe([TOPIC]);
  heard.client.start();
  const { payload } = await heard.report('state', ({ to }) => to === 'refused');
  const { failure } = payload;
  assert.strictEqual(failure.errno, binding.errors.GCN_EAUTH);
  assert.strictEqual(failure.code, 'GCN_EAUTH');
  assert.strictEqual(failure.layer, 'service');
  assert.strictEqual(failure.op, 'token');
  assert.ok(!JSON.stringify(payload).includes('wrong'));
  await heard.end();
};

tests['the async context of the making'] = async (t) => {
  const sim = await startSim(t);
  const storage = new AsyncLocalStorage();
  const stores = new Set();
  const heard = storage.run('mine', () => new Heard(sim.url, {}, () =>
    stores.add(storage.getStore())));
  await heard.stream();
  await heard.events(3);
  await heard.end();
  assert.deepStrictEqual([...stores], ['mine']);
};

tests['promises are served between reports'] = async (t) => {
  const sim = await startSim(t, { rate: '5000/s' });
  let waiting = 0;
  let most = 0;
  const heard = new Heard(sim.url, { batchCountMax: 2 }, () => {
    most = Math.max(most, ++waiting);
    Promise.resolve().then(() => waiting--);
  });
  await heard.stream();
  await heard.events(200);
  await heard.end();
  assert.strictEqual(most, 1);
};

tests['several clients, closed in another order'] = async (t) => {
  const sim = await startSim(t);
  const four = [{}, {}, { ownHub: true }, {}].map(
    (more) => new Heard(sim.url, more));
  await Promise.all(four.map((heard) => heard.stream()));
  await Promise.all(four.map((heard) => heard.events(3)));
  for (const i of [1, 3, 0, 2]) await four[i].end();
  const again = new Heard(sim.url);
  await again.stream();
  await again.end();
};

tests['made and closed, many times'] = async () => {
  for (let i = 0; i < 20; i++) {
    const many = Array.from({ length: 50 }, () =>
      new Heard('http://127.0.0.1:1'));
    for (const { client } of many) client.start();
    await Promise.all(many.map((heard) => heard.end()));
  }
};

tests['an open client is kept, a closed one is collected'] = async () => {
  v8.setFlagsFromString('--expose_gc');
  const gc = vm.runInNewContext('gc');
  const gone = [];
  const registry = new FinalizationRegistry((name) => gone.push(name));
  const reports = [];
  const make = (name) => {
    const client = new binding.Client(optionsOf('http://127.0.0.1:1'),
      (type) => reports.push(`${name} ${type}`));
    registry.register(client, name);
    return client;
  };
  const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
  const weak = new WeakRef(make('open'));
  make('closed').close();
  while (!reports.includes('closed close')) await turn();
  for (let i = 0; i < 500 && !gone.includes('closed'); i++) {
    await turn();
    gc();
  }
  assert.deepStrictEqual(gone, ['closed']);
  weak.deref().close();
  while (!reports.includes('open close')) await turn();
};

const SPOTS = ['state connecting', 'state authenticating', 'state subscribing',
  'state streaming', 'topic', 'events', 'heartbeat', 'log', 'credentials',
  'load', 'save', 'durable'];

/* What happens in the first report of a kind, in a client that has them all. */
function atSpot(url, spot, act) {
  let done = false;
  const heard = new Heard(url, {
    hasStore: true, hearsLog: true, hearsHeartbeats: true, logLevel: 'debug',
    asksCredentials: true, checkpointMs: 1,
  }, (type, payload, texts, client) => {
    const name = type === 'state' ? `state ${payload.to}` : type;
    const hit = !done && name === spot;
    try {
      if (hit) {
        done = true;
        act(client);
      }
    } finally {
      answer(client, type, payload);
    }
  });
  heard.client.subscribe([TOPIC]);
  heard.client.start();
  return heard;
}

function answer(client, type, payload) {
  if (type === 'load') client.loadDone(payload.ticket, UV_ENOENT);
  if (type === 'save') client.saveDone(payload.ticket, 0);
  if (type !== 'credentials') return;
  try {
    client.credentialsDone(payload.ticket, 0, [{
      clientId: 'node-tests', clientSecret: 'node-tests-secret-canary' }]);
  } catch (error) {
    assert.strictEqual(error.code, 'GCN_ECLOSING');
  }
}

tests['close in every report'] = async (t) => {
  const sim = await startSim(t);
  for (const spot of SPOTS) {
    let count = -1;
    const heard = atSpot(sim.url, spot, (client) => {
      client.close();
      client.setCloseMs(0);
      count = heard.reports.length;
    });
    await heard.report('close');
    assert.ok(count > 0);
    for (const type of heard.types.slice(count)) {
      assert.match(type, /^(load|save|storeClose|close)$/, spot);
    }
    assert.strictEqual(heard.types.at(-1), 'close');
  }
};

function startWorker(url, spot, manner) {
  const worker = new Worker(__filename, {
    workerData: { url, spot, manner }, stdout: true, stderr: true,
  });
  const ended = new Promise((resolve, reject) => {
    worker.on('exit', resolve);
    worker.on('error', reject);
  });
  const there = new Promise((resolve) => worker.once('message', resolve));
  return { worker, ended, there };
}

tests['a worker is terminated in every report'] = async (t) => {
  const sim = await startSim(t);
  for (const spot of ['nothing', ...SPOTS]) {
    for (const manner of ['spin', 'go on', 'exit']) {
      const { worker, ended, there } = startWorker(sim.url, spot, manner);
      await there;
      if (manner !== 'exit') worker.terminate();
      assert.strictEqual(await ended, manner === 'exit' ? 7 : 1);
    }
  }
};

tests['two workers and the main thread'] = async (t) => {
  const sim = await startSim(t);
  const workers = [1, 2].map(() => startWorker(sim.url, 'events', 'go on'));
  const heard = new Heard(sim.url);
  await heard.stream();
  await Promise.all(workers.map(({ there }) => there));
  for (const { worker } of workers) worker.terminate();
  await Promise.all(workers.map(({ ended }) => ended));
  await heard.events(heard.sequences.length + 10);
  await heard.end();
};

/* This file as a program of its own. */
function runPart(name, url, spot = '', flags = []) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...flags, __filename], {
      env: {
        ...process.env, NODE_TEST_CONTEXT: '', GCN_BINDING_PART: name,
        GCN_BINDING_URL: url, GCN_BINDING_SPOT: spot,
      },
    });
    let text = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    child.stdout.on('data', (data) => { text += data; });
    child.stderr.on('data', (data) => { text += data; });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, text });
    });
  });
}

tests['process.exit in every report'] = async (t) => {
  const sim = await startSim(t);
  for (const spot of SPOTS) {
    const { code, text } = await runPart('exit', sim.url, spot);
    assert.strictEqual(code, 7, text);
  }
};

tests['a listener that throws is an uncaught exception'] = async (t) => {
  const sim = await startSim(t);
  for (const spot of [...SPOTS, 'close']) {
    const { code, text } = await runPart('throw', sim.url, spot);
    assert.strictEqual(code, 0, text);
    assert.match(text, /^caught mine\n/);
  }
  const unhandled = await runPart('throw unhandled', sim.url, 'events');
  assert.match(unhandled.text, /Error: mine/);
  assert.strictEqual(unhandled.code, 1);
  const ticks = await runPart('throw later', sim.url, 'events');
  assert.match(ticks.text, /^caught mine\n/);
  assert.strictEqual(ticks.code, 0, ticks.text);
};

tests['--abort-on-uncaught-exception'] = async (t) => {
  const sim = await startSim(t);
  const flags = ['--abort-on-uncaught-exception'];
  const { signal, text } = await runPart('throw unhandled', sim.url, 'events',
    flags);
  assert.match(text, /mine/);
  assert.match(String(signal), /SIGABRT|SIGILL|SIGTRAP/);
  const fine = await runPart('events', sim.url, '', flags);
  assert.strictEqual(fine.code, 0, fine.text);
};

tests['what keeps the process going'] = async (t) => {
  const sim = await startSim(t);
  for (const [part, said] of [
    ['unref', 'streaming\nexit\n'], ['ref', 'streaming\nclose\nexit\n'],
    ['unref then close', 'streaming\nclose\nexit\n'], ['events', 'exit\n'],
  ]) {
    const { code, text } = await runPart(part, sim.url);
    assert.strictEqual(code, 0, text);
    assert.strictEqual(text, said, part);
  }
};

const parts = {
  exit: (url, spot) => atSpot(url, spot, () => process.exit(7)),

  throw: (url, spot) => {
    let thrown = false;
    process.on('uncaughtException', (error) => {
      console.log('caught', error.message);
      thrown = true;
    });
    const heard = atSpot(url, spot, () => { throw new Error('mine'); });
    if (spot === 'close') {
      heard.client.close();
    } else {
      heard.until(() => thrown, 'exception').then(() =>
        heard.events(heard.sequences.length + 5)).then(() => heard.end());
    }
  },

  'throw unhandled': (url, spot) =>
    atSpot(url, spot, () => { throw new Error('mine'); }),

  'throw later': (url, spot) => {
    process.on('uncaughtException', (error) =>
      console.log('caught', error.message));
    const heard = atSpot(url, spot, (client) => process.nextTick(() => {
      client.close();
      throw new Error('mine');
    }));
  },

  events: async (url) => {
    process.on('exit', () => console.log('exit'));
    const heard = new Heard(url);
    await heard.stream();
    await heard.events(3);
    await heard.end();
  },
};

/* Nothing but the client is there that could hold the process. */
function keeps(act) {
  return (url) => {
    process.on('exit', () => console.log('exit'));
    const client = new binding.Client(optionsOf(url), (type, payload) => {
      if (type === 'close') console.log('close');
      if (type !== 'state' || payload.to !== 'streaming') return;
      console.log('streaming');
      act(client);
    });
    client.subscribe([TOPIC]);
    client.start();
  };
}

parts.unref = keeps((client) => client.unref());
parts.ref = keeps((client) => {
  client.unref();
  client.ref();
  setTimeout(() => client.close(), 50).unref();
});
parts['unref then close'] = keeps((client) => {
  client.unref();
  client.close();
});

function workInWorker({ url, spot, manner }) {
  const act = () => {
    parentPort.postMessage('there');
    if (manner === 'spin') for (;;);
    if (manner === 'exit') process.exit(7);
  };
  atSpot(url, spot, act);
  if (spot === 'nothing') act();
}

if (!isMainThread) {
  workInWorker(workerData);
} else if (process.env.GCN_BINDING_PART) {
  parts[process.env.GCN_BINDING_PART](process.env.GCN_BINDING_URL,
    process.env.GCN_BINDING_SPOT);
} else {
  for (const [name, run] of Object.entries(tests)) {
    test(name, async (t) => {
      t.after(() => {
        for (const heard of all) heard.drop();
        all.clear();
      });
      await run(t);
    });
  }
}
