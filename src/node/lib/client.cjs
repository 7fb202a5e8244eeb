/* SPDX-License-Identifier: MIT */
/*
 * The client that users hold: promises, events and iterators over the
 * binding's calls and reports.  It decides nothing about the network; that a
 * stream is reconnected, renewed and given up is the library's work.
 *
 * No promise of a client outlives it: each is settled at the latest when the
 * client is closed.
 */
'use strict';

const { EventEmitter, errorMonitor } = require('node:events');

const { Acks } = require('./acks.cjs');
const { Delivery } = require('./delivery.cjs');
const { closedError, configError, failureError, guarded } =
  require('./errors.cjs');
const { Hooks } = require('./hooks.cjs');
const { Late } = require('./late.cjs');
const { load } = require('./loader.cjs');
const {
  checkCredentials, checkMark, checkSignal, checkTimeout, readOptions,
  readTable, translate,
} = require('./options.cjs');
const {
  gapInfo, noticeInfo, reconnectingInfo, renewedInfo, stateError, stateInfo,
} = require('./records.cjs');
const { Renewals } = require('./renewals.cjs');
const { States } = require('./states.cjs');
const { Subscription } = require('./subscription.cjs');
const { ASYNC_DISPOSE } = require('./symbols.cjs');
const { matcherOf } = require('./topics.cjs');
const { Waits } = require('./waits.cjs');
const { Wishes } = require('./wishes.cjs');

const NORMAL_CLOSE = 1000;
const ABNORMAL_CLOSE = 1006;
const GONE = ['closing', 'idle', 'closed'];
const REVOKED = 'v2.system.token_revoked';

const WAIT_NAMES = { signal: undefined };
const SUBSCRIBE_NAMES = { signal: undefined, replace: 'flag' };
const EVENTS_NAMES = {
  signal: undefined, topics: undefined, highWaterMark: undefined,
};
const CLOSE_NAMES = { timeoutMs: undefined };

const everything = () => true;

class NotificationClient extends EventEmitter {
  #native;
  #binding;
  #settings;
  #delivery;
  #late = new Late(this);
  #hooks;
  #wishes;
  #acks;
  #states = new States();
  #isStarted = false;
  #isRefd = true;
  #refusal;
  #refusedIndex;
  #connects = new Waits();
  #renewals;
  #resumedCount = 0;
  #closing;
  #abortReason;
  #last;
  #unlisten = () => {};

