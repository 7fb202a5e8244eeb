/* SPDX-License-Identifier: MIT */
/*
 * The thread about secrets that are rotated while the program streams, with a
 * vault that takes its time and is rotated before, after or long after the
 * service.
 */
'use strict';

const assert = require('node:assert/strict');
const http = require('node:http');

const {
  ENDED, checkManners, missingOf, settingsOf, startProgram,
  waiting,
} = require('./forum.cjs');
const { CLIENT_ID, CLIENT_SECRET, startSim } = require('./sim.cjs');

const PROGRAM = 'vault.cjs';
const NEW_SECRET = 'rotated-secret-canary';
const ANSWER_MS = 20;

const pair = (clientSecret) => ({ clientId: CLIENT_ID, clientSecret });

/* A vault on loopback.  `answers(n)`: what it says to the n-th question, as a
 * list of secrets or a status. */
async function startVault(t, answers) {
  const vault = { asked: 0 };
  const server = http.createServer((request, response) => {
    vault.asked++;
    const said = answers(vault.asked);
    setTimeout(() => {
      response.statusCode = Array.isArray(said) ? 200 : said;
      response.end(JSON.stringify(
        Array.isArray(said) ? said.map(pair) : { errors: ['sealed'] }));
    }, ANSWER_MS);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  vault.url = `http://127.0.0.1:${server.address().port}/v1/genesys`;
  return vault;
}

async function start(t, faults, answers) {
  const sim = await startSim(t, { rate: '100/s', faults });
  const vault = await startVault(t, answers);
  const given = settingsOf(sim, {}, { vault: vault.url });
  const app = startProgram(t, PROGRAM, { ...given, env: process.env });
  return { app, sim, vault };
}

/* Streams again after the rotation and ends in order; no secret is told. */
async function finish({ app, sim }) {
  await app.until(() => app.said('gap').length > 0, 'the gap');
  await app.more(20);
  assert.deepEqual(await app.end(), ENDED);
  const ended = await sim.stop();
  checkManners(ended);
  assert.equal(app.said('gap').length, 1);
  assert.ok(missingOf(app.numbers) > 0);
  assert.doesNotMatch(app.lines.join('\n'), /canary/);
  return ended.report;
}

const ROTATION = `after event 30 secret.rotate ${NEW_SECRET} ` +
  'then token.revoke then channel.evict';

waiting('the vault is ahead of the service', async (t) => {
  const all = await start(t, [ROTATION],
    () => [NEW_SECRET, CLIENT_SECRET]);
  const { counters, endpoints } = await finish(all);
  assert.equal(counters.secrets_refused, 1, 'the new one, at the start');
  assert.equal(endpoints.token.count, 3);
  assert.equal(all.vault.asked, 2);
  assert.deepEqual(all.app.said('vault'), [
    ['vault', 'initial', '1'], ['vault', 'rejected', '1'],
  ]);
});

waiting('the service is ahead of the vault', async (t) => {
  const all = await start(t, [ROTATION],
    (count) => (count === 1 ? [CLIENT_SECRET] : [NEW_SECRET, CLIENT_SECRET]));
  const { counters, endpoints } = await finish(all);
  assert.equal(counters.secrets_refused, 0, 'nothing stale is offered');
  assert.equal(endpoints.token.count, 2);
  assert.equal(all.vault.asked, 2);
  assert.equal(all.app.said('reconnecting').length, 1);
});

waiting('the vault is late: it is asked again', async (t) => {
  const all = await start(t, [ROTATION],
    (count) => [count <= 2 ? CLIENT_SECRET : NEW_SECRET]);
  const { counters } = await finish(all);
  assert.equal(counters.secrets_refused, 1);
  assert.equal(all.vault.asked, 3);
  assert.deepEqual(all.app.said('vault').map(([, reason]) => reason),
    ['initial', 'rejected', 'rejected']);
});

waiting('the vault is sealed for a while', async (t) => {
  const all = await start(t, [ROTATION],
    (count) => {
      if (count === 1) return [CLIENT_SECRET];
      return count < 4 ? 503 : [NEW_SECRET];
    });
  const { counters, endpoints } = await finish(all);
  assert.equal(counters.secrets_refused, 0);
  assert.equal(endpoints.token.count, 2);
  assert.equal(all.vault.asked, 4);
  const told = all.app.lines.filter((line) => /vault said 503/.test(line));
  assert.equal(told.length, 2, 'and the program hears why');
});
