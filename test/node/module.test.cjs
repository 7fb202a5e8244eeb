/* SPDX-License-Identifier: MIT */
/*
 * The package as programs of their own see it: as CommonJS and ES module, and
 * when they end.
 */
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');

const { LIB, soon } = require('./kit.cjs');
const { startSim } = require('./sim.cjs');

const SOURCE = path.resolve(__dirname, LIB, '..');
const NAMES = ['GenesysNotificationError', 'NotificationClient', 'version'];

/* A folder where require('gcnotify') finds the sources. */
function makeApplication(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gcn-module-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  fs.mkdirSync(path.join(folder, 'node_modules'));
  fs.symlinkSync(SOURCE, path.join(folder, 'node_modules', 'gcnotify'), 'dir');
  return folder;
}

/* Runs a program's text; returns {code, out, err}. */
async function run(t, name, text, given) {
  const folder = makeApplication(t);
  const file = path.join(folder, name);
  fs.writeFileSync(file, text);
  const child = spawn(process.execPath, [file, JSON.stringify(given ?? {})],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  const result = { out: '', err: '' };
  child.stdout.on('data', (data) => {
    result.out += data;
  });
  child.stderr.on('data', (data) => {
    result.err += data;
  });
  const ended = new Promise((resolve) => {
    child.on('close', resolve);
  });
  result.code = await soon(ended, `the end of ${name}`);
  return result;
}

const HEAD = {
  cjs: 'const { NotificationClient } = require(\'gcnotify\');' +
    'const options = JSON.parse(process.argv[2]);',
  mjs: 'import { NotificationClient } from \'gcnotify\';' +
    'const options = JSON.parse(process.argv[2]);',
};

test('both kinds of module have the same names', async (t) => {
  const cjs = await run(t, 'names.cjs',
    'console.log(Object.keys(require(\'gcnotify\')).sort().join());');
  const mjs = await run(t, 'names.mjs',
    'import * as all from \'gcnotify\';' +
    'import { createRequire } from \'node:module\';' +
    'const other = createRequire(import.meta.url)(\'gcnotify\');' +
    'const isSame = all.NotificationClient === other.NotificationClient;' +
    'console.log(Object.keys(all).sort().join(), isSame);');
  assert.equal(cjs.out, `${NAMES}\n`, cjs.err);
  assert.equal(mjs.out, `${NAMES} true\n`, mjs.err);
});

test('the manifest', () => {
  const manifest = require(`${LIB}/../package.json`);
  const { version } = require(`${LIB}/index.cjs`);
  assert.equal(manifest.version, version);
  assert.equal(manifest.version, process.env.GCN_VERSION ?? version);
  assert.equal(manifest.engines.node, '>=18');
  assert.equal(manifest.dependencies, undefined);
  assert.equal(manifest.scripts, undefined);
  const { import: esm, require: cjs } = manifest.exports['.'];
  for (const file of [manifest.main, manifest.types, ...Object.values(esm),
    ...Object.values(cjs)]) {
    assert.ok(fs.existsSync(path.join(SOURCE, file)), file);
  }
});

test('an ES module that iterates and leaves ends by itself', async (t) => {
  const sim = await startSim(t, { rate: '50/s' });
  const { code, out, err } = await run(t, 'tail.mjs', `${HEAD.mjs}
    const client = await NotificationClient.connect(options);
    let count = 0;
    for await (const { topicName } of client) {
      console.log(topicName);
      if (++count === 3) break;
    }
    await client.close();`, sim.options({ topics: sim.topics }));
  assert.equal(err, '');
  assert.equal(code, 0);
  assert.equal(out.trim().split('\n').length, 3);
});

test('unref lets the program end, ref keeps it', async (t) => {
  const sim = await startSim(t);
  const { code, out, err } = await run(t, 'unref.cjs', `${HEAD.cjs}
    NotificationClient.connect(options).then((client) => {
      client.unref();
      console.log(client.state);
      const timer = setTimeout(() => console.log('late'), 60000);
      timer.unref();
    });`, sim.options({ topics: sim.topics }));
  assert.equal(err, '');
  assert.deepEqual([code, out], [0, 'streaming\n']);
  const kept = await run(t, 'ref.cjs', `${HEAD.cjs}
    const client = new NotificationClient(options);
    client.unref().ref();
    client.subscribe(${JSON.stringify(sim.topics)}).then(() => {
      client.once('notify', () => {
        console.log('came');
        client.close();
      });
    });`, sim.options());
  assert.deepEqual([kept.code, kept.out], [0, 'came\n'], kept.err);
});

test('a client that is idle, or idle again, keeps nothing', async (t) => {
  const sim = await startSim(t, { faults: ['accept.hang times=9'] });
  const { code, out, err } = await run(t, 'idle.cjs', `${HEAD.cjs}
    const client = new NotificationClient(options);
    client.ref();
    client.connect({ signal: AbortSignal.timeout(100) })
      .catch(({ name }) => console.log(name));
    new NotificationClient(options);`, sim.options());
  assert.equal(err, '');
  assert.deepEqual([code, out], [0, 'TimeoutError\n']);
});

const BAD = { clientId: 'nobody', clientSecret: 'wrong-canary' };

test('a refusal that only a listener hears lets the program end', async (t) => {
  const sim = await startSim(t);
  const { code, out, err } = await run(t, 'refused.cjs', `${HEAD.cjs}
    const client = new NotificationClient(options);
    client.on('error', ({ code }) => console.log(code));
    client.connect().catch(({ code }) => console.log(code));`,
  sim.options({ credentials: BAD }));
  assert.equal(err, '');
  assert.deepEqual([code, out], [0, 'ERR_GCN_AUTH\nERR_GCN_AUTH\n']);
});

test('a refusal that nobody hears ends it with status 1', async (t) => {
  const sim = await startSim(t, {
    rate: '50/s', faults: ['after event 3 secret.rotate other then ' +
      'token.revoke then channel.evict'],
  });
  const { code, err } = await run(t, 'unheard.cjs', `${HEAD.cjs}
    NotificationClient.connect(options)
      .then((client) => client.on('notify', () => {}));`,
  sim.options({ topics: sim.topics }));
  assert.equal(code, 1);
  assert.match(err, /ERR_GCN_AUTH/);
  assert.doesNotMatch(err, /canary/);
});

test('an outage that nobody hears ends nothing', async (t) => {
  const sim = await startSim(t, {
    rate: '100/s', faults: ['after event 5 tcp.reset'],
  });
  const { code, out, err } = await run(t, 'outage.cjs', `${HEAD.cjs}
    NotificationClient.connect(options).then((client) => {
      let count = 0;
      client.on('notify', () => {
        if (++count === 20) client.close();
      });
      client.on('close', () => console.log(client.stats().failures));
    });`, sim.options({ topics: sim.topics }));
  assert.deepEqual([code, out, err], [0, '1\n', '']);
});

test('a listener that throws ends the program', async (t) => {
  const sim = await startSim(t, { rate: '50/s' });
  const { code, out, err } = await run(t, 'throws.cjs', `${HEAD.cjs}
    NotificationClient.connect(options).then((client) => {
      client.on('notify', ({ seq }) => {
        console.log(seq);
        throw new Error('by the listener');
      });
    });`, sim.options({ topics: sim.topics }));
  assert.notEqual(code, 0);
  assert.match(err, /by the listener/);
  assert.equal(out, '1n\n');
});

test('a logger that throws at the end ends the program only', async (t) => {
  const sim = await startSim(t);
  const { code, out, err } = await run(t, 'logger.cjs', `${HEAD.cjs}
    const client = new NotificationClient({
      ...options,
      logger({ message }) {
        if (/could not be closed/.test(message)) throw new Error('by it');
      },
      checkpoint: {
        load() {}, save() {},
        close() { throw new Error('busy'); },
      },
    });
    process.once('uncaughtException', ({ message }) => console.log(message));
    client.on('close', () => console.log('close'));
    client.subscribe(options.topics ?? []).then(() => client.close())
      .then(() => console.log('settled'));`, sim.options());
  assert.deepEqual([code, out.trim().split('\n').sort(), err],
    [0, ['by it', 'close', 'settled'], '']);
});
