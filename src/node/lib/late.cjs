/* SPDX-License-Identifier: MIT */
/*
 * Events that must not get lost because their listener was not there yet: what
 * static connect() meets before its caller has the client.  They wait for the
 * first listener, few and bounded.
 */
'use strict';

const GAPS_MAX = 32;

/* One gap that covers two. */
function cover(a, b) {
  return {
    ...a,
    since: Math.min(a.since, b.since),
    until: Math.max(a.until, b.until),
    topics: [...new Set([...a.topics, ...b.topics])],
    certainty: a.certainty === b.certainty ? a.certainty : 'blind',
  };
}

function keepGaps(gaps) {
  if (gaps.length <= GAPS_MAX) return gaps;
  const [first, second, ...rest] = gaps;
  return [cover(first, second), ...rest];
}

const KEEP = {
  gap: keepGaps,
  refreshToken: (tokens) => tokens.slice(-1),
};

class Late {
  #emitter;
  #held = new Map();

  constructor(emitter) {
    this.#emitter = emitter;
  }

  tell(name, value) {
    const held = this.#held.get(name) ?? [];
    held.push(value);
    this.#held.set(name, held);
    this.#flush(name);
  }

  heard(name) {
    if (this.#held.has(name)) setImmediate(() => this.#flush(name));
  }

  #flush(name) {
    const held = this.#held.get(name) ?? [];
    while (held.length > 0 && this.#emitter.listenerCount(name) > 0) {
      this.#emitter.emit(name, held.shift());
    }
    if (held.length === 0) this.#held.delete(name);
    else this.#held.set(name, KEEP[name](held));
  }
}

module.exports = { Late };
