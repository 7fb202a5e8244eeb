/* SPDX-License-Identifier: MIT */
/*
 * How long clients live, and what surrounds their reports: the collector,
 * memory, contexts, promises, a loop that is blocked, a second copy of all.
 *
 * GCN_NODE_CYCLES is how many clients come and go while memory is watched.
 */
'use strict';

const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, test } = require('node:test');
const vm = require('node:vm');

const { runClean } = require('./child.cjs');
const {
  LIB, checkNothingUnhandled, makeClient, soon, take, told, until,
} = require('./kit.cjs');
const { startSim } = require('./sim.cjs');

const KIND = process.env.GCN_NODE_LOOP === 'thread' ? 'thread' : 'host';
const CYCLES = Number(process.env.GCN_NODE_CYCLES ?? 500);
const WARM_UP = Math.min(100, CYCLES / 2);
const GROWTH_MAX = 16 << 20;
const BLOCK_MS = 5000;

after(checkNothingUnhandled);

function startPlain(t, more) {
  return startSim(t, {
    tls: false, rate: '200/s', topics: 2,
    args: ['--max-channels', '10000', '--rest-limit', '0'], ...more,
  });
}

function inputOf(sim) {
  return JSON.stringify({ options: sim.options(), topics: sim.topics });
}

test('closed clients are collected, open ones are not', async (t) => {
  const sim = await startPlain(t);
  const out = await runClean(t, 'gc.cjs', {
    flags: ['--expose-gc'], input: inputOf(sim),
  });
  assert.deepEqual(JSON.parse(out), {
    'dropped open': 0, 'never started': 0, 'closed, kept': 0,
    'closed': 3, 'closed after a while': 3, 'terminated': 3, 'refused': 3,
    'native': 3, 'listener': 3,
  });
});

test(`${CYCLES} clients later nothing has grown`, async (t) => {
  const sim = await startPlain(t);
  const out = await runClean(t, 'cycles.cjs', {
    args: [WARM_UP, CYCLES - WARM_UP], flags: ['--expose-gc'],
    input: inputOf(sim), limitMs: 60000,
  });
  const { before: first, after: last } = JSON.parse(out);
  assert.equal(last.fds, first.fds);
  const growth = last.rss - first.rss;
  assert.ok(growth < GROWTH_MAX, `${growth} bytes`);
});

test('reports come in the context the client was made in', async (t) => {
  const sim = await startPlain(t);
  const storage = new AsyncLocalStorage();
  const contexts = new Set();
  const look = () => contexts.add(storage.getStore());
  const client = storage.run('made', () => makeClient(t, sim.options()));
  const names = ['state', 'open', 'subscribed', 'notify', 'close'];
  for (const name of names) client.on(name, look);
  await storage.run('asked', () => client.subscribe(sim.topics));
  await told(client, 'notify');
  await client.close();
  await told(client, 'close');
  assert.deepEqual([...contexts], ['made']);
});

/* Below the package, which could do it by itself. */
test('promises are served after every report', async (t) => {
  const sim = await startPlain(t);
  const { load } = require(`${LIB}/loader.cjs`);
  const order = [];
  let count = 0;
  let hasClosed;
  const closed = new Promise((resolve) => { hasClosed = resolve; });
  const { Client } = load(KIND);
  const client = new Client({
    loginUrl: sim.url, apiUrl: sim.url, clientId: sim.clientId,
    clientSecret: sim.clientSecret, allowPlaintext: true, proxy: '',
  }, (type) => {
    const number = ++count;
    order.push(`report ${number}`);
    Promise.resolve().then(() => order.push(`promise ${number}`));
    process.nextTick(() => order.push(`tick ${number}`));
    if (type === 'close') hasClosed();
  });
  t.after(() => client.setCloseMs(0));
  client.subscribe(sim.topics);
  client.start();
  await until(() => count >= 30, 'reports');
  client.close();
  await soon(closed, 'the last report');
  const expected = Array.from({ length: count }, (_, i) => [
    `report ${i + 1}`, `tick ${i + 1}`, `promise ${i + 1}`,
  ]).flat();
  assert.deepEqual(order, expected);
});

test('a loop that is blocked for seconds breaks nothing', async (t) => {
  const sim = await startPlain(t, { tls: true, rate: '500/s' });
  const client = makeClient(t, sim.options());
  const breaks = [];
  for (const name of ['reconnecting', 'gap', 'error']) {
    client.on(name, (what) => breaks.push([name, what]));
  }
  await client.subscribe(sim.topics);
  const iterator = client.events();
  const [first] = await take(iterator, 1);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCK_MS);
  const events = await take(iterator, 3000);
  assert.deepEqual(events.map(({ seq }) => seq - first.seq),
    events.map((_, i) => BigInt(i + 1)));
  assert.deepEqual(breaks, []);
  assert.equal(client.stats().attempts, 1);
});

