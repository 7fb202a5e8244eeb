/* SPDX-License-Identifier: MIT */
/*
 * What users see of faults: reconnecting and gaps, hooks for tokens and
 * credentials, limits, refusals, slow consumers.
 */
'use strict';

const assert = require('node:assert/strict');
const { errorMonitor } = require('node:events');
const { after, test } = require('node:test');

const {
  LIB, checkNothingUnhandled, gcnError, makeClient, record, soon, take, told,
  until,
} = require('./kit.cjs');
const { CLIENT_ID, CLIENT_SECRET, startSim } = require('./sim.cjs');

const { NotificationClient } = require(`${LIB}/index.cjs`);

const good = { clientId: CLIENT_ID, clientSecret: CLIENT_SECRET };
const bad = { clientId: CLIENT_ID, clientSecret: 'wrong-secret-canary' };

after(checkNothingUnhandled);

test('a reconnect keeps the subscriptions and tells the gap', async (t) => {
  const sim = await startSim(t, {
    rate: '100/s', faults: ['after event 20 tcp.reset'],
  });
  const client = makeClient(t, sim.options());
  const all = record(client, 'open', 'reconnecting', 'gap', 'error', 'state');
  const subscription = await client.subscribe(sim.topics);
  const events = await take(client.events(), 60);
  assert.deepEqual(subscription.topics, sim.topics);
  const seqs = events.map(({ seq }) => Number(seq));
  assert.deepEqual(seqs, Array.from({ length: 60 }, (_, i) => i + 1));
  const names = all.map(([name]) => name);
  assert.equal(names.filter((name) => name === 'open').length, 2);
  assert.equal(names.includes('error'), false, 'an outage is no error');
  const [, lost] = all.find(([name]) => name === 'reconnecting');
  assert.equal(lost.attempt, 1);
  assert.ok(lost.delayMs <= 300);
  assert.equal(lost.retryAfter, false);
  gcnError('ERR_GCN_NETWORK', { fatal: false })(lost.reason);
  const [, gap] = all.find(([name]) => name === 'gap');
  assert.deepEqual([...gap.topics].sort(), [...sim.topics].sort());
  assert.ok(gap.since < gap.until);
  assert.equal(gap.certainty, 'blind');
  assert.ok(names.indexOf('gap') < names.lastIndexOf('open'));
  const [, , , info] = all.find(
    ([name, to]) => name === 'state' && to === 'backing off');
  assert.equal(info.willRetry, true);
  assert.equal(info.error, lost.reason);
});

test('a 429 is honoured', async (t) => {
  const sim = await startSim(t, {
    faults: ['http.status POST */channels 429 retry-after=1',
      'expect retry-after honoured'],
  });
  const client = makeClient(t, sim.options());
  const waiting = told(client, 'reconnecting');
  const begin = Date.now();
  await soon(client.subscribe(sim.topics), 'subscribe()');
  const [{ delayMs, reason, retryAfter }] = await waiting;
  gcnError('ERR_GCN_RATE_LIMITED', {
    fatal: false, status: 429, retryAfterMs: 1000,
  })(reason);
  assert.ok(delayMs >= 1000 && Date.now() - begin >= 1000);
  assert.equal(retryAfter, true);
  await client.close();
  assert.equal((await sim.stop()).code, 0);
});

test('a bad topic answered with 400 leaves the stream alone', async (t) => {
  const sim = await startSim(t, {
    faults: ['on topic v2.bad.* reject 400 "no"'], args: ['--any-topic'],
  });
  const client = makeClient(t, sim.options());
  const all = record(client, 'reconnecting', 'error', 'open', 'subscribed');
  const subscription = await client.subscribe(
    [...sim.topics, 'v2.bad.one', 'v2.bad.two']);
  assert.deepEqual(subscription.topics, sim.topics);
  assert.deepEqual(subscription.rejected.map(({ topic }) => topic),
    ['v2.bad.one', 'v2.bad.two']);
  assert.match(subscription.rejected[0].rejectionReason, /Unknown topic/);
  await take(client.events(), 2);
  assert.deepEqual(all.map(([name]) => name).sort(), ['open', 'subscribed']);
  const [, info] = all.find(([name]) => name === 'subscribed');
  assert.equal(info.rejected.length, 2);
});

