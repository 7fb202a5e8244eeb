/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the package share: the package itself, and waits that end.
 */
'use strict';

const assert = require('node:assert/strict');

const LIB = '../../src/node/lib';
const LIMIT_MS = 20000;

/* The promise, or an error that says what did not come in time. */
function soon(promise, what, limitMs = LIMIT_MS) {
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what} did not come in ${limitMs} ms`)),
      limitMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/* The arguments of the next event `name` for which `wanted` holds. */
function told(emitter, name, wanted = () => true) {
  let listener;
  const seen = new Promise((resolve) => {
    listener = (...args) => {
      if (wanted(...args)) resolve(args);
    };
    emitter.on(name, listener);
  });
  return soon(seen, `the event "${name}"`)
    .finally(() => emitter.off(name, listener));
}

/* Everything an emitter tells of these names, as [name, ...arguments]. */
function record(emitter, ...names) {
  const all = [];
  for (const name of names) {
    emitter.on(name, (...args) => all.push([name, ...args]));
  }
  return all;
}

/* The next `count` values of an iterator, which stays open. */
async function take(iterator, count) {
  const values = [];
  while (values.length < count) {
    const { value, done } = await soon(iterator.next(), 'the next event');
    if (done) break;
    values.push(value);
  }
  return values;
}

/* Polls, for what nobody tells. */
async function until(condition, what) {
  const poll = async () => {
    while (!condition()) await new Promise((next) => { setTimeout(next, 5); });
  };
  await soon(poll(), what);
}

/* A client that its test closes. */
function makeClient(t, options) {
  const { NotificationClient } = require(`${LIB}/index.cjs`);
  const client = new NotificationClient(options);
  t.after(() => client.close({ timeoutMs: 0 }));
  return client;
}

/* For assert.rejects and assert.throws. */
function gcnError(code, more = {}) {
  return (error) => {
    assert.equal(error.name, 'GenesysNotificationError', String(error.stack));
    assert.equal(error.code, code, error.message);
    for (const [name, value] of Object.entries(more)) {
      if (value instanceof RegExp) assert.match(error[name], value);
      else assert.deepEqual(error[name], value, name);
    }
    return true;
  };
}

/* No rejection may go unhandled in a file that requires this. */
const unhandled = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason));

function checkNothingUnhandled() {
  assert.deepEqual(unhandled, []);
}

module.exports = {
  LIB, checkNothingUnhandled, gcnError, makeClient, record, soon, take, told,
  until,
};
