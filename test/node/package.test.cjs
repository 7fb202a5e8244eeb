/* SPDX-License-Identifier: MIT */
/*
 * The packages as a user gets them: what is in them, that they install without
 * a registry and without scripts, work from there, and say what is missing.
 *
 * Environment: GCN_EXE, GCN_BUILD_DIR (packed from), GCN_VERSION.
 */
'use strict';

const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');

const { startSim } = require('./sim.cjs');
const { platformKey } = require('../../src/node/lib/loader.cjs');

const ROOT = path.resolve(__dirname, '../..');
const BUILD = process.env.GCN_BUILD_DIR;
const VERSION = process.env.GCN_VERSION;
const PLATFORM = platformKey();
const EVENTS = 5;

const STREAM = `
  const options = JSON.parse(process.env.TEST_OPTIONS);
  const topics = JSON.parse(process.env.TEST_TOPICS);
  async function stream() {
    const client = new NotificationClient(options);
    await client.connect();
    await client.subscribe(topics);
    let count = 0;
    for await (const event of client.events()) {
      if (!topics.includes(event.topicName)) throw new Error('a foreign topic');
      if (++count === ${EVENTS}) break;
    }
    await client.close();
    console.log('streamed', count);
  }
  stream();
`;

let folder;
let packed;

/* npm as if it were new here: nothing configured or cached, no network. */
function npmEnvironment(home) {
  const env = { PATH: process.env.PATH, HOME: home };
  const settings = { cache: path.join(home, 'cache'), registry:
    'http://127.0.0.1:1/', userconfig: path.join(home, 'npmrc'),
  globalconfig: path.join(home, 'globalrc'), offline: 'true', audit: 'false',
  fund: 'false', update_notifier: 'false', loglevel: 'error' };
  for (const [key, value] of Object.entries(settings)) {
    env[`npm_config_${key}`] = value;
  }
  return env;
}

function makeFolder(name) {
  return fs.mkdtempSync(path.join(folder, `${name}-`));
}

function pack(out, ...more) {
  return spawnSync(process.execPath, [path.join(ROOT, 'src/node/pack.cjs'),
    '--build', BUILD, '--out', out, ...more], { encoding: 'utf8' });
}

function packOrFail(out, ...more) {
  const { status, stdout, stderr } = pack(out, ...more);
  assert.equal(status, 0, stderr);
  return stdout.trim().split('\n').map((line) => line.split('  '));
}

const tarball = (name) => path.join(packed, `${name}-${VERSION}.tgz`);

function install(tarballs, ...flags) {
  const project = makeFolder('project');
  fs.writeFileSync(path.join(project, 'package.json'), '{"private": true}\n');
  const done = spawnSync('npm', ['install', ...flags, ...tarballs], {
    cwd: project, env: npmEnvironment(makeFolder('home')), encoding: 'utf8',
  });
  return { project, ...done };
}

function installOrFail(tarballs, ...flags) {
  const { project, status, stderr } = install(tarballs, ...flags);
  assert.equal(status, 0, stderr);
  return project;
}

function run(project, name, source, env = {}) {
  fs.writeFileSync(path.join(project, name), source);
  /* Nothing of the build: what is installed has to be found. */
  const clean = { PATH: process.env.PATH, HOME: project, ...env };
  return spawnSync(process.execPath, [name], { cwd: project, env: clean,
    encoding: 'utf8', timeout: 60000 });
}

/* [[mode, path]] of a tarball. */
function listing(file) {
  const lines = execFileSync('tar', ['-tvzf', file], { encoding: 'utf8' });
  return lines.trim().split('\n').map((line) => {
    const words = line.split(/\s+/);
    return [words[0], words.at(-1)];
  });
}

function manifestOf(name) {
  return JSON.parse(execFileSync('tar',
    ['-xzOf', tarball(name), 'package/package.json'], { encoding: 'utf8' }));
}

function loadError(project) {
  const { status, stderr } = run(project, 'load.cjs',
    'const { NotificationClient } = require("gcnotify");' +
    'new NotificationClient({ environment: "eu-central-1" });');
  assert.equal(status, 1, 'it loads');
  return stderr;
}

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gcn-package-'));
  packed = makeFolder('packed');
  packOrFail(packed);
});

after(() => fs.rmSync(folder, { recursive: true, force: true }));

