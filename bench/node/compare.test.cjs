/* SPDX-License-Identifier: MIT */
/*
 * That the comparison with ws compares what it says: all readers see every
 * event once, and do as much with it as they should.  Not who is faster.
 */
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { installPackages } = require('../../test/node/packages.cjs');
const { READERS, SCENARIOS, check, compare } = require('./compare.cjs');
const { median, ratio, replaceBetween, tableOf } = require('./report.cjs');
const { Tally } = require('./tally.cjs');

const COUNT = 1400;
/* Of how many events the body is read. */
const READ = { each: COUNT, quarter: COUNT / 4, none: 0, raw: 0 };
const ONLY = ['TLS, 0.5 to 8 KB', 'plain, 1 KB'];

test('all readers see every event once', async () => {
  const told = [];
  const measured = await compare({
    gcn: process.env.GCN_EXE, modules: installPackages('bench'),
    pairs: 1, count: COUNT, only: ONLY, tell: (text) => told.push(text),
  });
  assert.deepEqual(measured.map(({ scenario }) => scenario.name), ONLY);
  assert.deepEqual(told, ONLY.map((name) => `${name}: round 1 of 1`));
  for (const { rows } of measured) {
    assert.equal(rows.length, READERS.length);
    const each = rows[0].results[0].participants;
    for (const { reader, results: [result] } of rows) {
      assert.equal(result.events, COUNT);
      assert.equal(result.inOrder, true);
      assert.ok(result.cpuUs > 0 && result.wallUs > 0, reader.title);
      const { participants } = result;
      if (READ[reader.use] === 0) assert.equal(participants, 0);
      else if (reader.use === 'each') assert.equal(participants, each);
      else assert.ok(participants > 0 && participants < each, reader.title);
    }
  }
  const table = tableOf(measured, { cpu: 'a processor', cores: 2 });
  for (const { title } of READERS) assert.ok(table.includes(`| ${title} |`));
  assert.doesNotMatch(table, /NaN|undefined|Infinity/);
});

test('what is missing, twice or in disorder is noticed', () => {
  const sizes = [1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7];
  const isInOrder = (list) => {
    const tally = new Tally(list.length);
    const last = list.map((size) => tally.count(size));
    assert.equal(last.indexOf(true), list.length - 1);
    return tally.inOrder;
  };
  assert.equal(isInOrder(sizes), true);
  assert.equal(isInOrder(sizes.filter((_, i) => i !== 9)), false);
  assert.equal(isInOrder([...sizes.slice(0, 9), 2, ...sizes.slice(9)]), false);
});

test('a result that is not whole is none', () => {
  const good = {
    events: 7, inOrder: true, streams: 1, cpuUs: 5, wallUs: 5,
  };
  assert.equal(check(good, { count: 7 }), good);
  for (const flaw of [
    { events: 6 }, { inOrder: false }, { streams: 2 }, { lastSeq: 8 },
    { gaps: 1 }, { cpuUs: 0 }, { wallUs: NaN },
  ]) {
    assert.throws(() => check({ ...good, ...flaw }, { count: 7 }));
  }
});

test('figures', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(ratio([2, 6, 3], [4, 4, 4], (one) => one),
    '0.75 (0.50-1.50)');
  assert.equal(SCENARIOS.length, 4);
});

test('the table is replaced, and nothing else', () => {
  const first = replaceBetween('# Title\n', 'old\n');
  assert.equal(replaceBetween(first, 'old\n'), first);
  const second = replaceBetween(`${first}\nmore\n`, 'new\n');
  assert.equal(second, `${first.replace('old', 'new')}\nmore\n`);
  assert.throws(() => replaceBetween('<!-- node: begin -->', 'new'));
});
