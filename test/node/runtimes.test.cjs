/* SPDX-License-Identifier: MIT */
/*
 * The package in Bun and Deno, which have no libuv loop to give, and in other
 * versions of Node: installed as npm would do it, in processes of their own.
 *
 * An exception in a handler does the same everywhere: the client goes on if
 * somebody listens to uncaughtException, else the process ends with status 1.
 *
 * GCN_NODE_MAJORS is which versions of Node: "18 26", or any of those that
 * runtimes/package.json pins.  The one that runs this need not be downloaded.
 */
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');

const { SLOWNESS } = require('./child.cjs');
const { LIB } = require('./kit.cjs');
const { EXIT_CODE, LONG, ROUNDS, SHORT, THROWN } =
  require('./runtimes/tasks.cjs');
const { installRuntime } = require('./runtimes/install.cjs');
const { dependencies } = require('./runtimes/package.json');
const { startSim } = require('./sim.cjs');

const { platformKey } = require(`${LIB}/loader.cjs`);
const { version } = require(`${LIB}/../package.json`);

const PLATFORM = 'linux-x64-gnu';
const OTHERS = ['bun', 'deno'];
const MAJORS = (process.env.GCN_NODE_MAJORS ?? '18 26').split(/[ ,]+/);
const LIMIT_MS = 20000;
const RESET = 'after event 30 tcp.reset';

/* Between the program and its script. */
const FLAGS = { deno: ['run', '--no-lock', '--allow-all'] };
/* With no more permissions than the package needs. */
const LEAST = {
  deno: ['run', '--no-lock', '--no-prompt', '--allow-ffi', '--allow-read',
    '--allow-env'],
};

const isHere = platformKey() === PLATFORM;
const unless = isHere ? {} : {
  skip: `runtimes are tested on ${PLATFORM}, this is ${platformKey()}`,
};
const programs = new Map();
let application;
let whole;
let bare;

function copyInto(folder, from, names) {
  fs.mkdirSync(folder, { recursive: true });
  for (const name of names) {
    fs.cpSync(path.join(from, name), path.join(folder, name),
      { recursive: true });
  }
}

function writeManifest(folder, manifest) {
  fs.writeFileSync(
    path.join(folder, 'package.json'), JSON.stringify(manifest));
}

/* A folder with the programs and the package, without its addon. Deno takes an
 * import for what it is only if the folder's package.json names it. */
function makeBare(folder) {
  copyInto(folder, path.join(__dirname, 'runtimes'),
    ['program.cjs', 'program.mjs', 'tasks.cjs']);
  copyInto(path.join(folder, 'node_modules/gcnotify'),
    path.resolve(__dirname, LIB, '..'), ['package.json', 'lib']);
  writeManifest(folder, { dependencies: { gcnotify: version } });
}

/* The same, and the package for this platform. */
function makeApplication(folder) {
  makeBare(folder);
  const name = `gcnotify-${PLATFORM}`;
  const addon = path.join(folder, 'node_modules', name);
  copyInto(addon, process.env.GCN_NODE_BINDING_DIR,
    ['host.node', 'thread.node']);
  writeManifest(addon, { name, version });
}

before(() => {
  application = fs.mkdtempSync(path.join(os.tmpdir(), 'gcn-runtimes-'));
  whole = path.join(application, 'whole');
  bare = path.join(application, 'bare');
  makeApplication(whole);
  makeBare(bare);
});

after(() => fs.rmSync(application, { recursive: true, force: true }));

function programOf(name) {
  const [major] = process.versions.node.split('.');
  if (name === `node${major}`) return process.execPath;
  if (!programs.has(name)) programs.set(name, installRuntime(name));
  return programs.get(name);
}

/* Nothing of Node's or of a user's: they find the addon by themselves, ask
 * nobody for updates and leave nothing behind. */
function environment() {
  const { PATH } = process.env;
  return {
    PATH, HOME: application, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1',
    DENO_DIR: path.join(application, 'deno'),
    BUN_INSTALL_CACHE_DIR: path.join(application, 'bun'),
    DO_NOT_TRACK: '1',
  };
}

/* To its end or its limit: {code, signal, out, err}. */
async function run(t, name, task, job, how = {}) {
  const { script = 'program.cjs', where = whole, flags = FLAGS } = how;
  const file = path.join(where, script);
  const args = [...flags[name] ?? [], file, task, JSON.stringify(job)];
  const child = spawn('/bin/sh', [
    '-c', 'ulimit -c 0; exec "$0" "$@"', await programOf(name), ...args,
  ], {
    cwd: path.dirname(file), env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS * SLOWNESS);
  t.after(() => child.kill('SIGKILL'));
  const said = { out: '', err: '' };
  for (const [stream, key] of [['stdout', 'out'], ['stderr', 'err']]) {
    child[stream].setEncoding('utf8');
    child[stream].on('data', (text) => { said[key] += text; });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(limit);
      resolve({ code, signal, ...said });
    });
  });
}

/* It ended by itself, in order and in silence; returns what it said. */
async function runClean(...what) {
  const { code, signal, out, err } = await run(...what);
  assert.deepEqual({ code, signal, err }, { code: 0, signal: null, err: '' },
    out);
  return JSON.parse(out);
}

async function startJob(t, wanted, more) {
  const sim = await startSim(t, { rate: '200/s', ...wanted });
  return { options: sim.options(more), topics: sim.topics };
}

/* The simulator counts its events at the end of their ids. */
function numberOf(id) {
  return parseInt(id.slice(-12), 16);
}

