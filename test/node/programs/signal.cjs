/* SPDX-License-Identifier: MIT */
/*
 * Streams until a signal ends it.  With "dispose" the signal is heard, and the
 * client disposed of as `await using` would.
 */
'use strict';

const { readFileSync } = require('node:fs');

const { NotificationClient } = require('../../../src/node/lib/index.cjs');

/* What TypeScript and Node before version 24 call Symbol.asyncDispose. */
const DISPOSE = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

async function stream({ options, topics }, signals) {
  const client = new NotificationClient(options);
  const isOver = new Promise((resolve) => {
    for (const signal of signals) process.once(signal, resolve);
  });
  let heard = 0;
  client.on('notify', () => {
    heard++;
    if (heard === 10) process.stdout.write('streams\n');
  });
  await client.subscribe(topics);
  try {
    await isOver;
  } finally {
    await client[DISPOSE]();
    process.stdout.write(`${client.state}\n`);
  }
}

async function main([how]) {
  const place = JSON.parse(readFileSync(0, 'utf8'));
  await stream(place, how === 'dispose' ? ['SIGTERM', 'SIGINT'] : []);
}

void main(process.argv.slice(2));