  constructor(options = {}) {
    super();
    const given = readOptions(options);
    const binding = load(given.loop);
    const { native, settings } = translate(given, binding);
    this.#binding = binding;
    this.#settings = settings;
    this.#native = guarded(() => new binding.Client(
      native, (...report) => this.#report(...report)));
    this.#hooks = new Hooks(this.#native, binding, settings, (error) => {
      this.#stop();
      this.#refused(error);
    });
    this.#wishes = new Wishes(this.#native, binding, {
      dialect: settings.dialect,
      tell: (topics, rejected) => this.emit('subscribed', { topics, rejected }),
      calm: () => this.#calm(),
      lost: (subscription) => Subscription.end(subscription),
    });
    this.#renewals = new Renewals(settings.attemptMs);
    this.#acks = new Acks(this.#native, settings.acknowledges);
    this.#delivery = new Delivery(this, {
      acknowledge: (sequence) => this.#acks.acknowledge(sequence),
      rest: (rests) => this.#rest(rests),
    }, settings);
    this.#applyRef();
    try {
      this.#obey(settings.signal);
    } catch (error) {
      this.terminate(); /* nobody else can */
      throw error;
    }
  }

  static async connect(options = {}) {
    const { topics, ...rest } = { ...options };
    const client = new this(rest);
    try {
      if (topics !== undefined) await client.subscribe(topics);
      return await client.connect();
    } catch (error) {
      await client.close({ timeoutMs: 0 });
      throw error;
    }
  }

  #obey(signal) {
    if (signal === undefined) return;
    const abort = () => {
      this.#abortReason = signal.reason;
      this.terminate();
    };
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    this.#unlisten = () => signal.removeEventListener('abort', abort);
  }

  /* --- listeners: somebody to deliver to --- */

  on(name, listener) {
    super.on(name, listener);
    this.#heard(name);
    return this;
  }

  addListener(name, listener) {
    return this.on(name, listener);
  }

  prependListener(name, listener) {
    super.prependListener(name, listener);
    this.#heard(name);
    return this;
  }

  #heard(name) {
    this.#delivery.heard(name);
    this.#late.heard(name);
  }

  /* --- wishes --- */

  async connect(options = {}) {
    const signal = checkSignal(readTable(options, WAIT_NAMES).signal);
    this.#mustLive('connect()');
    signal?.throwIfAborted();
    this.#start();
    if (this.state === 'streaming') return this;
    await this.#connects.wait({ signal, aborted: () => this.#calm() });
    return this;
  }

  async subscribe(topics, options = {}) {
    const { replace, ...more } = readTable(options, SUBSCRIBE_NAMES);
    const signal = checkSignal(more.signal);
    this.#mustLive('subscribe()');
    signal?.throwIfAborted();
    if (this.#refusal !== undefined) throw this.#refusal;
    const names = this.#wishes.namesOf(topics);
    const subscription = this.#subscriptionOf(names);
    try {
      this.#wishes.ask(names, subscription, replace === true);
      this.#start();
      await this.#wishes.settle(names, subscription, signal);
    } catch (error) {
      Subscription.end(subscription);
      throw error;
    }
    return subscription;
  }

  #subscriptionOf(names) {
    return new Subscription(names, this.#wishes.ledger, {
      open: (list) => this.#openFor(list),
      drop: (list, holder) => this.#wishes.drop(list, holder),
      claim: (list, isOpen) => this.#delivery.claim(list, isOpen),
      disclaim: (claim) => this.#delivery.disclaim(claim),
    });
  }

  async unsubscribe(topics) {
    this.#mustLive('unsubscribe()');
    this.#wishes.unsubscribe(this.#wishes.namesOf(topics));
  }

  get topics() {
    return this.#wishes.ledger.permitted();
  }

  get rejected() {
    return this.#wishes.ledger.rejected();
  }

  /* --- events --- */

  events(options = {}) {
    const given = readTable(options, EVENTS_NAMES);
    const signal = checkSignal(given.signal);
    const highWaterMark = checkMark(given.highWaterMark);
    const topics = given.topics === undefined
      ? undefined : this.#wishes.namesOf(given.topics);
    const wants = topics === undefined
      ? everything : matcherOf(topics, this.#settings.dialect);
    return this.#open(wants, { keeps: true, signal, highWaterMark, topics });
  }

  #openFor(names) {
    const wants = matcherOf(names, this.#settings.dialect);
    return this.#open(wants, { keeps: false });
  }

  #open(wants, options) {
    const queue = this.#delivery.open(wants, options);
    if (this.#closing !== undefined) queue.end();
    else if (this.#refusal !== undefined) queue.fail(this.#refusal);
    return queue;
  }

  [Symbol.asyncIterator]() {
    return this.events();
  }

  pause() {
    this.#delivery.pause();
    return this;
  }

  resume() {
    this.#delivery.resume();
    return this;
  }

  isPaused() {
    return this.#delivery.paused;
  }

  #rest(rests) {
    if (this.#closing !== undefined) return;
    if (rests) this.#native.pause();
    else this.#native.resume();
  }

  async flush() {
    this.#mustLive('flush()');
    this.#delivery.decide();
    await this.#acks.flush();
  }

  /* --- upkeep --- */

  async renew(options = {}) {
    const signal = checkSignal(readTable(options, WAIT_NAMES).signal);
    this.#mustLive('renew()');
    signal?.throwIfAborted();
    if (this.#refusal !== undefined || !this.#isStarted) {
      await this.connect({ signal });
      return;
    }
    const isOff = this.#states.in('backing off').size > 0;
    this.#hooks.isManual = true;
    if (this.#states.in('streaming').size === 0) {
      if (isOff) this.reconnectNow();
      await this.#renewals.wait(undefined, signal);
      if (isOff) return;
      this.#hooks.isManual = true; /* that one was under way before */
    }
    guarded(() => this.#native.rotate());
    await this.#renewals.wait(this.#states.in('streaming'), signal);
  }

  reconnectNow() {
    this.#mustLive('reconnectNow()');
    guarded(() => this.#native.reconnectNow());
  }

  setCredentials(credentials) {
    this.#mustLive('setCredentials()');
    const given = checkCredentials(credentials);
    guarded(() => this.#native.setGrant(given));
  }

  get state() {
    return this.#last === undefined ? this.#states.most : this.#last.state;
  }

  stats() {
    return this.#last ? this.#last.stats : this.#native.stats();
  }

  metrics(format = 'openmetrics') {
    if (format !== 'openmetrics' && format !== 'json') {
      throw configError('metrics() knows the formats openmetrics and json');
    }
    if (this.#last) return this.#last[format];
    if (format === 'json') return this.#native.statsJson();
    return this.#native.metrics();
  }

  record() {
    return this.#last ? this.#last.record : this.#native.record();
  }

  ref() {
    this.#isRefd = true;
    this.#applyRef();
    return this;
  }

  unref() {
    this.#isRefd = false;
    this.#applyRef();
    return this;
  }

  /* A client that is idle or refused waits for nothing, so nothing should wait
   * for it. */
  #applyRef() {
    if (this.#closing !== undefined) return;
    const isBusy = this.#isStarted && this.#refusal === undefined;
    if (this.#isRefd && isBusy) this.#native.ref();
    else this.#native.unref();
  }

  /* Once only: another start of a client that has just been refused, which we
   * do not know yet, would be another attempt. */
  #start() {
    if (this.#isStarted && this.#refusal === undefined) return;
    guarded(() => this.#native.start());
    this.#isStarted = true;
    this.#forgive();
  }

  /* Nobody waits any more for a connection that never was. */
  #calm() {
    if (this.#isAwaited() || this.#delivery.isHeard) return;
    if (!this.#hooks.hasStreamed) this.#stop();
  }

  #isAwaited() {
    return this.#connects.size + this.#wishes.size + this.#renewals.size > 0;
  }

  #stop() {
    if (this.#closing !== undefined) return;
    this.#isStarted = false;
    this.#native.stop();
    this.#states.stop();
    this.#applyRef();
  }

  #forgive() {
    this.#refusal = undefined;
    this.#applyRef();
  }

  #mustLive(what) {
    if (this.#closing === undefined) return;
    throw this.#abortReason ?? closedError(what);
  }

  /* --- the end --- */

  close(options = {}) {
    const timeoutMs = checkTimeout(readTable(options, CLOSE_NAMES).timeoutMs);
    if (this.#last?.state === 'closed') return this.#closing.promise;
    if (timeoutMs !== undefined) {
      guarded(() => this.#native.setCloseMs(timeoutMs));
      this.#hooks.limit(timeoutMs);
    }
    if (this.#closing === undefined) this.#beginClose(timeoutMs === 0);
    return this.#closing.promise;
  }

  terminate() {
    void this.close({ timeoutMs: 0 });
  }

  #beginClose(isHasty) {
    const refusal = this.#refusal;
    this.#last = this.#snapshot();
    this.#closing = {
      code: refusal || isHasty ? ABNORMAL_CLOSE : NORMAL_CLOSE,
      reason: refusal ? refusal.message : isHasty ? 'terminated' : 'closed',
    };
    this.#closing.promise = new Promise((resolve) => {
      this.#closing.resolve = resolve;
    });
    this.#unlisten();
    this.#hooks.end('the client is closed');
    this.#wishes.end();
    this.#acks.end();
    this.#delivery.end(isHasty);
    this.#rejectAll(this.#abortReason ?? closedError('ended'));
    this.#native.close();
  }

  #snapshot() {
    return {
      state: 'closing',
      stats: this.#native.stats(),
      openmetrics: this.#native.metrics(),
      json: this.#native.statsJson(),
      record: this.#native.record(),
    };
  }

  #rejectAll(error) {
    this.#connects.reject(error);
    this.#wishes.reject(error);
    this.#renewals.reject(error);
    this.#acks.reject(error);
  }

  #ended() {
    this.#last = { ...this.#last, state: 'closed' };
    void this.#tellEnd();
  }

  async #tellEnd() {
    const { code, reason, resolve } = this.#closing;
    try {
      await this.#hooks.closed();
    } catch (error) {
      this.#logUnclosed(error);
    }
    resolve();
    /* From outside the promise, so that what a listener throws is not its
     * rejection. */
    setImmediate(() => {
      this.emit('state', 'closed', 'closing', { reason: 'closed' });
      this.emit('close', code, reason);
    });
  }

  #logUnclosed(error) {
    const message =
      `the checkpoint store could not be closed: ${error?.message}`;
    try {
      this.#settings.logger?.({ level: 'error', message });
    } catch (thrown) {
      setImmediate(() => {
        throw thrown;
      });
    }
  }

  [ASYNC_DISPOSE]() {
    return this.close();
  }

  /* --- reports --- */

  /* Of a client that is closing only those matter on which its end waits. */
  #report(type, payload, ...texts) {
    switch (type) {
    case 'events': this.#take(payload, texts); return;
    case 'load': void this.#hooks.store.load(payload); return;
    case 'save': void this.#hooks.store.save(payload); return;
    case 'storeClose': this.#hooks.store.close(); return;
    case 'close': this.#ended(); return;
    case 'log': this.#log(payload); return;
    default: break;
    }
    if (this.#closing === undefined) this.#hear(type, payload);
  }

  #take(numbers, texts) {
    if (this.#closing === undefined) this.#delivery.take(numbers, texts);
  }

  #hear(type, payload) {
    switch (type) {
    case 'state': this.#changed(payload); break;
    case 'topic': this.#wishes.judge(payload); break;
    case 'gap': this.#missed(payload); break;
    case 'rotation': this.#renewed(payload); break;
    case 'heartbeat': this.emit('heartbeat', Date.now()); break;
    case 'notice': this.#noticed(noticeInfo(payload)); break;
    case 'credentials':
    case 'token': this.#ask(payload); break;
    case 'refresh':
      this.#late.tell('refreshToken', payload.refreshToken);
      break;
    case 'durable': this.#durable(payload); break;
    case 'checkpoint': this.#checkpointFailed(payload); break;
    default: break; /* of a library that is newer than we are */
    }
  }

  #ask(question) {
    this.#hooks.ask(question, this.#states.in('subscribing').size > 0);
  }

  #changed(transition) {
    const { to, from, connectionIndex } = transition;
    const error = stateError(transition, (op) => this.#hooks.causeOf(op));
    if (error !== undefined) this.#hooks.failed(error);
    this.#states.set(connectionIndex, to);
    if (GONE.includes(to)) this.#renewals.gone(connectionIndex);
    if (this.#goesOn(transition)) this.#forgive();
    if (to === 'streaming') this.#settleOpen(connectionIndex);
    try {
      this.emit('state', to, from, stateInfo(transition, error));
    } finally {
      if (this.#closing === undefined) this.#follow(transition, error);
    }
  }

  #follow(transition, error) {
    const { to, from, connectionIndex } = transition;
    if (to === 'streaming' && from !== 'streaming') this.#opened(transition);
    if (to === 'backing off') this.#brokenOff(transition, error);
    if (to === 'refused') this.#refused(error, connectionIndex);
  }

  /* New credentials set a refused connection going again. */
  #goesOn({ to, connectionIndex }) {
    if (this.#refusal === undefined || !this.#isStarted) return false;
    return connectionIndex === this.#refusedIndex &&
      to !== 'refused' && to !== 'idle';
  }

  #settleOpen(connectionIndex) {
    this.#hooks.streams();
    this.#connects.resolve(() => true);
    this.#renewals.done(connectionIndex);
  }

  #opened({ attempt, connectionIndex }) {
    const { resumed } = this.#native.stats();
    const isResumed = resumed > this.#resumedCount;
    this.#resumedCount = resumed;
    this.emit('open', { connectionIndex, resumed: isResumed, attempt });
  }

  #brokenOff(transition, reason) {
    if (transition.failures >= this.#settings.maxAttempts) {
      this.#giveUp(reason);
      return;
    }
    this.emit('reconnecting', reconnectingInfo(transition, reason));
  }

  /* The user's own limit: the library would go on. */
  #giveUp(reason) {
    reason.fatal = true;
    this.#stop();
    this.#refused(reason);
  }

  /* Nothing happens by itself from here on; connect() tries again.  Told by
   * whatever promise or loop waits, else by the event: then Node's rule for
   * errors that nobody listens to holds. */
  #refused(error, connectionIndex) {
    if (this.#refusal !== undefined) return;
    this.#refusal = error;
    this.#refusedIndex = connectionIndex;
    const isTold = this.#isAwaited() || this.#acks.size > 0 ||
      this.#delivery.isIterated;
    this.#applyRef();
    this.#rejectAll(error);
    this.#delivery.fail(error);
    if (this.listenerCount('error') > 0 || !isTold) this.emit('error', error);
    else this.emit(errorMonitor, error);
  }

  #missed(gap) {
    this.#late.tell('gap', gapInfo(gap, this.topics));
  }

  #renewed(rotation) {
    this.#hooks.isManual = false;
    this.#renewals.done(rotation.connectionIndex);
    this.emit('renewed', renewedInfo(rotation));
  }

  #noticed(notice) {
    if (notice.topicName === REVOKED) this.#hooks.revoked();
    this.emit('notice', notice);
  }

  #durable(sequence) {
    this.#acks.look();
    this.emit('durable', BigInt(sequence));
  }

  #checkpointFailed(failure) {
    const error = failureError(failure, {
      cause: this.#hooks.causeOf('checkpoint'),
    });
    this.#acks.fail(error);
    this.emit('checkpointError', error);
  }

  #log({ level, line }) {
    this.#settings.logger({ level, message: line });
  }
}

module.exports = { NotificationClient };
