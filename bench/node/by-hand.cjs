/* SPDX-License-Identifier: MIT */
/*
 * What people write by hand, with the package ws: "by-hand.cjs API TOPIC COUNT
 * _ USE".  As test/examples/node/before/ has it, but for the token.  USE is as
 * for gcnotify.cjs; who wants to know a topic has to parse all events.  "raw"
 * parses none, which no user could do: it is what ws costs by itself.
 *
 * The modules' folder with ws is in the environment: BENCH_MODULES.
 */
'use strict';

const { createRequire } = require('node:module');
const path = require('node:path');

const { Tally, endWithDriver } = require('./tally.cjs');

const modules = createRequire(path.join(process.env.BENCH_MODULES, '_'));
const WebSocket = modules('ws');
const { version } = modules('ws/package.json');

const EVERY = { each: 1, quarter: 4, none: Infinity };

const [api, topic, count, , use] = process.argv.slice(2);
const every = EVERY[use];
const tally = new Tally(Number(count));
const channels = `${api}/api/v2/notifications/channels`;
const headers = {
  authorization: 'Bearer bench', 'content-type': 'application/json',
};
let streams = 0;

function take(data) {
  if (use === 'raw') return tally.count(data.length);
  const event = JSON.parse(data);
  if (event.topicName === 'channel.metadata') return false;
  const isOfInterest =
    event.topicName === topic && (tally.events + 1) % every === 0;
  if (isOfInterest) tally.use(event.eventBody);
  return tally.count(data.length);
}

async function connect() {
  const made = await fetch(channels, { method: 'POST', headers });
  const channel = await made.json();
  const socket = new WebSocket(channel.connectUri);
  socket.on('open', () => {
    streams++;
    return fetch(`${channels}/${channel.id}/subscriptions`, {
      method: 'PUT', headers, body: JSON.stringify([{ id: topic }]),
    });
  });
  socket.on('message', (data) => {
    if (!take(data)) return;
    tally.say(`ws ${use}`, { version, streams });
    process.exit();
  });
  socket.on('error', (error) => console.error('error', error.message));
  socket.on('close', () => reconnect());
}

function reconnect() {
  connect().catch((error) => {
    console.error('error', error.message);
    setTimeout(reconnect, 1000);
  });
}

endWithDriver();
reconnect();
