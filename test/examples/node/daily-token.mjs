/* SPDX-License-Identifier: MIT */
/*
 * "Tokens live for 24 hours, and once a day events are lost."
 *
 * The program of that thread set a timer for 24 hours, which asked for a token,
 * closed the socket and opened another.  Answers came late, so the timer and
 * the `close` handler refreshed at the same time, each ended what the other had
 * just got, and between the two sockets there was always a hole.
 *
 * Here the client asks for a token before the old one ends, one question at a
 * time, and opens the next channel before it leaves the old one: both are read
 * until it is sure that nothing is missing, and each event comes once.
 *
 * settings.json: { "login": "https://login.mypurecloud.com", "topics": [...] }
 */
// @ts-check
import { readFile } from 'node:fs/promises';
import { NotificationClient } from 'gcnotify';

const file = new URL('settings.json', import.meta.url);
const { login, options, topics } = JSON.parse(await readFile(file, 'utf8'));
const { GENESYSCLOUD_OAUTHCLIENT_ID: id, GENESYSCLOUD_OAUTHCLIENT_SECRET: secret
} = process.env;

/** @param {import('gcnotify').RenewContext} context */
async function accessToken({ reason, signal }) {
  console.error('token', reason);
  const answer = await fetch(`${login}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${id}:${secret}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
    signal,
  });
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  /** @type {any} */
  const { access_token: token, expires_in: expiresIn } = await answer.json();
  return { token, expiresIn };
}

const client = await NotificationClient.connect(
  { ...options, accessToken, topics });
process.once('SIGTERM', () => client.close());

client.on('gap', ({ since, until }) => console.error('gap', since, until));
client.on('renewed', ({ proven, duplicates }) => {
  console.error('renewed', proven, duplicates);
});
for await (const event of client) {
  console.log('event', event.id, JSON.stringify(event));
}
