/* SPDX-License-Identifier: MIT */
/*
 * The types as TypeScript sees them in an application that uses the package,
 * once as a CommonJS and once as an ES module.
 */
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { before, test } = require('node:test');

const { LIB } = require('./kit.cjs');

const SOURCE = path.resolve(__dirname, LIB, '..');
const FOLDER = path.join(process.env.GCN_BUILD_DIR ?? '', 'test/node/types');
const MODULES = path.join(FOLDER, 'node_modules');

const STRICT = ['--noEmit', '--strict', '--exactOptionalPropertyTypes',
  '--noUncheckedIndexedAccess', '--module', 'node16', '--types', 'node',
  '--pretty', 'false'];

function run(program, args) {
  const done = spawnSync(program, args, {
    cwd: FOLDER, encoding: 'utf8', timeout: 240000,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = `${done.error ?? ''}${done.stdout}${done.stderr}`;
  assert.equal(done.status, 0, said);
}

/* Once for each set of pinned packages. */
function installPackages() {
  const manifest = fs.readFileSync(path.join(__dirname, 'package.json'));
  const wanted = createHash('sha256').update(manifest).digest('hex');
  const mark = path.join(FOLDER, 'installed');
  if (fs.existsSync(mark) && fs.readFileSync(mark, 'utf8') === wanted) return;
  fs.writeFileSync(path.join(FOLDER, 'package.json'), manifest);
  run('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock',
    '--ignore-scripts', '--loglevel=error']);
  fs.writeFileSync(mark, wanted);
}

function installOurs() {
  const ours = path.join(MODULES, 'gcnotify');
  fs.rmSync(ours, { recursive: true, force: true });
  fs.cpSync(path.join(SOURCE, 'lib'), path.join(ours, 'lib'),
    { recursive: true });
  fs.copyFileSync(path.join(SOURCE, 'package.json'),
    path.join(ours, 'package.json'));
  for (const name of ['sample', 'using']) {
    const from = path.join(__dirname, 'types', `${name}.ts`);
    for (const kind of ['cts', 'mts']) {
      fs.copyFileSync(from, path.join(FOLDER, `${name}.${kind}`));
    }
  }
}

before(() => {
  assert.ok(process.env.GCN_BUILD_DIR, 'GCN_BUILD_DIR must be set');
  fs.mkdirSync(FOLDER, { recursive: true });
  installPackages();
  installOurs();
});

function compile(...args) {
  const compiler = path.join(MODULES, 'typescript', 'bin', 'tsc');
  run(process.execPath, [compiler, ...STRICT, ...args]);
}

test('the sample compiles, and what must not does not', () => {
  compile('--target', 'es2022', '--lib', 'es2022', 'sample.cts', 'sample.mts');
});

test('await using', () => {
  compile('--target', 'es2022', '--lib', 'es2022,esnext.disposable',
    '--skipLibCheck', 'using.cts', 'using.mts');
});
