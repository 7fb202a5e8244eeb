/* SPDX-License-Identifier: MIT */
/*
 * The thread about tokens of 24 hours, which are seconds here: each is replaced
 * before it ends, and so are the channels that were made with it.
 */
'use strict';

const assert = require('node:assert/strict');

const {
  ENDED, checkManners, missingOf, settingsOf, startProgram,
  waiting,
} = require('./forum.cjs');
const { startSim } = require('./sim.cjs');

const PROGRAM = 'daily-token.mjs';
const LIFE_MS = 4000;
const MARGIN_MS = 2000;
const TICKET_LIFE_MS = 5000; /* they are replaced at nine tenths of it */

function start(t, sim, more) {
  const { settings, env } = settingsOf(sim, {
    ...more,
    advanced: {
      tokenMarginMs: MARGIN_MS, overlapMs: 1500, latencyMsMax: 100,
      ...more?.advanced,
    },
  }, { login: sim.url });
  if (sim.caFile) env.NODE_EXTRA_CA_CERTS = sim.caFile;
  return startProgram(t, PROGRAM, { settings, env });
}

waiting('two lives of a token without a break', async (t) => {
  const sim = await startSim(t, {
    rate: '100/s', args: ['--token-life', `${LIFE_MS}ms`],
  });
  const app = start(t, sim);
  await app.until(() => app.said('renewed').length >= 2, 'two renewals');
  await app.more(20);
  assert.deepEqual(await app.end(), ENDED);
  const ended = await sim.stop();
  checkManners(ended);
  const { counters, endpoints } = ended.report;
  assert.equal(counters.channels_expired, 0, 'left before they end');
  assert.ok(counters.channels_live_max <= 2);
  const renewed = app.said('renewed').length;
  assert.equal(counters.channels, renewed + 1);
  assert.equal(counters.token_calls, app.said('token').length);
  assert.ok(counters.token_calls <= renewed + 2);
  assert.ok(endpoints.token.gap_min_ms >= LIFE_MS - MARGIN_MS - 500,
    `${endpoints.token.gap_min_ms} ms`);
  const reasons = app.said('token').map(([, reason]) => reason);
  assert.deepEqual(new Set(reasons), new Set(['initial', 'expiring']));
  for (const [, proven] of app.said('renewed')) assert.equal(proven, 'true');
  assert.deepEqual(app.said('gap'), []);
  assert.equal(missingOf(app.numbers), 0, 'each event, and each once');
});

waiting('a drop while a token is on its way', async (t) => {
  const sim = await startSim(t, {
    rate: '100/s', args: ['--token-life', `${LIFE_MS}ms`],
    faults: [
      'on token http.slow POST /oauth/token 300ms',
      'after token 2 tcp.reset',
    ],
  });
  const app = start(t, sim);
  await app.until(() => app.said('gap').length > 0, 'the gap');
  await app.until(() => app.said('renewed').length > 0, 'a renewal');
  await app.more(20);
  assert.deepEqual(await app.end(), ENDED);
  const ended = await sim.stop();
  checkManners(ended);
  const { counters, endpoints } = ended.report;
  assert.ok(endpoints.token.gap_min_ms >= LIFE_MS - MARGIN_MS - 500,
    `${endpoints.token.gap_min_ms} ms`);
  assert.equal(counters.token_calls, app.said('token').length);
  assert.equal(app.said('gap').length, 1);
});

waiting('the thread\'s own kind of token', async (t) => {
  const sim = await startSim(t, {
    rate: '100/s', args: ['--ticket-life', `${TICKET_LIFE_MS}ms`],
  });
  const { settings, env } = settingsOf(sim, {
    dialect: 'stream', stream: { preset: 'ticket', latencyMs: 20 },
    advanced: { overlapMs: 1500, latencyMsMax: 100 },
  }, { login: sim.url, topics: ['routing.queueEvents'] });
  env.NODE_EXTRA_CA_CERTS = sim.caFile;
  const app = startProgram(t, PROGRAM, { settings, env });
  await sim.logged(/notifications\/subscription: 200/, 2);
  await app.until(() => app.said('renewed').length > 0, 'a renewal');
  await app.more(20);
  assert.deepEqual(await app.end(), ENDED);
  const ended = await sim.stop();
  checkManners(ended);
  const { counters } = ended.report;
  assert.equal(counters.streams_expired, 0, 'left before they end');
  assert.equal(counters.streams_resumed, counters.streams - 1);
  assert.equal(counters.tickets, 2, 'one for each stream');
  assert.equal(counters.streams, 2);
  assert.equal(counters.token_calls, 1);
  for (const [, proven] of app.said('renewed')) assert.equal(proven, 'true');
  assert.deepEqual(app.said('gap'), []);
  assert.equal(missingOf(app.numbers), 0);
});
