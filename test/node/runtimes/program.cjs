/* SPDX-License-Identifier: MIT */
/*
 * What a runtime is asked to do: "program.cjs WHAT JSON", where the JSON has
 * `options` and `topics`.  Says what came of it as one line of JSON, and ends
 * by itself, if it can.  This file is the worker's, too.
 *
 * It does not know which runtime it is in.
 */
'use strict';

const fs = require('node:fs');
const { Worker, isMainThread, parentPort, workerData } =
  require('node:worker_threads');

const ROUNDS = 3;
const LONG = 100;
const SHORT = 20;

const job = isMainThread ? JSON.parse(process.argv[3]) : workerData;
const { NotificationClient, version } = require(job.module);

function say(result) {
  fs.writeSync(1, `${JSON.stringify(result)}\n`);
}

/* The addons that this process has loaded. */
function loaded() {
  const maps = fs.readFileSync('/proc/self/maps', 'utf8');
  return ['host', 'thread'].filter((kind) => maps.includes(`/${kind}.node`));
}

/* The loop of a user: the first `count` events, and what else was told. */
async function stream(options, count) {
  const client = new NotificationClient(options);
  const told = { events: [], seqs: [], gaps: [], opens: 0, listened: 0 };
  client.on('open', () => { told.opens++; });
  client.on('gap', ({ certainty, topics, since, until }) => {
    told.gaps.push({ certainty, topics, isInOrder: since <= until });
  });
  client.on('notify', () => { told.listened++; });
  const subscription = await client.subscribe(job.topics);
  told.topics = subscription.topics;
  for await (const event of subscription) {
    told.seqs.push(Number(event.seq));
    told.events.push(event.metadata.CorrelationId);
    if (typeof event.eventBody !== 'object') throw new Error('no body');
    if (told.events.length === count) break;
  }
  const { state, events, gaps, streams } = client.stats();
  told.stats = { state, gaps, streams, saw: events >= count };
  told.closed = new Promise((resolve) => {
    client.once('close', (code) => resolve(code));
  });
  await client.close();
  told.closed = await told.closed;
  return told;
}

async function token({ reason, attempt, signal }) {
  await new Promise((resolve) => { setTimeout(resolve, 10); });
  const { clientId, clientSecret } = job.credentials;
  const basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
  const answer = await fetch(`${job.options.endpoints.login}/oauth/token`, {
    method: 'POST', signal,
    headers: { authorization: `Basic ${basic}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  const { access_token: text, expires_in: expiresIn } = await answer.json();
  token.asked.push({ reason, attempt });
  return { token: text, expiresIn };
}
token.asked = [];

const WHAT = {
  /* One client with everything that users do; its credentials are asked for. */
  async stream() {
    let asked = 0;
    const credentials = async () => {
      asked++;
      await new Promise((resolve) => { setTimeout(resolve, 10); });
      return job.options.credentials;
    };
    const told = await stream({ ...job.options, credentials }, LONG);
    say({ ...told, asked, loaded: loaded(), version });
  },

  async token() {
    const { credentials, ...options } = job.options;
    job.credentials = credentials;
    const { events } = await stream({ ...options, accessToken: token }, SHORT);
    say({ events, asked: token.asked });
  },

  async rounds() {
    const counts = [];
    for (let i = 0; i < ROUNDS; i++) {
      counts.push((await stream(job.options, SHORT)).events.length);
    }
    say({ counts });
  },

  /* A handler throws once; does the process live, and the client go on? */
  async thrown() {
    const client = new NotificationClient(job.options);
    const heard = [];
    process.on('uncaughtException', ({ message }) => heard.push(message));
    let count = 0;
    client.on('notify', () => {
      count++;
      if (count === 5) throw new Error('thrown in a handler');
      if (count === SHORT) void client.close();
    });
    client.on('close', (code) => say({ count, heard, code }));
    await client.subscribe(job.topics);
  },

  /* The same, and nobody is there to hear it. */
  async unheard() {
    const client = new NotificationClient(job.options);
    client.on('notify', () => { throw new Error('thrown in a handler'); });
    await client.subscribe(job.topics);
  },

  /* Ends while it streams: nothing else holds the process. */
  async unref() {
    const client = new NotificationClient(job.options);
    let count = 0;
    client.on('notify', () => {
      count++;
      if (count !== SHORT) return;
      client.unref();
      say({ count, state: client.state });
    });
    await client.subscribe(job.topics);
  },

  /* Ends while it streams: process.exit() in a handler. */
  async exit() {
    const client = new NotificationClient(job.options);
    client.on('notify', () => process.exit(7));
    await client.subscribe(job.topics);
  },

  /* The main thread and a worker, then another worker. */
  async worker() {
    const inWorker = () => new Promise((resolve, reject) => {
      const worker = new Worker(__filename, { workerData: job });
      let counted;
      worker.once('error', reject);
      worker.once('message', (count) => { counted = count; });
      worker.once('exit', (code) => resolve({ counted, code }));
    });
    const [here, first] = await Promise.all([
      stream(job.options, SHORT), inWorker(),
    ]);
    const second = await inWorker();
    say({ here: here.events.length, workers: [first, second] });
  },

  /* What the constructor says, and that nothing was loaded for it. */
  async make() {
    try {
      const client = new NotificationClient(job.options);
      await client.close();
      say({ made: true, loaded: loaded() });
    } catch ({ name, code, message }) {
      say({ name, code, message, loaded: loaded() });
    }
  },
};

async function work() {
  const { events } = await stream(job.options, SHORT);
  parentPort.postMessage(events.length);
}

if (isMainThread) void WHAT[process.argv[2]]();
else void work();
