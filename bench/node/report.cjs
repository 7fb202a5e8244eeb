/* SPDX-License-Identifier: MIT */
/*
 * What the figures of compare.cjs mean, as Markdown.  Pure: no process, no
 * clock, no file.
 */
'use strict';

const BEGIN = '<!-- node: begin -->';
const END = '<!-- node: end -->';

function median(values) {
  const sorted = values.slice().sort((a, b) => a - b);
  const half = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[half];
  return (sorted[half - 1] + sorted[half]) / 2;
}

const cpuOf = ({ cpuUs, events }) => cpuUs / events;
const speedOf = ({ events, wallUs }) => events / wallUs * 1e6;

/* Of two readers, round by round: "0.87 (0.85-0.91)". */
function ratio(ours, theirs, figure) {
  const ratios = ours.map((one, i) => figure(one) / figure(theirs[i]));
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  return `${median(ratios).toFixed(2)} ` +
    `(${least.toFixed(2)}-${most.toFixed(2)})`;
}

function rowOf({ reader, results }, rows) {
  const beside = rows.find(
    (row) => row.reader.program === 'by-hand.cjs' &&
      row.reader.use === reader.beside);
  const cells = [
    reader.title,
    median(results.map(cpuOf)).toFixed(1),
    beside ? ratio(results, beside.results, cpuOf) : '',
    Math.round(median(results.map(speedOf)) / 100) / 10,
    beside ? ratio(results, beside.results, speedOf) : '',
  ];
  return `| ${cells.join(' | ')} |`;
}

function partOf({ scenario, rows }) {
  return [
    `**${scenario.name}**, ${scenario.count} events, ` +
      `${rows[0].results.length} processes of each:`,
    '',
    '| reader | CPU µs/event | beside ws | 1000 events/s | beside ws |',
    '|---|---:|---:|---:|---:|',
    ...rows.map((row) => rowOf(row, rows)),
    '',
  ].join('\n');
}

function versionsOf([{ rows }]) {
  const of = (start) => rows.find(
    ({ results: [{ name }] }) => name.startsWith(start)).results[0].version;
  return `gcnotify ${of('gcnotify')}, ws ${of('ws')}, Node ` +
    `${process.versions.node} (V8 ${process.versions.v8}, OpenSSL ` +
    `${process.versions.openssl})`;
}

const HEAD = `## On Node, beside ws

\`bench/node/compare.cjs\`: a program with the package (\`host\`: on Node's
loop; \`thread\`: on a loop of its own) and one with ws, \`JSON.parse\` and a
reconnect written by hand, as \`test/examples/node/before/\` has it, read the
same events from \`gcn bench source\` as fast as they can, with TLS one event a
record. CPU is user and system time of the whole process, threads included, from
the first event to the last. *Each, every fourth, none*: of how many events the
handler reads the body. Whoever uses ws parses them all, because the topic is in
there; the package parses a body when it is read. *Nothing parsed* is what ws
costs by itself, which is of use to nobody. Processes start cold: what compiling
JavaScript costs is in the figures, and weighs more on ws. Ratios are of two
processes of one round, median (least-most): less CPU is below 1, more events
are above it. The source has one topic, so every fourth event stands for those
with a topic of interest.
`;

/* `machine`: cpu, cores. */
function tableOf(measured, { cpu, cores }) {
  const where = `${versionsOf(measured)}, ${cores} cores of ${cpu}.`;
  return [HEAD, where, '', ...measured.map(partOf)].join('\n');
}

/* `text` with `block` between our markers, which are added if need be. */
function replaceBetween(text, block) {
  const marked = `${BEGIN}\n${block.trimEnd()}\n${END}\n`;
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 && end < 0) return `${text.trimEnd()}\n\n${marked}`;
  if (begin < 0 || end < begin) throw new Error('one marker of two');
  return text.slice(0, begin) + marked + text.slice(end + END.length + 1);
}

module.exports = { median, ratio, replaceBetween, tableOf };
