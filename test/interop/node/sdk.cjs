// SPDX-License-Identifier: MIT
/*
 * The official JavaScript SDK and ws against `gcn sim`.
 *
 *   node sdk.cjs URL CA_FILE CLIENT_ID CLIENT_SECRET EVENTS
 *
 * Logs in, makes a channel, subscribes, opens the WebSocket and waits for
 * events, as the vendor's tutorials do.  One line of JSON tells what came.  The
 * CA reaches the SDK's own HTTP client by NODE_EXTRA_CA_CERTS.
 */
'use strict';
const fs = require('fs');
const [url, caFile, clientId, clientSecret, wanted] = process.argv.slice(2);
const ca = fs.readFileSync(caFile);

const platform = require('purecloud-platform-client-v2');
const { WebSocket } = require('ws');

const base = new URL(url);

/* The SDK builds https://login.HOST and https://api.HOST; a gateway is its own
 * way to send both elsewhere. */
function setUp() {
  const client = platform.ApiClient.instance;
  client.setGateway({ host: base.hostname, protocol: 'https',
    port: Number(base.port) });
  return client;
}

async function main() {
  const client = setUp();
  await client.loginClientCredentialsGrant(clientId, clientSecret);
  const api = new platform.NotificationsApi();
  const channel = await api.postNotificationsChannels();
  const topic = 'v2.users.5b1e9c1e-0000-4000-8000-000000000001.presence';
  const listing = await api.putNotificationsChannelSubscriptions(
      channel.id, [{ id: topic }], { ignoreErrors: true });
  const state = listing.entities[0].state;
  const socket = new WebSocket(channel.connectUri, { ca });
  let events = 0;
  let pong = false;
  socket.on('open', () => socket.send('{"message":"ping"}'));
  socket.on('message', (data) => {
    const message = JSON.parse(data.toString());
    if (message.topicName === 'channel.metadata') {
      pong = pong || message.eventBody.message === 'pong';
      return;
    }
    if (message.topicName !== topic) throw new Error(message.topicName);
    if (message.eventBody.presenceDefinition === undefined) {
      throw new Error('an event without a presence');
    }
    if (++events >= Number(wanted) && pong) socket.close(1000);
  });
  await new Promise((resolve, reject) => {
    socket.on('close', resolve);
    socket.on('error', reject);
  });
  await api.deleteNotificationsChannelSubscriptions(channel.id);
  const after = await api.getNotificationsChannelSubscriptions(channel.id);
  process.stdout.write(JSON.stringify({
    state, events, pong, left: (after.entities || []).length,
  }) + '\n');
}

setTimeout(() => {
  process.stderr.write('sdk.cjs: timed out\n');
  process.exit(3);
}, 60000).unref();
main().then(() => process.exit(0), (error) => {
  const text = error.body ? JSON.stringify(error.body) : String(error.stack);
  process.stderr.write('sdk.cjs: ' + text + '\n');
  process.exit(1);
});
