/* SPDX-License-Identifier: MIT */
/*
 * The thread about idle connections: one that falls silent without a word, and
 * 429 with Retry-After for whoever comes back.  90 seconds are 0.3 here.
 */
'use strict';

const assert = require('node:assert/strict');

const {
  ENDED, checkManners, missingOf, requestsOf, settingsOf, startProgram,
  waiting,
} = require('./forum.cjs');
const { startSim } = require('./sim.cjs');

const PROGRAM = 'idle-drop.cjs';
const SILENCE_MS = 300;
const RETRY_AFTER_MS = 1000;
/* A tenth of jitter, and a machine that is busy. */
const LATE_MS = 1000 * Number(process.env.GCN_TEST_SLOWNESS ?? 1);

function settings(sim, more = {}) {
  return settingsOf(sim, {
    advanced: {
      probeMs: 200, silenceMs: SILENCE_MS, closeMs: 50, latencyMsMax: 100,
      ...more,
    },
  });
}

const LIMITED = `429 retry-after=${RETRY_AFTER_MS / 1000}`;

waiting('silence is noticed, Retry-After is kept', async (t) => {
  const sim = await startSim(t, {
    rate: '100/s',
    args: ['--heartbeat', '100ms'],
    faults: [
      `after event 40 http.status GET /channels/* ${LIMITED} times=2 ` +
        'then tcp.freeze',
      'expect retry-after honoured', 'expect retry-after single',
    ],
  });
  const app = startProgram(t, PROGRAM, settings(sim));
  await sim.logged(/tcp\.freeze/);
  const begin = Date.now();
  await app.until(() => app.said('gap').length > 0, 'the gap');
  const blindMs = Date.now() - begin;
  await app.more(20);
  assert.deepEqual(await app.end(), ENDED);
  const ended = await sim.stop();
  checkManners(ended);
  const { counters, endpoints: { upgrade } } = ended.report;
  assert.equal(upgrade.limited, 2);
  assert.equal(upgrade.count, 4, 'one, two that were refused, one');
  assert.ok(upgrade.resume_max_ms <= LATE_MS, `${upgrade.resume_max_ms} ms`);
  assert.ok(blindMs >= SILENCE_MS - 100 + 2 * RETRY_AFTER_MS, `${blindMs} ms`);
  assert.equal(counters.token_calls, 1);
  assert.equal(counters.channels, 1, 'the channel and its topics are kept');
  const causes = app.said('reconnecting').map(([, code, , ...why]) =>
    `${code} ${why.join(' ')}`.trim());
  assert.deepEqual(causes, [
    'ERR_GCN_TIMEOUT',
    'ERR_GCN_RATE_LIMITED as the service asked',
    'ERR_GCN_RATE_LIMITED as the service asked',
  ]);
  assert.ok(app.said('heartbeat').length > 2);
  const missing = missingOf(app.numbers);
  assert.ok(missing >= 200, `${missing} events in ${blindMs} ms`);
  const [[, since, until, topics]] = app.said('gap');
  assert.equal(topics, '3');
  assert.ok(until - since >= 2 * RETRY_AFTER_MS, 'the gap covers them');
});

waiting('429 for a new channel is waited for', async (t) => {
  const sim = await startSim(t, {
    rate: '100/s',
    args: ['--heartbeat', '100ms'],
    faults: [
      `after event 40 http.status POST */channels ${LIMITED} ` +
        'then channel.expire',
      'expect retry-after honoured', 'expect retry-after single',
    ],
  });
  const app = startProgram(t, PROGRAM, settings(sim));
  await app.until(() => app.said('gap').length > 0, 'the gap');
  await app.more(20);
  assert.deepEqual(await app.end(), ENDED);
  const ended = await sim.stop();
  checkManners(ended);
  const { channel } = ended.report.endpoints;
  assert.equal(channel.count, 3);
  assert.ok(channel.resume_max_ms <= LATE_MS, `${channel.resume_max_ms} ms`);
  assert.ok(missingOf(app.numbers) >= 90);
});

waiting('silence that heartbeats fill is none', async (t) => {
  const sim = await startSim(t, {
    rate: '100/s',
    args: ['--heartbeat', '100ms'],
    faults: ['after event 20 event.stop then wait 1s then event.start'],
  });
  const app = startProgram(t, PROGRAM, settings(sim));
  await app.more(40);
  assert.deepEqual(await app.end(), ENDED);
  const ended = await sim.stop();
  checkManners(ended);
  assert.deepEqual(requestsOf(ended.log).length, 4, 'a cold start');
  assert.ok(app.said('heartbeat').length >= 8);
  assert.deepEqual(app.said('gap'), []);
  assert.equal(missingOf(app.numbers), 0);
});

waiting('a wait of an hour is no reason not to end', async (t) => {
  const sim = await startSim(t, {
    faults: ['http.status POST */channels 429 retry-after=3600'],
  });
  const app = startProgram(t, PROGRAM, settings(sim));
  await app.until(() => app.said('reconnecting').length > 0, 'the wait');
  assert.deepEqual(await app.end(), ENDED);
  const [[, code, delayMs]] = app.said('reconnecting');
  assert.equal(code, 'ERR_GCN_RATE_LIMITED');
  assert.ok(delayMs >= 3600e3, delayMs);
  checkManners(await sim.stop());
});