/* Each once and in order; none is missing but where the stream broke. */
function checkEvents({ events, gaps }, topics) {
  assert.deepEqual(
    events.map(([seq]) => seq), Array.from({ length: LONG }, (_, i) => i + 1));
  assert.ok(events.every(([, , type]) => type === 'object'));
  const steps = events.slice(1).map(
    ([, id], i) => numberOf(id) - numberOf(events[i][1]));
  assert.ok(steps.every((step) => step >= 1), `${steps}`);
  assert.ok(steps.filter((step) => step > 1).length <= 1, `${steps}`);
  assert.equal(gaps.length, 1);
  const [{ certainty, isInOrder }] = gaps;
  assert.deepEqual({ certainty, isInOrder },
    { certainty: 'blind', isInOrder: true });
  assert.deepEqual([...gaps[0].topics].sort(), [...topics].sort());
}

async function checkStream(t, name, kind, { loop, script }) {
  const job = await startJob(t, { faults: [RESET] }, { loop });
  const told = await runClean(t, name, 'stream', job, { script });
  checkEvents(told, job.topics);
  assert.deepEqual(told.loaded, [kind]);
  assert.equal(told.version, version);
  assert.deepEqual([...told.topics].sort(), [...job.topics].sort());
  assert.equal(told.opens, 2);
  assert.ok(told.asked >= 1, 'asked for credentials');
  assert.ok(told.notified >= LONG);
  const { state, gaps, events } = told.stats;
  assert.deepEqual({ state, gaps }, { state: 'streaming', gaps: 1 });
  assert.ok(events >= LONG);
  assert.equal(told.closeCode, 1000);
}

/* --- Bun and Deno --------------------------------------------------------- */

for (const name of isHere ? OTHERS : []) {
  for (const script of ['program.cjs', 'program.mjs']) {
    test(`${name} streams on a thread: ${script}`, (t) =>
      checkStream(t, name, 'thread', { loop: 'auto', script }));
  }

  test(`${name}: tokens by a hook`, async (t) => {
    const job = await startJob(t, { tls: false });
    assert.deepEqual(await runClean(t, name, 'token', job), {
      count: SHORT, asked: [{ reason: 'initial', attempt: 1 }],
    });
  });

  test(`${name}: clients one after the other`, async (t) => {
    const { counts } = await runClean(
      t, name, 'rounds', await startJob(t), { flags: LEAST });
    assert.deepEqual(counts, Array(ROUNDS).fill([SHORT, 1000]));
  });

  test(`${name}: an exception in a handler that is heard`, async (t) => {
    assert.deepEqual(await runClean(t, name, 'heard', await startJob(t)), {
      count: SHORT, heard: [THROWN], code: 1000,
    });
  });

  test(`${name}: an exception in a handler that is not`, async (t) => {
    const { code, signal, err } =
      await run(t, name, 'unheard', await startJob(t));
    assert.deepEqual({ code, signal }, { code: 1, signal: null }, err);
    assert.ok(err.includes(THROWN), err);
  });

  test(`${name}: an unref'd client holds nobody`, async (t) => {
    assert.deepEqual(await runClean(t, name, 'unref', await startJob(t)), {
      count: SHORT, state: 'streaming',
    });
  });

  test(`${name}: process.exit() in a handler`, async (t) => {
    const { code, signal, err } = await run(t, name, 'exit', await startJob(t));
    assert.deepEqual({ code, signal, err },
      { code: EXIT_CODE, signal: null, err: '' });
  });

  test(`${name}: workers`, async (t) => {
    assert.deepEqual(await runClean(t, name, 'worker', await startJob(t)), {
      count: SHORT, workers: Array(3).fill({ count: SHORT }),
    });
  });

  test(`${name}: its loop is not there to be used`, async (t) => {
    const job = await startJob(t, {}, { loop: 'host' });
    const told = await runClean(t, name, 'make', job);
    assert.equal(told.name, 'GenesysNotificationError');
    assert.equal(told.code, 'ERR_GCN_CONFIG');
    assert.match(told.message, /`loop`: 'host' needs a libuv loop/);
    assert.deepEqual(told.loaded, [], 'said before anything is loaded');
  });

  test(`${name}: the addon is missing`, async (t) => {
    const told = await runClean(
      t, name, 'make', await startJob(t), { where: bare });
    assert.equal(told.code, 'ERR_GCN_CONFIG');
    assert.match(told.message, new RegExp(`gcnotify-${PLATFORM} is missing`));
    assert.match(told.message, /optional/);
  });
}

/* --- other versions of Node ----------------------------------------------- */

for (const major of isHere ? MAJORS : []) {
  for (const kind of ['host', 'thread']) {
    for (const script of ['program.cjs', 'program.mjs']) {
      test(`Node ${major} streams: ${kind}, ${script}`, (t) =>
        checkStream(t, `node${major}`, kind, { loop: kind, script }));
    }
  }
}

/* Takes the runtime at its word. */
async function versionOf(name) {
  const child = spawn(await programOf(name), ['--version'],
    { env: environment(), stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (text) => { said += text; });
  await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return said.match(/\d+\.\d+\.\d+/)[0];
}

test('they are the versions that are pinned', unless, async (t) => {
  for (const name of [...OTHERS, ...MAJORS.map((major) => `node${major}`)]) {
    const said = await versionOf(name);
    t.diagnostic(`${name} is ${said}`);
    if (await programOf(name) === process.execPath) continue;
    assert.ok(dependencies[name].endsWith(`@${said}`), dependencies[name]);
  }
});
