/* SPDX-License-Identifier: MIT */
/*
 * The thread about reconnecting at once with a stale token: the token ends
 * while the program streams, and its channel with it.
 */
'use strict';

const assert = require('node:assert/strict');

const {
  ENDED, checkManners, missingOf, requestsOf, settingsOf, startProgram,
  waiting,
} = require('./forum.cjs');
const { startSim } = require('./sim.cjs');

const PROGRAM = 'stale-token.cjs';

waiting('a fresh token before the next channel', async (t) => {
  const sim = await startSim(t, {
    rate: '100/s', faults: ['after event 30 token.expire'],
  });
  const app = startProgram(t, PROGRAM, settingsOf(sim));
  await sim.logged(/token\.expire/);
  await app.until(() => app.said('gap').length > 0, 'the gap');
  await app.more(30);
  assert.deepEqual(await app.end(), ENDED);
  const ended = await sim.stop();
  checkManners(ended);
  const requests = requestsOf(ended.log);
  const last = requests.lastIndexOf('POST /oauth/token 200');
  assert.deepEqual(requests.slice(last, last + 2), [
    'POST /oauth/token 200',
    'POST /api/v2/notifications/channels 200',
  ]);
  /* On two connections, side by side: either may be there first. */
  assert.deepEqual(requests.slice(last + 2).sort(), [
    'GET /channels/{id} 101',
    'PUT /api/v2/notifications/channels/{id}/subscriptions 200',
  ]);
  assert.ok(requests.filter((one) => one.endsWith(' 401')).length <= 1,
    requests.join('\n'));
  const { counters, endpoints } = ended.report;
  assert.equal(counters.token_calls, 2);
  assert.equal(counters.channels, 2);
  assert.equal(counters.channels_live_max, 1);
  assert.ok(endpoints.upgrade.count <= 3);
  assert.equal(app.said('reconnecting').length, 1);
  assert.equal(app.said('gap').length, 1);
  assert.ok(missingOf(app.numbers) < 30);
});

waiting('a login service that is down', async (t) => {
  const sim = await startSim(t, {
    rate: '100/s',
    faults: [
      'after event 20 http.status POST /oauth/token 500 times=3 ' +
        'then token.expire',
    ],
  });
  const app = startProgram(t, PROGRAM, settingsOf(sim, {
    backoff: { initialMs: 20, floorMs: 100, maxMs: 200 },
  }));
  await app.until(() => app.said('gap').length > 0, 'the gap');
  await app.more(20);
  assert.deepEqual(await app.end(), ENDED);
  const ended = await sim.stop();
  checkManners(ended);
  const { token, channel } = ended.report.endpoints;
  assert.equal(token.count, 5, 'one, three that failed, one');
  assert.ok(token.gap_min_ms >= 100, `${token.gap_min_ms} ms`);
  assert.ok(channel.count <= 3);
  assert.equal(app.said('reconnecting').length, 4);
  assert.ok(missingOf(app.numbers) > 0);
});

waiting('a secret that is wrong: one try', async (t) => {
  const sim = await startSim(t);
  const { settings, env } = settingsOf(sim);
  env.GENESYSCLOUD_OAUTHCLIENT_SECRET = 'wrong-secret-canary';
  const app = startProgram(t, PROGRAM, { settings, env });
  assert.deepEqual(await app.ended(), { code: 1, signal: null });
  const text = app.lines.join('\n');
  assert.match(text, /ERR_GCN_AUTH/);
  assert.doesNotMatch(text, /canary/);
  const { report } = await sim.stop();
  assert.equal(report.counters.token_calls, 1);
  assert.equal(report.counters.requests, 1);
});
