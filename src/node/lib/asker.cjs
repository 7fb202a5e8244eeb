/* SPDX-License-Identifier: MIT */
/*
 * Asks a hook of the user's for credentials or a token, and answers the ticket
 * that the library gave out for it.  A hook may take its time: when nobody
 * waits for its answer any more, its signal is aborted and the answer dropped.
 */
'use strict';

const { GenesysNotificationError } = require('./errors.cjs');
const { TIMER_MS_MAX } = require('./options.cjs');

class Asker {
  #hook;
  #answers;
  #limitMs;
  #attempt = 0;
  #isGood = false;
  #controller;
  #timer;

  /* `answers` has give(ticket, value), which throws if the value is of no use,
   * and fail(ticket). */
  constructor(hook, limitMs, answers) {
    this.#hook = hook;
    this.#limitMs = Math.min(limitMs, TIMER_MS_MAX);
    this.#answers = answers;
    this.error = undefined; /* of the last answer */
  }

  /* What was given is in use. */
  settle() {
    this.#attempt = 0;
  }

  ask(ticket, reason) {
    this.cancel('it is asked again');
    const isNew = this.#isGood && reason !== 'rejected';
    this.#attempt = isNew ? 1 : this.#attempt + 1;
    this.#isGood = false;
    const controller = new AbortController();
    this.#controller = controller;
    this.#timer = setTimeout(
      () => this.cancel(`it took longer than ${this.#limitMs} ms`),
      this.#limitMs);
    this.#timer.unref();
    const { signal } = controller;
    void this.#run(ticket, { reason, attempt: this.#attempt, signal });
  }

  cancel(why) {
    clearTimeout(this.#timer);
    const controller = this.#controller;
    this.#controller = undefined;
    if (controller === undefined) return;
    controller.abort(new GenesysNotificationError(
      `nobody waits for this answer any more: ${why}`,
      { code: 'ERR_GCN_TIMEOUT' }));
  }

  async #run(ticket, context) {
    let value;
    let error;
    try {
      value = await this.#hook(context);
    } catch (thrown) {
      error = thrown ?? new Error('the hook was rejected without a reason');
    }
    if (context.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#controller = undefined;
    this.#give(ticket, value, error);
  }

  #give(ticket, value, error) {
    this.error = error;
    if (error === undefined && this.#offer(ticket, value)) return;
    this.#answers.fail(ticket);
  }

  #offer(ticket, value) {
    try {
      this.#answers.give(ticket, value);
      this.#isGood = true;
    } catch (error) {
      this.error = error;
    }
    return this.#isGood;
  }
}

module.exports = { Asker };
