/* SPDX-License-Identifier: MIT */
/*
 * Connecting, subscribing and leaving, against the simulator.
 */
'use strict';

const assert = require('node:assert/strict');
const { getEventListeners, once } = require('node:events');
const { after, test } = require('node:test');

const {
  LIB, checkNothingUnhandled, gcnError, makeClient, record, soon, take, told,
  until,
} = require('./kit.cjs');
const { startSim } = require('./sim.cjs');

const { NotificationClient } = require(`${LIB}/index.cjs`);
const { ASYNC_DISPOSE } = require(`${LIB}/symbols.cjs`);

after(checkNothingUnhandled);

for (const tls of [true, false]) {
  test(`a client with topics streams, TLS ${tls}`, async (t) => {
    const sim = await startSim(t, { tls });
    const client = await NotificationClient.connect(
      sim.options({ topics: sim.topics }));
    t.after(() => client.close());
    assert.equal(client.state, 'streaming');
    assert.deepEqual(client.topics, sim.topics);
    assert.deepEqual(client.rejected, []);
    const events = await take(client.events(), 5);
    for (const event of events) {
      assert.ok(sim.topics.includes(event.topicName));
      assert.deepEqual(event.eventBody, JSON.parse(event.text()));
      assert.equal(event.eventBody, event.eventBody, 'parsed once');
      assert.equal(event.buffer().toString(), event.text());
      assert.ok(Math.abs(Date.now() - event.receivedAt) < 60000);
      assert.match(event.channelId, /^0\.\d+$/);
      assert.equal(event.id, event.id);
    }
    assert.deepEqual(events.map(({ seq }) => seq), [1n, 2n, 3n, 4n, 5n]);
    assert.equal(new Set(events.map(({ id }) => id)).size, 5);
  });
}

test('events of every kind come, and the end comes last', async (t) => {
  const sim = await startSim(t, { args: ['--heartbeat', '200ms'] });
  const client = makeClient(t, sim.options());
  const all = record(
    client, 'state', 'open', 'subscribed', 'heartbeat', 'close', 'error');
  await client.connect();
  await client.subscribe(sim.topics);
  await told(client, 'heartbeat');
  await client.close();
  await until(() => all.at(-1)[0] === 'close', 'the event "close"');
  const names = all.map(([name]) => name);
  assert.deepEqual(all.filter(([name]) => name === 'open').length, 1);
  const [, info] = all.find(([name]) => name === 'subscribed');
  assert.deepEqual(info, { topics: sim.topics, rejected: [] });
  assert.equal(names.includes('error'), false);
  assert.deepEqual(all.at(-1), ['close', 1000, 'closed']);
  const states = all.filter(([name]) => name === 'state').map(([, to]) => to);
  assert.deepEqual(states, ['connecting', 'authenticating', 'subscribing',
    'streaming', 'closed']);
  assert.equal(client.state, 'closed');
});

test('subscribe before connect starts the client', async (t) => {
  const sim = await startSim(t);
  const client = makeClient(t, sim.options());
  const first = await soon(client.subscribe(sim.topics[0]), 'subscribe()');
  assert.deepEqual(first.topics, [sim.topics[0]]);
  assert.equal(await client.connect(), client);
});

test('notify and notify:<topic>', async (t) => {
  const sim = await startSim(t);
  const client = makeClient(t, sim.options());
  await client.subscribe(sim.topics);
  const [event] = await told(client, `notify:${sim.topics[1]}`);
  assert.equal(event.topicName, sim.topics[1]);
  const [other] = await told(client, 'notify');
  assert.ok(other.seq > 0n);
});

test('nobody who listens late misses an event', async (t) => {
  const sim = await startSim(t, { rate: '100/s' });
  const client = makeClient(t, sim.options());
  await client.subscribe(sim.topics);
  await until(() => client.stats().events >= 10, 'ten events');
  const seen = [];
  for (let i = 0; i < 4; i++) {
    seen.push((await soon(once(client, 'notify'), 'an event'))[0].seq);
  }
  let count = 0;
  for await (const event of client) {
    seen.push(event.seq);
    if (++count === 4) break;
  }
  for await (const event of client) {
    seen.push(event.seq);
    if (++count === 8) break;
  }
  assert.deepEqual(seen, Array.from({ length: 12 }, (_, i) => BigInt(i + 1)));
});

