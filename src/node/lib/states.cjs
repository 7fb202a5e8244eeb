/* SPDX-License-Identifier: MIT */
/*
 * The states of a client's connections, and the one that stands for all.
 */
'use strict';

/* From the most to the least telling, as the library orders connections. */
const ORDER = [
  'closing', 'refused', 'backing off', 'connecting', 'authenticating',
  'subscribing', 'streaming', 'idle', 'closed',
];

class States {
  #states = new Map();

  set(index, state) {
    if (state === 'closed') this.#states.delete(index);
    else this.#states.set(index, state);
  }

  /* All rest; their reports come later than what is told for it now. */
  stop() {
    for (const index of this.#states.keys()) this.#states.set(index, 'idle');
  }

  get most() {
    const ranks = Array.from(
      this.#states.values(), (state) => ORDER.indexOf(state));
    return ranks.length === 0 ? 'idle' : ORDER[Math.min(...ranks)];
  }

  /* The connections that are in this state. */
  in(wanted) {
    const found = [...this.#states].filter(([, state]) => state === wanted);
    return new Set(found.map(([index]) => index));
  }
}

module.exports = { States };
