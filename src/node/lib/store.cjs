/* SPDX-License-Identifier: MIT */
/*
 * Between the library and a CheckpointStore of the user's.  Every request gets
 * exactly one answer, whatever the store does: one that does not settle is
 * given up when the time is over that the client has to close.
 */
'use strict';

const os = require('node:os');

const { TIMER_MS_MAX } = require('./options.cjs');

const NO_SUCH = process.platform === 'win32'
  ? -4058 : -os.constants.errno.ENOENT; /* UV_ENOENT */

class StoreAdapter {
  #store;
  #native;
  #failed;
  #closed = Promise.resolve();
  #answers = new Set(); /* that are not given yet */
  #timer;
  #isOver = false;
  #over;
  #tellOver;

  /* `failed` is the status that says "it did not work". */
  constructor(store, native, failed) {
    this.#store = store;
    this.#native = native;
    this.#failed = failed;
    this.error = undefined; /* of the last request */
    this.#over = new Promise((resolve) => {
      this.#tellOver = resolve;
    });
  }

  /* The client closes and has so much time. */
  limit(timeoutMs) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => this.#giveUp(), Math.min(timeoutMs, TIMER_MS_MAX));
  }

  #giveUp() {
    this.#isOver = true;
    for (const answer of this.#answers) answer(this.#failed);
    this.#tellOver();
  }

  async load({ ticket, generation }) {
    const answer = this.#answerer('loadDone', ticket);
    await this.#serve(answer, async () =>
      this.#read(await this.#store.load(generation)));
  }

  #read(bytes) {
    if (bytes === undefined || bytes === null) return [NO_SUCH];
    if (bytes instanceof Uint8Array) return [0, Buffer.from(bytes)];
    throw new TypeError('load() of the checkpoint store must give a ' +
      'Uint8Array, or nothing');
  }

  async save({ ticket, bytes, sequences }) {
    const answer = this.#answerer('saveDone', ticket);
    await this.#serve(answer, async () => {
      await this.#store.save(bytes, sequences.map((one) => BigInt(one)));
      return [0];
    });
  }

  #answerer(method, ticket) {
    const answer = (...given) => {
      if (!this.#answers.delete(answer)) return;
      this.#tell(() => this.#native[method](ticket, ...given));
    };
    this.#answers.add(answer);
    return answer;
  }

  async #serve(answer, work) {
    const working = work();
    if (this.#isOver) answer(this.#failed);
    let given = [this.#failed];
    try {
      given = await working;
      this.error = undefined;
    } catch (error) {
      this.error = error;
    }
    answer(...given);
  }

  /* Nobody waits for the ticket any more: that is all right. */
  #tell(answer) {
    try {
      answer();
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'GCN_ECLOSING') throw error;
    }
  }

  close() {
    const { close } = this.#store;
    if (typeof close !== 'function') return;
    this.#closed = (async () => close.call(this.#store))();
    this.#closed.catch(() => {});
  }

  /* Settles when the store is closed; rejected if it could not be. */
  async closed() {
    try {
      await Promise.race([this.#closed, this.#late()]);
    } finally {
      clearTimeout(this.#timer);
    }
  }

  async #late() {
    await this.#over;
    await new Promise((resolve) => { setImmediate(resolve); });
    throw new Error('it took too long');
  }
}

module.exports = { StoreAdapter };
