/* SPDX-License-Identifier: MIT */
/*
 * What a runtime is asked to do; the JSON has `options` and `topics`.  Says
 * what came of it as one line of JSON, and ends by itself, if it can.
 *
 * It does not know which runtime it is in, and is the workers' program, too.
 */
'use strict';

const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { Worker, isMainThread, parentPort, workerData } =
  require('node:worker_threads');

const ROUNDS = 3;
const LONG = 100;
const SHORT = 20;
const EXIT_CODE = 7;
const THROWN = 'thrown in a handler';

let gcnotify;
let program;
let job;

function say(result) {
  fs.writeSync(1, `${JSON.stringify(result)}\n`);
}

/* The addons that this process has loaded. */
function loaded() {
  const maps = fs.readFileSync('/proc/self/maps', 'utf8');
  return ['host', 'thread'].filter((kind) => maps.includes(`/${kind}.node`));
}

function makeClient(more) {
  return new gcnotify.NotificationClient({ ...job.options, ...more });
}

/* What a client tells beside its events. */
function listen(client) {
  const told = { opens: 0, notified: 0, gaps: [] };
  client.on('open', () => { told.opens++; });
  client.on('notify', () => { told.notified++; });
  client.on('gap', ({ certainty, topics, since, until }) => {
    told.gaps.push({ certainty, topics, isInOrder: since <= until });
  });
  return told;
}

/* The loop of a user over the first `count` events, to the client's end. */
async function stream(count, more) {
  const client = makeClient(more);
  const told = listen(client);
  const closed = new Promise((resolve) => { client.once('close', resolve); });
  const subscription = await client.subscribe(job.topics);
  const { topics } = subscription;
  const events = [];
  for await (const { seq, metadata, eventBody } of subscription) {
    events.push([Number(seq), metadata.CorrelationId, typeof eventBody]);
    if (events.length === count) break;
  }
  const stats = client.stats();
  await client.close();
  return { ...told, events, topics, stats, closeCode: await closed };
}

/* A worker with this program; settles when it has gone. */
function startWorker(task) {
  const worker = new Worker(program, { workerData: { ...job, task } });
  const result = {};
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (count) => {
      result.count = count;
      if (task === 'last') worker.terminate().catch(reject);
    });
    worker.once('exit', () => resolve(result));
  });
}

const TASKS = {
  async stream() {
    let asked = 0;
    const credentials = async () => {
      asked++;
      await sleep(10);
      return job.options.credentials;
    };
    const told = await stream(LONG, { credentials });
    say({ ...told, asked, loaded: loaded(), version: gcnotify.version });
  },

  /* Tokens by a hook, with the runtime's own fetch. */
  async token() {
    const { credentials: { clientId, clientSecret }, endpoints } = job.options;
    const asked = [];
    const authorization = `Basic ${btoa(`${clientId}:${clientSecret}`)}`;
    const accessToken = async ({ reason, attempt, signal }) => {
      asked.push({ reason, attempt });
      const answer = await fetch(`${endpoints.login}/oauth/token`, {
        method: 'POST', signal, headers: { authorization },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      });
      const { access_token: token, expires_in: expiresIn } =
        await answer.json();
      return { token, expiresIn };
    };
    const { events } = await stream(
      SHORT, { credentials: undefined, accessToken });
    say({ count: events.length, asked });
  },

  async rounds() {
    const counts = [];
    for (let i = 0; i < ROUNDS; i++) {
      const { events, closeCode } = await stream(SHORT);
      counts.push([events.length, closeCode]);
    }
    say({ counts });
  },

  /* A handler throws once, and somebody hears of it. */
  async heard() {
    const heard = [];
    process.on('uncaughtException', ({ message }) => heard.push(message));
    const client = makeClient();
    let count = 0;
    client.on('notify', () => {
      count++;
      if (count === 5) throw new Error(THROWN);
      if (count === SHORT) void client.close();
    });
    client.on('close', (code) => say({ count, heard, code }));
    await client.subscribe(job.topics);
  },

  async unheard() {
    const client = makeClient();
    client.on('notify', () => { throw new Error(THROWN); });
    await client.subscribe(job.topics);
  },

  /* Ends while it streams, because nothing else holds the process. */
  async unref() {
    const client = makeClient();
    let count = 0;
    client.on('notify', () => {
      count++;
      if (count !== SHORT) return;
      client.unref();
      say({ count, state: client.state });
    });
    await client.subscribe(job.topics);
  },

  async exit() {
    const client = makeClient();
    client.on('notify', () => process.exit(EXIT_CODE));
    await client.subscribe(job.topics);
  },

  /* The main thread and a worker at once, another worker, and one that is
   * terminated while it streams. */
  async worker() {
    const [{ events }, first] = await Promise.all([
      stream(SHORT), startWorker('first'),
    ]);
    const second = await startWorker('first');
    const last = await startWorker('last');
    say({ count: events.length, workers: [first, second, last] });
  },

  async first() {
    const { events } = await stream(SHORT);
    parentPort.postMessage(events.length);
  },

  async last() {
    const client = makeClient();
    let count = 0;
    client.on('notify', () => {
      count++;
      if (count === SHORT) parentPort.postMessage(count);
    });
    await client.subscribe(job.topics);
  },

  /* What the constructor says, and what was loaded until then. */
  async make() {
    try {
      await makeClient().close();
      say({ loaded: loaded() });
    } catch ({ name, code, message }) {
      say({ name, code, message, loaded: loaded() });
    }
  },
};

/* `module`: the package; `file`: the program, for workers. */
function run(module, file) {
  gcnotify = module;
  program = file;
  job = isMainThread ? JSON.parse(process.argv[3]) : workerData;
  void TASKS[isMainThread ? process.argv[2] : job.task]();
}

module.exports = { LONG, SHORT, ROUNDS, EXIT_CODE, THROWN, run };
