/* SPDX-License-Identifier: MIT */
/*
 * One event.  Holds the strings that came from the library; everything that
 * costs something is made when it is first asked for, and once.
 */
'use strict';

const { createHash } = require('node:crypto');

const { GenesysNotificationError } = require('./errors.cjs');

/* Of the binding's 'events' report: so many numbers and texts per event. */
const NUMBERS = 5;
const TEXTS = 8;

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/* 128 bits over topic, correlation id and body, as the library's own id. */
function digest(topic, correlationId, body) {
  const hash = createHash('sha256');
  for (const part of [topic, correlationId || '', body]) {
    hash.update(`${Buffer.byteLength(part)}:`).update(part);
  }
  return hash.digest('hex').slice(0, 32);
}

function parseJson(text) {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new GenesysNotificationError(
      'the event\'s body is not JSON', { code: 'ERR_GCN_PROTOCOL', cause });
  }
}

const PARSERS = {
  json: parseJson,
  text: (text) => text,
  buffer: (text) => Buffer.from(text),
};

class NotificationEvent {
  #topic;
  #text;
  #correlationId;
  #version;
  #givenId;
  #resourceId;
  #type;
  #timestamp;
  #sequence;
  #generation;
  #received;
  #connectionIndex;
  #read;
  #body;
  #isRead = false;
  #id;
  #acknowledge;
  #isAcked = false;
  #holders = 0;

  constructor(numbers, number, texts, text, { read, acknowledge }) {
    this.#sequence = numbers[number];
    this.#generation = numbers[number + 1];
    this.#received = numbers[number + 3];
    this.#connectionIndex = numbers[number + 4];
    this.#topic = texts[text];
    this.#text = texts[text + 1] ?? '';
    this.#correlationId = texts[text + 2];
    this.#version = texts[text + 3];
    this.#givenId = texts[text + 4];
    this.#resourceId = texts[text + 5];
    this.#type = texts[text + 6];
    this.#timestamp = texts[text + 7];
    this.#read = read;
    this.#acknowledge = acknowledge;
  }

  get topicName() {
    return this.#topic;
  }

  get version() {
    return this.#version ?? '';
  }

  get eventBody() {
    if (!this.#isRead) {
      this.#body = this.#read(this.#text);
      this.#isRead = true;
    }
    return this.#body;
  }

  get metadata() {
    const id = this.#correlationId;
    return id === undefined ? {} : { CorrelationId: id };
  }

  get id() {
    this.#id ??= this.#givenId ??
      digest(this.#topic, this.#correlationId, this.#text);
    return this.#id;
  }

  get seq() {
    return BigInt(this.#sequence);
  }

  /* Tells channels apart; it is not the service's id, which is a secret. */
  get channelId() {
    return `${this.#connectionIndex}.${this.#generation}`;
  }

  get receivedAt() {
    return this.#received;
  }

  get resourceId() {
    return this.#resourceId;
  }

  get eventType() {
    return this.#type;
  }

  get timestamp() {
    return this.#timestamp;
  }

  text() {
    return this.#text;
  }

  buffer() {
    return Buffer.from(this.#text);
  }

  ack() {
    if (this.#isAcked) return;
    this.#isAcked = true;
    this.#acknowledge(this.#sequence);
  }

  toJSON() {
    return {
      topicName: this.topicName,
      version: this.version,
      eventBody: parseJson(this.#text),
      metadata: this.metadata,
    };
  }

  [INSPECT](depth, options, inspect) {
    const { topicName, version, id, metadata } = this;
    const shown = { topicName, version, id, metadata, text: this.text() };
    return `NotificationEvent ${inspect(shown, options)}`;
  }

  /* Not for users: who has the event in hand.  What the last one lets go is
   * handled. */
  static sizeOf(event) {
    return event.#text.length;
  }

  static compare(a, b) {
    return a.#sequence - b.#sequence;
  }

  static hold(event) {
    event.#holders++;
  }

  static release(event) {
    event.#holders--;
    return event.#holders === 0;
  }
}

/* `numbers` is used again for the next report: read it at once. */
function eventsOf(numbers, texts, kind) {
  const count = texts.length / TEXTS;
  const events = new Array(count);
  for (let i = 0; i < count; i++) {
    events[i] = new NotificationEvent(
      numbers, i * NUMBERS, texts, i * TEXTS, kind);
  }
  return events;
}

module.exports = { NotificationEvent, PARSERS, eventsOf };
