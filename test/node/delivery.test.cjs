/* SPDX-License-Identifier: MIT */
/*
 * Events between the library and their consumers, with nothing but JavaScript:
 * when they are parsed, held, handled, and when reading rests.
 */
'use strict';

const assert = require('node:assert/strict');
const { EventEmitter, once } = require('node:events');
const { test } = require('node:test');
const { inspect } = require('node:util');

const { LIB, gcnError, take } = require('./kit.cjs');
const { Acks } = require(`${LIB}/acks.cjs`);
const { Delivery } = require(`${LIB}/delivery.cjs`);
const { Late } = require(`${LIB}/late.cjs`);
const { Ledger, matcherOf } = require(`${LIB}/topics.cjs`);

const every = () => true;
const turn = () => new Promise((next) => { setImmediate(next); });

/* A delivery with an emitter, and a log of what the library is told. */
function make(settings = {}) {
  const emitter = new EventEmitter();
  const calls = { acks: [], rests: [] };
  const delivery = new Delivery(emitter, {
    acknowledge: (sequence) => calls.acks.push(sequence),
    rest: (rests) => calls.rests.push(rests),
  }, { parse: 'json', highWaterMark: 8, automatic: true, ...settings });
  emitter.on('newListener', (name) => setImmediate(() => delivery.heard(name)));
  let sequence = 0;
  const give = (count, body = '{"a":1}', topic = 't', more = []) => {
    const numbers = new Float64Array(count * 5);
    const texts = [];
    for (let i = 0; i < count; i++) {
      numbers.set([++sequence, 3, 1, 1234, 2], i * 5);
      texts.push(topic, body, ...more, ...new Array(6 - more.length));
    }
    delivery.take(numbers, texts);
    numbers.fill(NaN); /* it is used again */
  };
  const open = (more = {}) => delivery.open(every, { keeps: true, ...more });
  return { emitter, delivery, calls, give, open };
}

async function one(settings, ...args) {
  const { give, open } = make(settings);
  give(1, ...args);
  const [event] = await take(open(), 1);
  return event;
}

test('what an event is', async () => {
  const event = await one({}, '{"x":[1]}', 'v2.a', ['cor', '2']);
  assert.equal(event.topicName, 'v2.a');
  assert.equal(event.version, '2');
  assert.deepEqual(event.metadata, { CorrelationId: 'cor' });
  assert.equal(event.seq, 1n);
  assert.equal(event.channelId, '2.3');
  assert.equal(event.receivedAt, 1234);
  assert.deepEqual(event.eventBody, { x: [1] });
  assert.equal(event.eventBody, event.eventBody);
  assert.deepEqual(JSON.parse(JSON.stringify(event)), {
    topicName: 'v2.a', version: '2', eventBody: { x: [1] },
    metadata: { CorrelationId: 'cor' },
  });
  assert.match(inspect(event), /NotificationEvent .*v2\.a/s);
  assert.throws(() => {
    event.topicName = 'other';
  }, TypeError);
});

test('ways to parse', async () => {
  assert.equal((await one({ parse: 'text' }, '{}')).eventBody, '{}');
  const { eventBody } = await one({ parse: 'buffer' }, 'ä');
  assert.deepEqual(eventBody, Buffer.from('ä'));
  assert.equal((await one({}, '')).eventBody, undefined);
  const broken = await one({}, '{broken');
  assert.throws(() => broken.eventBody, gcnError('ERR_GCN_PROTOCOL'));
  assert.equal(broken.text(), '{broken');
});

test('an id is the service\'s, else it follows from what came', async () => {
  const given = await one({}, '{}', 't', ['c', '1', 'service-id']);
  assert.equal(given.id, 'service-id');
  const args = ['{"a":1}', 't', ['c']];
  const { id } = await one({}, ...args);
  assert.match(id, /^[0-9a-f]{32}$/);
  assert.equal((await one({}, ...args)).id, id, 'the same in every process');
  const others = await Promise.all([
    one({}, '{"a":2}', 't', ['c']), one({}, '{"a":1}', 'u', ['c']),
    one({}, '{"a":1}', 't', ['d']), one({}, '{"a":1}', 't'),
    one({}, 'c{"a":1}', 't'), one({}, '{"a":1}', 'tc'),
  ]);
  assert.equal(new Set([id, ...others.map((other) => other.id)]).size, 7);
});

