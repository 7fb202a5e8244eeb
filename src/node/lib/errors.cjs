/* SPDX-License-Identifier: MIT */
/*
 * The one class of error this package gives to its users, and which of its
 * codes a failure of the library has.  Knows names of errors, not numbers.
 */
'use strict';

/* By gcn_err_name; names that are not here are libuv's. */
const CODES = {
  GCN_ECLOSING: 'ERR_GCN_CLOSED',
  GCN_ELIMIT: 'ERR_GCN_CONFIG',
  GCN_EAUTH: 'ERR_GCN_AUTH',
  GCN_EFORBIDDEN: 'ERR_GCN_FORBIDDEN',
  GCN_ERATELIMITED: 'ERR_GCN_RATE_LIMITED',
  GCN_ETLS: 'ERR_GCN_TLS',
  GCN_ETLSVERIFY: 'ERR_GCN_TLS',
  GCN_EHTTP: 'ERR_GCN_PROTOCOL',
  GCN_ESTATUS: 'ERR_GCN_PROTOCOL',
  GCN_EWS: 'ERR_GCN_PROTOCOL',
  GCN_EPROTO: 'ERR_GCN_PROTOCOL',
  GCN_ECHANNEL: 'ERR_GCN_CHANNEL_LOST',
  GCN_ETOPIC: 'ERR_GCN_TOPIC_REJECTED',
  GCN_ESILENT: 'ERR_GCN_TIMEOUT',
  GCN_EPHASE: 'ERR_GCN_TIMEOUT',
  GCN_EPEERCLOSE: 'ERR_GCN_NETWORK',
  GCN_EPOLICY: 'ERR_GCN_PROTOCOL',
  GCN_EMSGSIZE: 'ERR_GCN_PROTOCOL',
  GCN_EUVVERSION: 'ERR_GCN_CONFIG',
  GCN_EFORKED: 'ERR_GCN_CONFIG',
  GCN_EWRONGTHREAD: 'ERR_GCN_CONFIG',
  GCN_ENEVER: 'ERR_GCN_PROTOCOL',
  GCN_EREDIRECT: 'ERR_GCN_PROTOCOL',
  GCN_EENTROPY: 'ERR_GCN_TLS',
  GCN_ECONFIG: 'ERR_GCN_CONFIG',
  GCN_EPROXY: 'ERR_GCN_NETWORK',
  GCN_EPROXYAUTH: 'ERR_GCN_AUTH',
  GCN_ECHECKPOINT: 'ERR_GCN_CHECKPOINT',
  GCN_ESUBSCRIPTION: 'ERR_GCN_TOPIC_REJECTED',
  GCN_EPOSITION: 'ERR_GCN_CHANNEL_LOST',
  ETIMEDOUT: 'ERR_GCN_TIMEOUT',
  ECANCELED: 'ERR_GCN_CLOSED',
  EINVAL: 'ERR_GCN_CONFIG',
};

const STATUS_CODES = {
  401: 'ERR_GCN_AUTH',
  403: 'ERR_GCN_FORBIDDEN',
  408: 'ERR_GCN_TIMEOUT',
  429: 'ERR_GCN_RATE_LIMITED',
  504: 'ERR_GCN_TIMEOUT',
};

class GenesysNotificationError extends Error {
  constructor(message, details) {
    const { cause, ...rest } = details;
    super(message, cause === undefined ? undefined : { cause });
    this.fatal = false;
    for (const [name, value] of Object.entries(rest)) {
      if (value !== undefined) this[name] = value;
    }
  }
}

Object.defineProperty(GenesysNotificationError.prototype, 'name', {
  value: 'GenesysNotificationError',
  writable: true,
  configurable: true,
});

function codeOfStatus(status) {
  if (STATUS_CODES[status]) return STATUS_CODES[status];
  return status >= 500 ? 'ERR_GCN_NETWORK' : 'ERR_GCN_PROTOCOL';
}

/* The code of `name` (gcn_err_name) when it came of `op` with `status`. */
function codeOf(name, op, status) {
  if (op === 'checkpoint') return 'ERR_GCN_CHECKPOINT';
  if (name === 'GCN_ESTATUS') return codeOfStatus(status);
  return CODES[name] || 'ERR_GCN_NETWORK';
}

/* A failure as the binding reports it; `more` may say fatal and cause. */
function failureError(failure, more = {}) {
  const { retryAfter, closeCode, httpStatus, correlationId } = failure;
  return new GenesysNotificationError(failure.message, {
    code: codeOf(failure.code, failure.op, httpStatus),
    status: httpStatus || undefined,
    retryAfterMs: retryAfter >= 0 ? retryAfter : undefined,
    correlationId: correlationId || undefined,
    closeCode: closeCode || undefined,
    errno: failure.errno,
    errorName: failure.code,
    layer: failure.layer,
    op: failure.op,
    ...more,
  });
}

function configError(message, cause) {
  return new GenesysNotificationError(message, {
    code: 'ERR_GCN_CONFIG', fatal: true, cause,
  });
}

function closedError(what) {
  return new GenesysNotificationError(`${what}: the client is closed`, {
    code: 'ERR_GCN_CLOSED', fatal: true,
  });
}

function rejectedError(rejected) {
  const said = rejected.map(({ topic, rejectionReason }) =>
    rejectionReason ? `${topic} (${rejectionReason})` : topic);
  const first = said.slice(0, 3).join(', ');
  const rest = said.length > 3 ? ` and ${said.length - 3} more` : '';
  return new GenesysNotificationError(
    `the service rejected every topic: ${first}${rest}`,
    { code: 'ERR_GCN_TOPIC_REJECTED', rejected });
}

/* Calls the binding, whose errors become ours. */
function guarded(call) {
  try {
    return call();
  } catch (error) {
    if (error instanceof GenesysNotificationError) throw error;
    const name = typeof error.code === 'string' ? error.code : '';
    const known = CODES[name];
    /* Not by its class: that is another one in another realm. */
    const isTypeError = name === 'ERR_INVALID_ARG_TYPE';
    const code = isTypeError ? 'ERR_GCN_CONFIG' : known;
    if (code === undefined) throw error;
    throw new GenesysNotificationError(error.message, {
      code, fatal: true, errno: error.errno, errorName: known && name,
    });
  }
}

module.exports = {
  CODES,
  GenesysNotificationError,
  closedError,
  codeOf,
  configError,
  failureError,
  guarded,
  rejectedError,
};
