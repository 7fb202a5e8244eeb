/* SPDX-License-Identifier: MIT */
/*
 * The iterator behind `for await`: events that wait for their consumer, or
 * consumers that wait for an event.  It does not know the client; whom it
 * belongs to is told when its length changes and when it ends.
 *
 * An event is the consumer's until it asks for the next one: then it is
 * handled.  At which event a loop was left, and what was not taken, the owner
 * is told.
 */
'use strict';

const { NotificationEvent } = require('./event.cjs');

const DONE = Object.freeze({ value: undefined, done: true });

class EventQueue {
  #items = [];
  #size = 0;
  #waiting = [];
  #given = [];
  #owner;
  #ended = false;
  #error;
  #unlisten = () => {};

  /* `owner` has handled(event), moved() and left(queue, given, items).
   * `keeps`: what is not taken is of use to the next consumer. */
  constructor(owner, { wants, keeps, signal }) {
    this.#owner = owner;
    this.wants = wants;
    this.keeps = keeps;
    if (signal) this.#listen(signal);
  }

  #listen(signal) {
    const abort = () => {
      this.#leave();
      this.fail(signal.reason);
    };
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    this.#unlisten = () => signal.removeEventListener('abort', abort);
  }

  get length() {
    return this.#items.length;
  }

  /* Characters of what waits. */
  get size() {
    return this.#size;
  }

  get ended() {
    return this.#ended;
  }

  push(event) {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) {
      this.#items.push(event);
      this.#size += NotificationEvent.sizeOf(event);
      return;
    }
    this.#given.push(event);
    waiter.resolve({ value: event, done: false });
  }

  /* What waits is still given, then it is done. */
  end() {
    if (this.#ended) return;
    this.#ended = true;
    this.#unlisten();
    for (const waiter of this.#waiting.splice(0)) waiter.resolve(DONE);
  }

  /* The same, but it ends with an error, once. */
  fail(error) {
    if (this.#ended) return;
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) waiter.reject(error);
    else this.#error = { error };
    this.end();
  }

  clear() {
    this.#items = [];
    this.#size = 0;
  }

  #finish() {
    if (this.#given.length === 0) return;
    for (const event of this.#given.splice(0)) this.#owner.handled(event);
  }

  next() {
    this.#finish();
    const event = this.#items.shift();
    if (event !== undefined) {
      this.#size -= NotificationEvent.sizeOf(event);
      this.#given.push(event);
      this.#owner.moved();
      return Promise.resolve({ value: event, done: false });
    }
    if (this.#error !== undefined) {
      const { error } = this.#error;
      this.#error = undefined;
      return Promise.reject(error);
    }
    if (this.#ended) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  #leave() {
    const given = this.#given.splice(0);
    const items = this.#items;
    this.clear();
    this.#error = undefined;
    this.#owner.left(this, given, items);
  }

  return(value) {
    this.#leave();
    this.end();
    return Promise.resolve({ value, done: true });
  }

  throw(error) {
    this.#leave();
    this.end();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}

module.exports = { EventQueue };
