/* SPDX-License-Identifier: MIT */
/*
 * As it stood in the thread, for comparison: do not use this.
 * Its successor is ../idle-drop.cjs, which says what is wrong with it.
 */
// @ts-nocheck
'use strict';

const WebSocket = require('ws');
const { api, login, retryMs, topics } = require('./settings.json');

const { GENESYSCLOUD_OAUTHCLIENT_ID: id, GENESYSCLOUD_OAUTHCLIENT_SECRET: secret
} = process.env;
const channels = `${api}/api/v2/notifications/channels`;

async function start() {
  const answer = await fetch(`${login}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${id}:${secret}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  const { access_token: token } = await answer.json();
  const headers = {
    authorization: `Bearer ${token}`, 'content-type': 'application/json',
  };
  const made = await fetch(channels, { method: 'POST', headers });
  const channel = await made.json();
  await fetch(`${channels}/${channel.id}/subscriptions`, {
    method: 'PUT', headers,
    body: JSON.stringify(topics.map((topic) => ({ id: topic }))),
  });
  connect(channel.connectUri);
}

function connect(uri) {
  const socket = new WebSocket(uri);
  socket.on('message', (data) => {
    const event = JSON.parse(data);
    if (event.topicName === 'channel.metadata') return;
    console.log('event', event.metadata.CorrelationId, JSON.stringify(event));
  });
  socket.on('error', (error) => console.error('error', error.message));
  socket.on('close', () => setTimeout(connect, retryMs, uri));
}

start();
