/* SPDX-License-Identifier: MIT */
/*
 * The end of a process: in every handler by process.exit and by an exception,
 * by a signal, by itself.
 */
'use strict';

const assert = require('node:assert/strict');
const { before, after, test } = require('node:test');

const { SLOWNESS, run, runClean, start } = require('./child.cjs');
const { checkNothingUnhandled } = require('./kit.cjs');
const { makePlaces } = require('./places.cjs');
const { STATES } = require('./programs/states.cjs');
const { startSim } = require('./sim.cjs');

const LISTENERS = [
  'state', 'subscribed', 'open', 'notify', 'notify:TOPIC', 'heartbeat',
  'reconnecting', 'gap', 'renewed', 'notice', 'durable', 'checkpointError',
  'error', 'close',
];
const HOOKS = [
  'logger', 'credentials', 'accessToken', 'load', 'save', 'storeClose',
];
/* What these throw is an answer, and no uncaught exception. */
const ANSWERS = ['credentials', 'accessToken', 'load', 'save', 'storeClose'];

const cleanups = [];
let sim;
let places;

before(async () => {
  const context = { after: (cleanup) => cleanups.push(cleanup) };
  places = await makePlaces(context);
  sim = await startSim(context, {
    tls: false, rate: '200/s', topics: 1, life: '10m',
    faults: ['every 30 events ws.closing 10ms', 'every 47 events tcp.reset'],
    args: ['--heartbeat', '50ms', '--max-channels', '10000',
      '--rest-limit', '0'],
  });
});

after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
  checkNothingUnhandled();
});

/* What the loop counts as work, whatever handles say: see gcn_client_unref. */
const CONNECT_MS = process.env.GCN_NODE_LOOP === 'thread' ? 0 : 5000;
const HOLD_MS = 300;
/* Nothing is left to come by itself. */
const LOOSE = ['idle', 'refused', 'closing'];

/* The handler's program, told where to go. */
function inHandler(name, ...args) {
  const { topics } = sim;
  const options = sim.options();
  return {
    args: [name.replace('TOPIC', topics[0]), ...args],
    input: JSON.stringify({ options, topics }),
  };
}

for (const name of [...LISTENERS, ...HOOKS]) {
  test(`process.exit in ${name}`, async (t) => {
    assert.deepEqual(await run(t, 'handler.cjs', inHandler(name, 'exit')),
      { code: 7, signal: null, out: '', err: '' });
  });
}

/* The stack of an exception that ended the process, and nothing else. */
const STACK = new RegExp([
  '^(/.*handler\\.cjs):\\d+\\n.*\\n *\\^\\n\\n',
  'Error: thrown in (\\S+)\\n',
  '( {4}at .*\\n)+\\nNode\\.js v.*\\n$',
].join(''));

for (const name of [...LISTENERS, 'logger']) {
  test(`an exception in ${name} ends the process`, async (t) => {
    const how = inHandler(name, 'throw');
    const { code, signal, out, err } = await run(t, 'handler.cjs', how);
    assert.deepEqual({ code, signal, out }, { code: 1, signal: null, out: '' },
      err);
    assert.match(err, STACK);
    assert.equal(err.match(STACK)[2], how.args[0]);
  });

  test(`an exception in ${name} may be survived`, async (t) => {
    const how = inHandler(name, 'throw', 'handled');
    assert.deepEqual(JSON.parse(await runClean(t, 'handler.cjs', how)), {
      uncaughtException: [`thrown in ${how.args[0]}`], unhandledRejection: [],
    });
  });
}

for (const name of ANSWERS) {
  test(`an exception in ${name} is an answer`, async (t) => {
    const how = inHandler(name, 'throw', 'handled');
    assert.deepEqual(JSON.parse(await runClean(t, 'handler.cjs', how)),
      { uncaughtException: [], unhandledRejection: [] });
  });
}

for (const name of ['notify', 'state', 'close']) {
  test(`an async ${name} handler's rejection ends the process`, async (t) => {
    const { code, signal, out, err } = await run(
      t, 'handler.cjs', inHandler(name, 'reject'));
    assert.deepEqual({ code, signal, out }, { code: 1, signal: null, out: '' },
      err);
    assert.match(err, STACK);
  });

  test(`an async ${name} handler's rejection may be survived`, async (t) => {
    assert.deepEqual(
      JSON.parse(await runClean(
        t, 'handler.cjs', inHandler(name, 'reject', 'handled'))),
      { uncaughtException: [], unhandledRejection: [`thrown in ${name}`] });
  });
}

test('--abort-on-uncaught-exception aborts in the handler', async (t) => {
  const { code, signal, err } = await run(t, 'handler.cjs', {
    ...inHandler('notify', 'throw'), flags: ['--abort-on-uncaught-exception'],
  });
  const ends = ['SIGABRT', 'SIGILL', 'SIGTRAP'];
  assert.ok(ends.includes(signal) || code > 128, `${code} ${signal}`);
  assert.match(err, /thrown in notify/);
});

for (const state of Object.keys(STATES)) {
  test(`an unref'd client does not hold the process: ${state}`, async (t) => {
    const took = Number(await runClean(t, 'unref.cjs', {
      args: [state], input: JSON.stringify(places),
    }));
    const limit = 1000 * SLOWNESS + (state === 'tcp' ? CONNECT_MS : 0);
    assert.ok(took < limit, `${took} ms`);
  });

  test(`a client holds the process while it lives: ${state}`, async (t) => {
    const took = Number(await runClean(t, 'unref.cjs', {
      args: [state, 'held'], input: JSON.stringify(places),
    }));
    if (LOOSE.includes(state)) assert.ok(took < 1000 * SLOWNESS, `${took} ms`);
    else assert.ok(took >= HOLD_MS, `${took} ms`);
  });
}

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} mid-stream, the client is disposed of`, async (t) => {
    const { options, topics } = places.streaming;
    const child = start(t, 'signal.cjs', {
      args: ['dispose'], input: JSON.stringify({ options, topics }),
    });
    await child.said(/streams/);
    child.kill(signal);
    assert.deepEqual(await child.ended,
      { code: 0, signal: null, out: 'streams\nclosed\n', err: '' });
  });

  test(`${signal} mid-stream that nobody hears ends the process`, async (t) => {
    const { options, topics } = places.streaming;
    const child = start(t, 'signal.cjs', {
      args: ['die'], input: JSON.stringify({ options, topics }),
    });
    await child.said(/streams/);
    child.kill(signal);
    assert.deepEqual(await child.ended,
      { code: null, signal, out: 'streams\n', err: '' });
  });
}