for (const how of ['close', 'terminate']) {
  test(`${how}() in every handler`, async (t) => {
    const sim = await startPlain(t, {
      faults: ['every 30 events tcp.reset'], args: ['--heartbeat', '50ms'],
    });
    const names = [
      'state', 'open', 'subscribed', 'notify', 'heartbeat', 'reconnecting',
      'gap',
    ];
    for (const name of names) {
      const client = makeClient(t, sim.options());
      if (name !== 'notify') client.on('notify', () => {});
      let isOver = false;
      const closed = told(client, 'close');
      for (const other of names) {
        client.on(other, (to) => assert.ok(
          !isOver || (other === 'state' && to === 'closed'),
          `${other} after ${how}() in ${name}`));
      }
      client.once(name, () => {
        client[how]();
        isOver = true;
      });
      client.subscribe(sim.topics).catch(() => {});
      const [code] = await closed;
      assert.equal(code, how === 'close' ? 1000 : 1006);
      assert.equal(client.state, 'closed');
    }
  });
}

test('a handler may unsubscribe', async (t) => {
  const sim = await startPlain(t);
  const client = makeClient(t, sim.options());
  const [one, other] = sim.topics;
  await client.subscribe(sim.topics);
  let calls = 0;
  client.on(`notify:${one}`, () => {
    if (++calls === 1) void client.unsubscribe(one);
  });
  await until(() => calls > 0, 'an event');
  await until(() => !client.topics.includes(one), 'the end of the topic');
  assert.deepEqual(client.topics, [other]);
  let others = 0;
  client.on(`notify:${other}`, () => { others++; });
  /* Some were under way when the service heard of it; then there are none. */
  let callsBefore;
  do {
    callsBefore = calls;
    const enough = others + 20;
    await until(() => others >= enough, 'events of the other topic');
  } while (calls > callsBefore && others < 1000);
  assert.equal(calls, callsBefore);
});

/* The package and its addon as another installation of the same would be. */
function copyPackage(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gcn-copy-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const source = path.resolve(__dirname, LIB, '..');
  fs.cpSync(path.join(source, 'lib'), path.join(folder, 'lib'),
    { recursive: true });
  fs.copyFileSync(path.join(source, 'package.json'),
    path.join(folder, 'package.json'));
  for (const kind of ['host', 'thread']) {
    const name = `${kind}.node`;
    fs.copyFileSync(path.join(process.env.GCN_NODE_BINDING_DIR, name),
      path.join(folder, name));
  }
  return folder;
}

test('two copies of the package stream in one process', async (t) => {
  const sim = await startPlain(t);
  const folder = copyPackage(t);
  const ours = makeClient(t, sim.options());
  const { NotificationClient } = require(`${LIB}/index.cjs`);
  const { GCN_NODE_BINDING_DIR } = process.env;
  process.env.GCN_NODE_BINDING_DIR = folder;
  t.after(() => { process.env.GCN_NODE_BINDING_DIR = GCN_NODE_BINDING_DIR; });
  const copy = require(path.join(folder, 'lib', 'index.cjs'));
  assert.notEqual(copy.NotificationClient, NotificationClient);
  const theirs = new copy.NotificationClient(sim.options());
  t.after(() => theirs.close({ timeoutMs: 0 }));
  const loaded = Object.keys(require.cache).filter(
    (file) => file.endsWith(`${KIND}.node`));
  assert.equal(loaded.length, 2);
  await Promise.all([ours.subscribe(sim.topics), theirs.subscribe(sim.topics)]);
  await take(theirs.events(), 10);
  await theirs.close();
  await take(ours.events(), 10);
});

test('a client may be made and heard from another context', async (t) => {
  const sim = await startPlain(t);
  const { NotificationClient } = require(`${LIB}/index.cjs`);
  const heard = vm.runInNewContext(`(async () => {
    const options = JSON.parse(text);
    const client = new NotificationClient(options);
    const topics = JSON.parse(names);
    const seqs = [];
    await client.subscribe(topics);
    for await (const { seq, eventBody } of client) {
      seqs.push(Number(seq));
      if (typeof eventBody !== 'object') throw new TypeError('no body');
      if (seqs.length === 10) break;
    }
    await client.close();
    return JSON.stringify(seqs);
  })()`, {
    NotificationClient,
    text: JSON.stringify(sim.options()),
    names: JSON.stringify(sim.topics),
  });
  assert.equal(await soon(heard, 'the other context'),
    JSON.stringify([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
});
