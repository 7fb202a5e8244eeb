/* SPDX-License-Identifier: MIT */
/*
 * What the binding reports, in the words of this package's events.
 */
'use strict';

const { GenesysNotificationError, failureError } = require('./errors.cjs');

function stateInfo(transition, error) {
  const info = {
    reason: transition.reason,
    attempt: transition.attempt,
    failures: transition.failures,
    willRetry: Boolean(transition.willRetry),
    retryInMs: transition.retryIn,
    connectionIndex: transition.connectionIndex,
  };
  if (error !== undefined) info.error = error;
  return info;
}

/* Why it backs off or was refused; undefined for other changes. */
function stateError({ to, failure, reason }, causeOf) {
  const fatal = to === 'refused';
  if (failure !== undefined) {
    return failureError(failure, { fatal, cause: causeOf(failure.op) });
  }
  if (!fatal && to !== 'backing off') return undefined;
  return new GenesysNotificationError(reason, {
    code: 'ERR_GCN_NETWORK', fatal,
  });
}

function reconnectingInfo({ failures, retryIn, failure }, reason) {
  return {
    attempt: failures,
    delayMs: retryIn,
    reason,
    retryAfter: failure !== undefined && failure.retryAfter >= 0,
  };
}

/* Without a list it concerns all of the client's topics. */
function gapInfo(gap, allTopics) {
  return {
    since: gap.fromUnixMs,
    until: gap.toUnixMs,
    reason: gap.cause,
    topics: gap.topics ?? allTopics,
    certainty: gap.certainty,
    connectionIndex: gap.connectionIndex,
  };
}

function renewedInfo(rotation) {
  return {
    reason: rotation.cause,
    proven: Boolean(rotation.proven),
    overlapMs: rotation.overlap,
    duplicates: rotation.duplicates,
    connectionIndex: rotation.connectionIndex,
  };
}

/* Such names and bodies may hold the channel's id, which is a secret: who has
 * it can listen. */
function noticeInfo({ topic, body }) {
  const [, kind, id] = /^(v2\.system\.[^.]*)\.?(.*)$/.exec(topic) ??
    [undefined, topic, ''];
  const text = id === '' ? body : body.replaceAll(id, '***');
  return { topicName: kind, eventBody: readNotice(text) };
}

function readNotice(text) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    return text;
  }
  if (body !== null && typeof body === 'object') delete body.channelId;
  return body;
}

module.exports = {
  gapInfo,
  noticeInfo,
  reconnectingInfo,
  renewedInfo,
  stateError,
  stateInfo,
};
