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
  #claim;
  #queues = new Set();
  #closed = false;

  /* `client` has open(names): an iterator, drop(names, holder), and
   * claim(names, isOpen) and disclaim(claim) as Delivery. */
  constructor(names, ledger, client) {
    this.#names = names;
    this.#ledger = ledger;
    this.#client = client;
    this.#claim = client.claim(names, () => !this.#closed && !this.#isRead());
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

  /* Not for users: its topics are gone. */
  static end(subscription) {
    subscription.#end();
  }

  #end() {
    if (this.#closed) return;
    this.#closed = true;
    for (const queue of this.#queues) void queue.return();
    this.#queues.clear();
    this.#client.disclaim(this.#claim);
    this.#client.drop(this.#names, this);
  }

  /* One that ended with an error is read no more, but was not left. */
  #isRead() {
    for (const queue of this.#queues) {
      if (!queue.ended) return true;
    }
    return false;
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
      if (!this.#isRead()) this.#end();
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
