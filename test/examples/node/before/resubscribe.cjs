/* SPDX-License-Identifier: MIT */
/*
 * As it stood in the thread, for comparison: do not use this.
 * Its successor is ../resubscribe.cjs, which says what is wrong with it.
 */
// @ts-nocheck
'use strict';

const WebSocket = require('ws');
const { api, login, retryMs, topics } = require('./settings.json');

const { GENESYSCLOUD_OAUTHCLIENT_ID: id, GENESYSCLOUD_OAUTHCLIENT_SECRET: secret
} = process.env;

async function getToken() {
  const answer = await fetch(`${login}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${id}:${secret}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  return (await answer.json()).access_token;
}

async function connect() {
  const authorization = `Bearer ${await getToken()}`;
  const answer = await fetch(`${api}/api/v2/notifications/subscriptions`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'queue-monitor', eventTypes: topics }),
  });
  const { errors, subscriptionId } = await answer.json();
  if (!answer.ok) throw new Error(errors[0]);
  const socket = new WebSocket(`${api.replace('http', 'ws')}` +
    `/api/v2/notifications?subscriptionId=${subscriptionId}`,
  { headers: { authorization } });
  socket.on('message', (data) => {
    for (const event of JSON.parse(data).events ?? []) {
      console.log('event', event.id, JSON.stringify(event));
    }
  });
  socket.on('error', (error) => console.error('error', error.message));
  socket.on('close', () => reconnect());
}

function reconnect() {
  connect().catch((error) => {
    console.error('error', error.message);
    setTimeout(reconnect, retryMs);
  });
}

reconnect();