test('reading rests at the mark and goes on below half of it', async () => {
  const { calls, give, open } = make();
  const iterator = open();
  give(7);
  assert.deepEqual(calls.rests, []);
  give(1);
  assert.deepEqual(calls.rests, [true]);
  await take(iterator, 4);
  assert.deepEqual(calls.rests, [true]);
  await take(iterator, 1);
  assert.deepEqual(calls.rests, [true, false]);
});

test('reading rests for large events, too', async () => {
  const { calls, give, open } = make({ parse: 'text' });
  const iterator = open();
  give(1, 'x'.repeat(17 << 20));
  assert.deepEqual(calls.rests, [true]);
  await take(iterator, 1);
  assert.deepEqual(calls.rests, [true, false]);
  await iterator.return();
  give(1, 'x'.repeat(17 << 20));
  assert.deepEqual(calls.rests, [true, false, true], 'while held');
});

test('the slowest consumer counts, by its own mark', async () => {
  const { calls, give, open } = make();
  const [fast, slow] = [open(), open({ highWaterMark: 3 })];
  give(3);
  assert.deepEqual(calls.rests, [true]);
  await take(fast, 3);
  assert.deepEqual(calls.rests, [true]);
  await slow.return();
  assert.deepEqual(calls.rests, [true, false]);
});

test('events are held until somebody comes', async () => {
  const { calls, emitter, give } = make();
  give(9);
  assert.deepEqual(calls.rests, [true]);
  const seen = [];
  for (let i = 0; i < 3; i++) {
    seen.push((await once(emitter, 'notify'))[0].seq);
  }
  const [fourth] = await once(emitter, 'notify:t');
  emitter.on('notify', ({ seq }) => seen.push(seq));
  await turn();
  await turn();
  assert.equal(fourth.seq, 4n);
  assert.deepEqual(seen, [1n, 2n, 3n, 5n, 6n, 7n, 8n, 9n]);
  assert.deepEqual(calls.rests, [true, false]);
});

test('a listener that throws: the others have their turn', async (t) => {
  const { calls, emitter, give } = make();
  const seen = [];
  emitter.on('notify', ({ seq }) => {
    seen.push(seq);
    if (seq === 1n) throw new Error('by the listener');
  });
  await turn();
  assert.throws(() => give(3), /by the listener/);
  assert.deepEqual(seen, [1n]);
  await turn();
  assert.deepEqual(seen, [1n, 2n, 3n]);
  assert.deepEqual(calls.acks, [2, 3]);
});

test('an event is handled when all have let it go', async () => {
  const { calls, emitter, give, open } = make();
  const [first, second] = [open(), open()];
  emitter.on('notify', () => {});
  give(2);
  await take(first, 2);
  assert.deepEqual(calls.acks, []);
  await take(second, 2);
  assert.deepEqual(calls.acks, [1]);
  void first.next();
  void second.next();
  assert.deepEqual(calls.acks, [1, 2]);
});

test('by hand: only by ack(), once', async () => {
  const { calls, give, open } = make({ automatic: false });
  const iterator = open();
  give(3);
  const events = await take(iterator, 3);
  void iterator.next();
  assert.deepEqual(calls.acks, []);
  events[1].ack();
  events[1].ack();
  assert.deepEqual(calls.acks, [2]);
});

test('what nobody wants is acknowledged in any case', async () => {
  const { calls, delivery, give } = make({ automatic: false });
  delivery.open(({ topicName }) => topicName === 'mine', { keeps: true });
  give(2, '{}', 'other');
  give(1, '{}', 'mine');
  assert.deepEqual(calls.acks, [1, 2]);
});

