/* SPDX-License-Identifier: MIT */
/*
 * The main thread and two workers stream from one simulator until it falls
 * silent, then say what each of them heard.  This file is the workers', too.
 */
'use strict';

const { readFileSync } = require('node:fs');
const { Worker, isMainThread, parentPort, workerData } =
  require('node:worker_threads');

const { NotificationClient } = require('../../../src/node/lib/index.cjs');

const SILENCE_MS = 1000;

async function stream({ options, topics }) {
  const client = new NotificationClient(options);
  const seqs = [];
  const events = [];
  const silence = new Promise((resolve) => {
    let timer;
    client.on('notify', ({ seq, topicName, eventBody }) => {
      seqs.push(Number(seq));
      events.push(JSON.stringify([topicName, eventBody]));
      clearTimeout(timer);
      timer = setTimeout(resolve, SILENCE_MS);
    });
  });
  await client.subscribe(topics);
  await silence;
  await client.close();
  return { seqs, events };
}

function streamInWorker(job) {
  const worker = new Worker(__filename, { workerData: job });
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', resolve);
  });
}

async function main() {
  const job = JSON.parse(readFileSync(0, 'utf8'));
  const heard = await Promise.all([
    streamInWorker(job), streamInWorker(job), stream(job),
  ]);
  process.stdout.write(JSON.stringify(heard));
}

if (isMainThread) void main();
else stream(workerData).then((heard) => parentPort.postMessage(heard));
