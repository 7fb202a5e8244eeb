/* SPDX-License-Identifier: MIT */
/*
 * Checks what the user gave and turns it into what the binding takes.  Knows
 * the environment variables, and opens no file but the profile.  Its sentences
 * name the option and never show a value: it may be a secret.
 */
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { configError } = require('./errors.cjs');
const { GONE, MEANT, OPTIONS } = require('./option-names.cjs');

const HIGH_WATER_MARK = 256;
const PHASE_MS = 10000;
const ATTEMPT_MS = 60000;
const CREDENTIALS_MAX = 2;
const CLOSE_MS_MAX = 366 * 24 * 3600 * 1000; /* the library's own */
const TIMER_MS_MAX = 2 ** 31 - 1; /* timers of more are over at once */

/* --- names --- */

/* Levenshtein's distance. */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = a[i - 1] === b[j - 1] ? 0 : 1;
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + swap);
    }
    row = next;
  }
  return row[b.length];
}

function nearest(name, names) {
  const wanted = name.toLowerCase();
  let best;
  let least = Math.min(3, Math.ceil(name.length / 3)) + 0.5;
  for (const one of names) {
    const far = distance(wanted, one.toLowerCase());
    if (far >= least) continue;
    best = one;
    least = far;
  }
  return best;
}

function hint(name, table, prefix) {
  if (prefix === '' && Object.hasOwn(GONE, name)) return `: ${GONE[name]}`;
  const near = nearest(name, Object.keys(table));
  if (near !== undefined) return `; did you mean \`${prefix}${near}\`?`;
  if (Object.hasOwn(OPTIONS.advanced, name) && prefix === '') {
    return `; did you mean \`advanced.${name}\`?`;
  }
  if (!Object.hasOwn(MEANT, name)) return '';
  return `; did you mean \`${MEANT[name]}\`?`;
}

/* --- kinds --- */

function kindName(value) {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `of type ${typeof value}`;
}

function wrong(name, wanted, value) {
  return configError(
    `option \`${name}\` must be ${wanted}, but is ${kindName(value)}`);
}

function isCount(value) {
  return value === Infinity || (Number.isSafeInteger(value) && value >= 0);
}

function checkKind(name, kind, value) {
  if (kind === 'text' && typeof value !== 'string') {
    throw wrong(name, 'a string', value);
  }
  if (kind === 'text or null' && typeof value !== 'string' && value !== null) {
    throw wrong(name, 'a string or null', value);
  }
  if (kind === 'flag' && typeof value !== 'boolean') {
    throw wrong(name, 'true or false', value);
  }
  if (kind === 'count' && !isCount(value)) {
    throw configError(`option \`${name}\` must be an integer from 0 on`);
  }
  if (!Array.isArray(kind) || kind.includes(value)) return;
  const list = kind.map((one) => `'${one}'`).join(', ');
  throw configError(`option \`${name}\` must be one of ${list}`);
}

/* Returns a copy of what was given: only that, whatever an object inherits, and
 * each member read once. */
function readTable(given, table, prefix = '') {
  if (!isRecord(given)) {
    throw wrong(prefix.slice(0, -1) || 'options', 'an object', given);
  }
  const copy = Object.assign({ __proto__: null }, given);
  for (const [name, value] of Object.entries(copy)) {
    if (!Object.hasOwn(table, name)) {
      throw configError(`there is no option \`${prefix}${name}\`` +
        hint(name, table, prefix));
    }
    if (value === undefined) continue;
    const kind = table[name];
    const isTable = typeof kind === 'object' && !Array.isArray(kind);
    if (isTable) copy[name] = readTable(value, kind, `${prefix}${name}.`);
    else checkKind(prefix + name, kind, value);
  }
  return copy;
}

