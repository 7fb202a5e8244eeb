/* SPDX-License-Identifier: MIT */
/*
 * Listeners for one topic each ('notify:<topic>').  They are found as the
 * service compares names: without regard to case, and by each name of a
 * combined topic.
 */
'use strict';

const { eventKeys, keysOf } = require('./topics.cjs');

const PREFIX = 'notify:';

class TopicListeners {
  #emitter;
  #dialect;
  #names = new Map(); /* of events of the emitter, by the keys of topics */

  constructor(emitter, dialect) {
    this.#emitter = emitter;
    this.#dialect = dialect;
  }

  static isOne(name) {
    return typeof name === 'string' && name.startsWith(PREFIX);
  }

  /* A listener was added; returns the keys of its topic. */
  heard(name) {
    const keys = keysOf(name.slice(PREFIX.length), this.#dialect);
    for (const key of keys) {
      const names = this.#names.get(key) ?? new Set();
      this.#names.set(key, names.add(name));
    }
    return keys;
  }

  /* Is there one at all? */
  get areThere() {
    for (const key of this.#names.keys()) {
      if (this.hears(key)) return true;
    }
    return false;
  }

  hears(key) {
    for (const name of this.#names.get(key) ?? []) {
      if (this.#emitter.listenerCount(name) > 0) return true;
    }
    this.#names.delete(key);
    return false;
  }

  /* Returns whether anybody heard it. */
  emit(event) {
    if (this.#names.size === 0) return false;
    let isHeard = false;
    for (const key of eventKeys(event, this.#dialect)) {
      for (const name of this.#names.get(key) ?? []) {
        if (this.#emitter.emit(name, event)) isHeard = true;
      }
    }
    return isHeard;
  }
}

module.exports = { TopicListeners };