test('every topic rejected is an exception with all of them', async (t) => {
  const sim = await startSim(t, {
    faults: ['on topic v2.bad.* reject 400 "no"'], args: ['--any-topic'],
  });
  const connecting = NotificationClient.connect(sim.options({
    topics: ['v2.bad.one', 'v2.bad.two'],
  }));
  await assert.rejects(connecting, (error) => {
    gcnError('ERR_GCN_TOPIC_REJECTED', { fatal: false })(error);
    assert.match(error.message, /: v2\.bad\.one \(Unknown topic\), v2\.bad/);
    assert.deepEqual(error.rejected.map(({ topic }) => topic),
      ['v2.bad.one', 'v2.bad.two']);
    return true;
  });
});

const ENDS = {
  'expires (401)': 'after event 5 token.expire',
  'is revoked': 'after event 5 token.revoke then channel.evict',
};

for (const [what, fault] of Object.entries(ENDS)) {
  test(`a token that ${what} mid-stream: the hook is asked`, async (t) => {
    const sim = await startSim(t, { rate: '50/s', faults: [fault] });
    const asked = [];
    const client = makeClient(t, sim.options({
      credentials: async ({ reason, attempt, signal }) => {
        asked.push(`${reason} ${attempt} ${signal.aborted}`);
        await new Promise((resolve) => { setTimeout(resolve, 10); });
        return good;
      },
    }));
    const all = record(client, 'error', 'open');
    const notices = record(client, 'notice');
    await client.subscribe(sim.topics);
    const events = client.events();
    while (all.length < 2) await take(events, 1);
    assert.deepEqual(asked, ['initial 1 false', 'rejected 1 false']);
    assert.deepEqual(all.map(([name]) => name), ['open', 'open']);
    for (const [, { topicName, eventBody }] of notices) {
      assert.equal(topicName, 'v2.system.token_revoked');
      assert.equal(eventBody.systemTopicType, 'token_revoked');
      assert.doesNotMatch(JSON.stringify(eventBody), /streaming-|channelId/);
    }
    assert.equal(notices.length, what === 'is revoked' ? 1 : 0);
  });
}

test('credentials that are refused: the hook is told', async (t) => {
  const sim = await startSim(t);
  const asked = [];
  const client = makeClient(t, sim.options({
    credentials: ({ reason, attempt }) => {
      asked.push(`${reason} ${attempt}`);
      return asked.length < 2 ? bad : good;
    },
  }));
  const waiting = told(client, 'reconnecting');
  const connected = client.connect();
  const [{ reason }] = await waiting;
  gcnError('ERR_GCN_AUTH', { fatal: false })(reason);
  client.reconnectNow();
  await soon(connected, 'the connection');
  assert.deepEqual(asked, ['initial 1', 'rejected 2']);
});

test('two credentials: the second is tried', async (t) => {
  const sim = await startSim(t);
  const client = makeClient(t, sim.options({ credentials: () => [bad, good] }));
  const all = record(client, 'reconnecting');
  await soon(client.connect(), 'the connection');
  assert.deepEqual(all, []);
});

const USELESS = [
  ['throws', () => {
    throw new Error('vault is sealed');
  }, /vault is sealed/],
  ['rejects with nothing', () => Promise.reject(), /without a reason/],
  ['gives nothing', async () => undefined, /must be an object/],
  ['gives three', () => [good, good, good], /one or two/],
  ['gives a wrong id', () => ({ ...good, clientId: 'a:b' }), /./],
];