test('a subscription has the events of its topics', async (t) => {
  const sim = await startSim(t, { rate: '100/s' });
  const client = makeClient(t, sim.options());
  const one = await client.subscribe([sim.topics[0]]);
  const two = await client.subscribe(sim.topics.slice(1));
  const [ofOne, ofTwo] = [one[Symbol.asyncIterator](),
    two[Symbol.asyncIterator]()];
  for (const event of await take(ofOne, 5)) {
    assert.equal(event.topicName, sim.topics[0]);
  }
  for (const event of await take(ofTwo, 5)) {
    assert.ok(sim.topics.slice(1).includes(event.topicName));
  }
  await ofOne.return();
  assert.equal(one.closed, true, 'leaving its loop ends a subscription');
  assert.deepEqual(client.topics, sim.topics.slice(1));
  assert.equal(client.state, 'streaming', 'and not the client');
  await two.close();
  assert.deepEqual(client.topics, []);
  assert.deepEqual(await soon(ofTwo.next(), 'the end'),
    { value: undefined, done: true });
});

test('replace and unsubscribe', async (t) => {
  const sim = await startSim(t);
  const client = makeClient(t, sim.options());
  await client.subscribe(sim.topics.slice(0, 2));
  await client.subscribe(sim.topics[2], { replace: true });
  assert.deepEqual(client.topics, [sim.topics[2]]);
  await client.unsubscribe(sim.topics[2].toUpperCase());
  assert.deepEqual(client.topics, []);
  assert.equal(client.stats().topics, 0);
});

test('a topic that comes and goes has a verdict each time', async (t) => {
  const sim = await startSim(t);
  const client = makeClient(t, sim.options());
  const [topic] = sim.topics;
  const first = await client.subscribe(topic);
  const again = client.unsubscribe(topic).then(() => client.subscribe(topic));
  assert.deepEqual((await soon(again, 'a verdict')).topics, [topic]);
  await client.unsubscribe(topic);
  assert.deepEqual(first.topics, []);
  const both = [client.subscribe(topic), client.subscribe(topic)];
  const [one, two] = await soon(Promise.all(both), 'two verdicts');
  await one.close();
  assert.deepEqual(client.topics, [topic], 'the other one holds it');
  await two.close();
  assert.deepEqual(client.topics, []);
});

test('what is unsubscribed while it is asked for settles', async (t) => {
  const sim = await startSim(t);
  const client = makeClient(t, sim.options());
  const asked = client.subscribe(sim.topics);
  await client.unsubscribe(sim.topics);
  assert.deepEqual((await soon(asked, 'an answer')).topics, []);
});

test('a client that never connected closes', async (t) => {
  const sim = await startSim(t);
  const client = makeClient(t, sim.options());
  const closed = told(client, 'close');
  await soon(client.close(), 'the end');
  assert.deepEqual(await closed, [1000, 'closed']);
});

test('a topic that is rejected is a result', async (t) => {
  const sim = await startSim(t, {
    args: ['--forbid', '*.presence=presence:view'],
  });
  const client = makeClient(t, sim.options());
  const subscription = await client.subscribe(sim.topics);
  assert.deepEqual(subscription.topics, sim.topics.slice(1));
  const [rejection] = subscription.rejected;
  assert.equal(rejection.topic, sim.topics[0]);
  assert.deepEqual(rejection.missingPermissions, ['presence:view']);
  assert.deepEqual(client.rejected, subscription.rejected);
  await assert.rejects(client.subscribe('v2.no.such.topic'),
    gcnError('ERR_GCN_TOPIC_REJECTED', { fatal: false }));
  assert.deepEqual(client.topics, sim.topics.slice(1));
  assert.equal(client.stats().topics, 3, 'and it is not wanted any more');
  assert.equal(client.state, 'streaming');
});

test('a topic that is no name is refused', async (t) => {
  const sim = await startSim(t);
  const client = makeClient(t, sim.options());
  for (const topics of ['', [''], [7], null, 'a b\n', { no: 'event' }]) {
    await assert.rejects(client.subscribe(topics), gcnError('ERR_GCN_CONFIG'));
  }
  assert.equal((await client.subscribe([])).topics.length, 0);
});

