/* SPDX-License-Identifier: MIT */
/*
 * Topics: how they are named, which events belong to them, who wants them and
 * what the service says of each.  Names are compared without regard to case.
 */
'use strict';

const { configError } = require('./errors.cjs');

function keyOf(name) {
  return name.toLowerCase();
}

function nameOf(topic, binding) {
  if (typeof topic === 'string' && topic !== '') return topic;
  if (typeof topic === 'object' && topic !== null) {
    try {
      return binding.subscription(JSON.stringify(topic));
    } catch (error) {
      throw configError(`a subscription is not valid: ${error.message}`, error);
    }
  }
  throw configError('a topic must be a name that is not empty, or with the ' +
    `stream dialect a subscription; not ${describe(topic)}`);
}

function describe(value) {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return value === '' ? '\'\'' : `a value of type ${typeof value}`;
}

/* One name or many, to names, each once. */
function listOf(topics, binding) {
  const isMany = typeof topics === 'object' && topics !== null &&
    typeof topics[Symbol.iterator] === 'function';
  const names = new Map();
  for (const topic of isMany ? topics : [topics]) {
    const name = nameOf(topic, binding);
    if (!names.has(keyOf(name))) names.set(keyOf(name), name);
  }
  return [...names.values()];
}

/* v2.users.U?presence&routingStatus: the names of its events. */
function partsOf(key) {
  const at = key.indexOf('?');
  if (at < 0) return [key];
  const prefix = key.slice(0, at);
  return key.slice(at + 1).split('&').map((part) => `${prefix}.${part}`);
}

/* EVENT[@RESOURCE][?FILTERS], as gcn_subscription makes it. */
function subscriptionOf(key) {
  const [, event, resource] = /^([^@?]*)(?:@([^?]*))?/.exec(key);
  return { event, resource };
}

/* Under which keys the events of a topic are found. */
function keysOf(name, dialect) {
  const key = keyOf(name);
  if (dialect !== 'stream') return partsOf(key);
  const { event, resource } = subscriptionOf(key);
  return [resource === undefined ? event : `${event}@${resource}`];
}

/* Under which keys topics are found that have this event. */
function eventKeys(event, dialect) {
  const topic = keyOf(event.topicName);
  if (dialect !== 'stream' || event.resourceId === undefined) return [topic];
  return [topic, `${topic}@${keyOf(event.resourceId)}`];
}

/* A function that knows the events of these topics. */
function matcherOf(names, dialect) {
  const wanted = new Set(names.flatMap((name) => keysOf(name, dialect)));
  return (event) => eventKeys(event, dialect).some((key) => wanted.has(key));
}

function rejectionOf(name, report) {
  const rejection = { topic: name };
  if (report.reason) rejection.rejectionReason = report.reason;
  if (report.missingPermissions) {
    rejection.missingPermissions = report.missingPermissions.split(',')
      .map((permission) => permission.trim()).filter(Boolean);
  }
  return Object.freeze(rejection);
}

/* Who wants which topics, and the last verdict on each. */
class Ledger {
  #entries = new Map();
  #parts = new Map();
  #pending = 0;

  #enter(name) {
    const key = keyOf(name);
    const entry = {
      name, verdict: 'pending', holders: new Set(), rejections: new Map(),
    };
    this.#entries.set(key, entry);
    this.#pending++;
    if (!key.includes('?')) return entry;
    for (const part of partsOf(key)) this.#parts.set(part, entry);
    return entry;
  }

  #strike(key) {
    const entry = this.#entries.get(key);
    if (entry.verdict === 'pending') this.#pending--;
    this.#entries.delete(key);
    for (const part of key.includes('?') ? partsOf(key) : []) {
      this.#parts.delete(part);
    }
  }

  hold(names, holder) {
    for (const name of names) {
      const entry = this.#entries.get(keyOf(name)) ?? this.#enter(name);
      entry.holders.add(holder);
    }
  }

  /* Returns the names that nobody wants any more. */
  release(names, holder) {
    return names.filter((name) => {
      const entry = this.#entries.get(keyOf(name));
      if (entry === undefined || !entry.holders.delete(holder)) return false;
      if (entry.holders.size > 0) return false;
      this.#strike(keyOf(name));
      return true;
    });
  }

  /* Whoever holds them.  Returns the holders that are left with nothing. */
  drop(names) {
    const idle = new Set();
    for (const name of names) {
      const entry = this.#entries.get(keyOf(name));
      if (entry === undefined) continue;
      this.#strike(keyOf(name));
      for (const holder of entry.holders) idle.add(holder);
    }
    for (const { holders } of idle.size > 0 ? this.#entries.values() : []) {
      for (const holder of holders) idle.delete(holder);
    }
    return idle;
  }

  get names() {
    return Array.from(this.#entries.values(), ({ name }) => name);
  }

  get isSettled() {
    return this.#pending === 0;
  }

  /* Takes a verdict; returns the key of the topic that now has one. */
  judge(report) {
    const key = keyOf(report.topic);
    const entry = this.#entries.get(key);
    if (entry === undefined) return this.#judgePart(key, report);
    if (entry.verdict === 'pending') this.#pending--;
    entry.verdict = report.verdict;
    if (entry.verdict === 'pending') this.#pending++;
    entry.rejections.clear();
    if (report.verdict === 'rejected') {
      entry.rejections.set(key, rejectionOf(entry.name, report));
    }
    return entry.verdict === 'pending' ? undefined : key;
  }

  /* One name of a combined topic: that has a verdict of its own. */
  #judgePart(key, report) {
    const entry = this.#parts.get(key);
    if (entry === undefined) return undefined;
    if (report.verdict === 'rejected') {
      entry.rejections.set(key, rejectionOf(report.topic, report));
    } else {
      entry.rejections.delete(key);
    }
    return undefined;
  }

  /* The keys of those that have no verdict yet. */
  open(names) {
    return new Set(names.map(keyOf).filter(
      (key) => this.#entries.get(key)?.verdict === 'pending'));
  }

  permitted(names = this.names) {
    return names.filter((name) => {
      const verdict = this.#entries.get(keyOf(name))?.verdict;
      return verdict === 'permitted' || verdict === 'unknown';
    });
  }

  rejected(names = this.names) {
    return names.flatMap((name) => {
      const entry = this.#entries.get(keyOf(name));
      return entry === undefined ? [] : [...entry.rejections.values()];
    });
  }

  /* Of these, is every one refused? */
  areRejected(names) {
    return names.length > 0 && names.every(
      (name) => this.#entries.get(keyOf(name))?.verdict === 'rejected');
  }
}

module.exports = { Ledger, eventKeys, keyOf, keysOf, listOf, matcherOf };
