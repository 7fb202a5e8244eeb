/* SPDX-License-Identifier: MIT */
/*
 * Who waits for channels to be replaced.  A successor that is refused is given
 * up without a word, since the present channel serves on; so every wait has its
 * end.
 */
'use strict';

const { GenesysNotificationError } = require('./errors.cjs');
const { TIMER_MS_MAX } = require('./options.cjs');
const { Waits } = require('./waits.cjs');

class Renewals {
  #limitMs;
  #waits = new Waits();

  constructor(limitMs) {
    this.#limitMs = limitMs;
  }

  get size() {
    return this.#waits.size;
  }

  /* For these connections, or without any for the first that streams. */
  async wait(indices, signal) {
    const about = { indices };
    const limitMs = this.#limitMs * (indices?.size || 1); /* one by one */
    const timer = setTimeout(
      () => this.#giveUp(about, limitMs), Math.min(limitMs, TIMER_MS_MAX));
    timer.unref();
    try {
      await this.#waits.wait({ about, signal });
    } finally {
      clearTimeout(timer);
    }
  }

  #giveUp(about, limitMs) {
    const error = new GenesysNotificationError(
      `no new channel within ${limitMs} ms; the present one serves on`,
      { code: 'ERR_GCN_TIMEOUT', op: 'channel' });
    this.#waits.reject(error, (one) => one === about);
  }

  /* This connection streams over a new channel. */
  done(index) {
    this.#waits.resolve(({ indices }) => {
      indices?.delete(index);
      return indices === undefined || indices.size === 0;
    });
  }

  /* There is no such connection any more. */
  gone(index) {
    this.#waits.resolve(({ indices }) => {
      indices?.delete(index);
      return indices?.size === 0;
    });
  }

  reject(error) {
    this.#waits.reject(error);
  }
}

module.exports = { Renewals };
