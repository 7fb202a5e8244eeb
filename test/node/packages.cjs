/* SPDX-License-Identifier: MIT */
/*
 * Installs the packages of package.json, which pins them, into a folder of the
 * build directory: once for each version of that file, no scripts run.
 */
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const LIMIT_MS = 240000;

/* `name`: a folder that no other test installs into at the same time. Returns
 * the node_modules in it. */
function installPackages(name) {
  assert.ok(process.env.GCN_BUILD_DIR, 'GCN_BUILD_DIR must be set');
  const folder = path.join(process.env.GCN_BUILD_DIR, 'test/node', name);
  const modules = path.join(folder, 'node_modules');
  const mark = path.join(folder, 'installed');
  const manifest = fs.readFileSync(path.join(__dirname, 'package.json'));
  const wanted = createHash('sha256').update(manifest).digest('hex');
  fs.mkdirSync(folder, { recursive: true });
  if (fs.existsSync(mark) && fs.readFileSync(mark, 'utf8') === wanted) {
    return modules;
  }
  fs.writeFileSync(path.join(folder, 'package.json'), manifest);
  const done = spawnSync('npm', ['install', '--no-audit', '--no-fund',
    '--no-package-lock', '--ignore-scripts', '--loglevel=error'], {
    cwd: folder, encoding: 'utf8', timeout: LIMIT_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  assert.equal(
    done.status, 0, `${done.error ?? ''}${done.stdout}${done.stderr}`);
  fs.writeFileSync(mark, wanted);
  return modules;
}

module.exports = { installPackages };
