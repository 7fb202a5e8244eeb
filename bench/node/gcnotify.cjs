/* SPDX-License-Identifier: MIT */
/*
 * A user of the package: "gcnotify.cjs API TOPIC COUNT LOOP USE", where USE is
 * how many of the events interest him: each, quarter or none.  All are listened
 * to; the body of the others is never read.
 */
'use strict';

const { NotificationClient, version } =
  require('../../src/node/lib/index.cjs');
const { Tally, endWithDriver } = require('./tally.cjs');

const EVERY = { each: 1, quarter: 4, none: Infinity };

const [api, topic, count, loop, use] = process.argv.slice(2);
const every = EVERY[use];
const tally = new Tally(Number(count));

const client = new NotificationClient({
  endpoints: { api, login: api },
  accessToken: 'bench', /* the source takes any */
  ca: process.env.NODE_EXTRA_CA_CERTS,
  loop,
  proxy: '',
  advanced: { allowPlaintext: api.startsWith('http:') },
});

client.on('notify', (event) => {
  const isOfInterest =
    event.topicName === topic && (tally.events + 1) % every === 0;
  if (isOfInterest) tally.use(event.eventBody);
  if (!tally.count(event.text().length)) return;
  const { streams, gaps } = client.stats();
  tally.say(`gcnotify ${loop} ${use}`, {
    version, streams, gaps, lastSeq: Number(event.seq),
  });
  client.terminate();
});
client.on('error', (error) => { throw error; });

endWithDriver();
void client.subscribe(topic);