const PHASES = {
  'before it starts': [],
  'at the login': ['on request http.hang POST /oauth/token'],
  'at the channel': ['on request http.hang POST */channels'],
  'at the topics': ['on request http.hang PUT */subscriptions'],
  'at the accept': ['accept.hang times=20'],
};

for (const [phase, faults] of Object.entries(PHASES)) {
  test(`abort ${phase}`, async (t) => {
    const sim = await startSim(t, { faults, tls: false });
    const client = makeClient(t, sim.options());
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error('enough');
    const hasBegun = faults.length > 0
      ? told(client, 'state', (to) => to !== 'idle') : undefined;
    if (!hasBegun) controller.abort(reason);
    const connected = client.connect({ signal });
    const subscribed = client.subscribe(sim.topics, { signal });
    const settled = Promise.allSettled([connected, subscribed]);
    await hasBegun;
    controller.abort(reason);
    for (const { status, reason: why } of await soon(settled, 'the abort')) {
      assert.equal(status, 'rejected');
      assert.equal(why, reason);
    }
    await until(() => client.state === 'idle', 'rest');
    assert.deepEqual(client.stats().topics, 0);
  });
}

test('abort of a wait leaves a stream alone', async (t) => {
  const sim = await startSim(t, {
    faults: ['after subscribe 1 http.hang PUT */subscriptions times=9'],
  });
  const client = makeClient(t, sim.options());
  await client.subscribe(sim.topics[0]);
  await client.connect();
  const signal = AbortSignal.timeout(50);
  await assert.rejects(client.subscribe(sim.topics[1], { signal }),
    { name: 'TimeoutError' });
  assert.equal(client.state, 'streaming');
  assert.deepEqual(client.topics, [sim.topics[0]]);
});

test('the options\' signal terminates the client', async (t) => {
  const sim = await startSim(t);
  const controller = new AbortController();
  const { signal } = controller;
  const client = makeClient(t, sim.options({ signal }));
  await client.subscribe(sim.topics);
  const closed = told(client, 'close');
  const iterator = client.events();
  controller.abort();
  assert.deepEqual(await closed, [1006, 'terminated']);
  await assert.rejects(client.connect(), { name: 'AbortError' });
  for (let end = false; !end;) end = (await iterator.next()).done;
  const late = NotificationClient.connect(
    sim.options({ signal, topics: sim.topics }));
  await assert.rejects(late, { name: 'AbortError' });
});

