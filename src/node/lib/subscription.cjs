/* SPDX-License-Identifier: MIT */
/*
 * What subscribe() gives: the topics asked for, the service's word on each, and
 * their events.
 */
'use strict';

const { ASYNC_DISPOSE } = require('./symbols.cjs');

class Subscription {
  #names;
  #ledger;
  #client;
  #queues = new Set();
  #closed = false;

  /* `client` has open(names): an iterator, and drop(names, holder). */
  constructor(names, ledger, client) {
    this.#names = names;
    this.#ledger = ledger;
    this.#client = client;
  }

  get topics() {
    return this.#closed ? [] : this.#ledger.permitted(this.#names);
  }

  get rejected() {
    return this.#closed ? [] : this.#ledger.rejected(this.#names);
  }

  get closed() {
    return this.#closed;
  }

  close() {
    this.#end();
    return Promise.resolve();
  }

  #end() {
    if (this.#closed) return;
    this.#closed = true;
    for (const queue of this.#queues) void queue.return();
    this.#queues.clear();
    this.#client.drop(this.#names, this);
  }

  /* Leaving the last loop over a subscription ends the subscription. */
  [Symbol.asyncIterator]() {
    const queue = this.#client.open(this.#closed ? [] : this.#names);
    if (this.#closed) queue.end();
    this.#queues.add(queue);
    return this.#iteratorOf(queue);
  }

  #iteratorOf(queue) {
    const leave = () => {
      this.#queues.delete(queue);
      if (this.#queues.size === 0) this.#end();
    };
    return {
      next: () => queue.next(),
      return: (value) => {
        const left = queue.return(value);
        leave();
        return left;
      },
      throw: (error) => {
        const left = queue.throw(error);
        leave();
        return left;
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  [ASYNC_DISPOSE]() {
    return this.close();
  }
}

module.exports = { Subscription };
