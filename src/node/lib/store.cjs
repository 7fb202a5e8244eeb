/* SPDX-License-Identifier: MIT */
/*
 * Between the library and a CheckpointStore of the user's.  Every request gets
 * exactly one answer, whatever the store does.
 */
'use strict';

const os = require('node:os');

const NO_SUCH = process.platform === 'win32'
  ? -4058 : -os.constants.errno.ENOENT; /* UV_ENOENT */

class StoreAdapter {
  #store;
  #native;
  #failed;
  #closed = Promise.resolve();

  /* `failed` is the status that says "it did not work". */
  constructor(store, native, failed) {
    this.#store = store;
    this.#native = native;
    this.#failed = failed;
    this.error = undefined; /* of the last request */
  }

  async load({ ticket, generation }) {
    let answer = [this.#failed];
    try {
      answer = this.#read(await this.#store.load(generation));
      this.error = undefined;
    } catch (error) {
      this.error = error;
    }
    this.#tell(() => this.#native.loadDone(ticket, ...answer));
  }

  #read(bytes) {
    if (bytes === undefined || bytes === null) return [NO_SUCH];
    if (bytes instanceof Uint8Array) return [0, Buffer.from(bytes)];
    throw new TypeError('load() of the checkpoint store must give a ' +
      'Uint8Array, or nothing');
  }

  async save({ ticket, bytes, sequences }) {
    let status = this.#failed;
    try {
      await this.#store.save(bytes, sequences.map((one) => BigInt(one)));
      this.error = undefined;
      status = 0;
    } catch (error) {
      this.error = error;
    }
    this.#tell(() => this.#native.saveDone(ticket, status));
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
  get closed() {
    return this.#closed;
  }
}

module.exports = { StoreAdapter };
