/* SPDX-License-Identifier: MIT */
/*
 * What people are told when the compiled half is not there: each reason in a
 * process of its own, with a copy of the package in a folder like theirs.
 */
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');

const { LIB } = require('./kit.cjs');
const { PLATFORMS, explain, kindOf, platformKey } =
  require(`${LIB}/loader.cjs`);

const SOURCE = path.resolve(__dirname, LIB, '..');
const KEY = platformKey();

/* Makes a client, and says why it could not. */
const PROGRAM = `
  const { NotificationClient, GenesysNotificationError } = require('gcnotify');
  try {
    const credentials = { clientId: 'x', clientSecret: 'y' };
    new NotificationClient({ credentials, ...OPTIONS }).close();
    console.log('loaded');
  } catch (error) {
    const { code, fatal, message } = error;
    const ours = error instanceof GenesysNotificationError;
    console.log(JSON.stringify({ code, fatal, message, ours }));
  }`;

function writePackage(folder, manifest) {
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(
    path.join(folder, 'package.json'), JSON.stringify(manifest));
}

/* An application's folder with the package, without an addon. */
function makeApplication(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gcn-loader-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const modules = path.join(folder, 'node_modules');
  fs.cpSync(path.join(SOURCE, 'lib'), path.join(modules, 'gcnotify', 'lib'),
    { recursive: true });
  fs.copyFileSync(path.join(SOURCE, 'package.json'),
    path.join(modules, 'gcnotify', 'package.json'));
  return { folder, modules };
}

function install({ modules }, key, files = {}) {
  const folder = path.join(modules, `gcnotify-${key}`);
  writePackage(folder, { name: `gcnotify-${key}`, version: '0.1.0' });
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  }
}

function run({ folder }, options = {}, more = {}) {
  const env = { ...process.env, ...more };
  if (!('GCN_NODE_BINDING_DIR' in more)) delete env.GCN_NODE_BINDING_DIR;
  const program = PROGRAM.replace('OPTIONS', JSON.stringify(options));
  const done = spawnSync(process.execPath, ['-e', program],
    { cwd: folder, env, encoding: 'utf8', timeout: 30000 });
  assert.equal(done.stderr, '');
  if (done.stdout.trim() === 'loaded') return 'loaded';
  const { ours, code, fatal, message } = JSON.parse(done.stdout);
  assert.deepEqual({ ours, code, fatal },
    { ours: true, code: 'ERR_GCN_CONFIG', fatal: true });
  return message;
}

test('no platform package at all', (t) => {
  const said = run(makeApplication(t));
  assert.match(said, new RegExp(`gcnotify-${KEY} is missing`));
  assert.match(said, /--omit=optional/);
  assert.match(said, /lock file from another operating system/);
  assert.match(said, /--include=optional/);
});

test('the package of another operating system', (t) => {
  const application = makeApplication(t);
  const other = KEY.startsWith('darwin') ? 'win32-x64' : 'darwin-arm64';
  install(application, other);
  const said = run(application);
  assert.match(said, new RegExp(`gcnotify-${KEY} is missing, but ` +
    `gcnotify-${other} is installed`));
  assert.match(said, /lock file come from another operating system/);
});

test('the package for another C library', () => {
  const said = explain('linux-x64-gnu', ['darwin-x64', 'linux-x64-musl']);
  assert.match(said, /gcnotify-linux-x64-gnu is missing/);
  assert.match(said, /C library is gnu.*installed for musl/);
  assert.match(said, /wrong libc/);
});

test('a platform nobody has built for', () => {
  const said = explain('sunos-x64', []);
  assert.match(said, /no package for this platform \(sunos-x64\)/);
  assert.match(said, /README/);
});

test('a platform that this version was not published for', () => {
  const said = explain('darwin-arm64', [], ['linux-x64-gnu']);
  assert.match(said, /no package for this platform \(darwin-arm64\)/);
  assert.doesNotMatch(said, /omit/);
});

test('a package without its file', (t) => {
  const application = makeApplication(t);
  install(application, KEY);
  const said = run(application);
  assert.match(said, /there is no .*host\.node; the package is damaged/);
  assert.match(run(application, { loop: 'thread' }), /thread\.node/);
});

test('a file that is no addon', (t) => {
  const application = makeApplication(t);
  install(application, KEY, { 'host.node': 'not an ELF file' });
  const said = run(application);
  assert.match(said, /cannot load its addon .*host\.node/);
  assert.match(said, /built for another system/);
  assert.doesNotMatch(said, /\n/);
});

test('a development folder that is wrong', (t) => {
  const application = makeApplication(t);
  const said = run(application, {}, { GCN_NODE_BINDING_DIR: 'nowhere' });
  assert.match(said, /no .*nowhere.host\.node; .* GCN_NODE_BINDING_DIR names/);
});

test('an addon of another version', (t) => {
  const application = makeApplication(t);
  const manifest = path.join(
    application.modules, 'gcnotify', 'package.json');
  const text = fs.readFileSync(manifest, 'utf8');
  fs.writeFileSync(manifest, text.replace('"0.1.0"', '"9.9.9"'));
  const said = run(application, {}, {
    GCN_NODE_BINDING_DIR: process.env.GCN_NODE_BINDING_DIR,
  });
  assert.match(said, /gcnotify is 9\.9\.9, but its addon in .* is 0\.1\.0/);
});

test('from source, but not there or not built', (t) => {
  const application = makeApplication(t);
  const wanted = { GCN_BUILD_FROM_SOURCE: '1' };
  assert.match(run(application, {}, wanted),
    /gcnotify-source is not installed. Run "npm install gcnotify-source@0\.1/);
  install(application, 'source');
  assert.match(run(application, {}, wanted),
    /no .*Release.host\.node; .*"npm rebuild gcnotify-source"/);
});

test('it loads where it is built', (t) => {
  const application = makeApplication(t);
  const { GCN_NODE_BINDING_DIR } = process.env;
  assert.equal(run(application, {}, { GCN_NODE_BINDING_DIR }), 'loaded');
  const addon = fs.readFileSync(path.join(GCN_NODE_BINDING_DIR, 'host.node'));
  install(application, KEY, { 'host.node': addon });
  assert.equal(run(application), 'loaded');
  install(application, 'source', { 'build/Release/host.node': addon });
  assert.equal(run(application, {}, { GCN_BUILD_FROM_SOURCE: '1' }), 'loaded');
});

test('the kind is chosen before anything is loaded', (t) => {
  assert.equal(kindOf('auto'), 'host');
  assert.equal(kindOf('thread'), 'thread');
  t.after(() => delete globalThis.Deno);
  globalThis.Deno = {};
  assert.equal(kindOf('auto'), 'thread');
  assert.throws(() => kindOf('host'), { code: 'ERR_GCN_CONFIG' });
  assert.ok(PLATFORMS.includes(KEY), KEY);
});
