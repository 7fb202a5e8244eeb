/* SPDX-License-Identifier: MIT */
/*
 * How a worker with a client ends, as JSON: its exit code and its errors.  The
 * argument says what is done; this file is the worker's, too.
 */
'use strict';

const { readFileSync } = require('node:fs');
const { Worker, isMainThread, parentPort, workerData } =
  require('node:worker_threads');

const { NotificationClient } = require('../../../src/node/lib/index.cjs');

const IN_HANDLER = {
  close: (client) => client.close(),
  exit: () => process.exit(7),
  throw: () => { throw new Error('thrown in a worker'); },
  others: () => parentPort.postMessage('streams'),
};

async function stream({ options, topics }, inHandler) {
  const client = new NotificationClient(options);
  client.on('notify', () => inHandler(client));
  await client.subscribe(topics);
  return client;
}

function startWorker(what, place) {
  const worker = new Worker(__filename, { workerData: { what, place } });
  const errors = [];
  worker.on('error', ({ message }) => errors.push(message));
  const ended = new Promise((resolve) => {
    worker.once('exit', (code) => resolve(
      errors.length === 0 ? { code } : { code, errors }));
  });
  return { worker, ended };
}

/* The main thread and another worker stream on when one goes. */
async function endAmongOthers(place) {
  const [one, other] = [1, 2].map(() => startWorker('others', place));
  let heard = 0;
  const client = await stream(place, () => { heard++; });
  await Promise.all([one, other].map(
    ({ worker }) => new Promise((resolve) => worker.once('message', resolve))));
  await one.worker.terminate();
  const heardBefore = heard;
  await new Promise((resolve) => other.worker.once('message', resolve));
  while (heard < heardBefore + 10) await new Promise(setImmediate);
  await other.worker.terminate();
  await client.close();
  return { ...await one.ended, heardOn: heard > heardBefore };
}

async function main([what]) {
  const place = JSON.parse(readFileSync(0, 'utf8'));
  const result = what === 'others'
    ? await endAmongOthers(place) : await startWorker(what, place).ended;
  process.stdout.write(JSON.stringify(result));
}

if (isMainThread) void main(process.argv.slice(2));
else void stream(workerData.place, IN_HANDLER[workerData.what]);
