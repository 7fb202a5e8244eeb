/* SPDX-License-Identifier: MIT */
/*
 * Runs a program of the folder programs/ in a process of its own, to its end or
 * to its time limit, and tells all that it said.
 */
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const path = require('node:path');

const SLOWNESS = Number(process.env.GCN_TEST_SLOWNESS ?? 1);

class Child {
  #child;
  #watchers = new Set();

  constructor(name, { args = [], flags = [], input = '', env = {} }) {
    const file = path.join(__dirname, 'programs', name);
    this.out = '';
    this.err = '';
    /* A crash that is wanted leaves no core. */
    this.#child = spawn('/bin/sh', [
      '-c', 'ulimit -c 0; exec "$0" "$@"', process.execPath, ...flags, file,
      ...args.map(String),
    ], { env: { ...process.env, NODE_OPTIONS: '', ...env } });
    this.ended = this.#watch();
    this.#child.stdin.on('error', () => {}); /* it may not want to know */
    this.#child.stdin.end(input);
  }

  #watch() {
    const child = this.#child;
    for (const [stream, name] of [['stdout', 'out'], ['stderr', 'err']]) {
      child[stream].setEncoding('utf8');
      child[stream].on('data', (text) => {
        this[name] += text;
        for (const look of this.#watchers) look();
      });
    }
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({
        code, signal, out: this.out, err: this.err,
      }));
    });
  }

  /* When its standard output has `pattern` in it. */
  said(pattern) {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!pattern.test(this.out)) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      this.ended.then(({ err }) => reject(new Error(
        `it ended before it said ${pattern}:\n${this.out}${err}`)), reject);
      look();
    });
  }

  kill(signal) {
    return this.#child.kill(signal);
  }
}

/* `t.after` ends it if it is still there. */
function start(t, name, how = {}) {
  const child = new Child(name, how);
  const limit = setTimeout(
    () => child.kill('SIGKILL'), (how.limitMs ?? 30000) * SLOWNESS);
  child.ended.finally(() => clearTimeout(limit)).catch(() => {});
  t.after(async () => {
    child.kill('SIGKILL');
    await child.ended;
  });
  return child;
}

function run(t, name, how) {
  return start(t, name, how).ended;
}

/* It ended by itself, in order and in silence; returns its output. */
async function runClean(t, name, how) {
  const { code, signal, out, err } = await run(t, name, how);
  assert.deepEqual({ code, signal, err }, { code: 0, signal: null, err: '' },
    out);
  return out;
}

module.exports = { SLOWNESS, run, runClean, start };
