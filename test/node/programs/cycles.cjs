/* SPDX-License-Identifier: MIT */
/*
 * Makes, connects and closes clients over and over (with --expose-gc), and says
 * what that has cost: memory and descriptors after a first part, and after all.
 */
'use strict';

const { readFileSync, readdirSync } = require('node:fs');

const { NotificationClient } = require('../../../src/node/lib/index.cjs');

const AT_ONCE = 4;

/* Clients that share a hub share budgets, and would soon wait for them. */
async function cycle({ options, topics }) {
  const client = await NotificationClient.connect({
    ...options, topics, advanced: { ...options.advanced, ownHub: true },
  });
  await new Promise((resolve) => client.once('notify', resolve));
  await client.close();
}

async function runCycles(place, count) {
  const next = async () => {
    while (count-- > 0) await cycle(place);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
}

/* The collector needs turns of the loop for what it has to finalise. */
async function usage() {
  for (let i = 0; i < 10; i++) {
    global.gc();
    await new Promise((resolve) => { setTimeout(resolve, 10); });
  }
  return {
    rss: process.memoryUsage().rss,
    fds: readdirSync('/proc/self/fd').length,
  };
}

async function main([warmUp, count]) {
  const place = JSON.parse(readFileSync(0, 'utf8'));
  await runCycles(place, Number(warmUp));
  const before = await usage();
  await runCycles(place, Number(count));
  const after = await usage();
  process.stdout.write(JSON.stringify({ before, after }));
}

void main(process.argv.slice(2));
