/* SPDX-License-Identifier: MIT */
/*
 * As it stood in the thread, for comparison: do not use this.
 * Its successor is ../stale-token.cjs, which says what is wrong with it.
 */
// @ts-nocheck
'use strict';

const WebSocket = require('ws');
const { api, login, topics } = require('./settings.json');

const { GENESYSCLOUD_OAUTHCLIENT_ID: id, GENESYSCLOUD_OAUTHCLIENT_SECRET: secret
} = process.env;
const channels = `${api}/api/v2/notifications/channels`;
let token;

async function getToken() {
  const answer = await fetch(`${login}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${id}:${secret}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  token = (await answer.json()).access_token;
}

async function connect() {
  const headers = {
    authorization: `Bearer ${token}`, 'content-type': 'application/json',
  };
  const made = await fetch(channels, { method: 'POST', headers });
  const channel = await made.json();
  const socket = new WebSocket(channel.connectUri);
  socket.on('open', () => fetch(`${channels}/${channel.id}/subscriptions`, {
    method: 'PUT', headers,
    body: JSON.stringify(topics.map((topic) => ({ id: topic }))),
  }));
  socket.on('message', (data) => {
    const event = JSON.parse(data);
    if (event.topicName === 'channel.metadata') return;
    console.log('event', event.metadata.CorrelationId, JSON.stringify(event));
  });
  socket.on('error', (error) => console.error('error', error.message));
  socket.on('close', () => reconnect());
}

function reconnect() {
  connect().catch((error) => {
    console.error('error', error.message);
    reconnect();
  });
}

getToken().then(reconnect);
