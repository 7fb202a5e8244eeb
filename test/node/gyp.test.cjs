/* SPDX-License-Identifier: MIT */
/*
 * The package gcnotify-source: node-gyp compiles it without a network, from
 * nothing but its files and Node's headers, and what comes out streams.
 *
 * Environment: GCN_EXE, GCN_BUILD_DIR, GCN_VERSION, GCN_NODE_HEADERS (the
 * folder above include/node); GCN_NODE_LONG: with the optimiser, which takes
 * twice as long.
 */
'use strict';

const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');

const { startSim } = require('./sim.cjs');

const ROOT = path.resolve(__dirname, '../..');
const VERSION = process.env.GCN_VERSION;
const EVENTS = 20;

let folder;
let source;

/* npm brings node-gyp; Debian packs it beside npm. */
function findNodeGyp() {
  const global = execFileSync('npm', ['root', '-g'], { encoding: 'utf8' });
  const places = [path.join(global.trim(), 'npm/node_modules/node-gyp'),
    '/usr/share/nodejs/node-gyp'];
  const found = places.find((place) => fs.existsSync(place));
  assert.ok(found, `no node-gyp in ${places.join(' or ')}`);
  return path.join(found, 'bin/node-gyp.js');
}

function rebuild() {
  const home = path.join(folder, 'home');
  fs.mkdirSync(home);
  /* One job: other tests run beside it. */
  const env = { PATH: process.env.PATH, HOME: home };
  if (process.env.CC) env.CC = process.env.CC;
  if (!process.env.GCN_NODE_LONG) env.CFLAGS = '-O0';
  return spawnSync(process.execPath, [findNodeGyp(), 'rebuild',
    `--nodedir=${process.env.GCN_NODE_HEADERS}`,
    '--dist-url=http://127.0.0.1:1/'],
  { cwd: source, env, encoding: 'utf8', maxBuffer: 1 << 26 });
}

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gcn-gyp-'));
  execFileSync(process.execPath, [path.join(ROOT, 'src/node/pack.cjs'),
    '--build', process.env.GCN_BUILD_DIR, '--out', folder, '--source']);
  execFileSync('tar', ['-xzf', `gcnotify-source-${VERSION}.tgz`],
    { cwd: folder });
  source = path.join(folder, 'package');
  const { status, stdout, stderr } = rebuild();
  assert.equal(status, 0, `${stdout}${stderr}`.slice(-4000));
});

after(() => fs.rmSync(folder, { recursive: true, force: true }));

test('it carries the texts of all licences', () => {
  const text = fs.readFileSync(path.join(source, 'THIRD-PARTY.txt'), 'utf8');
  for (const name of fs.readdirSync(path.join(source, 'third_party'))) {
    const title = { mbedtls: 'Mbed TLS' }[name] || name;
    assert.match(text, new RegExp(`^${title}, `, 'm'));
  }
});

for (const kind of ['host', 'thread']) {
  test(`the ${kind}.node that it made streams`, async (t) => {
    const sim = await startSim(t, { tls: false, rate: '200/s' });
    const { count, reports } = await stream(kind, sim);
    assert.ok(count >= EVENTS, `${count} events`);
    assert.equal(reports.at(-1), 'close');
  });

  test(`the ${kind}.node that it made shows two symbols`, {
    skip: process.platform !== 'linux' && 'nm differs',
  }, () => {
    const output = execFileSync('nm', ['-D', '--defined-only',
      path.join(source, 'build/Release', `${kind}.node`)],
    { encoding: 'utf8' });
    assert.deepEqual(output.trim().split('\n').map((line) =>
      line.split(' ').at(-1)).sort(),
    ['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
  });
}

test('the loader takes it where GCN_BUILD_FROM_SOURCE asks for it', () => {
  const modules = path.join(folder, 'project/node_modules');
  fs.mkdirSync(path.join(modules, 'gcnotify'), { recursive: true });
  execFileSync('tar', ['-xzf',
    path.join(folder, `gcnotify-${VERSION}.tgz`),
    '--strip-components=1', '-C', path.join(modules, 'gcnotify')]);
  fs.symlinkSync(source, path.join(modules, 'gcnotify-source'));
  const script = 'const { NotificationClient } = require("gcnotify");' +
    'new NotificationClient({ accessToken: "t" }).close();' +
    'console.log(Object.keys(require.cache).filter((f) => /node$/.test(f)))';
  const run = spawnSync(process.execPath, ['-e', script], {
    cwd: path.dirname(modules), encoding: 'utf8',
    env: { PATH: process.env.PATH, GCN_BUILD_FROM_SOURCE: '1' },
  });
  assert.equal(run.status, 0, run.stderr);
  const wanted = path.join(source, 'build/Release/host.node');
  assert.ok(run.stdout.includes(wanted), run.stdout);
});

function stream(kind, sim) {
  const binding = require(path.join(source, 'build/Release', `${kind}.node`));
  assert.equal(binding.kind, kind);
  assert.equal(binding.version, VERSION);
  return new Promise((resolve) => {
    const reports = [];
    let count = 0;
    const client = new binding.Client({
      loginUrl: sim.url, apiUrl: sim.url, allowPlaintext: true, proxy: '',
      clientId: sim.clientId, clientSecret: sim.clientSecret,
    }, (type, numbers, ...texts) => {
      reports.push(type);
      if (type === 'close') resolve({ count, reports });
      if (type !== 'events' || count >= EVENTS) return;
      count += texts.length / binding.eventTexts;
      if (count >= EVENTS) client.close();
    });
    client.subscribe(sim.topics);
    client.start();
  });
}
