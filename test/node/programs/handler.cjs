/* SPDX-License-Identifier: MIT */
/*
 * Something happens in a handler.  Arguments: which handler, and what; standard
 * input has options and topics.
 *
 *   exit            process.exit(7)
 *   throw           an exception that nobody expects
 *   throw handled   one that the program survives: it says how often it was
 *                   told, and that the client goes on
 *   reject          the same two for a handler that is an async function
 *   reject handled
 */
'use strict';

const { readFileSync } = require('node:fs');

const { NotificationClient } = require('../../../src/node/lib/index.cjs');

const MORE = 5;

async function buyToken({ endpoints, credentials }) {
  const { clientId, clientSecret } = credentials;
  const pair = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
  const answer = await fetch(`${endpoints.login}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${pair}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  return (await answer.json()).access_token;
}

/* Of the store and the hooks, what they are for. */
const HOOKS = {
  logger: (act, more) => ({ ...more, logLevel: 'debug', logger: act }),
  credentials: (act, more) => ({
    ...more, credentials: () => act() ?? more.credentials,
  }),
  accessToken: (act, more) => ({
    ...more,
    credentials: undefined,
    accessToken: () => act() ?? buyToken(more),
  }),
  load: (act, more) => ({
    ...more, checkpoint: { load: () => act(), save: () => {} },
  }),
  save: (act, more) => ({
    ...more, checkpoint: { load: () => undefined, save: () => act() },
  }),
  storeClose: (act, more) => ({
    ...more,
    checkpoint: {
      load: () => undefined, save: () => {}, close: () => act(),
    },
  }),
};

/* What a handler needs to be called. */
const NEEDS = {
  durable: (options) => HOOKS.save(() => {}, options),
  checkpointError: (options) => ({
    ...options,
    checkpoint: {
      load: () => undefined, save: () => { throw new Error('full'); },
    },
  }),
  error: (options) => ({
    ...options, credentials: { clientId: 'nobody', clientSecret: 'wrong' },
  }),
};

/* What makes the service or the client call it, once it streams. */
const PROVOKED = {
  renewed: (client) => { void client.renew(); },
  close: (client) => { void client.close(); },
  storeClose: (client) => { void client.close(); },
};

function makeAct(how, name) {
  let isFirst = true;
  const act = {
    exit: () => process.exit(7),
    throw: () => { throw new Error(`thrown in ${name}`); },
    reject: async () => { throw new Error(`thrown in ${name}`); },
  }[how];
  return () => {
    if (!isFirst) return undefined;
    isFirst = false;
    return act();
  };
}

/* Said at the end. */
function countUncaught() {
  const told = { uncaughtException: [], unhandledRejection: [] };
  for (const [name, list] of Object.entries(told)) {
    process.on(name, ({ message }) => list.push(message));
  }
  return told;
}

async function goOn(client, isOver) {
  let heard = 0;
  client.on('notify', () => { heard++; });
  while (!isOver() || (heard < MORE && client.state !== 'closed')) {
    if (client.state === 'refused') break;
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
  await client.close();
}

function makeClient(name, act, { options }) {
  const makeOptions = HOOKS[name] ?? NEEDS[name] ?? ((given) => given);
  const client = new NotificationClient(
    name in HOOKS ? HOOKS[name](act, options) : makeOptions(options));
  if (!(name in HOOKS)) client.on(name, act);
  return client;
}

async function main([name, how, isHandled]) {
  const place = JSON.parse(readFileSync(0, 'utf8'));
  const told = isHandled ? countUncaught() : undefined;
  let isCalled = false;
  const act = makeAct(how, name);
  const client = makeClient(name, (...args) => {
    isCalled = true;
    return act(...args);
  }, place);
  if (name !== 'notify') client.on('notify', () => {});
  const provoke = PROVOKED[name];
  if (provoke) client.once('open', () => setImmediate(provoke, client));
  client.subscribe(place.topics).catch(() => {});
  if (!isHandled) return;
  await goOn(client, () => isCalled);
  await new Promise(setImmediate);
  process.stdout.write(JSON.stringify(told));
}

void main(process.argv.slice(2));
