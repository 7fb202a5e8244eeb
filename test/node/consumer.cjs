/* SPDX-License-Identifier: MIT */
/*
 * A program that handles so many events of a client with a checkpoint, tells
 * its parent which, and ends in order ('flush') or by an exception in its loop
 * ('throw').
 */
'use strict';

const { LIB } = require('./kit.cjs');
const { NotificationClient } = require(`${LIB}/index.cjs`);

async function handle(client, { count, how }, result) {
  for await (const event of client) {
    result.ids.push(event.id);
    result.numbers.push(Date.parse(event.timestamp));
    if (result.ids.length < count) continue;
    if (how === 'throw') throw new Error('as asked');
    break;
  }
  await client.flush();
}

async function main(given) {
  const result = { ids: [], numbers: [], gaps: 0 };
  const client = await NotificationClient.connect(
    { ...given.options, topics: given.topics });
  client.on('gap', () => result.gaps++);
  try {
    await handle(client, given, result);
  } catch (error) {
    if (error.message !== 'as asked') throw error;
  } finally {
    await client.close();
  }
  process.send(result, () => process.disconnect());
}

void main(JSON.parse(process.argv[2]));
