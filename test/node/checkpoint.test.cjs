/* SPDX-License-Identifier: MIT */
/*
 * Acknowledging, flushing, and going on where another process ended.
 */
'use strict';

const assert = require('node:assert/strict');
const { fork } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, test } = require('node:test');

const {
  LIB, checkNothingUnhandled, gcnError, makeClient, record, soon, take, told,
  until,
} = require('./kit.cjs');
const { startSim } = require('./sim.cjs');

const { NotificationClient } = require(`${LIB}/index.cjs`);

const SUBSCRIPTION = 'routing.queueEvents';

after(checkNothingUnhandled);

function makeFolder(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gcn-checkpoint-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/* One that keeps both generations in memory, and what it was asked. */
function makeStore(more = {}) {
  const store = {
    kept: [], calls: [],
    async load(generation) {
      store.calls.push(`load ${generation}`);
      return store.kept[generation];
    },
    async save(bytes, sequences) {
      store.calls.push('save');
      store.sequences = (store.sequences ?? []).concat(sequences);
      await new Promise((resolve) => { setTimeout(resolve, 5); });
      store.kept = [Buffer.from(bytes), store.kept[0]];
    },
    async close() {
      store.calls.push('close');
    },
    ...more,
  };
  return store;
}

function streamOptions(sim, more) {
  return sim.options({
    dialect: 'stream', stream: { latencyMs: 50 }, ...more,
  });
}

/* Consumes in a process of its own; returns the ids it has handled. */
async function consume(t, given, count, how) {
  const { topics = [SUBSCRIPTION], ...options } = given;
  const child = fork(path.join(__dirname, 'consumer.cjs'),
    [JSON.stringify({ options, topics, count, how })]);
  t.after(() => child.kill('SIGKILL'));
  const said = new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`consumer: ${code}`)));
  });
  const result = await soon(said, 'the consumer');
  if (child.exitCode === null && child.signalCode === null) {
    await soon(new Promise((gone) => { child.once('exit', gone); }), 'its end');
  }
  return result;
}

test('a path: the next process goes on, none lost, none twice', async (t) => {
  const sim = await startSim(t, { tls: false, rate: '200/s' });
  const checkpoint = path.join(makeFolder(t), 'checkpoint');
  const options = streamOptions(sim, { checkpoint });
  const first = await consume(t, options, 30, 'flush');
  assert.equal(fs.statSync(checkpoint).mode & 0o777, 0o600);
  const second = await consume(t, options, 30, 'flush');
  assert.equal(first.ids.length, 30);
  assert.equal(second.ids.length, 30);
  assert.equal(new Set([...first.ids, ...second.ids]).size, 60);
  assert.equal(second.gaps, 0);
  const numbers = [...first.numbers, ...second.numbers];
  assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
});

test('a process that dies in its loop is given the event again', async (t) => {
  const sim = await startSim(t, { tls: false, rate: '200/s' });
  const checkpoint = path.join(makeFolder(t), 'checkpoint');
  const options = streamOptions(sim, { checkpoint });
  const first = await consume(t, options, 30, 'throw');
  const second = await consume(t, options, 30, 'flush');
  assert.equal(second.ids[0], first.ids.at(-1));
});

test('a store of one\'s own', async (t) => {
  const sim = await startSim(t, { tls: false, rate: '200/s' });
  const store = makeStore();
  const client = makeClient(t, streamOptions(sim, { checkpoint: store }));
  await client.subscribe(SUBSCRIPTION);
  const [inHand] = (await take(client.events(), 20)).slice(-1);
  await soon(client.flush(), 'flush()');
  await client.close();
  assert.equal(store.calls[0], 'load 0');
  assert.equal(store.calls.at(-1), 'close');
  assert.ok(store.sequences.every((one) => typeof one === 'bigint'));
  assert.ok(store.sequences.includes(19n));
  const again = makeClient(t, streamOptions(sim, { checkpoint: store }));
  const gaps = record(again, 'gap');
  await again.subscribe(SUBSCRIPTION);
  const [next] = await take(again.events(), 1);
  assert.equal(next.id, inHand.id, 'what was not handled comes again');
  assert.equal(gaps.length, 0);
  assert.equal(again.stats().resumed, 1);
});

