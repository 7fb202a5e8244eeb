/* SPDX-License-Identifier: MIT */
/*
 * Workers: that they may be terminated in every state of their clients, end by
 * themselves, stream side by side, and have their own uncaught exceptions.
 *
 * GCN_NODE_WORKERS is how many are terminated in each state, more than the four
 * that come before descriptors and threads are counted; each has ten clients.
 */
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { before, after, test } = require('node:test');

const { runClean } = require('./child.cjs');
const { checkNothingUnhandled } = require('./kit.cjs');
const { makePlaces } = require('./places.cjs');
const { STATES } = require('./programs/states.cjs');
const { startSim } = require('./sim.cjs');

const WORKERS = Number(process.env.GCN_NODE_WORKERS ?? 10);
const CLIENTS = 10;
const TOLD = 600;

assert.ok(WORKERS > 4, 'GCN_NODE_WORKERS: a number above 4');

const cleanups = [];
let places;

before(async () => {
  places = await makePlaces({ after: (cleanup) => cleanups.push(cleanup) });
});

after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
  checkNothingUnhandled();
});

for (const state of Object.keys(STATES)) {
  test(`workers are terminated: ${state}`, async (t) => {
    const out = await runClean(t, 'terminate.cjs', {
      args: [state, WORKERS, CLIENTS],
      input: JSON.stringify(places),
      limitMs: 60000 + 1000 * WORKERS,
    });
    const { results, before: first, after: last } = JSON.parse(out);
    assert.equal(results.length, WORKERS);
    for (const result of results) {
      assert.deepEqual(result, { said: state, code: 1 });
    }
    assert.deepEqual(last, first, 'descriptors and threads');
  });
}

/* What a simulator has sent on all its channels, as texts. */
function recorded(file) {
  const lines = fs.readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line))
    .filter(({ topicName }) => topicName?.startsWith('v2.'))
    .map(({ topicName, eventBody }) => JSON.stringify([topicName, eventBody]));
}

test('the main thread and two workers stream at once', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gcn-workers-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const record = path.join(folder, 'record');
  const sim = await startSim(t, {
    rate: '400/s', faults: [`after event ${TOLD} event.stop`],
    args: ['--record', record],
  });
  const out = await runClean(t, 'side-by-side.cjs', {
    input: JSON.stringify({ options: sim.options(), topics: sim.topics }),
  });
  await sim.stop();
  const heard = JSON.parse(out);
  assert.equal(heard.length, 3);
  for (const { seqs, events } of heard) {
    assert.ok(events.length > 0);
    assert.deepEqual(seqs, events.map((_, i) => i + 1));
  }
  const all = heard.flatMap(({ events }) => events);
  assert.deepEqual(all.sort(), recorded(record).sort());
});

test('a worker whose client is closed ends by itself', async (t) => {
  const { streaming } = places;
  assert.deepEqual(JSON.parse(await runClean(t, 'worker-ends.cjs', {
    args: ['close'], input: JSON.stringify(streaming),
  })), { code: 0 });
});

test('process.exit in a handler ends its worker only', async (t) => {
  const { streaming } = places;
  assert.deepEqual(JSON.parse(await runClean(t, 'worker-ends.cjs', {
    args: ['exit'], input: JSON.stringify(streaming),
  })), { code: 7 });
});

test('an exception in a handler is its worker\'s error', async (t) => {
  const { streaming } = places;
  assert.deepEqual(JSON.parse(await runClean(t, 'worker-ends.cjs', {
    args: ['throw'], input: JSON.stringify(streaming),
  })), { code: 1, errors: ['thrown in a worker'] });
});

test('a worker may go while another streams on', async (t) => {
  const { streaming } = places;
  const out = await runClean(t, 'worker-ends.cjs', {
    args: ['others'], input: JSON.stringify(streaming),
  });
  assert.deepEqual(JSON.parse(out), { code: 1, heardOn: true });
});
