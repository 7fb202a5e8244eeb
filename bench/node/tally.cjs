/* SPDX-License-Identifier: MIT */
/*
 * What the readers count, and how: CPU time of the process and time of day from
 * the first event to the last.  The source's events come in a fixed order of
 * sizes that is the same every seven events, so one that is missing, comes
 * twice or at the wrong time is noticed.
 */
'use strict';

const fs = require('node:fs');

const ROUND = 7;

/* Standard input is the driver's: a reader does not outlive it, for it would
 * reconnect for ever. */
function endWithDriver() {
  process.stdin.once('end', () => process.exit(1)).resume();
  process.stdin.unref();
}

class Tally {
  #total;
  #sizes = [];
  #cpu;
  #since;
  inOrder = true;
  events = 0;
  bytes = 0;
  participants = 0;

  constructor(total) {
    this.#total = total;
  }

  /* Counts an event of that size; true: it was the last. */
  count(size) {
    const { events } = this;
    if (events === 0) {
      this.#cpu = process.cpuUsage();
      this.#since = process.hrtime.bigint();
    }
    if (events < ROUND) this.#sizes.push(size);
    else if (this.#sizes[events % ROUND] !== size) this.inOrder = false;
    this.bytes += size;
    this.events = events + 1;
    return this.events === this.#total;
  }

  /* The work of a user with an event: something of its body is read. */
  use(body) {
    this.participants += body.participants.length;
  }

  say(name, more) {
    const { user, system } = process.cpuUsage(this.#cpu);
    const wallUs = Number(process.hrtime.bigint() - this.#since) / 1000;
    const { events, bytes, participants, inOrder } = this;
    fs.writeSync(1, `${JSON.stringify({
      name, events, bytes, participants, inOrder,
      cpuUs: user + system, wallUs, ...more,
    })}\n`);
  }
}

module.exports = { Tally, endWithDriver };