for (const [what, credentials, pattern] of USELESS) {
  test(`a hook that ${what} is asked again`, async (t) => {
    const sim = await startSim(t, { tls: false });
    let count = 0;
    const client = makeClient(t, sim.options({
      credentials: (context) => {
        count++;
        return count < 3 ? credentials(context) : good;
      },
    }));
    const all = record(client, 'reconnecting', 'error');
    await soon(client.connect(), 'the connection');
    assert.equal(count, 3);
    assert.equal(all.length, 2);
    for (const [name, { reason }] of all) {
      assert.equal(name, 'reconnecting');
      gcnError('ERR_GCN_AUTH', { fatal: false, op: 'token' })(reason);
      assert.match(reason.cause.message, pattern);
    }
  });
}

test('a hook that hangs: its signal is aborted', async (t) => {
  const sim = await startSim(t, { tls: false });
  const reasons = [];
  const client = makeClient(t, sim.options({
    advanced: { phaseMs: 100 },
    credentials: ({ signal }) => new Promise((resolve) => {
      if (reasons.length === 1) resolve(good);
      signal.addEventListener('abort', () => {
        reasons.push(signal.reason);
        resolve(bad); /* nobody listens */
      });
    }),
  }));
  await soon(client.connect(), 'the connection');
  assert.equal(reasons.length, 1);
  gcnError('ERR_GCN_TIMEOUT')(reasons[0]);
  await client.close();
  assert.equal(reasons.length, 1);
});

test('a hook that is under way when the client closes', async (t) => {
  const sim = await startSim(t, { tls: false });
  let context;
  const client = makeClient(t, sim.options({
    credentials: (given) => {
      context = given;
      return new Promise(() => {});
    },
  }));
  client.connect().catch(() => {});
  await until(() => context !== undefined, 'the question');
  await client.close();
  assert.equal(context.signal.aborted, true);
});

/* What the login service gives for the credentials. */
async function fetchToken(sim) {
  const basic = Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`);
  const answer = await fetch(`${sim.url}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic.toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  return (await answer.json()).access_token;
}

test('tokens of one\'s own, with their life', async (t) => {
  const sim = await startSim(t, { tls: false });
  const asked = [];
  const client = makeClient(t, sim.options({
    credentials: undefined,
    accessToken: async ({ reason, attempt }) => {
      asked.push(`${reason} ${attempt}`);
      return { token: await fetchToken(sim), expiresIn: 7200 };
    },
  }));
  await client.subscribe(sim.topics);
  assert.deepEqual(asked, ['initial 1']);
  const { tokenRequests, tokenLife } = client.stats();
  assert.equal(tokenRequests, 0, 'the login service is not asked');
  assert.ok(tokenLife > 7100e3 && tokenLife <= 7200e3, String(tokenLife));
});

test('a token of one\'s own that is refused asks for another', async (t) => {
  const sim = await startSim(t, { tls: false });
  const asked = [];
  const client = makeClient(t, sim.options({
    credentials: undefined,
    accessToken: async ({ reason, attempt }) => {
      asked.push(`${reason} ${attempt}`);
      return asked.length < 2 ? 'stale' : fetchToken(sim);
    },
  }));
  await soon(client.subscribe(sim.topics), 'subscribe()');
  assert.deepEqual(asked, ['initial 1', 'rejected 2']);
});

test('one token and no more: its end is fatal', async (t) => {
  const sim = await startSim(t, { tls: false });
  const given = { credentials: undefined };
  const fine = makeClient(t, sim.options({
    ...given, accessToken: await fetchToken(sim),
  }));
  await soon(fine.connect(), 'the connection');
  const client = makeClient(t, sim.options({ ...given, accessToken: 'stale' }));
  await assert.rejects(soon(client.connect(), 'the refusal'), (error) => {
    gcnError('ERR_GCN_AUTH', { fatal: true })(error);
    assert.doesNotMatch(error.message, /stale/);
    return true;
  });
});

