/* SPDX-License-Identifier: MIT */
/*
 * Which topics a client wants: asking for them, waiting for the service's word,
 * and giving them up when nobody holds them any more.
 */
'use strict';

const { configError, guarded, rejectedError } = require('./errors.cjs');
const { Ledger, keyOf, listOf } = require('./topics.cjs');
const { Waits } = require('./waits.cjs');

const SHOWN_MAX = 64;

/* What the library looks at. */
const NAMES = {
  channels: /^[!#-[\]-~]{1,199}$/,
  stream: /^[!-~]{1,1000}$/,
};

class Wishes {
  #native;
  #binding;
  #client;
  #verdicts = new Waits();
  #isTellingDue = false;
  #isEnded = false;
  ledger = new Ledger();

  /* `client` has dialect, tell(topics, rejected), calm() and lost(holder). */
  constructor(native, binding, client) {
    this.#native = native;
    this.#binding = binding;
    this.#client = client;
  }

  namesOf(topics) {
    return listOf(topics, this.#binding);
  }

  /* How many promises wait for a verdict. */
  get size() {
    return this.#verdicts.size;
  }

  /* What is not wanted any more goes first: there may be no room for both. */
  ask(names, holder, isReplacing) {
    const kept = new Set(names.map(keyOf));
    const gone = isReplacing
      ? this.ledger.names.filter((name) => !kept.has(keyOf(name))) : [];
    if (gone.length > 0) guarded(() => this.#native.unsubscribe(gone));
    try {
      if (names.length > 0) guarded(() => this.#native.subscribe(names));
    } catch (error) {
      if (gone.length > 0) this.#native.subscribe(gone);
      throw this.#blame(names, error);
    }
    this.#forget(gone);
    this.ledger.hold(names, holder);
  }

  /* The library takes or refuses all of them and does not say which. */
  #blame(names, error) {
    if (error.errorName !== 'EINVAL') return error;
    const name = names.find((one) => !NAMES[this.#client.dialect].test(one));
    if (name === undefined) return error;
    const shown = JSON.stringify(name.slice(0, SHOWN_MAX));
    const at = `${shown}${name.length > SHOWN_MAX ? '...' : ''}`;
    return configError(`this is no name of a topic: ${at}`, error);
  }

  /* Settles when there is a verdict on each of them. */
  async settle(names, holder, signal) {
    const open = this.ledger.open(names);
    try {
      if (open.size > 0) {
        await this.#verdicts.wait({
          signal, about: open, aborted: () => this.#client.calm(),
        });
      }
    } catch (error) {
      this.drop(names, holder);
      throw error;
    }
    if (!this.ledger.areRejected(names)) return;
    const rejected = this.ledger.rejected(names);
    this.drop(names, holder);
    throw rejectedError(rejected);
  }

  /* Whoever holds them. */
  unsubscribe(names) {
    if (names.length > 0) guarded(() => this.#native.unsubscribe(names));
    this.#forget(names);
  }

  #forget(names) {
    const idle = this.ledger.drop(names);
    for (const name of names) this.#resolve(keyOf(name));
    for (const holder of idle) this.#client.lost(holder);
  }

  drop(names, holder) {
    const gone = this.ledger.release(names, holder);
    if (gone.length === 0 || this.#isEnded) return;
    guarded(() => this.#native.unsubscribe(gone));
  }

  judge(report) {
    const key = this.ledger.judge(report);
    this.#tellLater();
    if (key !== undefined) this.#resolve(key);
  }

  #resolve(key) {
    this.#verdicts.resolve((open) => {
      open.delete(key);
      return open.size === 0;
    });
  }

  /* Verdicts come one by one; they are told together. */
  #tellLater() {
    if (this.#isTellingDue) return;
    this.#isTellingDue = true;
    setImmediate(() => {
      this.#isTellingDue = false;
      if (this.#isEnded || !this.ledger.isSettled) return;
      this.#client.tell(this.ledger.permitted(), this.ledger.rejected());
    });
  }

  reject(error) {
    this.#verdicts.reject(error);
  }

  end() {
    this.#isEnded = true;
  }
}

module.exports = { Wishes };
