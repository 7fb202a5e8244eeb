/* SPDX-License-Identifier: MIT */
/*
 * "await using", for compilers that have it.  Never run.
 */
import { NotificationClient } from 'gcnotify';

async function main(): Promise<void> {
  await using client = await NotificationClient.connect({ topics: 'v2.x' });
  await using subscription = await client.subscribe('v2.users.x.presence');
  for await (const event of subscription) {
    console.log(event.id);
    break;
  }
}

void main();