test('a refusal: whoever waits is told, and how it goes on', async (t) => {
  const sim = await startSim(t, { tls: false });
  const client = makeClient(t, sim.options({ credentials: bad }));
  const iterator = client.events();
  const next = iterator.next();
  const all = await soon(Promise.allSettled([
    client.connect(), client.subscribe(sim.topics), next,
  ]), 'the refusal');
  for (const { status, reason } of all) {
    assert.equal(status, 'rejected');
    gcnError('ERR_GCN_AUTH', { fatal: true, op: 'token' })(reason);
    assert.doesNotMatch(reason.stack, /canary/);
  }
  assert.equal((await iterator.next()).done, true);
  assert.equal(client.state, 'refused');
  await assert.rejects(client.subscribe(sim.topics), gcnError('ERR_GCN_AUTH'));
  await assert.rejects(client.events().next(), gcnError('ERR_GCN_AUTH'));
  await assert.rejects(client.connect(), gcnError('ERR_GCN_AUTH'));
  client.setCredentials(good);
  await soon(client.connect(), 'the connection');
  await client.subscribe(sim.topics);
  assert.equal((await take(client.events(), 1)).length, 1);
});

test('new credentials alone set a refused client going', async (t) => {
  const sim = await startSim(t, { tls: false });
  const client = makeClient(t, sim.options({ credentials: bad }));
  await assert.rejects(client.connect(), gcnError('ERR_GCN_AUTH'));
  const opened = told(client, 'open');
  client.setCredentials(good);
  await opened;
  assert.equal(client.state, 'streaming');
  assert.deepEqual((await client.subscribe(sim.topics)).topics, sim.topics);
});

test('a refusal that nobody waits for is an error event', async (t) => {
  const sim = await startSim(t, {
    tls: false,
    faults: ['after event 3 secret.rotate other-secret then token.revoke ' +
      'then channel.evict'],
  });
  const client = makeClient(t, sim.options());
  await client.subscribe(sim.topics);
  client.on('notify', () => {});
  const [error] = await told(client, 'error');
  gcnError('ERR_GCN_AUTH', { fatal: true })(error);
  assert.equal(client.state, 'refused');
  const closed = told(client, 'close');
  await client.close();
  assert.deepEqual(await closed, [1006, error.message]);
});

test('so many failures and no more', async (t) => {
  const sim = await startSim(t, {
    tls: false, faults: ['http.status POST */channels 500 times=9'],
  });
  const options = sim.options();
  options.backoff.maxAttempts = 2;
  const client = makeClient(t, options);
  const all = record(client, 'reconnecting');
  await assert.rejects(soon(client.connect(), 'the end'),
    gcnError('ERR_GCN_NETWORK', { fatal: true, status: 500 }));
  assert.equal(all.length, 1);
  await until(() => client.state === 'idle', 'rest');
});

/* Does the library leave bytes in the socket? */
function rests(client) {
  return /^gcn_read_paused\S* 1$/m.test(client.metrics());
}

test('a slow consumer makes reading rest, and nothing is lost', async (t) => {
  const sim = await startSim(t, { rate: '2000/s' });
  const client = makeClient(t, sim.options({ highWaterMark: 20 }));
  await client.subscribe(sim.topics);
  const iterator = client.events();
  await until(() => rests(client), 'rest');
  const before = client.stats().events;
  assert.ok(before < 20 + 64 + 1, `${before} events past a mark of 20`);
  const events = await take(iterator, 300);
  assert.deepEqual(events.map(({ seq }) => Number(seq)),
    Array.from({ length: 300 }, (_, i) => i + 1));
  assert.equal(client.stats().gaps, 0);
});

test('pause and resume', async (t) => {
  const sim = await startSim(t, { rate: '500/s' });
  const client = makeClient(t, sim.options());
  await client.subscribe(sim.topics);
  const seen = [];
  client.on('notify', ({ seq }) => {
    seen.push(Number(seq));
    if (seen.length === 10) client.pause();
  });
  await until(() => seen.length === 10, 'ten events');
  assert.equal(client.isPaused(), true);
  await until(() => rests(client), 'rest');
  assert.equal(seen.length, 10);
  client.resume();
  await until(() => seen.length >= 30, 'twenty more');
  assert.deepEqual(seen, Array.from(seen, (_, i) => i + 1));
});

