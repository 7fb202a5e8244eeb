/* SPDX-License-Identifier: MIT */
/*
 * Which clients the collector takes (with --expose-gc).  Standard input has
 * options and topics; says, as JSON, how many of each kind were collected.
 */
'use strict';

const { readFileSync } = require('node:fs');

const { NotificationClient } = require('../../../src/node/lib/index.cjs');
const { load } = require('../../../src/node/lib/loader.cjs');

const COUNT = 3;
const TRIES = 200;

class Watched {
  #registry = new FinalizationRegistry((kind) => { this.counts[kind]++; });
  counts = {};

  add(kind, object) {
    this.counts[kind] ??= 0;
    this.#registry.register(object, kind);
  }

  /* The collector takes what it likes, when it likes; so it is asked until
   * `isDone`, and a few times more. */
  async collect(isDone = () => false, tries = TRIES) {
    for (let i = 0; i < tries && !isDone(this.counts); i++) {
      global.gc();
      await new Promise((resolve) => { setTimeout(resolve, 5); });
    }
  }
}

async function streamOne({ options, topics }, hear) {
  const client = new NotificationClient(options);
  client.on('notify', hear);
  await client.subscribe(topics);
  return client;
}

function failToMake(watched, options) {
  for (let i = 0; i < COUNT; i++) {
    const listener = () => {};
    watched.add('refused', listener);
    try {
      new NotificationClient({
        ...options, logger: listener, userAgent: 'line\nbreak',
      });
      throw new Error('that was no mistake');
    } catch (error) {
      if (error.code !== 'ERR_GCN_CONFIG') throw error;
    }
  }
}

/* What is below the package: its object and its listener. */
async function closeNative(watched, { loop }) {
  const { Client } = load(loop);
  for (let i = 0; i < COUNT; i++) {
    await new Promise((resolve) => {
      const listener = (type) => {
        if (type === 'close') resolve();
      };
      const client = new Client({ clientId: 'c', clientSecret: 's' }, listener);
      watched.add('native', client);
      watched.add('listener', listener);
      client.close();
    });
  }
}

async function main() {
  const place = JSON.parse(readFileSync(0, 'utf8'));
  const watched = new Watched();
  let heard = 0;
  const make = async (kind) => {
    const client = await streamOne(place, () => { heard++; });
    watched.add(kind, client);
    return client;
  };
  for (let i = 0; i < COUNT; i++) {
    await make('dropped open');
    await make('closed').then((client) => client.close());
    await make('closed after a while').then((client) => {
      setTimeout(() => void client.close(), 50);
    });
    await make('terminated').then((client) => client.terminate());
    watched.add('never started', new NotificationClient(place.options));
  }
  failToMake(watched, place.options);
  await closeNative(watched, place.options);
  const kept = new NotificationClient(place.options);
  watched.add('closed, kept', kept);
  await kept.close();
  await watched.collect((counts) => [
    'closed', 'closed after a while', 'terminated', 'refused', 'native',
    'listener',
  ].every((kind) => counts[kind] === COUNT));
  await watched.collect(() => false, 10);
  const heardBefore = heard;
  while (heard < heardBefore + 100) await new Promise(setImmediate);
  process.stdout.write(JSON.stringify(watched.counts), () => {
    process.exit(kept.state === 'closed' ? 0 : 1);
  });
}

void main();
