/* SPDX-License-Identifier: MIT */
/*
 * Starts `gcn sim` for a test and ends it again, by its pid.
 *
 *   const { startSim } = require('./sim.cjs');
 *
 *   test('...', async (t) => {
 *     const sim = await startSim(t, {
 *       tls: false,                  // default: true, with its own authority
 *       rate: '50/s',                // default: 20/s
 *       topics: 3,                   // sim.topics: so many names; default 3
 *       faults: ['after event 10 tcp.reset'],
 *       args: ['--token-life', '4s'],
 *     });
 *     const client = new NotificationClient(sim.options({ ... }));
 *     await sim.logged(/tcp\.reset/); // a line of its standard error
 *     const { code, report } = await sim.stop(); // else the test's end does it
 *   });
 *
 * The program is the environment variable GCN_EXE.  `t` is a test's context or
 * anything with after(function); without one, call stop().  sim.env has the
 * credentials for programs that take them from the environment.  A simulator
 * outlives neither its test nor this process, and no more than `life` (60s).
 */
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

const CLIENT_ID = 'node-tests';
const CLIENT_SECRET = 'node-tests-secret-canary';
const START_MS = 20000;
const STOP_MS = 10000;

function program() {
  const file = process.env.GCN_EXE;
  if (!file) throw new Error('GCN_EXE must name the gcn program');
  return file;
}

function readLines(file) {
  return fs.readFileSync(file, 'utf8').split('\n').filter(Boolean);
}

function argumentsOf(wanted, files) {
  const args = [
    'sim', '-v', wanted.tls ? '--tls' : '--no-tls',
    '--rate', wanted.rate, '--for', wanted.life,
    '--client-id', CLIENT_ID, '--client-secret', CLIENT_SECRET,
    '--port-file', files.port, '--report', files.report,
    '--topics', String(wanted.topics), '--topics-out', files.topics,
  ];
  if (wanted.tls) args.push('--ca-out', files.ca);
  for (const rule of wanted.faults) args.push('--fault-line', rule);
  return args.concat(wanted.args);
}

class Sim {
  #child;
  #folder;
  #files;
  #ended;
  #watchers = new Set();
  #killer;

  constructor(wanted) {
    this.#folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gcn-node-'));
    this.#files = {};
    for (const name of ['port', 'report', 'topics', 'ca']) {
      this.#files[name] = path.join(this.#folder, name);
    }
    this.tls = wanted.tls;
    this.log = '';
    this.clientId = CLIENT_ID;
    this.clientSecret = CLIENT_SECRET;
    this.#child = spawn(program(), argumentsOf(wanted, this.#files), {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#watch();
  }

  #watch() {
    const child = this.#child;
    this.#killer = () => child.kill('SIGKILL');
    process.once('exit', this.#killer);
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text) => {
      this.log += text;
      for (const look of this.#watchers) look();
    });
    this.#ended = new Promise((resolve) => {
      child.on('error', (error) => resolve({ code: -1, error }));
      child.on('close', (code) => resolve({ code }));
    });
    this.#ended.then(() => {
      process.removeListener('exit', this.#killer);
      for (const look of this.#watchers) look();
    });
  }

  get #running() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /* The port file appears whole, after all other files. */
  async ready() {
    const end = Date.now() + START_MS;
    while (!fs.existsSync(this.#files.port)) {
      if (!this.#running || Date.now() > end) {
        throw new Error(`gcn sim does not listen:\n${this.log}`);
      }
      await sleep(5);
    }
    this.port = Number(fs.readFileSync(this.#files.port, 'utf8'));
    this.url = `${this.tls ? 'https' : 'http'}://127.0.0.1:${this.port}`;
    this.topics = readLines(this.#files.topics);
    this.caFile = this.tls ? this.#files.ca : undefined;
    return this;
  }

  /* What a client needs to reach it, with `more` on top. */
  options(more = {}) {
    const { advanced, ...others } = more;
    return {
      endpoints: { login: this.url, api: this.url },
      credentials: { clientId: CLIENT_ID, clientSecret: CLIENT_SECRET },
      ...(this.tls ? { ca: this.caFile } : {}),
      proxy: '',
      backoff: { initialMs: 20, floorMs: 10, maxMs: 200 },
      loop: process.env.GCN_NODE_LOOP || 'auto',
      ...others,
      advanced: {
        allowPlaintext: !this.tls,
        retryFirstMs: 20,
        syncMs: 5,
        ...advanced,
      },
    };
  }

  get env() {
    return {
      ...process.env,
      GENESYSCLOUD_OAUTHCLIENT_ID: CLIENT_ID,
      GENESYSCLOUD_OAUTHCLIENT_SECRET: CLIENT_SECRET,
    };
  }

  /* The `times`-th match of `pattern` in what it has said so far or will. */
  logged(pattern, times = 1, limitMs = 20000) {
    const all = new RegExp(pattern.source, 'g');
    return new Promise((resolve, reject) => {
      const finish = (settle, value) => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        settle(value);
      };
      const fail = (why) => finish(reject, new Error(
        `${why} before gcn sim said ${pattern} ${times} times:\n${this.log}`));
      const timer = setTimeout(fail, limitMs, `${limitMs} ms passed`);
      const look = () => {
        const found = this.log.match(all) || [];
        if (found.length >= times) finish(resolve, found[times - 1]);
        else if (!this.#running) fail('it ended');
      };
      this.#watchers.add(look);
      look();
    });
  }

  /* How it ended: its exit status, and what it has to report. */
  async stop() {
    if (this.#running) this.#child.kill('SIGTERM');
    const hurry = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    const { code, error } = await this.#ended;
    clearTimeout(hurry);
    const { report } = this.#files;
    const text = fs.existsSync(report) ? fs.readFileSync(report, 'utf8') : '';
    fs.rmSync(this.#folder, { recursive: true, force: true });
    if (text) this.report = JSON.parse(text);
    return { code, error, report: this.report, log: this.log };
  }
}

async function startSim(t, wanted = {}) {
  const sim = new Sim({
    tls: true, rate: '20/s', topics: 3, faults: [], args: [], life: '60s',
    ...wanted,
  });
  if (t) t.after(() => sim.stop());
  try {
    return await sim.ready();
  } catch (error) {
    await sim.stop();
    throw error;
  }
}

module.exports = { startSim, CLIENT_ID, CLIENT_SECRET };