test('a listener that throws harms no other event', async (t) => {
  const sim = await startSim(t, { rate: '500/s' });
  const client = makeClient(t, sim.options());
  await client.subscribe(sim.topics);
  const former = process.listeners('uncaughtException');
  const thrown = [];
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => thrown.push(error.message));
  t.after(() => {
    process.removeAllListeners('uncaughtException');
    for (const listener of former) process.on('uncaughtException', listener);
  });
  const seen = [];
  client.on('notify', ({ seq }) => {
    seen.push(Number(seq));
    if (seq % 5n === 0n) throw new Error(`at ${seq}`);
  });
  await until(() => seen.length >= 30, 'thirty events');
  await client.close();
  assert.deepEqual(seen, Array.from(seen, (_, i) => i + 1));
  assert.deepEqual(thrown.slice(0, 3), ['at 5', 'at 10', 'at 15']);
});

test('a refused certificate is told as such', async (t) => {
  const sim = await startSim(t, { args: ['--cert-flaw', 'expired'] });
  const client = makeClient(t, sim.options());
  client.connect().catch(() => {});
  const [{ reason }] = await told(client, 'reconnecting');
  gcnError('ERR_GCN_TLS', { fatal: false, layer: 'tls' })(reason);
});

test('nobody there', async (t) => {
  const sim = await startSim(t, { tls: false });
  const options = sim.options();
  await sim.stop();
  const client = makeClient(t, options);
  const connected = client.connect();
  const [{ reason }] = await told(client, 'reconnecting');
  gcnError('ERR_GCN_NETWORK', { errorName: 'ECONNREFUSED' })(reason);
  client.terminate();
  await assert.rejects(connected, gcnError('ERR_GCN_CLOSED'));
});

test('no secret in what is logged', async (t) => {
  const sim = await startSim(t, { faults: ['after event 3 tcp.reset'] });
  const lines = [];
  const client = makeClient(t, sim.options({
    logger: (line) => lines.push(line), logLevel: 'debug',
  }));
  await client.subscribe(sim.topics);
  await take(client.events(), 6);
  await client.close();
  assert.ok(lines.length > 5);
  for (const { level, message } of lines) {
    assert.match(level, /^(error|warn|info|debug)$/);
    assert.doesNotMatch(message, /canary/);
  }
});

/* The first attempt to come back. */
const CLOSED = 'after event 5 accept.close times=1';

test('a subscription whose loop failed goes on, and ends', async (t) => {
  const sim = await startSim(t, {
    tls: false, rate: '100/s', faults: ['after event 5 tcp.reset', CLOSED],
  });
  const options = sim.options({ highWaterMark: 16 });
  Object.assign(options.backoff, { maxAttempts: 2 });
  const client = makeClient(t, options);
  const subscription = await client.subscribe(sim.topics);
  const failed = (async () => {
    for await (const event of subscription) assert.ok(event.seq > 0n);
  })();
  await assert.rejects(soon(failed, 'the refusal'),
    gcnError('ERR_GCN_NETWORK', { fatal: true }));
  assert.equal(client.state, 'idle', 'at once');
  assert.equal(subscription.closed, false);
  await soon(client.connect(), 'the connection');
  const other = client.events({ topics: 'v2.other' });
  for await (const event of subscription) {
    assert.ok(event.seq > 0n);
    break;
  }
  assert.equal(subscription.closed, true);
  assert.deepEqual(client.topics, []);
  await other.return();
  await client.close();
});

test('a refusal that renew() or flush() is told is no event', async (t) => {
  const sim = await startSim(t, {
    tls: false, faults: ['after event 5 tcp.reset', CLOSED],
  });
  const options = sim.options();
  Object.assign(options.backoff, { maxAttempts: 2 });
  const client = makeClient(t, options);
  const monitored = record(client, errorMonitor);
  client.on('notify', () => {});
  await client.subscribe(sim.topics);
  await told(client, 'reconnecting');
  await assert.rejects(soon(client.renew(), 'the refusal'),
    gcnError('ERR_GCN_NETWORK', { fatal: true }));
  assert.equal(client.state, 'idle');
  assert.equal(monitored.length, 1, 'but who monitors hears it');
  await client.close();
});