function isRecord(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/* --- credentials --- */

const CREDENTIAL_NAMES = {
  clientId: 'text', clientSecret: 'text', refreshToken: 'text',
  assertion: 'text',
};

function checkCredentials(value, name = 'credentials') {
  const given = readTable(value, CREDENTIAL_NAMES, `${name}.`);
  for (const one of ['clientId', 'clientSecret']) {
    if (given[one]) continue;
    throw configError(`option \`${name}.${one}\` is missing or empty`);
  }
  return given;
}

/* What a hook gave: credentials, or the old and the new ones. */
function credentialsList(value) {
  const list = Array.isArray(value) ? value : [value];
  if (list.length < 1 || list.length > CREDENTIALS_MAX) {
    throw configError('the credentials hook must give one or two credentials');
  }
  return list.map((one) => checkCredentials(one, 'credentials()'));
}

function tokenOf(value) {
  const record = typeof value === 'string' ? { token: value } : value;
  const isGood = isRecord(record) && typeof record.token === 'string' &&
    record.token !== '';
  if (!isGood) {
    throw configError('the token hook must give a token, or an object with ' +
      '`token` and perhaps `expiresIn`');
  }
  const { token, expiresIn = 0 } = record;
  if (Number.isFinite(expiresIn) && expiresIn >= 0) {
    return { token, expiresIn: Math.floor(expiresIn) };
  }
  throw configError('`expiresIn` of the token hook must be seconds');
}

/* --- the profile of the official command line --- */

function readProfile(name, binding) {
  const file = path.join(os.homedir(), '.gc', 'config.toml');
  if (typeof binding.profileValue !== 'function') {
    throw configError('option `profile` is not supported by this build');
  }
  let text;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw configError(`option \`profile\`: ${file} cannot be read`, error);
  }
  const find = (key) => binding.profileValue(text, name, key) ?? undefined;
  try {
    return {
      environment: find('environment'),
      clientId: find('client_credentials'),
      clientSecret: find('client_secret'),
    };
  } catch (error) {
    throw configError(`option \`profile\`: ${file}: ${error.message}`, error);
  }
}

/* From the profile, else from the environment. */
function findCredentials(profile) {
  const { env } = process;
  const found = {
    clientId: profile.clientId || env.GENESYSCLOUD_OAUTHCLIENT_ID,
    clientSecret: profile.clientSecret || env.GENESYSCLOUD_OAUTHCLIENT_SECRET,
  };
  const missing = [];
  if (!found.clientId) missing.push('GENESYSCLOUD_OAUTHCLIENT_ID');
  if (!found.clientSecret) missing.push('GENESYSCLOUD_OAUTHCLIENT_SECRET');
  if (missing.length === 0) return found;
  throw configError('credentials are missing: give the option `credentials` ' +
    `(or \`accessToken\`), or set the environment variable${
      missing.length > 1 ? 's' : ''} ${missing.join(' and ')}`);
}

/* --- to the binding --- */

function takeToken(native, accessToken) {
  const isText = typeof accessToken === 'string' && accessToken !== '';
  if (!isText && typeof accessToken !== 'function') {
    throw wrong('accessToken', 'a string or a function', accessToken);
  }
  native.asksToken = true;
}

function takeIdentity(native, { credentials, accessToken }, profile) {
  if (credentials !== undefined && accessToken !== undefined) {
    throw configError('give `credentials` or `accessToken`, not both');
  }
  if (accessToken !== undefined) {
    takeToken(native, accessToken);
  } else if (typeof credentials === 'function') {
    native.asksCredentials = true;
  } else {
    const found = credentials === undefined
      ? findCredentials(profile) : credentials;
    Object.assign(native, checkCredentials(found));
  }
}

function takePlaces(native, given, profile) {
  const { endpoints = { __proto__: null }, environment } = given;
  native.region = environment ?? profile.environment ??
    (process.env.GENESYSCLOUD_REGION || undefined);
  native.loginUrl = endpoints.login;
  native.apiUrl = endpoints.api;
}

function pemText(ca) {
  if (typeof ca === 'string') return ca;
  if (ca instanceof Uint8Array) return Buffer.from(ca).toString('utf8');
  throw wrong('ca', 'a PEM text, a Buffer or a path', ca);
}

function takeAuthority(native, ca) {
  if (ca === undefined) return;
  const texts = (Array.isArray(ca) ? ca : [ca]).map(pemText);
  const arePem = texts.every((text) => text.includes('-----BEGIN '));
  if (arePem) native.caPem = texts.join('\n');
  else if (texts.length === 1) native.caPath = texts[0];
  else throw configError('option `ca`: a list must be of PEM texts');
}