test('signals are let go', async (t) => {
  const sim = await startSim(t);
  const { signal } = new AbortController();
  const client = makeClient(t, sim.options({ signal }));
  await client.connect({ signal });
  await client.subscribe(sim.topics, { signal });
  const iterator = client.events({ signal });
  assert.equal(getEventListeners(signal, 'abort').length, 2);
  await iterator.return();
  await client.close();
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('abort of an iterator', async (t) => {
  const sim = await startSim(t);
  const client = makeClient(t, sim.options());
  await client.subscribe(sim.topics);
  const controller = new AbortController();
  const iterator = client.events({ signal: controller.signal });
  await take(iterator, 1);
  controller.abort();
  await assert.rejects(iterator.next(), { name: 'AbortError' });
  assert.equal((await iterator.next()).done, true);
  assert.equal((await take(client.events(), 1)).length, 1);
  const aborted = client.events({ signal: AbortSignal.abort() });
  await assert.rejects(aborted.next(), { name: 'AbortError' });
});

test('closing', async (t) => {
  const sim = await startSim(t);
  const client = makeClient(t, sim.options());
  const subscription = await client.subscribe(sim.topics);
  const waiting = client.events({ topics: 'v2.none' }).next();
  const [first, second] = [client.close(), client[ASYNC_DISPOSE]()];
  await soon(Promise.all([first, second]), 'the end');
  assert.equal((await waiting).done, true);
  assert.equal(client.state, 'closed');
  assert.ok(client.stats().attempts > 0, 'the last numbers stay');
  assert.match(client.metrics(), /^gcn_/m);
  assert.equal(JSON.parse(client.metrics('json')).nevers ?? 0, 0);
  assert.ok(Buffer.isBuffer(client.record()));
  for (const call of [() => client.connect(), () => client.flush(),
    () => client.subscribe('v2.x'), () => client.renew()]) {
    await assert.rejects(call(), gcnError('ERR_GCN_CLOSED', { fatal: true }));
  }
  assert.equal((await client.events().next()).done, true);
  client.pause().resume().ref().unref();
  client.terminate();
  await client.close({ timeoutMs: 5 });
  await subscription.close();
});

test('disposing', async (t) => {
  const sim = await startSim(t);
  const client = makeClient(t, sim.options());
  const subscription = await client.subscribe(sim.topics);
  assert.equal(ASYNC_DISPOSE,
    Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose'));
  await subscription[ASYNC_DISPOSE]();
  assert.equal(subscription.closed, true);
  await client[ASYNC_DISPOSE]();
  assert.equal(client.state, 'closed');
});

test('what waits is rejected at the close', async (t) => {
  const sim = await startSim(t, {
    faults: ['on request http.hang POST /oauth/token'], tls: false,
  });
  const client = makeClient(t, sim.options());
  const waits = [client.connect(), client.subscribe(sim.topics),
    client.renew()];
  const settled = Promise.allSettled(waits);
  await told(client, 'state', (to) => to === 'authenticating');
  client.terminate();
  for (const { reason } of await soon(settled, 'the rejections')) {
    gcnError('ERR_GCN_CLOSED')(reason);
  }
});

test('renew replaces the channel without a break', async (t) => {
  const sim = await startSim(t, { rate: '50/s' });
  const client = makeClient(t, sim.options());
  await client.subscribe(sim.topics);
  const all = record(client, 'renewed', 'gap', 'reconnecting');
  const iterator = client.events();
  const [before] = await take(iterator, 1);
  await soon(client.renew(), 'renew()');
  assert.equal(all.length, 1);
  assert.equal(all[0][1].proven, true);
  assert.ok(client.stats().duplicates > 0);
  let event = before;
  while (event.channelId === before.channelId) {
    [event] = await take(iterator, 1);
  }
  assert.equal(event.channelId.split('.')[0], '0');
});

test('a loop that begins late misses nothing for another one', async (t) => {
  const sim = await startSim(t, { rate: '200/s', topics: 2, tls: false });
  const client = makeClient(t, sim.options());
  const one = await client.subscribe(sim.topics[0]);
  const two = await client.subscribe(sim.topics[1]);
  const ofOne = one[Symbol.asyncIterator]();
  const seen = (await take(ofOne, 10)).map(({ seq }) => seq);
  const ofTwo = two[Symbol.asyncIterator]();
  seen.push(...(await take(ofTwo, 10)).map(({ seq }) => seq));
  const first = Array.from({ length: 10 }, (_, i) => BigInt(i + 1));
  assert.deepEqual(first.filter((seq) => !seen.includes(seq)), []);
});

test('whoever takes its last topic ends a subscription', async (t) => {
  const sim = await startSim(t);
  const client = makeClient(t, sim.options());
  const one = await client.subscribe(sim.topics.slice(0, 2));
  const two = await client.subscribe(sim.topics[1]);
  const next = one[Symbol.asyncIterator]().next().then(
    () => one[Symbol.asyncIterator]());
  const loop = await soon(next, 'an event');
  await client.unsubscribe(sim.topics[0]);
  assert.equal(one.closed, false, 'it has another one');
  const ends = (async () => {
    for (let end = false; !end;) end = (await loop.next()).done;
  })();
  await client.subscribe(sim.topics[2], { replace: true });
  await soon(ends, 'the end of the loop');
  assert.deepEqual([one.closed, two.closed], [true, true]);
});

test('renew right after subscribe renews', async (t) => {
  const sim = await startSim(t, { tls: false });
  const client = makeClient(t, sim.options());
  await client.subscribe(sim.topics);
  await soon(client.renew(), 'renew()');
  assert.equal(client.stats().rotations, 1);
});

test('renew of connections that go', async (t) => {
  const sim = await startSim(t, { tls: false, topics: 3 });
  const client = makeClient(t, sim.options({
    advanced: { connectionNamesMax: 1, connectionCountMax: 3 },
  }));
  await client.subscribe(sim.topics);
  await until(() => client.stats().connections === 3 &&
    client.state === 'streaming', 'three connections');
  const renewed = client.renew();
  await client.unsubscribe(sim.topics.slice(1));
  await soon(renewed, 'renew()');
});

test('renew has an end, whatever becomes of the successor', async (t) => {
  const sim = await startSim(t, { tls: false, faults: [
    'after subscribe 1 http.status POST */channels 403 times=99',
  ] });
  const client = makeClient(t, sim.options({ advanced: { attemptMs: 400 } }));
  await client.subscribe(sim.topics);
  await client.connect();
  const controller = new AbortController();
  const aborted = client.renew({ signal: controller.signal });
  const late = client.renew();
  controller.abort();
  await assert.rejects(aborted, { name: 'AbortError' });
  await assert.rejects(soon(late, 'the end'), gcnError('ERR_GCN_TIMEOUT', {
    fatal: false, message: /the present one serves on/,
  }));
  assert.equal(client.state, 'streaming');
});

for (const consumer of ['loop', 'listener']) {
  test(`abort of connect under a ${consumer} does not stop it`, async (t) => {
    const sim = await startSim(t, {
      tls: false, faults: ['http.hang POST /oauth/token times=1'],
    });
    const client = makeClient(t, sim.options({ advanced: { phaseMs: 300 } }));
    const states = record(client, 'state');
    const heard = consumer === 'loop'
      ? client.events().next() : once(client, 'notify');
    const subscribed = client.subscribe(sim.topics);
    await told(client, 'state', (to) => to === 'authenticating');
    subscribed.catch(() => {});
    const controller = new AbortController();
    const connected = client.connect({ signal: controller.signal });
    await client.unsubscribe(sim.topics);
    await subscribed;
    controller.abort();
    await assert.rejects(connected, { name: 'AbortError' });
    await client.subscribe(sim.topics);
    await soon(heard, 'an event');
    assert.deepEqual(states.filter(([, to]) => to === 'idle'), []);
  });
}

test('calls with options that are none', async (t) => {
  const sim = await startSim(t, { tls: false });
  const client = makeClient(t, sim.options());
  for (const given of [null, 7, [], { no: 1 }]) {
    for (const call of ['connect', 'renew']) {
      await assert.rejects(client[call](given), gcnError('ERR_GCN_CONFIG'));
    }
    for (const call of ['events', 'close']) {
      assert.throws(() => client[call](given), gcnError('ERR_GCN_CONFIG'));
    }
  }
  for (const timeoutMs of [NaN, '5', null]) {
    assert.throws(
      () => client.close({ timeoutMs }), gcnError('ERR_GCN_CONFIG'));
  }
  assert.equal(client.state, 'idle');
});

test('close takes what is left of any time', async (t) => {
  const sim = await startSim(t, { tls: false });
  for (const [timeoutMs, code] of [
    [Infinity, 1000], [2 ** 40, 1000], [5000.5, 1000], [-3.5, 1006],
  ]) {
    const client = makeClient(t, sim.options());
    const closed = told(client, 'close');
    await soon(client.close({ timeoutMs }), `close in ${timeoutMs}`);
    assert.equal((await closed)[0], code);
  }
});

test('a class of one\'s own connects as what it is', async (t) => {
  const sim = await startSim(t, { tls: false });
  class Own extends NotificationClient {}
  const client = await Own.connect(sim.options());
  t.after(() => client.close());
  assert.ok(client instanceof Own);
});

test('the name that is none is told', async (t) => {
  const sim = await startSim(t, { tls: false });
  const client = makeClient(t, sim.options());
  const [topic] = sim.topics;
  const long = `v2.${'x'.repeat(5000)}`;
  for (const name of [' v2.x', 'v2.\u00e9', 'v2."x"', long]) {
    await assert.rejects(client.subscribe([topic, name]), (error) => {
      gcnError('ERR_GCN_CONFIG', { message: /no name of a topic: "/ })(error);
      assert.ok(error.message.includes(JSON.stringify(name).slice(0, 20)));
      assert.ok(error.message.length < 150);
      return true;
    });
  }
  assert.equal(client.stats().topics, 0);
});
