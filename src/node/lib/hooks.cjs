/* SPDX-License-Identifier: MIT */
/*
 * What the library asks of the user: credentials, a token, a checkpoint.
 * Keeps why a hook failed, which the library's own failure cannot carry.
 */
'use strict';

const { Asker } = require('./asker.cjs');
const { GenesysNotificationError } = require('./errors.cjs');
const { credentialsList, tokenOf } = require('./options.cjs');
const { StoreAdapter } = require('./store.cjs');

class Hooks {
  #native;
  #failed;
  #refuse;
  #fixedToken;
  #asker;
  #store;
  #isRejected = false;
  #hasStreamed = false;
  isManual = false; /* renew() was called */

  /* `refuse(error)`: nothing that could be given is of any use. */
  constructor(native, binding, settings, refuse) {
    const { credentials, accessToken, checkpoint, askMs } = settings;
    this.#native = native;
    this.#refuse = refuse;
    this.#failed = binding.errors.GCN_EAUTH;
    if (typeof accessToken === 'string') this.#fixedToken = accessToken;
    if (typeof credentials === 'function') {
      this.#asker = new Asker(credentials, askMs, {
        give: (ticket, value) => this.#giveCredentials(ticket, value),
        fail: (ticket) => this.#failCredentials(ticket),
      });
    }
    if (typeof accessToken === 'function') {
      this.#asker = new Asker(accessToken, askMs, {
        give: (ticket, value) => this.#giveToken(ticket, value),
        fail: (ticket) => this.#failToken(ticket),
      });
    }
    if (typeof checkpoint === 'object') {
      this.#store = new StoreAdapter(
        checkpoint, native, binding.errors.GCN_ECHECKPOINT);
    }
  }

  get store() {
    return this.#store;
  }

  /* Settles when nothing of the user's is under way any more. */
  async closed() {
    await this.#store?.closed();
  }

  limit(timeoutMs) {
    this.#store?.limit(timeoutMs);
  }

  get hasStreamed() {
    return this.#hasStreamed;
  }

  /* Of the last answer to a question of this kind. */
  causeOf(op) {
    if (op === 'checkpoint') return this.#store?.error;
    return op === 'token' ? this.#asker?.error : undefined;
  }

  /* What was given last was good. */
  streams() {
    this.#hasStreamed = true;
    this.#isRejected = false;
    this.isManual = false;
    this.#asker?.settle();
  }

  /* Why a connection failed: maybe what was given last was not good. */
  failed({ errorName, layer }) {
    if (errorName === 'GCN_EAUTH' && layer === 'service') {
      this.#isRejected = true;
    }
  }

  /* The service said so before it was used again. */
  revoked() {
    this.#isRejected = true;
  }

  end(why) {
    this.#asker?.cancel(why);
  }

  #reason(isRejected) {
    if (isRejected) return 'rejected';
    if (this.isManual) return 'manual';
    return this.#hasStreamed ? 'expiring' : 'initial';
  }

  /* `isInUse`: a connection was about to use what was given last.  Then the
   * question may come before the failure that led to it. */
  ask({ ticket, refused }, isInUse) {
    const isRejected = Boolean(refused) || this.#isRejected;
    this.#isRejected = false;
    if (this.#asker !== undefined) {
      this.#asker.ask(ticket, this.#reason(isRejected || isInUse));
    } else if (isRejected) {
      this.#refuse(new GenesysNotificationError(
        'the service refused the access token, and `accessToken` is not a ' +
        'function that could give a new one',
        { code: 'ERR_GCN_AUTH', fatal: true, op: 'token' }));
    } else {
      this.#giveToken(ticket, this.#fixedToken);
    }
  }

  #giveCredentials(ticket, value) {
    const list = credentialsList(value);
    this.#tell(() => this.#native.credentialsDone(ticket, 0, list));
  }

  #failCredentials(ticket) {
    this.#tell(() => this.#native.credentialsDone(ticket, this.#failed, []));
  }

  #giveToken(ticket, value) {
    const { token, expiresIn } = tokenOf(value);
    this.#tell(() => this.#native.tokenDone(ticket, 0, token, expiresIn));
  }

  #failToken(ticket) {
    this.#tell(() => this.#native.tokenDone(ticket, this.#failed, '', 0));
  }

  /* Nobody waits for the ticket any more: that is all right. */
  #tell(answer) {
    try {
      answer();
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'GCN_ECLOSING') throw error;
    }
  }
}

module.exports = { Hooks };