test('a loop that is left: what was not taken is the next one\'s', async () => {
  const { calls, give, open } = make();
  const seen = [];
  give(5);
  for await (const { seq } of open()) {
    seen.push(seq);
    if (seq === 2n) break;
  }
  assert.deepEqual(calls.acks, [1], 'not the one at which it was left');
  give(1);
  const iterator = open();
  assert.deepEqual(calls.acks, [1, 2], 'until another loop begins');
  for await (const { seq } of iterator) {
    seen.push(seq);
    if (seq === 6n) break;
  }
  assert.deepEqual(seen, [1n, 2n, 3n, 4n, 5n, 6n]);
});

test('a loop that is left, and decided', async () => {
  const { calls, delivery, give, open } = make();
  give(2);
  await assert.rejects(async () => {
    for await (const event of open()) throw new Error(`at ${event.seq}`);
  }, /at 1/);
  assert.deepEqual(calls.acks, []);
  delivery.decide();
  assert.deepEqual(calls.acks, [1]);
});

test('a subscription that is left keeps nothing for others', async () => {
  const { calls, give, open } = make();
  const iterator = open({ keeps: false });
  give(3);
  await take(iterator, 1);
  await iterator.return();
  assert.deepEqual(calls.acks, [2, 3]);
});

test('several wait at once, and in order', async () => {
  const { calls, give, open } = make();
  const iterator = open();
  const waiting = [iterator.next(), iterator.next(), iterator.next()];
  give(2);
  assert.equal((await waiting[0]).value.seq, 1n);
  assert.equal((await waiting[1]).value.seq, 2n);
  await iterator.return();
  assert.equal((await waiting[2]).done, true);
  assert.deepEqual(calls.acks, []);
  assert.equal((await iterator.next()).done, true);
});

test('throw() ends an iterator', async () => {
  const { open } = make();
  const iterator = open();
  await assert.rejects(iterator.throw(new Error('enough')), /enough/);
  assert.equal((await iterator.next()).done, true);
});

test('an end lets iterators finish what they have, unless hasty', async () => {
  for (const isHasty of [false, true]) {
    const { delivery, give, open } = make();
    const iterator = open();
    give(2);
    delivery.end(isHasty);
    const { done } = await iterator.next();
    assert.equal(done, isHasty);
  }
});

test('an error comes behind what waits, and once', async () => {
  const { delivery, give, open } = make();
  const iterator = open();
  give(1);
  delivery.fail(new Error('over'));
  assert.equal((await iterator.next()).value.seq, 1n);
  await assert.rejects(iterator.next(), /over/);
  assert.equal((await iterator.next()).done, true);
});

/* As the iterators of node:events do with a mark of their own. */
test('a pause within an event holds the next one', async () => {
  const { calls, delivery, emitter, give } = make();
  const seen = [];
  emitter.on('notify', ({ seq }) => {
    seen.push(seq);
    if (seq === 2n) delivery.pause();
  });
  give(4);
  assert.deepEqual(seen, [1n, 2n]);
  assert.equal(delivery.paused, true);
  assert.deepEqual(calls.rests, [true]);
  delivery.resume();
  assert.deepEqual(calls.rests, [true, false]);
  await turn();
  assert.deepEqual(seen, [1n, 2n, 3n, 4n]);
});

test('whose topics events are', () => {
  const event = (topicName, resourceId) => ({ topicName, resourceId });
  const channels = matcherOf(
    ['v2.Users.U?presence&routingStatus', 'v2.queues.Q'], 'channels');
  assert.equal(channels(event('v2.users.u.presence')), true);
  assert.equal(channels(event('V2.users.u.routingstatus')), true);
  assert.equal(channels(event('v2.users.u.geolocation')), false);
  assert.equal(channels(event('v2.queues.q')), true);
  const stream = matcherOf(['a.b@r1?f=x', 'c.d', 'e?f=1'], 'stream');
  assert.equal(stream(event('a.b', 'R1')), true);
  assert.equal(stream(event('a.b', 'r2')), false);
  assert.equal(stream(event('a.b')), false);
  assert.equal(stream(event('c.d', 'any')), true);
  assert.equal(stream(event('E')), true);
});