test('a gap since the last run is told to who listens late', async (t) => {
  const sim = await startSim(t, { tls: false, rate: '50/s' });
  const options = sim.options({
    checkpoint: path.join(makeFolder(t), 'checkpoint'), topics: sim.topics,
  });
  await consume(t, options, 5, 'flush');
  const client = await NotificationClient.connect(options);
  t.after(() => client.close());
  await take(client.events(), 1);
  const [gap] = await told(client, 'gap');
  assert.deepEqual([...gap.topics].sort(), [...sim.topics].sort());
  assert.ok(gap.until - gap.since < 60000);
  await client.close(); /* before its folder goes */
});

test('ack by hand, in any order, and behind a hole', async (t) => {
  const sim = await startSim(t, { tls: false, rate: '200/s' });
  const store = makeStore();
  const client = makeClient(t, streamOptions(sim, {
    checkpoint: store, ack: 'manual',
  }));
  const durable = record(client, 'durable');
  await client.subscribe(SUBSCRIPTION);
  const iterator = client.events();
  const events = await take(iterator, 6);
  await soon(client.flush(), 'flush() with nothing to wait for');
  for (const index of [5, 1, 2]) events[index].ack();
  await soon(client.flush(), 'flush() behind a hole');
  assert.deepEqual([...store.sequences].sort(), [2n, 3n, 6n]);
  assert.equal(durable.length, 0, 'not without the first one');
  events[1].ack();
  events[0].ack();
  await until(() => durable.some(([, seq]) => seq === 3n), 'durable 3');
  await soon(client.flush(), 'flush()');
  assert.equal(client.stats().acked, 4);
  await client.close();
  events[3].ack();
  const again = makeClient(t, streamOptions(sim, { checkpoint: store }));
  await again.subscribe(SUBSCRIPTION);
  const next = await take(again.events(), 3);
  assert.deepEqual(next.slice(0, 2).map(({ id }) => id),
    [events[3].id, events[4].id]);
  assert.notEqual(next[2].id, events[5].id);
});

test('ack by hand without a checkpoint', async (t) => {
  const sim = await startSim(t, { tls: false, rate: '500/s' });
  const client = makeClient(t, sim.options({
    ack: 'manual', advanced: { windowCount: 8 },
  }));
  await client.subscribe(sim.topics);
  const iterator = client.events();
  const events = await take(iterator, 6);
  await until(() => client.stats().inFlight >= 6, 'a full window');
  assert.equal(client.stats().acked, 0);
  for (const event of events) event.ack();
  await soon(client.flush(), 'flush()');
  assert.equal(client.stats().acked, 6);
  assert.equal((await take(iterator, 2)).length, 2);
});

test('listeners acknowledge by returning, unless they throw', async (t) => {
  const sim = await startSim(t, { tls: false, rate: '200/s' });
  const client = makeClient(t, streamOptions(sim, { checkpoint: makeStore() }));
  await client.subscribe(SUBSCRIPTION);
  const durable = told(client, 'durable', (seq) => seq >= 10n);
  client.on('notify', () => {});
  await durable;
});

test('without acknowledgements flush has nothing to wait for', async (t) => {
  const sim = await startSim(t, { tls: false });
  const client = makeClient(t, sim.options());
  await client.subscribe(sim.topics);
  await take(client.events(), 2);
  await soon(client.flush(), 'flush()');
});

