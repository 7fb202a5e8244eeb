/* SPDX-License-Identifier: MIT */
/*
 * Terminates workers whose clients are in one state: STATE, a number of workers
 * and one of clients for each are the arguments, and the places come as the
 * first line of standard input.  Says, as JSON, what became of the workers and
 * how many descriptors and threads are left.  A worker is this file, too.
 */
'use strict';

const { readFileSync, readdirSync } = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { Worker, isMainThread, parentPort, workerData } =
  require('node:worker_threads');

const { STATES, occupyPool } = require('./states.cjs');

const AT_ONCE = 4;

function stall() {
  parentPort.postMessage('inside');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

async function live({ state, clients, places }) {
  const enter = STATES[state];
  parentPort.ref(); /* an idle client keeps no worker going */
  await Promise.all(Array.from({ length: clients }, () =>
    enter(places, stall)));
  if (state !== 'inside') parentPort.postMessage(state);
}

/* Its exit code, what it said, and its error if it had one. */
async function terminateOne(job) {
  const worker = new Worker(__filename, { workerData: job });
  let failure;
  worker.on('error', (error) => { failure = String(error.stack); });
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  const said = await Promise.race([
    new Promise((resolve) => worker.once('message', resolve)),
    ended.then((code) => `exit ${code}`),
  ]);
  await worker.terminate();
  return { said, code: await ended, failure };
}

function countOf(folder) {
  return readdirSync(folder).length;
}

function usage() {
  return { fds: countOf('/proc/self/fd'), threads: countOf('/proc/self/task') };
}

async function run(job, count) {
  const results = [];
  const next = async () => {
    while (count-- > 0) results.push(await terminateOne(job));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  return results;
}

/* Threads go a moment after their loops. */
async function settled(before) {
  for (let tries = 0; tries < 200; tries++) {
    const { fds, threads } = usage();
    if (fds <= before.fds && threads <= before.threads) break;
    await sleep(10);
  }
  return usage();
}

async function main([state, workers, clients]) {
  const places = JSON.parse(readFileSync(0, 'utf8'));
  const job = { state, clients: Number(clients), places };
  const free = state === 'dns' ? occupyPool(places.pipes) : () => {};
  /* What stays for good: the addon, and the pool of its hidden libuv. */
  const warm = await run(job, AT_ONCE);
  const before = await settled({ fds: 0, threads: 0 });
  const results = await run(job, workers - AT_ONCE);
  const after = await settled(before);
  free();
  process.stdout.write(JSON.stringify({
    results: [...warm, ...results], before, after,
  }));
}

if (isMainThread) void main(process.argv.slice(2));
else void live(workerData);
