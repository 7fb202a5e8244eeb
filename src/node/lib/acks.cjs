/* SPDX-License-Identifier: MIT */
/*
 * Acknowledgements on their way to the library, and when they are durable.
 */
'use strict';

const { Waits } = require('./waits.cjs');

const LOOK_MS = 20;

class Acks {
  #native;
  #isNeeded;
  #count = 0;
  #flushes = new Waits();
  #timer;
  #error;
  #isEnded = false;

  /* `isNeeded`: the library waits for acknowledgements. */
  constructor(native, isNeeded) {
    this.#native = native;
    this.#isNeeded = isNeeded;
  }

  acknowledge(sequence) {
    if (!this.#isNeeded || this.#isEnded) return;
    try {
      this.#native.ack(sequence);
      this.#count++;
    } catch (error) {
      if (error.code !== 'ENOENT') throw error; /* acknowledged before */
    }
  }

  /* How many promises wait. */
  get size() {
    return this.#flushes.size;
  }

  /* Settles when all that were given so far are durable. */
  async flush() {
    const about = { target: this.#count, failed: this.#failedCount() };
    if (!this.#isNeeded || this.#isDurable(about)) return;
    /* Reports tell how far it goes without a hole, and of failures only the
     * first in a row; behind that, counts do. */
    this.#timer ??= setInterval(() => this.look(), LOOK_MS);
    await this.#flushes.wait({ about });
  }

  #failedCount() {
    return this.#native.stats().savesFailed;
  }

  /* Of those given: the durable ones, and those that turned out on the thread
   * to be of no event in flight. */
  #settledCount({ acked } = this.#native.stats()) {
    return acked + this.#native.acksUnknown();
  }

  #isDurable({ target }, count = this.#settledCount()) {
    return target <= count;
  }

  look() {
    if (this.#flushes.size === 0) return;
    const stats = this.#native.stats();
    const count = this.#settledCount(stats);
    this.#flushes.resolve((about) => this.#isDurable(about, count));
    if (this.#error !== undefined) {
      this.#flushes.reject(this.#error,
        ({ failed }) => stats.savesFailed > failed);
    }
    if (this.#flushes.size === 0) this.#rest();
  }

  /* A save failed; it is tried again. */
  fail(error) {
    this.#error = error;
    this.reject(error);
  }

  #rest() {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  reject(error) {
    this.#rest();
    this.#flushes.reject(error);
  }

  end() {
    this.#isEnded = true;
  }
}

module.exports = { Acks };