test('verdicts on names within combined topics', () => {
  const ledger = new Ledger();
  const holder = {};
  ledger.hold(['v2.u.U?a&b', 'v2.x'], holder);
  assert.equal(ledger.isSettled, false);
  const judge = (topic, verdict, more) =>
    ledger.judge({ topic, verdict, ...more });
  assert.equal(judge('v2.u.U?a&b', 'permitted'), 'v2.u.u?a&b');
  assert.equal(judge('v2.u.U.b', 'rejected', {
    reason: 'no', missingPermissions: 'p:q, r',
  }), undefined);
  assert.equal(judge('v2.unknown', 'rejected'), undefined);
  judge('V2.X', 'permitted');
  assert.equal(ledger.isSettled, true);
  assert.deepEqual(ledger.permitted(), ['v2.u.U?a&b', 'v2.x']);
  assert.deepEqual(ledger.rejected(), [{
    topic: 'v2.u.U.b', rejectionReason: 'no', missingPermissions: ['p:q', 'r'],
  }]);
  judge('v2.u.U.b', 'permitted');
  assert.deepEqual(ledger.rejected(), []);
  ledger.hold(['v2.x'], {});
  assert.deepEqual(ledger.release(['v2.u.U?a&b', 'v2.x'], holder),
    ['v2.u.U?a&b']);
  assert.deepEqual(ledger.names, ['v2.x']);
});

test('gaps wait for their listener, few and whole', async () => {
  const emitter = new EventEmitter();
  const late = new Late(emitter);
  const gap = (since, certainty = 'possible') => ({
    since, until: since + 1, reason: 'r', topics: [`t${since}`], certainty,
    connectionIndex: 0,
  });
  late.tell('gap', gap(0, 'blind'));
  for (let i = 1; i < 40; i++) late.tell('gap', gap(i));
  late.tell('refreshToken', 'old');
  late.tell('refreshToken', 'new');
  const seen = [];
  const heard = once(emitter, 'refreshToken');
  emitter.on('gap', (one) => seen.push(one));
  late.heard('gap');
  late.heard('refreshToken');
  assert.deepEqual(await heard, ['new']);
  assert.equal(seen.length, 32);
  assert.deepEqual(seen[0], {
    since: 0, until: 9, reason: 'r', certainty: 'blind', connectionIndex: 0,
    topics: Array.from({ length: 9 }, (_, i) => `t${i}`),
  });
  late.tell('gap', gap(50));
  assert.equal(seen.at(-1).since, 50);
});

const isOf = (topic) => ({ topicName }) => topicName === topic;

test('what a subscription may yet read is not let go', async () => {
  const { calls, delivery, give, open } = make({ automatic: false });
  let isRead = false;
  const claim = delivery.claim(['B'], () => !isRead);
  const ofA = delivery.open(isOf('a'), { keeps: false });
  give(2, '{}', 'b');
  give(1, '{}', 'a');
  give(1, '{}', 'c');
  give(1, '{}', 'b');
  assert.deepEqual(calls.acks, [4], 'only what nobody asked for');
  assert.equal((await take(ofA, 1))[0].seq, 3n);
  isRead = true;
  const ofB = delivery.open(isOf('b'), { keeps: false });
  await turn();
  give(1, '{}', 'b');
  assert.deepEqual((await take(ofB, 4)).map(({ seq }) => seq),
    [1n, 2n, 5n, 6n]);
  await ofB.return();
  isRead = false;
  give(1, '{}', 'b');
  assert.deepEqual(calls.acks, [4]);
  delivery.disclaim(claim);
  await turn();
  assert.deepEqual(calls.acks, [4, 7], 'nobody will');
  delivery.claim(['b'], () => true);
  give(1, '{}', 'b');
  const [late] = await take(open(), 1);
  assert.equal(late.seq, 8n, 'whoever comes late may have it, too');
});

