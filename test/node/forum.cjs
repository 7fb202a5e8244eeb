/* SPDX-License-Identifier: MIT */
/*
 * Runs one of the programs of test/examples/node as an application would have
 * it: in a folder of its own with settings.json and node_modules.
 *
 *   const app = await startProgram(t, 'vault.cjs', { settings: {...} });
 *   await app.until(() => app.events.length > 40, 'forty events');
 *   assert.deepEqual(await app.end(), { code: 0, signal: null });
 *
 * It lives no longer than its test.
 */
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');

const { soon } = require('./kit.cjs');

const PROGRAMS = path.resolve(__dirname, '../examples/node');
const PACKAGE = path.resolve(__dirname, '../../src/node');

const LIMIT_MS = 20000;
const END_MS = 5000;

/* Packages by name: the application finds them where they are. */
function linkModules(folder, modules) {
  const place = path.join(folder, 'node_modules');
  fs.mkdirSync(place);
  for (const [name, where] of Object.entries(modules)) {
    fs.symlinkSync(where, path.join(place, name), 'junction');
  }
}

/* The folder of the application; `modules`: more packages, by name. */
function makeFolder(name, { settings, modules = {} }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gcn-forum-'));
  const file = path.join(folder, path.basename(name));
  fs.copyFileSync(path.join(PROGRAMS, name), file);
  fs.writeFileSync(
    path.join(folder, 'settings.json'), JSON.stringify(settings));
  linkModules(folder, { gcnotify: PACKAGE, ...modules });
  return { folder, file };
}

class Program {
  #child;
  #folder;
  #ended;
  #watchers = new Set();

  constructor(name, wanted) {
    const { folder, file } = makeFolder(name, wanted);
    this.#folder = folder;
    this.events = []; /* [{id, event}] */
    this.lines = []; /* of its standard error */
    this.#child = spawn(process.execPath, [file], {
      cwd: folder, env: wanted.env, stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#read(this.#child.stdout, (line) => this.#heard(line));
    this.#read(this.#child.stderr, (line) => this.lines.push(line));
    const killer = () => this.#child.kill('SIGKILL');
    process.once('exit', killer);
    this.#ended = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        process.removeListener('exit', killer);
        resolve({ code, signal });
      });
    });
  }

  #read(stream, take) {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      lines.forEach(take);
      for (const look of this.#watchers) look();
    });
  }

  #heard(line) {
    const [, id, text] = /^event (\S+) (.*)$/.exec(line) ?? [];
    assert.ok(id, `an unexpected line: ${line}`);
    this.events.push({ id, event: JSON.parse(text) });
  }

  /* Those of its lines that begin so, in words. */
  said(word) {
    return this.lines.map((line) => line.split(' '))
      .filter(([first]) => first === word);
  }

  /* What the simulator counts its events by, as they came. */
  get numbers() {
    return this.events.map(({ event }) => event.eventBody.sequence ??
      parseInt(event.metadata.CorrelationId.split('-')[4], 16));
  }

  get #isRunning() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async until(condition, what, limitMs = LIMIT_MS) {
    let look;
    const met = new Promise((resolve, reject) => {
      look = () => {
        if (condition()) resolve();
        else if (!this.#isRunning) reject(new Error(`it ended before ${what}`));
      };
      this.#watchers.add(look);
      void this.#ended.then(look);
      look();
    });
    try {
      await soon(met, what, limitMs);
    } catch (error) {
      error.message += `\n${this.lines.join('\n')}`;
      throw error;
    } finally {
      this.#watchers.delete(look);
    }
  }

  /* So many more events than now. */
  async more(count) {
    const wanted = this.events.length + count;
    await this.until(() => this.events.length >= wanted, `${count} events`);
  }

  /* How it ended, by itself. */
  ended() {
    return soon(this.#ended, 'the end of the program', LIMIT_MS);
  }

  /* As a supervisor ends it. */
  async end() {
    if (this.#isRunning) this.#child.kill('SIGTERM');
    return soon(this.#ended, 'the end of the program', END_MS);
  }

  async kill() {
    if (this.#isRunning) this.#child.kill('SIGKILL');
    await this.#ended;
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }
}

/* `wanted`: settings, env, modules. */
function startProgram(t, name, wanted) {
  const program = new Program(name, wanted);
  t.after(() => program.kill());
  return program;
}

/* What a program finds in settings.json and its environment. */
function settingsOf(sim, more = {}, others = {}) {
  const options = sim.options(more);
  delete options.credentials;
  return {
    settings: { options, topics: sim.topics, ...others },
    env: sim.env,
  };
}

/* Each event came once and in order; returns how many are missing between the
 * first and the last, which must be in one piece at most. */
function missingOf(numbers) {
  const holes = [];
  for (let i = 1; i < numbers.length; i++) {
    const step = numbers[i] - numbers[i - 1];
    assert.ok(step > 0, `${numbers[i]} after ${numbers[i - 1]}`);
    if (step > 1) holes.push(step - 1);
  }
  assert.ok(holes.length <= 1, `holes of ${holes.join(', ')}`);
  return holes[0] ?? 0;
}

/* Requests in the simulator's log as they came: "POST /oauth/token 200". */
function requestsOf(log) {
  const line = / #\d+ ([A-Z]+) (\S+): (\d+)/g;
  return Array.from(log.matchAll(line), ([, ...words]) => words.join(' '));
}

/* The simulator's own word on what no client may do. */
function checkManners({ code, report, log }) {
  assert.equal(code, 0, log);
  for (const [name, { early, crowded }] of Object.entries(report.endpoints)) {
    assert.equal(early, 0, `${name}: before the wait was over`);
    assert.equal(crowded, 0, `${name}: right behind one another`);
  }
  assert.equal(report.counters.channels_evicted, 0);
}

/* A test that mostly waits: all of a file begin at once. */
function waiting(name, body) {
  const ends = [];
  const run = async () => {
    try {
      await body({ after: (end) => ends.push(end) });
    } finally {
      for (const end of ends.reverse()) await end();
    }
  };
  const running = run();
  running.catch(() => {}); /* told below */
  test(name, () => running);
}

const ENDED = { code: 0, signal: null };

module.exports = {
  ENDED, PACKAGE, PROGRAMS, checkManners, linkModules, missingOf, requestsOf,
  settingsOf, startProgram, waiting,
};