function takeProxy(native, proxy) {
  if (proxy === undefined) return;
  if (proxy !== false && typeof proxy !== 'string') {
    throw wrong('proxy', 'a URL, or false for none', proxy);
  }
  native.proxy = proxy || '';
}

function takeBackoff(native, backoff = { __proto__: null }) {
  native.retryBaseMs = backoff.initialMs;
  native.retryFloorMs = backoff.floorMs;
  native.retryCapMs = backoff.maxMs;
  native.retryJitter = backoff.jitter;
}

function takeCheckpoint(native, checkpoint) {
  if (checkpoint === undefined) return;
  const isStore = isRecord(checkpoint) &&
    typeof checkpoint.load === 'function' &&
    typeof checkpoint.save === 'function';
  if (isStore) native.hasStore = true;
  else if (typeof checkpoint === 'string') native.checkpointPath = checkpoint;
  else throw wrong('checkpoint', 'a path or a store', checkpoint);
}

function takeLogger(native, { logger, logLevel }) {
  if (logger === undefined) return;
  if (typeof logger !== 'function') throw wrong('logger', 'a function', logger);
  native.hearsLog = true;
  native.logLevel = logLevel;
}

function checkSignal(signal, name = 'signal') {
  if (signal === undefined) return undefined;
  const isSignal = isRecord(signal) && typeof signal.aborted === 'boolean' &&
    typeof signal.addEventListener === 'function';
  if (!isSignal) throw wrong(name, 'an AbortSignal', signal);
  return signal;
}

function checkMark(value, name = 'highWaterMark') {
  if (value === undefined) return undefined;
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw configError(`option \`${name}\` must be an integer from 1 on`);
}

function nativeOf(given, profile) {
  const native = Object.assign({ __proto__: null }, given.advanced);
  native.hearsHeartbeats = true;
  takePlaces(native, given, profile);
  takeIdentity(native, given, profile);
  takeAuthority(native, given.ca);
  takeProxy(native, given.proxy);
  takeBackoff(native, given.backoff);
  takeCheckpoint(native, given.checkpoint);
  takeLogger(native, given);
  native.userAgent = given.userAgent;
  native.rotateMs = given.rotateChannelAfterMs;
  native.messageSizeMax = given.maxMessageBytes;
  native.dialect = given.dialect;
  native.stream = given.stream;
  /* What an iterator has not handled must not count: with a checkpoint we
   * acknowledge, whoever decides. */
  const isManual = given.ack === 'manual' || given.checkpoint !== undefined;
  native.ack = isManual ? 'manual' : 'auto';
  return native;
}

/* How long a goodbye may take: what is left of a time, so it may be less than
 * nothing, and is not always whole. */
function checkTimeout(value) {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw configError('option `timeoutMs` must be a number');
  }
  return Math.min(Math.max(Math.ceil(value), 0), CLOSE_MS_MAX);
}

/* A copy, as `translate` takes it. */
function readOptions(options) {
  return readTable(options, OPTIONS);
}

/* Returns {native, settings}: what the binding's Client takes, and the rest
 * with its defaults.  Throws ERR_GCN_CONFIG. */
function translate(given, binding) {
  const profile = given.profile === undefined
    ? {} : readProfile(given.profile, binding);
  const native = nativeOf(given, profile);
  const settings = {
    parse: given.parse ?? 'json',
    dialect: given.dialect ?? 'channels',
    highWaterMark: checkMark(given.highWaterMark) ?? HIGH_WATER_MARK,
    signal: checkSignal(given.signal),
    automatic: given.ack !== 'manual',
    acknowledges: native.ack === 'manual',
    maxAttempts: given.backoff?.maxAttempts || Infinity,
    askMs: given.advanced?.phaseMs || PHASE_MS,
    attemptMs: given.advanced?.attemptMs || ATTEMPT_MS,
    credentials: given.credentials,
    accessToken: given.accessToken,
    checkpoint: given.checkpoint,
    logger: given.logger,
  };
  return { native, settings };
}

module.exports = {
  TIMER_MS_MAX,
  checkCredentials,
  checkMark,
  checkSignal,
  checkTimeout,
  credentialsList,
  readOptions,
  readTable,
  tokenOf,
  translate,
};
