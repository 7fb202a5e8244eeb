/* SPDX-License-Identifier: MIT */
/*
 * Which code each of the library's errors has, and what an error carries.
 */
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { LIB, gcnError } = require('./kit.cjs');
const { CODES, codeOf, failureError, guarded } = require(`${LIB}/errors.cjs`);
const { GenesysNotificationError } = require(`${LIB}/index.cjs`);
const { load } = require(`${LIB}/loader.cjs`);

const binding = load(process.env.GCN_NODE_LOOP);

const FAILURE = {
  errno: -20002, code: 'GCN_EAUTH', message: 'no', layer: 'service',
  op: 'token', detail: 0, httpStatus: 401, closeCode: 0, retryAfter: -1,
  correlationId: '',
};

test('every error of the library has a code, and no other one', () => {
  const names = Object.keys(binding.errors);
  assert.ok(names.length >= 30);
  for (const name of names) assert.match(CODES[name] ?? '', /^ERR_GCN_/, name);
  const ours = Object.keys(CODES).filter((name) => name.startsWith('GCN_'));
  assert.deepEqual(ours.sort(), names.sort());
});

const TABLE = [
  ['GCN_EAUTH', 'token', 401, 'ERR_GCN_AUTH'],
  ['GCN_EPROXYAUTH', 'none', 407, 'ERR_GCN_AUTH'],
  ['GCN_EFORBIDDEN', 'topics', 403, 'ERR_GCN_FORBIDDEN'],
  ['GCN_ERATELIMITED', 'channel', 429, 'ERR_GCN_RATE_LIMITED'],
  ['GCN_ETOPIC', 'topics', 400, 'ERR_GCN_TOPIC_REJECTED'],
  ['GCN_ESUBSCRIPTION', 'stream', 0, 'ERR_GCN_TOPIC_REJECTED'],
  ['GCN_ECHANNEL', 'upgrade', 404, 'ERR_GCN_CHANNEL_LOST'],
  ['GCN_EPOSITION', 'stream', 0, 'ERR_GCN_CHANNEL_LOST'],
  ['GCN_EPROTO', 'topics', 200, 'ERR_GCN_PROTOCOL'],
  ['GCN_ETLSVERIFY', 'none', 0, 'ERR_GCN_TLS'],
  ['GCN_EPEERCLOSE', 'stream', 0, 'ERR_GCN_NETWORK'],
  ['ECONNREFUSED', 'none', 0, 'ERR_GCN_NETWORK'],
  ['EAI_NONAME', 'none', 0, 'ERR_GCN_NETWORK'],
  ['GCN_E_OF_LATER', 'none', 0, 'ERR_GCN_NETWORK'],
  ['ETIMEDOUT', 'none', 0, 'ERR_GCN_TIMEOUT'],
  ['GCN_EPHASE', 'none', 0, 'ERR_GCN_TIMEOUT'],
  ['GCN_ESILENT', 'stream', 0, 'ERR_GCN_TIMEOUT'],
  ['GCN_ECLOSING', 'none', 0, 'ERR_GCN_CLOSED'],
  ['GCN_ECONFIG', 'none', 0, 'ERR_GCN_CONFIG'],
  ['GCN_ECHECKPOINT', 'checkpoint', 0, 'ERR_GCN_CHECKPOINT'],
  ['EACCES', 'checkpoint', 0, 'ERR_GCN_CHECKPOINT'],
  ['GCN_ESTATUS', 'topics', 401, 'ERR_GCN_AUTH'],
  ['GCN_ESTATUS', 'topics', 403, 'ERR_GCN_FORBIDDEN'],
  ['GCN_ESTATUS', 'topics', 429, 'ERR_GCN_RATE_LIMITED'],
  ['GCN_ESTATUS', 'topics', 408, 'ERR_GCN_TIMEOUT'],
  ['GCN_ESTATUS', 'topics', 503, 'ERR_GCN_NETWORK'],
  ['GCN_ESTATUS', 'topics', 418, 'ERR_GCN_PROTOCOL'],
];

for (const [name, op, status, code] of TABLE) {
  test(`${name} of ${op}, ${status}`, () => {
    assert.equal(codeOf(name, op, status), code);
  });
}

test('the types name every code', () => {
  const fs = require('node:fs');
  const types = fs.readFileSync(require.resolve(`${LIB}/index.d.ts`), 'utf8');
  for (const code of Object.values(CODES)) {
    assert.ok(types.includes(`'${code}'`), code);
  }
});

test('an error carries what is known, and nothing else', () => {
  const cause = new Error('why');
  const error = failureError(FAILURE, { fatal: true, cause });
  assert.ok(error instanceof GenesysNotificationError);
  assert.ok(error instanceof Error);
  assert.equal(error.name, 'GenesysNotificationError');
  assert.deepEqual({ ...error }, {
    code: 'ERR_GCN_AUTH', fatal: true, status: 401, errno: -20002,
    errorName: 'GCN_EAUTH', layer: 'service', op: 'token',
  });
  assert.equal(error.cause, cause);
  const limited = failureError({
    ...FAILURE, code: 'GCN_ERATELIMITED', retryAfter: 0, httpStatus: 429,
    correlationId: 'abc', closeCode: 4429,
  });
  assert.deepEqual(
    [limited.retryAfterMs, limited.correlationId, limited.closeCode],
    [0, 'abc', 4429]);
  assert.equal(limited.fatal, false);
  assert.equal('cause' in limited, false);
});

test('errors of calls', () => {
  const raise = (error) => () => guarded(() => {
    throw error;
  });
  /* As the binding's are in another realm: of another class. */
  assert.throws(raise(Object.assign(new Error('x is no option'),
    { code: 'ERR_INVALID_ARG_TYPE' })),
  gcnError('ERR_GCN_CONFIG', { message: /x is no option/ }));
  assert.throws(raise(new TypeError('ours')), TypeError);
  assert.throws(raise(Object.assign(new Error('late'),
    { code: 'GCN_ECLOSING', errno: -20000 })), gcnError('ERR_GCN_CLOSED'));
  assert.throws(raise(new RangeError('other')), RangeError);
});
