/* SPDX-License-Identifier: MIT */
/*
 * The stream dialect: the same client with other words on the wire.
 */
'use strict';

const assert = require('node:assert/strict');
const { after, test } = require('node:test');

const {
  checkNothingUnhandled, gcnError, makeClient, record, soon, take, told, until,
} = require('./kit.cjs');
const { startSim } = require('./sim.cjs');

const QUEUE = 'routing.queueEvents';
const CALLS = 'telephony.callEvents';

after(checkNothingUnhandled);

function streamOptions(sim, more) {
  return sim.options({
    dialect: 'stream', stream: { latencyMs: 50 }, ...more,
  });
}

test('events have what only this dialect knows', async (t) => {
  const sim = await startSim(t, { rate: '100/s' });
  const client = makeClient(t, streamOptions(sim));
  const subscription = await client.subscribe(QUEUE);
  assert.deepEqual(subscription.topics, [QUEUE]);
  const events = await take(client.events(), 20);
  for (const event of events) {
    assert.equal(event.topicName, QUEUE);
    assert.ok(event.id.length > 0);
    assert.equal(typeof event.eventBody, 'object');
    assert.ok(Number.isFinite(Date.parse(event.timestamp)), event.timestamp);
    assert.equal(event.id, event.id);
  }
  assert.equal(new Set(events.map(({ id }) => id)).size, 20);
  assert.equal(typeof events[0].resourceId, 'string');
});

for (const preset of ['guide', 'rest', 'message', 'ticket']) {
  test(`preset ${preset}`, async (t) => {
    const sim = await startSim(t, { rate: '100/s', tls: false });
    const client = makeClient(t, streamOptions(sim, { stream: { preset } }));
    await soon(client.subscribe(QUEUE), 'subscribe()');
    assert.equal((await take(client.events(), 3)).length, 3);
  });
}

test('a break is resumed without a gap', async (t) => {
  const sim = await startSim(t, {
    rate: '100/s', faults: ['after event 20 tcp.reset'],
  });
  const client = makeClient(t, streamOptions(sim));
  const all = record(client, 'open', 'gap');
  await client.subscribe(QUEUE);
  const events = await take(client.events(), 60);
  assert.equal(new Set(events.map(({ id }) => id)).size, 60);
  const opens = all.filter(([name]) => name === 'open');
  assert.deepEqual(opens.map(([, { resumed }]) => resumed), [false, true]);
  assert.equal(all.length, 2, 'no gap');
});

for (const how of ['close', 'live']) {
  test(`a position that is lost is a gap (${how})`, async (t) => {
    const sim = await startSim(t, {
      rate: '100/s', tls: false, args: ['--stream-on-lost', how],
      faults: ['after event 20 resume.lost then tcp.reset'],
    });
    const client = makeClient(t, streamOptions(sim));
    const opens = record(client, 'open');
    const lost = told(client, 'gap');
    await client.subscribe(QUEUE);
    client.on('notify', () => {});
    const [gap] = await lost;
    assert.deepEqual(gap.topics, [QUEUE]);
    assert.ok(gap.until >= gap.since);
    await until(() => client.state === 'streaming', 'the stream');
    assert.equal(opens[0][1].resumed, false);
    /* Where the service goes on without a word, the stream is open by then. */
    assert.equal(opens.at(-1)[1].resumed, how === 'live');
  });
}

test('a subscription without a licence is a result', async (t) => {
  const sim = await startSim(t, {
    tls: false, rate: '50/s', args: ['--licence', 'none'],
  });
  const client = makeClient(t, streamOptions(sim));
  const subscription = await soon(
    client.subscribe([QUEUE, CALLS]), 'subscribe()');
  assert.deepEqual(subscription.topics, [QUEUE]);
  assert.deepEqual(subscription.rejected.map(({ topic }) => topic), [CALLS]);
  await take(subscription[Symbol.asyncIterator](), 2);
});

test('subscriptions as objects, and whose events they have', async (t) => {
  const sim = await startSim(t, { tls: false, rate: '200/s' });
  const client = makeClient(t, streamOptions(sim));
  await client.subscribe(QUEUE);
  const [{ resourceId }] = await take(client.events(), 1);
  const one = await client.subscribe({ event: QUEUE, resourceId });
  assert.deepEqual(one.topics, [`${QUEUE}@${resourceId}`]);
  const iterator = one[Symbol.asyncIterator]();
  for (const event of await take(iterator, 2)) {
    assert.equal(event.resourceId, resourceId);
  }
  await assert.rejects(client.subscribe({ resourceId }),
    gcnError('ERR_GCN_CONFIG', { message: /event/ }));
});