test('the same build gives the same bytes', () => {
  const first = packOrFail(makeFolder('packed'));
  const second = packOrFail(makeFolder('packed'));
  assert.equal(first.length, 2);
  assert.deepEqual(first, second);
});

test('the loader package holds JavaScript and nothing else', () => {
  const files = listing(tarball('gcnotify')).map(([, name]) => name).sort();
  const wanted = ['LICENSE', 'README.md', 'package.json',
    ...fs.readdirSync(path.join(ROOT, 'src/node/lib'))
      .map((name) => `lib/${name}`)];
  assert.deepEqual(files, wanted.map((name) => `package/${name}`).sort());
  for (const name of files.filter((one) => one.includes('/lib/'))) {
    assert.match(name, /\.(cjs|mjs|d\.ts|d\.mts)$/);
  }
});

test('the platform package holds the two binaries and the notices', () => {
  const files = listing(tarball(`gcnotify-${PLATFORM}`));
  assert.deepEqual(files.map(([, name]) => name.slice(8)).sort(), ['LICENSE',
    'README.md', 'THIRD-PARTY.txt', 'host.node', 'package.json',
    'thread.node']);
});

test('nothing but a binary is executable, and nothing is a link', () => {
  for (const name of ['gcnotify', `gcnotify-${PLATFORM}`]) {
    for (const [mode, file] of listing(tarball(name))) {
      assert.match(mode, file.endsWith('.node') ? /^-rw[-x]r-[-x]r-[-x]$/
        : /^-rw-r--r--$/, file);
    }
  }
});

test('all packages have one version and ask for exactly each other', () => {
  const loader = manifestOf('gcnotify');
  const platform = manifestOf(`gcnotify-${PLATFORM}`);
  assert.equal(loader.version, VERSION);
  assert.equal(platform.version, VERSION);
  assert.deepEqual(loader.optionalDependencies,
    { [`gcnotify-${PLATFORM}`]: VERSION });
});

test('no package depends on others or runs anything on installation', () => {
  for (const name of ['gcnotify', `gcnotify-${PLATFORM}`]) {
    const manifest = manifestOf(name);
    for (const key of ['scripts', 'dependencies', 'peerDependencies',
      'devDependencies', 'bundleDependencies', 'gypfile', 'bin']) {
      assert.equal(manifest[key], undefined, `${name} has ${key}`);
    }
  }
});

test('the platform package installs on its platform only', () => {
  const { os: systems, cpu, libc } = manifestOf(`gcnotify-${PLATFORM}`);
  const [system, processor, clib] = PLATFORM.split('-');
  assert.deepEqual(systems, [system]);
  assert.deepEqual(cpu, [processor]);
  assert.deepEqual(libc, { gnu: ['glibc'], musl: ['musl'] }[clib]);
});

test('the notices name all that is linked in, with its terms', () => {
  const text = execFileSync('tar', ['-xzOf', tarball(`gcnotify-${PLATFORM}`),
    'package/THIRD-PARTY.txt'], { encoding: 'utf8' });
  for (const words of ['Mbed TLS, used under the Apache License, Version 2.0',
    'TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION',
    'Fedor Indutny', 'Tatsuhiro Tsujikawa', 'Petri Lehtinen',
    'libuv project contributors', 'Niels Provos']) {
    assert.ok(text.includes(words), words);
  }
  assert.ok(!text.includes('GNU GENERAL PUBLIC LICENSE'));
  const granted = text.match(/Permission is hereby granted, free of charge/g);
  assert.ok(granted.length >= 4, `${granted.length} grants`);
});

test('the binaries carry no debug information and no path', () => {
  const place = makeFolder('binaries');
  execFileSync('tar', ['-xzf', tarball(`gcnotify-${PLATFORM}`), '-C', place]);
  for (const kind of ['host.node', 'thread.node']) {
    const bytes = fs.readFileSync(path.join(place, 'package', kind));
    assert.ok(!bytes.includes('.debug_info'), kind);
    for (const source of [path.join(ROOT, 'src/'), path.join(ROOT, 'deps/'),
      path.join(BUILD, 'src/')]) {
      assert.ok(!bytes.includes(source), `${kind} names ${source}`);
    }
  }
});

