/* SPDX-License-Identifier: MIT */
/*
 * A client in a state is all that there is: says how many milliseconds it took
 * the process to end.  With "held" behind the state the client keeps its hold
 * and the process is ended after a while; else the client is unref'd.
 */
'use strict';

const { readFileSync } = require('node:fs');

const { STATES } = require('./states.cjs');

const HOLD_MS = 300;

async function main([state, how]) {
  const places = JSON.parse(readFileSync(0, 'utf8'));
  const client = await STATES[state](places, () => {});
  const since = performance.now();
  process.once('exit', () => {
    process.stdout.write(String(Math.round(performance.now() - since)));
  });
  if (how === 'held') setTimeout(() => process.exit(0), HOLD_MS).unref();
  else client.unref();
}

void main(process.argv.slice(2));
