/* SPDX-License-Identifier: MIT */
/*
 * Events that nobody took, of topics that somebody has asked for and may yet
 * read: a subscription without a loop.  They wait here until they are offered
 * again.
 */
'use strict';

const { NotificationEvent } = require('./event.cjs');
const { eventKeys, keysOf } = require('./topics.cjs');

class Claims {
  #dialect;
  #claims = new Set();
  #events = [];
  #size = 0;

  constructor(dialect) {
    this.#dialect = dialect;
  }

  get length() {
    return this.#events.length;
  }

  /* Characters of what waits. */
  get size() {
    return this.#size;
  }

  /* `isOpen` says whether nobody reads them yet. */
  add(names, isOpen) {
    const keys = new Set(names.flatMap((name) => keysOf(name, this.#dialect)));
    const claim = { keys, isOpen };
    this.#claims.add(claim);
    return claim;
  }

  delete(claim) {
    return this.#claims.delete(claim);
  }

  /* These are read in another way, and so is what was asked for with them. */
  settle(isRead) {
    for (const claim of this.#claims) {
      if ([...claim.keys].some(isRead)) this.#claims.delete(claim);
    }
  }

  covers(event) {
    if (this.#claims.size === 0) return false;
    const keys = eventKeys(event, this.#dialect);
    for (const claim of this.#claims) {
      if (claim.isOpen() && keys.some((key) => claim.keys.has(key))) {
        return true;
      }
    }
    return false;
  }

  keep(event) {
    this.#events.push(event);
    this.#size += NotificationEvent.sizeOf(event);
  }

  takeAll() {
    this.#size = 0;
    return this.#events.splice(0);
  }

  end() {
    this.#claims.clear();
    this.takeAll();
  }
}

module.exports = { Claims };
