/* SPDX-License-Identifier: MIT */
/*
 * The way of events from the library to listeners and iterators.
 *
 * While nobody consumes, events are held, and past the high-water mark reading
 * rests: whoever comes late misses nothing.  The same holds for the events of a
 * subscription that has no loop yet, while others consume.  A slow iterator
 * makes reading rest as well.  An event that everybody has let go is handled;
 * one whose listener threw never is.
 */
'use strict';

const { Claims } = require('./claims.cjs');
const { NotificationEvent, PARSERS, eventsOf } = require('./event.cjs');
const { TopicListeners } = require('./listeners.cjs');
const { EventQueue } = require('./queue.cjs');
const { keysOf } = require('./topics.cjs');

const EVERY = 'notify';
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
  #listeners;
  #claims;
  #held = [];
  #head = 0; /* those before it are under way */
  #size = 0; /* of those that are not */
  #queues = new Set();
  #undecided = [];
  #paused = false;
  #choked = false;
  #resting = false;
  #scheduled = false;
  #closed = false;
  #hasWarned = false;

  /* `settings`: dialect, parse, highWaterMark, automatic; `binding`:
   * acknowledge(seq) and rest(boolean). */
  constructor(emitter, binding, settings) {
    this.#emitter = emitter;
    this.#binding = binding;
    this.#settings = settings;
    this.#kind = {
      read: PARSERS[settings.parse], acknowledge: binding.acknowledge,
    };
    this.#listeners = new TopicListeners(emitter, settings.dialect);
    this.#claims = new Claims(settings.dialect);
  }

  /* A report of the library. */
  take(numbers, texts) {
    const events = eventsOf(numbers, texts, this.#kind);
    this.#size += sizeOf(events);
    if (this.#held.length === 0) this.#held = events;
    else this.#held.push(...events); /* a report has few */
    this.#pump();
  }

  /* A listener was added. */
  heard(name) {
    if (TopicListeners.isOne(name)) {
      const keys = this.#listeners.heard(name);
      this.#claims.settle((key) => keys.includes(key));
    } else if (name !== EVERY) {
      return;
    }
    this.#decide();
    this.#offer();
  }

  /* `topics`: all that it wants, if it is not a subscription's own. */
  open(wants, { keeps, signal, highWaterMark, topics }) {
    this.#decide();
    const queue = new EventQueue(this, { wants, keeps, signal });
    queue.highWaterMark = highWaterMark ?? this.#settings.highWaterMark;
    if (queue.ended) return queue;
    queue.keys = this.#keysOf(topics ?? []);
    this.#claims.settle((key) => queue.keys.has(key));
    this.#queues.add(queue);
    this.#offer();
    return queue;
  }

  #keysOf(topics) {
    const { dialect } = this.#settings;
    return new Set(topics.flatMap((name) => keysOf(name, dialect)));
  }

  /* Somebody will read these topics: until then, while `isOpen()`, their
   * events are not let go.  Returns what disclaim() takes. */
  claim(names, isOpen) {
    const claim = this.#claims.add(names, isOpen);
    this.#claims.settle((key) => this.#listeners.hears(key));
    for (const { keys } of this.#queues) {
      this.#claims.settle((key) => keys.has(key));
    }
    return claim;
  }

  disclaim(claim) {
    if (this.#claims.delete(claim) && !this.#closed) this.#offer();
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

  get isHeard() {
    return this.#hasConsumer();
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
    this.#size = 0;
    this.#claims.end();
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
    for (const event of given) this.#undecided.push(event);
    if (queue.keeps && !this.#hasConsumer() && !this.#closed) {
      for (const event of items) NotificationEvent.release(event);
      this.#size += sizeOf(items);
      this.#putBack(items);
    } else {
      for (const event of items) this.#pass(event);
    }
    this.#balance();
  }

  /* --- the pump --- */

  /* Nobody took it.  Who has not begun to read may still want it; else there is
   * no reason to be given it again. */
  #pass(event) {
    if (!NotificationEvent.release(event)) return;
    if (this.#claims.covers(event)) this.#claims.keep(event);
    else event.ack();
  }

  /* Who consumes has changed: what nobody took before is offered again. */
  #offer() {
    const events = this.#claims.takeAll();
    this.#size += sizeOf(events);
    if (events.length > 0) this.#putBack(events);
    this.#schedule();
  }

  #putBack(events) {
    const held = this.#held.slice(this.#head);
    this.#held = events.concat(held).sort(NotificationEvent.compare);
    this.#head = 0;
  }

  #hasConsumer() {
    return this.#queues.size > 0 ||
      this.#emitter.listenerCount(EVERY) > 0 || this.#listeners.areThere;
  }

  #dispatch(event) {
    let isWanted = false;
    this.#size -= NotificationEvent.sizeOf(event);
    NotificationEvent.hold(event);
    for (const queue of this.#queues) {
      if (!queue.wants(event)) continue;
      isWanted = true;
      NotificationEvent.hold(event);
      queue.push(event);
    }
    if (this.#emitter.emit(EVERY, event)) isWanted = true;
    if (this.#listeners.emit(event)) isWanted = true;
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
    const isOver = (count, size, mark) =>
      count >= mark * factor || size >= SIZE_MAX * factor;
    const count = this.#held.length - this.#head + this.#claims.length;
    const size = this.#size + this.#claims.size;
    if (isOver(count, size, this.#settings.highWaterMark)) return true;
    for (const queue of this.#queues) {
      if (isOver(queue.length, queue.size, queue.highWaterMark)) return true;
    }
    return false;
  }

  /* Reading rests at the mark, and goes on below half of it. */
  #balance() {
    if (this.#closed) return;
    this.#choked = this.#isOver(this.#choked ? 0.5 : 1);
    if (this.#choked) this.#warn();
    const rests = this.#paused || this.#choked;
    if (rests === this.#resting) return;
    this.#resting = rests;
    this.#binding.rest(rests);
  }

  /* Consumers who wait would not know why. */
  #warn() {
    if (this.#hasWarned || this.#claims.length === 0) return;
    this.#hasWarned = true;
    process.emitWarning(`${this.#claims.length} events wait for a ` +
      'subscription that nobody iterates, and reading rests until somebody ' +
      'does; iterate it, listen to its topics, or close it',
    { type: 'GenesysNotificationWarning', code: 'GCN_UNREAD' });
  }
}

module.exports = { Delivery };
