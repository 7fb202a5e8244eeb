/* SPDX-License-Identifier: MIT */
/*
 * Gets a runtime of package.json, which pins them, into a folder of its own in
 * the build directory: once for each version.  They are plain programs inside
 * of npm packages, so no script has to run.
 */
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const { dependencies } = require('./package.json');

const LIMIT_MS = 240000;
const FLAGS = [
  'install', '--ignore-scripts', '--no-audit', '--no-fund',
  '--no-package-lock', '--prefer-offline', '--loglevel=error',
];

const PROGRAMS = { bun: 'bin/bun', deno: 'deno' };

function readIfThere(file) {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
}

/* {code, said} of npm in that folder. */
function runNpm(folder) {
  const child = spawn('npm', FLAGS, {
    cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => { said += text; });
  }
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: -1, said: `${error}` }));
    child.once('close', (code) => resolve({ code, said }));
  });
}

/* The path of the program. */
async function installRuntime(name) {
  assert.ok(process.env.GCN_BUILD_DIR, 'GCN_BUILD_DIR must be set');
  const wanted = dependencies[name];
  assert.ok(wanted, `package.json pins no runtime with the name ${name}`);
  const folder = path.join(
    process.env.GCN_BUILD_DIR, 'test/node/runtimes', name);
  const mark = path.join(folder, 'installed');
  const program = path.join(
    folder, 'node_modules', name, PROGRAMS[name] ?? 'bin/node');
  if (readIfThere(mark) === wanted) return program;
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify({
    private: true, dependencies: { [name]: wanted },
  }));
  const { code, said } = await runNpm(folder);
  assert.ok(code === 0 && fs.existsSync(program),
    `${name} (${wanted}) could not be downloaded: npm ended with ${code}; ` +
    `this test needs the package registry, or npm's cache of it.\n${said}`);
  fs.writeFileSync(mark, wanted);
  return program;
}

module.exports = { installRuntime };