test('who reads one topic in another way lets go of the others', async () => {
  for (const read of ['listener', 'loop', 'listener before']) {
    const { calls, delivery, emitter, give } = make();
    delivery.open(isOf('other'), { keeps: true });
    if (read === 'listener before') emitter.on('notify:a', () => {});
    await turn();
    delivery.claim(['a', 'b'], () => true);
    give(1, '{}', 'b');
    if (read === 'listener') emitter.on('notify:A', () => {});
    if (read === 'loop') {
      delivery.open(isOf('a'), { keeps: true, topics: ['A'] });
    }
    await turn();
    await turn();
    assert.deepEqual(calls.acks, [1], read);
  }
});

test('reading that rests for want of a loop is no secret', async (t) => {
  const warned = t.mock.method(process, 'emitWarning', () => {});
  const { calls, delivery, give } = make();
  delivery.open(isOf('a'), { keeps: true });
  give(9, '{}', 'a');
  assert.deepEqual(calls.rests, [true]);
  assert.equal(warned.mock.callCount(), 0, 'that one is only slow');
  delivery.claim(['b'], () => true);
  give(9, '{}', 'b');
  give(9, '{}', 'b');
  assert.equal(warned.mock.callCount(), 1);
  const [text, { code }] = warned.mock.calls[0].arguments;
  assert.match(text, /^9 events wait for a subscription that nobody iterates/);
  assert.equal(code, 'GCN_UNREAD');
});

test('listeners for a topic hear it as the service names it', async () => {
  for (const [name, topic, more] of [
    ['V2.Users.U.Presence', 'v2.users.u.presence', []],
    ['v2.users.u.presence', 'V2.Users.U.Presence', []],
    ['v2.users.U?Presence&routingStatus', 'v2.users.u.routingstatus', []],
  ]) {
    const { emitter, give } = make();
    const seen = [];
    emitter.on(`notify:${name}`, ({ seq }) => seen.push(seq));
    await turn();
    give(1, '{}', topic, more);
    give(1, '{}', `${topic}.more`, more);
    assert.deepEqual(seen, [1n], name);
  }
  const { emitter, give } = make({ dialect: 'stream' });
  const seen = [];
  for (const name of ['a.b@r1?f=x', 'A.B']) {
    emitter.on(`notify:${name}`, ({ seq }) => seen.push([name, seq]));
  }
  await turn();
  give(1, '{}', 'a.b', [undefined, undefined, undefined, 'R1']);
  give(1, '{}', 'a.b', [undefined, undefined, undefined, 'r2']);
  assert.deepEqual(seen.sort(),
    [['A.B', 1n], ['A.B', 2n], ['a.b@r1?f=x', 1n]]);
});

test('a topic listener that is gone consumes no more', async () => {
  const { calls, emitter, give } = make();
  emitter.once('notify:T', () => {});
  await turn();
  give(1);
  give(1);
  assert.deepEqual(calls.acks, [1]);
});

test('a loop with very many events can be left', async () => {
  const { calls, give, open } = make({ highWaterMark: 1e6 });
  const iterator = open();
  for (let i = 0; i < 2000; i++) give(100);
  await iterator.return();
  assert.equal((await take(open(), 1))[0].seq, 1n);
  assert.deepEqual(calls.rests, []);
});

test('a flush does not wait for what was of no event in flight', async () => {
  const counts = { acked: 0, unknown: 0 };
  const acks = new Acks({
    ack: () => {},
    acksUnknown: () => counts.unknown,
    stats: () => ({ acked: counts.acked, savesFailed: 0 }),
  }, true);
  let flushed = false;
  acks.acknowledge(1);
  acks.acknowledge(1);
  const flush = acks.flush().then(() => { flushed = true; });
  counts.acked = 1;
  acks.look();
  await turn();
  assert.equal(flushed, false);
  counts.unknown = 1;
  acks.look();
  await flush;
});
