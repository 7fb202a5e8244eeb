/* SPDX-License-Identifier: MIT */
/*
 * The way of events from the library to listeners and iterators.
 *
 * While nobody consumes, events are held, and past the high-water mark reading
 * rests: whoever comes late misses nothing.  A slow iterator makes reading rest
 * as well.  An event that everybody has let go is handled; one whose listener
 * threw never is.
 */
'use strict';

const { NotificationEvent, PARSERS, eventsOf } = require('./event.cjs');
const { EventQueue } = require('./queue.cjs');

const EVERY = 'notify';
const ONE = 'notify:';
const SIZE_MAX = 16 << 20; /* characters that wait, whatever the mark */

function sizeOf(events) {
  let size = 0;
  for (const event of events) size += NotificationEvent.sizeOf(event);
  return size;
}

class Delivery {
  #emitter;
  #binding;
  #settings;
  #kind;
  #held = [];
  #head = 0; /* those before it are under way */
  #queues = new Set();
  #undecided = [];
  #hasTopicListeners = false;
  #paused = false;
  #choked = false;
  #resting = false;
  #scheduled = false;
  #closed = false;

  /* `settings`: parse, highWaterMark, automatic; `binding`: acknowledge(seq)
   * and rest(boolean). */
  constructor(emitter, binding, settings) {
    this.#emitter = emitter;
    this.#binding = binding;
    this.#settings = settings;
    this.#kind = {
      read: PARSERS[settings.parse], acknowledge: binding.acknowledge,
    };
  }

  /* A report of the library. */
  take(numbers, texts) {
    const events = eventsOf(numbers, texts, this.#kind);
    if (this.#held.length === 0) this.#held = events;
    else this.#held.push(...events);
    this.#pump();
  }

  /* A listener was added. */
  heard(name) {
    if (typeof name !== 'string') return;
    if (name.startsWith(ONE)) this.#hasTopicListeners = true;
    else if (name !== EVERY) return;
    this.#decide();
    this.#schedule();
  }

  open(wants, { keeps, signal, highWaterMark }) {
    this.#decide();
    const queue = new EventQueue(this, { wants, keeps, signal });
    queue.highWaterMark = highWaterMark ?? this.#settings.highWaterMark;
    if (queue.ended) return queue;
    this.#queues.add(queue);
    this.#schedule();
    return queue;
  }

  pause() {
    this.#paused = true;
    this.#balance();
  }

  resume() {
    this.#paused = false;
    this.#schedule();
    this.#balance();
  }

  get paused() {
    return this.#paused;
  }

  get isIterated() {
    return this.#queues.size > 0;
  }

  /* Iterators end, with an error if there is one. */
  fail(error) {
    for (const queue of this.#queues) queue.fail(error);
    this.#queues.clear();
  }

  end(isHasty) {
    this.#closed = true;
    this.#held = [];
    this.#head = 0;
    for (const queue of this.#queues) {
      if (isHasty) queue.clear();
      queue.end();
    }
    this.#queues.clear();
  }

  /* The event at which a loop was left counts as handled from now on. */
  decide() {
    this.#decide();
  }

  #decide() {
    for (const event of this.#undecided.splice(0)) this.handled(event);
  }

  /* --- for the queues --- */

  handled(event) {
    if (!NotificationEvent.release(event)) return;
    if (this.#settings.automatic) event.ack();
  }

  moved() {
    this.#balance();
  }

  left(queue, given, items) {
    this.#queues.delete(queue);
    this.#undecided.push(...given);
    if (queue.keeps && !this.#hasConsumer() && !this.#closed) {
      for (const event of items) NotificationEvent.release(event);
      this.#held.splice(this.#head, 0, ...items);
    } else {
      for (const event of items) this.#pass(event);
    }
    this.#balance();
  }

  /* --- the pump --- */

  /* Nobody wants it any more: no reason to be given it again. */
  #pass(event) {
    if (NotificationEvent.release(event)) event.ack();
  }

  #hasConsumer() {
    if (this.#queues.size > 0) return true;
    if (this.#emitter.listenerCount(EVERY) > 0) return true;
    if (!this.#hasTopicListeners) return false;
    this.#hasTopicListeners = this.#emitter.eventNames().some(
      (name) => typeof name === 'string' && name.startsWith(ONE));
    return this.#hasTopicListeners;
  }

  #dispatch(event) {
    const emitter = this.#emitter;
    let isWanted = false;
    NotificationEvent.hold(event);
    for (const queue of this.#queues) {
      if (!queue.wants(event)) continue;
      isWanted = true;
      NotificationEvent.hold(event);
      queue.push(event);
    }
    if (emitter.emit(EVERY, event)) isWanted = true;
    if (this.#hasTopicListeners) {
      if (emitter.emit(ONE + event.topicName, event)) isWanted = true;
    }
    if (isWanted) this.handled(event);
    else this.#pass(event);
  }

  /* A listener that throws ends the turn of this event only: the others have
   * theirs later, unless the exception ends the process. */
  #pump() {
    try {
      while (this.#head < this.#held.length && this.#flows()) {
        this.#dispatch(this.#held[this.#head++]);
      }
    } finally {
      this.#held.splice(0, this.#head);
      this.#head = 0;
      this.#schedule();
      this.#balance();
    }
  }

  #flows() {
    return !this.#paused && this.#hasConsumer();
  }

  #schedule() {
    if (this.#scheduled || this.#held.length === 0 || !this.#flows()) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #isOver(factor) {
    const { highWaterMark } = this.#settings;
    const isOver = (count, size, mark) =>
      count >= mark * factor || size >= SIZE_MAX * factor;
    const held = this.#head === 0 ? this.#held : this.#held.slice(this.#head);
    if (isOver(held.length, sizeOf(held), highWaterMark)) return true;
    for (const queue of this.#queues) {
      if (isOver(queue.length, queue.size, queue.highWaterMark)) return true;
    }
    return false;
  }

  /* Reading rests at the mark, and goes on below half of it. */
  #balance() {
    if (this.#closed) return;
    this.#choked = this.#isOver(this.#choked ? 0.5 : 1);
    const rests = this.#paused || this.#choked;
    if (rests === this.#resting) return;
    this.#resting = rests;
    this.#binding.rest(rests);
  }
}

module.exports = { Delivery };
