/* SPDX-License-Identifier: MIT */
/*
 * The thread about 400 after each reconnect: a subscription that the service
 * still holds, a topic that is not there any more, a request that it refuses.
 */
'use strict';

const assert = require('node:assert/strict');

const {
  ENDED, checkManners, missingOf, requestsOf, settingsOf, startProgram,
  waiting,
} = require('./forum.cjs');
const { startSim } = require('./sim.cjs');

const PROGRAM = 'resubscribe.cjs';
const QUEUE = 'routing.queueEvents';
const SUBSCRIPTIONS = '/api/v2/notifications/subscriptions';
const REFUSED = / 400$/;

function streamSettings(sim, preset, topics) {
  const stream = { preset, latencyMs: 20 };
  return settingsOf(sim, { dialect: 'stream', stream }, { topics });
}

waiting('what the service still holds goes first', async (t) => {
  const sim = await startSim(t, {
    rate: '200/s', faults: ['every 100 events tcp.reset'],
  });
  const app = startProgram(t, PROGRAM, streamSettings(sim, 'rest', [QUEUE]));
  await app.until(() => app.events.length > 350, 'three resets');
  assert.deepEqual(await app.end(), ENDED);
  const ended = await sim.stop();
  checkManners(ended);
  const requests = requestsOf(ended.log);
  assert.deepEqual(requests.slice(0, 6), [
    'POST /oauth/token 200',
    `POST ${SUBSCRIPTIONS} 200`,
    'GET /api/v2/notifications 101',
    `DELETE ${SUBSCRIPTIONS}/{id} 204`,
    `POST ${SUBSCRIPTIONS} 200`,
    'GET /api/v2/notifications 101',
  ]);
  assert.deepEqual(requests.filter((one) => REFUSED.test(one)), []);
  const { counters } = ended.report;
  assert.ok(counters.faults >= 3);
  assert.equal(counters.streams_resumed, counters.streams - 1);
  assert.equal(counters.upgrades, counters.streams);
  assert.equal(counters.token_calls, 1);
  assert.equal(missingOf(app.numbers), 0);
  assert.equal(new Set(app.events.map(({ id }) => id)).size,
    app.events.length);
  assert.deepEqual(app.said('gap'), []);
});

waiting('a topic that is gone goes alone', async (t) => {
  const sim = await startSim(t, {
    rate: '200/s',
    faults: ['after event 60 subscription.delete *@gone then tcp.reset'],
  });
  const gone = { event: 'telephony.callEvents', resourceId: 'gone' };
  const app = startProgram(t, PROGRAM,
    streamSettings(sim, 'guide', [QUEUE, gone]));
  await sim.logged(/subscription\.delete/);
  await app.until(() => app.said('rejected').length > 0, 'the rejection');
  await app.more(40);
  assert.deepEqual(await app.end(), ENDED);
  const ended = await sim.stop();
  checkManners(ended);
  assert.equal(app.said('rejected').length, 1);
  assert.equal(app.said('rejected')[0][1], 'telephony.callEvents@gone');
  const { counters, endpoints } = ended.report;
  assert.equal(counters.invalid_loops, 0, 'no upgrade is refused twice');
  assert.ok(endpoints.upgrade.count <= 5, `${endpoints.upgrade.count}`);
  assert.equal(counters.token_calls, 1);
});

waiting('a PUT that is refused is not repeated', async (t) => {
  const payload = JSON.stringify({
    code: 400, message: 'Bad Request', status: 'Bad Request',
    errors: ['Invalid subscription payload.'],
  });
  const sim = await startSim(t, {
    rate: '200/s',
    faults: [
      'after event 60 http.status PUT */subscriptions 400 ' +
        `body=${JSON.stringify(payload)} then channel.expire`,
    ],
  });
  const app = startProgram(t, PROGRAM, settingsOf(sim, {
    backoff: { initialMs: 20, floorMs: 100, maxMs: 200 },
  }));
  await app.until(() => app.said('gap').length > 0, 'the gap');
  await app.more(40);
  assert.deepEqual(await app.end(), ENDED);
  const ended = await sim.stop();
  checkManners(ended);
  const { counters, endpoints } = ended.report;
  assert.equal(endpoints.topics.count, 3, 'the first, the refused, the second');
  assert.ok(endpoints.topics.gap_min_ms >= 100);
  assert.equal(counters.channels, 2, 'the new channel is kept');
  assert.equal(counters.token_calls, 1);
  const whole = ended.log.match(/a channel has \d+ subscriptions/g);
  assert.deepEqual(whole, [
    'a channel has 3 subscriptions', 'a channel has 3 subscriptions',
  ]);
  assert.deepEqual(app.said('rejected'), []);
  assert.ok(missingOf(app.numbers) > 0);
});
