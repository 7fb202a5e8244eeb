/* SPDX-License-Identifier: MIT */
/*
 * Hooks without a library behind them: which answer counts, and what becomes of
 * those that come too late.
 */
'use strict';

const assert = require('node:assert/strict');
const { after, test } = require('node:test');

const { LIB, checkNothingUnhandled, gcnError, soon } = require('./kit.cjs');
const { Asker } = require(`${LIB}/asker.cjs`);
const { noticeInfo } = require(`${LIB}/records.cjs`);
const { StoreAdapter } = require(`${LIB}/store.cjs`);

const turn = () => new Promise((next) => { setImmediate(next); });

after(checkNothingUnhandled);

/* An asker whose hook is answered by hand. */
function make(limitMs = 60000) {
  const asked = [];
  const answers = [];
  const asker = new Asker((context) => new Promise((resolve, reject) => {
    asked.push({ ...context, resolve, reject });
  }), limitMs, {
    give(ticket, value) {
      if (value === 'useless') throw new TypeError('of no use');
      answers.push([ticket, value]);
    },
    fail: (ticket) => answers.push([ticket, undefined]),
  });
  return { asker, asked, answers };
}

test('an answer that is overtaken is dropped', async () => {
  const { asker, asked, answers } = make();
  asker.ask(1, 'initial');
  asker.ask(2, 'initial');
  assert.deepEqual(asked.map(({ signal }) => signal.aborted), [true, false]);
  gcnError('ERR_GCN_TIMEOUT', { fatal: false })(asked[0].signal.reason);
  asked[0].resolve('late');
  asked[1].resolve('value');
  await turn();
  assert.deepEqual(answers, [[2, 'value']]);
  assert.equal(asked[1].signal.aborted, false);
});

test('attempts count while it is asked in a row', async () => {
  const { asker, asked } = make();
  const ask = async (reason, answer) => {
    asker.ask(7, reason);
    asked.at(-1).resolve(answer);
    await turn();
    return asked.at(-1).attempt;
  };
  assert.equal(await ask('initial', 'useless'), 1);
  assert.equal(asker.error.message, 'of no use');
  assert.equal(await ask('initial', 'good'), 2);
  assert.equal(asker.error, undefined);
  assert.equal(await ask('rejected', 'good'), 3);
  assert.equal(await ask('expiring', 'good'), 1, 'the last one was good');
  asker.settle();
  assert.equal(await ask('rejected', 'good'), 1, 'and in use');
});

test('each ticket has one answer, good or not', async () => {
  const { asker, asked, answers } = make();
  asker.ask(1, 'initial');
  asked[0].reject(new Error('sealed'));
  await turn();
  assert.equal(asker.error.message, 'sealed');
  asker.ask(2, 'initial');
  asked[1].resolve('useless');
  await turn();
  assert.deepEqual(answers, [[1, undefined], [2, undefined]]);
});

test('what is cancelled or takes too long is not answered', async () => {
  const { asker, asked, answers } = make();
  asker.ask(1, 'initial');
  asker.cancel('the client is closed');
  assert.match(asked[0].signal.reason.message, /the client is closed/);
  asked[0].reject(new Error('aborted'));
  const slow = make(1);
  slow.asker.ask(1, 'initial');
  await soon(new Promise((resolve) => {
    slow.asked[0].signal.addEventListener('abort', resolve);
  }), 'the abort');
  slow.asked[0].resolve('late');
  await turn();
  assert.deepEqual([answers, slow.answers], [[], []]);
});

test('a store\'s late answers are nobody\'s', async () => {
  const gone = (code) => () => {
    throw Object.assign(new Error('gone'), { code });
  };
  const store = new StoreAdapter(
    { load: async () => undefined, save() {} },
    { loadDone: gone('ENOENT'), saveDone: gone('GCN_ECLOSING') }, -1);
  await store.load({ ticket: 1, generation: 0 });
  await store.save({ ticket: 2, bytes: Buffer.from(''), sequences: [1] });
  await store.closed();
});

test('a limit that no timer can have does not end a hook at once', async () => {
  const { asker, asked, answers } = make(2 ** 31);
  asker.ask(1, 'initial');
  await new Promise((next) => { setTimeout(next, 5); });
  assert.equal(asked[0].signal.aborted, false);
  asked[0].resolve('good');
  await turn();
  assert.deepEqual(answers, [[1, 'good']]);
});

test('a store that settles nothing is given up in time', async () => {
  const answers = [];
  const never = () => new Promise(() => {});
  let finish;
  const store = new StoreAdapter({
    load: never,
    save: () => new Promise((resolve) => {
      finish = resolve;
    }),
    close: never,
  }, {
    loadDone: (...answer) => answers.push(['load', ...answer]),
    saveDone: (...answer) => answers.push(['save', ...answer]),
  }, -1);
  const save = (ticket) =>
    store.save({ ticket, bytes: Buffer.from(''), sequences: [] });
  void store.load({ ticket: 1, generation: 0 });
  const saving = save(2);
  store.close();
  store.limit(0);
  await assert.rejects(soon(store.closed(), 'the end'), /too long/);
  assert.deepEqual(answers, [['load', 1, -1], ['save', 2, -1]]);
  finish();
  await saving;
  void save(3);
  assert.deepEqual(answers.slice(2), [['save', 3, -1]], 'once, and at once');
});

test('notices have no channel id, wherever it stood', () => {
  const body = JSON.stringify({
    channelId: 'streaming-1', message: 'streaming-1 will close', n: 1,
  });
  assert.deepEqual(
    noticeInfo({ topic: 'v2.system.socket_closing.streaming-1', body }), {
      topicName: 'v2.system.socket_closing',
      eventBody: { message: '*** will close', n: 1 },
    });
  assert.deepEqual(
    noticeInfo({ topic: 'v2.system.other', body: 'no JSON' }),
    { topicName: 'v2.system.other', eventBody: 'no JSON' });
  const { eventBody } = noticeInfo({ topic: 'other', body });
  assert.equal('channelId' in eventBody, false);
});
