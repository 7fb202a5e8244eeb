/* SPDX-License-Identifier: MIT */
/*
 * Brings a client into a state, and says when it is there.  `places` is what
 * makePlaces() of ../places.cjs has made.
 */
'use strict';

const fs = require('node:fs');

const { NotificationClient } = require('../../../src/node/lib/index.cjs');

const LONG_MS = 600000;

const never = () => new Promise(() => {});

function optionsOf(places, url, more = {}) {
  return {
    ...places.streaming.options, endpoints: { login: url, api: url }, ...more,
  };
}

function reached(client, wanted) {
  return new Promise((resolve) => {
    client.on('state', (to) => {
      if (to === wanted) resolve();
    });
  });
}

/* It is on its way, and stays in `state`. */
async function stuck(options, state) {
  const client = new NotificationClient(options);
  client.on('error', () => {});
  const there = reached(client, state);
  client.connect().catch(() => {});
  await there;
  return client;
}

/* connect() is not enough for those that need a topic. */
async function stream({ options, topics }, more = {}) {
  const client = new NotificationClient({ ...options, ...more });
  const there = reached(client, 'streaming');
  client.subscribe(topics).catch(() => {});
  await there;
  return client;
}

/* Events go on to come. */
async function heardEvents(client, count) {
  await new Promise((resolve) => {
    let heard = 0;
    client.on('notify', () => {
      heard++;
      if (heard === count) resolve();
    });
  });
}

/* `inside`: what to do within the report. */
const STATES = {
  idle: async (places) => new NotificationClient(places.streaming.options),

  /* The look-up waits for a thread of the pool (host), or is a look-up. */
  dns: async (places) => {
    const url = places.mute.replace('127.0.0.1', 'localhost');
    return stuck(optionsOf(places, url), 'connecting');
  },

  tcp: async (places) =>
    stuck(optionsOf(places, places.blackHole), 'connecting'),

  tls: async (places) => stuck(optionsOf(places, places.muteTls), 'connecting'),

  authenticating: async (places) =>
    stuck(optionsOf(places, places.mute), 'authenticating'),

  subscribing: async ({ subscribing: { options, topics } }) => {
    const client = new NotificationClient(options);
    const there = reached(client, 'subscribing');
    client.subscribe(topics).catch(() => {});
    await there;
    return client;
  },

  streaming: async (places) => {
    const client = await stream(places.streaming);
    await heardEvents(client, 20);
    return client;
  },

  /* Nobody listens: what comes is held, and reading rests. */
  choked: async (places) => {
    const client = await stream(places.streaming, { highWaterMark: 4 });
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    return client;
  },

  'backing off': async (places) => stuck(optionsOf(places, places.closed, {
    backoff: { initialMs: LONG_MS, floorMs: LONG_MS, maxMs: LONG_MS },
    advanced: {
      ...places.streaming.options.advanced, retryFirstMs: LONG_MS,
    },
  }), 'backing off'),

  refused: async ({ streaming: { options } }) => stuck({
    ...options,
    credentials: { clientId: 'nobody', clientSecret: 'wrong' },
  }, 'refused'),

  closing: async (places) => {
    const client = await stream(places.closing);
    client.close();
    return client;
  },

  credentials: async ({ streaming: { options } }) => {
    let asked;
    const there = new Promise((resolve) => { asked = resolve; });
    const client = new NotificationClient({
      ...options,
      credentials: () => {
        asked();
        return never();
      },
    });
    client.connect().catch(() => {});
    await there;
    return client;
  },

  load: async (places) => {
    let asked;
    const there = new Promise((resolve) => { asked = resolve; });
    const client = new NotificationClient({
      ...places.streaming.options,
      checkpoint: {
        load: () => {
          asked();
          return never();
        },
        save: never,
      },
    });
    client.subscribe(places.streaming.topics).catch(() => {});
    await there;
    return client;
  },

  save: async (places) => {
    let asked;
    const there = new Promise((resolve) => { asked = resolve; });
    const client = new NotificationClient({
      ...places.streaming.options,
      checkpoint: {
        load: () => undefined,
        save: () => {
          asked();
          return never();
        },
      },
    });
    client.on('notify', () => {});
    client.subscribe(places.streaming.topics).catch(() => {});
    await there;
    return client;
  },

  inside: async (places, inside) => {
    const client = await stream(places.streaming);
    client.on('notify', inside);
    return client;
  },
};

/* Takes all threads of this process's pool; the function that is returned
 * gives them back. */
function occupyPool(pipes) {
  for (const pipe of pipes) {
    fs.open(pipe, 'r', (error, fd) => {
      if (error) throw error;
      fs.closeSync(fd);
    });
  }
  return () => {
    const fds = pipes.map((pipe) => fs.openSync(pipe, 'r+'));
    setTimeout(() => fds.forEach((fd) => fs.closeSync(fd)), 100);
  };
}

module.exports = { STATES, occupyPool };