test('installed offline it streams, required and imported', async (t) => {
  const project = installOrFail(
    [tarball('gcnotify'), tarball(`gcnotify-${PLATFORM}`)]);
  const sim = await startSim(t, { rate: '100/s' });
  for (const loop of ['host', 'thread']) {
    const env = { TEST_OPTIONS: JSON.stringify(sim.options({ loop })),
      TEST_TOPICS: JSON.stringify(sim.topics) };
    for (const [name, head] of [
      ['stream.cjs', 'const { NotificationClient } = require("gcnotify");'],
      ['stream.mjs', 'import { NotificationClient } from "gcnotify";']]) {
      const { status, stdout, stderr } = run(project, name, head + STREAM, env);
      assert.equal(status, 0, `${name}, ${loop}: ${stderr}`);
      assert.equal(stdout, `streamed ${EVENTS}\n`, `${name}, ${loop}`);
    }
  }
});

test('without optional dependencies the error says so', () => {
  const project = installOrFail([tarball('gcnotify')], '--omit=optional');
  const said = loadError(project);
  assert.match(said, new RegExp(`gcnotify-${PLATFORM} is missing`));
  assert.match(said, /--omit=optional/);
});

test('a package for another C library is named in the error', {
  skip: process.platform !== 'linux' && 'there is one C library here',
}, () => {
  const project = installOrFail([tarball('gcnotify')], '--omit=optional');
  const other = PLATFORM.endsWith('gnu') ? 'musl' : 'gnu';
  addPackage(project, `linux-${process.arch}-${other}`);
  const said = loadError(project);
  assert.match(said, /libc/);
  assert.match(said,
    new RegExp(`gcnotify-linux-${process.arch}-${other} is installed`));
});

test('a package for another system is named in the error', () => {
  const project = installOrFail([tarball('gcnotify')], '--omit=optional');
  const other = process.platform === 'darwin' ? 'linux-x64-gnu' : 'darwin-x64';
  addPackage(project, other);
  const said = loadError(project);
  assert.match(said, new RegExp(`gcnotify-${other} is installed`));
  assert.match(said, /operating system/);
});

function addPackage(project, platform) {
  const place = path.join(project, 'node_modules', `gcnotify-${platform}`);
  fs.mkdirSync(place, { recursive: true });
  fs.writeFileSync(path.join(place, 'package.json'),
    JSON.stringify({ name: `gcnotify-${platform}`, version: VERSION }));
}

test('npm refuses a package for another processor', {
  skip: process.platform !== 'linux' && 'the binary is made from an ELF file',
}, () => {
  const { out, other } = packForeign();
  const file = path.join(out, `gcnotify-${other}-${VERSION}.tgz`);
  const { status, stderr } = install([file]);
  assert.notEqual(status, 0);
  assert.match(stderr, /EBADPLATFORM/);
});

test('a release with several platforms asks for all of them', {
  skip: process.platform !== 'linux' && 'the binary is made from an ELF file',
}, () => {
  const { out, other } = packForeign();
  const manifest = JSON.parse(execFileSync('tar',
    ['-xzOf', path.join(out, `gcnotify-${VERSION}.tgz`),
      'package/package.json'], { encoding: 'utf8' }));
  assert.deepEqual(manifest.optionalDependencies,
    { [`gcnotify-${PLATFORM}`]: VERSION, [`gcnotify-${other}`]: VERSION });
});

/* Binaries that say they are for the other processor. */
function packForeign() {
  const other = PLATFORM.replace(process.arch,
    process.arch === 'x64' ? 'arm64' : 'x64');
  const from = makeFolder('foreign');
  for (const kind of ['host.node', 'thread.node']) {
    const bytes = fs.readFileSync(path.join(BUILD, 'src/node', kind));
    bytes.writeUInt16LE(process.arch === 'x64' ? 183 : 62, 18);
    fs.writeFileSync(path.join(from, kind), bytes);
  }
  const out = makeFolder('packed');
  packOrFail(out, '--binary', `${other}=${from}`);
  return { out, other };
}

test('a binary is not packed under another name', () => {
  const other = PLATFORM.replace(process.arch,
    process.arch === 'x64' ? 'arm64' : 'x64');
  const { status, stderr } = pack(makeFolder('packed'), '--binary',
    `${other}=${path.join(BUILD, 'src/node')}`);
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`is for ${PLATFORM}, not for ${other}`));
});
