/* SPDX-License-Identifier: MIT */
/*
 * Programs as they stood in the threads, against the faults of the tests of
 * their successors: they do what their askers complained of, so the faults are
 * real ones.  And the successors are clean to a type checker.
 */
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');

const {
  PACKAGE, PROGRAMS, linkModules, missingOf, startProgram, waiting,
} = require('./forum.cjs');
const { installPackages } = require('./packages.cjs');
const { startSim } = require('./sim.cjs');

const modules = installPackages('forum');
const ws = path.join(modules, 'ws');

function start(t, sim, name, more = {}) {
  return startProgram(t, `before/${name}`, {
    settings: { api: sim.url, login: sim.url, topics: sim.topics, ...more },
    env: sim.env,
    modules: { ws },
  });
}

waiting('a stale token: refused, refused, refused', async (t) => {
  const sim = await startSim(t, {
    tls: false, rate: '100/s', faults: ['after event 30 token.expire'],
  });
  const app = start(t, sim, 'stale-token.cjs');
  await sim.logged(/token\.expire/);
  await sim.logged(/channels: 401/, 200);
  await app.kill();
  const { report } = await sim.stop();
  assert.equal(report.counters.token_calls, 1, 'and never a fresh token');
  assert.ok(report.endpoints.channel.per_s_max > 20);
  assert.ok(app.events.length <= 30);
  assert.equal(missingOf(app.numbers), 0);
  const missing = report.counters.events - app.events.length;
  assert.ok(missing > 0, 'events went by');
  assert.deepEqual(app.said('gap'), [], 'and nobody was told');
});

waiting('a subscription that is still held: nothing but 400', async (t) => {
  const sim = await startSim(t, {
    tls: false, rate: '200/s', faults: ['every 100 events tcp.reset'],
  });
  const app = start(t, sim, 'resubscribe.cjs',
    { topics: ['routing.queueEvents'], retryMs: 20 });
  await sim.logged(/tcp\.reset/);
  await sim.logged(/subscriptions: 400/, 50);
  await app.kill();
  const { report } = await sim.stop();
  assert.equal(report.counters.streams, 1, 'it never came back');
  assert.equal(report.counters.subscribes, 1);
  assert.ok(report.counters.token_calls > 50, 'a token for each of them, too');
  assert.ok(app.events.length <= 100);
  assert.ok(app.said('error').length >= 49);
});

waiting('silence: nothing is noticed, nothing is done', async (t) => {
  const sim = await startSim(t, {
    tls: false, rate: '100/s', args: ['--heartbeat', '100ms'],
    faults: ['after event 40 tcp.freeze', 'after event 150 event.stop'],
  });
  const app = start(t, sim, 'idle-drop.cjs', { retryMs: 20 });
  await sim.logged(/event\.stop/); /* its successor needs three heartbeats */
  await app.kill();
  const { report } = await sim.stop();
  assert.equal(report.counters.upgrades, 1);
  assert.ok(app.events.length <= 40);
  assert.ok(report.counters.events >= 150, 'events went by');
  assert.deepEqual(app.lines, []);
});

waiting('429: attempts before Retry-After is over', async (t) => {
  const sim = await startSim(t, {
    tls: false, rate: '100/s',
    faults: [
      'after event 40 for 900ms http.status GET /channels/* 429 retry-after=1',
      'after event 40 tcp.reset',
      'expect retry-after honoured',
    ],
  });
  const app = start(t, sim, 'idle-drop.cjs', { retryMs: 20 });
  await sim.logged(/tcp\.reset/);
  await sim.logged(/channels\/{id}: 101/, 2);
  await app.more(5);
  await app.kill();
  const { code, report } = await sim.stop();
  assert.equal(code, 8, 'the simulator tells bad manners');
  assert.ok(report.endpoints.upgrade.limited > 5);
  assert.ok(report.endpoints.upgrade.early > 5);
  assert.ok(missingOf(app.numbers) > 50);
});

/* As in an application: TypeScript finds the package by its name. */
test('the programs are clean with tsc --strict', (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gcn-forum-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const names = fs.readdirSync(PROGRAMS).filter((one) => /js$/.test(one));
  assert.equal(names.length, 5);
  for (const name of names) {
    fs.copyFileSync(path.join(PROGRAMS, name), path.join(folder, name));
  }
  fs.writeFileSync(path.join(folder, 'settings.json'), JSON.stringify({
    vault: 'https://vault', topics: ['v2.users.x.presence'],
    options: { environment: 'mypurecloud.de' },
  }));
  linkModules(folder,
    { gcnotify: PACKAGE, '@types': path.join(modules, '@types') });
  const done = spawnSync(process.execPath, [
    path.join(modules, 'typescript/bin/tsc'), '--noEmit', '--allowJs',
    '--checkJs', '--strict', '--exactOptionalPropertyTypes',
    '--resolveJsonModule', '--module', 'node16', '--target', 'es2022', '--lib',
    'es2022', '--types', 'node', '--skipLibCheck', '--pretty', 'false',
    ...names,
  ], { cwd: folder, encoding: 'utf8' });
  assert.equal(done.stdout, '');
  assert.equal(done.status, 0, done.stderr);
});
