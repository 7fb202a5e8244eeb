/* SPDX-License-Identifier: MIT */
/*
 * "After a reconnect every subscribe is 400, Invalid subscription payload."
 *
 * The program of that thread kept the list that it had subscribed with and sent
 * the same request again after each `close`.  The service still held the old
 * subscription under that name, said 400, and the program asked again: the
 * same, for ever.  A topic that was not there any more had the same effect: one
 * bad name refused all of them.  And where the request did pass, topics were
 * there twice, and so were their events.
 *
 * Here one set of topics is wanted, and the client makes the service's set
 * equal to it, once for each connection.  What the service does not permit is
 * a result, topic by topic; the others stream.
 *
 * settings.json: { "options": { "dialect": "stream",
 *                               "stream": { "preset": "rest" } },
 *                  "topics": ["routing.queueEvents"] }
 */
// @ts-check
'use strict';

const { NotificationClient } = require('gcnotify');
const { options, topics } = require('./settings.json');

const client = new NotificationClient(options);
process.once('SIGTERM', () => client.close());

client.on('open', ({ resumed }) => console.error('open', resumed));
client.on('gap', ({ since, until }) => console.error('gap', since, until));
client.on('subscribed', ({ rejected }) => {
  for (const { topic, rejectionReason } of rejected) {
    console.error('rejected', topic, rejectionReason);
  }
});

async function main() {
  const subscription = await client.subscribe(topics);
  for await (const event of subscription) {
    console.log('event', event.id, JSON.stringify(event));
  }
}

main().catch((error) => {
  if (error.code !== 'ERR_GCN_CLOSED') throw error; /* SIGTERM came first */
});