test('a store that cannot load: refused, with the cause', async (t) => {
  const sim = await startSim(t, { tls: false });
  for (const load of [async () => {
    throw new Error('no such table');
  }, async () => 'text']) {
    const client = makeClient(t, streamOptions(sim, {
      checkpoint: makeStore({ load }),
    }));
    await assert.rejects(soon(client.connect(), 'the refusal'), (error) => {
      gcnError('ERR_GCN_CHECKPOINT', { fatal: true })(error);
      assert.match(error.cause.message, /no such table|Uint8Array/);
      return true;
    });
    assert.equal(client.state, 'refused');
  }
});

test('a store that cannot save: told, and tried again', async (t) => {
  const sim = await startSim(t, { tls: false, rate: '200/s' });
  let isBroken = true;
  const store = makeStore();
  const { save } = store;
  store.save = async (...args) => {
    if (isBroken) throw new Error('disk full');
    return save(...args);
  };
  const client = makeClient(t, streamOptions(sim, { checkpoint: store }));
  const failed = told(client, 'checkpointError');
  await client.subscribe(SUBSCRIPTION);
  await take(client.events(), 10);
  const flushing = assert.rejects(client.flush(),
    gcnError('ERR_GCN_CHECKPOINT', { message: /checkpoint/ }));
  const [error] = await failed;
  gcnError('ERR_GCN_CHECKPOINT', { fatal: false })(error);
  assert.equal(error.cause.message, 'disk full');
  await soon(flushing, 'the rejection');
  isBroken = false;
  await soon(client.flush(), 'flush()');
});

test('a store that cannot be closed is logged', async (t) => {
  const sim = await startSim(t, { tls: false });
  const lines = [];
  const client = makeClient(t, streamOptions(sim, {
    logger: (line) => lines.push(line),
    checkpoint: makeStore({
      close() {
        throw new Error('still busy');
      },
    }),
  }));
  await client.subscribe(SUBSCRIPTION);
  await soon(client.close(), 'the end');
  assert.match(lines.at(-1).message, /store could not be closed: still busy/);
});

test('nothing is handled that nobody was given', async (t) => {
  const sim = await startSim(t, { tls: false, rate: '200/s', topics: 2 });
  const store = makeStore();
  const client = makeClient(t, sim.options({
    checkpoint: store, advanced: { checkpointMs: 20 },
  }));
  const one = await client.subscribe(sim.topics[0]);
  const two = await client.subscribe(sim.topics[1]);
  const given = new Set();
  const note = ({ seq }) => given.add(seq);
  const ofOne = one[Symbol.asyncIterator]();
  (await take(ofOne, 20)).forEach(note);
  await soon(client.flush(), 'flush()');
  const ofTwo = two[Symbol.asyncIterator]();
  (await take(ofTwo, 10)).forEach(note);
  await soon(client.flush(), 'flush()');
  const { sequences } = store;
  assert.ok(sequences.length >= 28);
  assert.deepEqual(sequences.filter((seq) => !given.has(seq)), []);
});

const never = () => new Promise(() => {});

for (const [what, more] of Object.entries({
  load: { load: never }, save: { save: never }, close: { close: never },
})) {
  test(`terminate() waits for no ${what}() that never settles`, async (t) => {
    const sim = await startSim(t, { tls: false, rate: '200/s' });
    const store = makeStore();
    const asked = new Promise((resolve) => {
      for (const [name, call] of Object.entries(more)) {
        store[name] = () => {
          resolve();
          return call();
        };
      }
    });
    const client = makeClient(t, streamOptions(sim, {
      checkpoint: store, advanced: { checkpointMs: 20 },
    }));
    const closed = told(client, 'close');
    client.on('notify', () => {});
    const subscribed = client.subscribe(SUBSCRIPTION).catch(() => {});
    if (what === 'close') await subscribed;
    else await soon(asked, what);
    if (what === 'load') client.terminate();
    else await soon(client.close({ timeoutMs: 50 }), 'close()');
    await closed;
    await subscribed;
    assert.equal(client.state, 'closed');
  });
}
