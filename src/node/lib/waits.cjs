/* SPDX-License-Identifier: MIT */
/*
 * Promises that wait for the same kind of thing, each with what it is about and
 * perhaps a signal that ends the wait.
 */
'use strict';

class Waits {
  #open = new Set();

  get size() {
    return this.#open.size;
  }

  /* `aborted` is called when the signal ended the last wait. */
  wait({ about, signal, aborted = () => {} }) {
    return new Promise((resolve, reject) => {
      const one = { about, resolve, reject, unlisten: () => {} };
      this.#open.add(one);
      if (signal === undefined) return;
      const abort = () => {
        this.#open.delete(one);
        reject(signal.reason);
        if (this.#open.size === 0) aborted();
      };
      signal.addEventListener('abort', abort, { once: true });
      one.unlisten = () => signal.removeEventListener('abort', abort);
    });
  }

  #end(one) {
    this.#open.delete(one);
    one.unlisten();
    return one;
  }

  /* Those of which `isOver(about)` says so. */
  resolve(isOver) {
    for (const one of this.#open) {
      if (isOver(one.about)) this.#end(one).resolve();
    }
  }

  reject(error, isMeant = () => true) {
    for (const one of this.#open) {
      if (isMeant(one.about)) this.#end(one).reject(error);
    }
  }
}

module.exports = { Waits };
