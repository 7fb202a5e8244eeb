/* SPDX-License-Identifier: MIT */
/*
 * The package beside what people write by hand with ws, in one run:
 *
 *   node bench/node/compare.cjs --gcn build/gcn --modules DIR [--pairs N]
 *     [--count N] [--only SCENARIO]... [--write]
 *
 * DIR is a node_modules with ws in it; GCN_NODE_BINDING_DIR has the addon.
 *
 * Every reader is a process of its own with a fresh source, and all of them
 * take their turns, N rounds long, each second round backwards: a ratio is of
 * two processes of one round.  Several processes, because where a process's
 * stack happens to lie decides how fast it decrypts.
 */
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { createInterface } = require('node:readline');
const { parseArgs } = require('node:util');

const { replaceBetween, tableOf } = require('./report.cjs');

const BASELINE = path.join(__dirname, '..', 'baseline.md');
const TOPIC = 'v2.users.5b1e9c1e-0000-4000-8000-000000000001.conversations';
const LIMIT_MS = 120000;

const SCENARIOS = [
  { name: 'TLS, 0.5 to 8 KB', tls: true, size: 'mix', count: 40000 },
  { name: 'TLS, 1 KB', tls: true, size: '1024', count: 80000 },
  { name: 'plain, 0.5 to 8 KB', tls: false, size: 'mix', count: 40000 },
  { name: 'plain, 1 KB', tls: false, size: '1024', count: 80000 },
];

/* `beside`: the use of the one by hand to be compared with. */
const READERS = [
  ...['host', 'thread'].flatMap((loop) => [
    ['each', `${loop}: each body is read`],
    ['quarter', `${loop}: every fourth`],
    ['none', `${loop}: none`],
  ].map(([use, title]) => ({
    title, program: 'gcnotify.cjs', loop, use, beside: use,
  }))),
  { title: 'ws by hand: each body is read', use: 'each' },
  { title: 'ws by hand: every fourth', use: 'quarter' },
  { title: 'ws by hand: none', use: 'none' },
  { title: 'ws alone, nothing parsed', use: 'raw' },
].map((reader) => ({ program: 'by-hand.cjs', loop: '-', ...reader }));

function within(promise, what) {
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what}: not in ${LIMIT_MS} ms`)), LIMIT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/* The line of JSON that a program says, or an error if it ends without. */
function lineOf(child, what) {
  const said = new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => {
      resolve(JSON.parse(line));
    });
    child.once('error', reject);
    child.once('close', (code, signal) => reject(
      new Error(`${what} ended with ${signal ?? code} and said nothing`)));
  });
  return within(said, what);
}

function ended(child) {
  if (child.exitCode !== null || child.signalCode !== null) return undefined;
  return new Promise((resolve) => { child.once('close', resolve); });
}

async function startSource(gcn, { tls, size, count }) {
  const child = spawn(gcn, [
    'bench', 'source', tls ? '--tls' : '--plain', '--size', size,
    '--count', String(count), '--connections-max', '1',
  ], { stdio: ['pipe', 'pipe', 'inherit'] });
  const { port, ca } = await lineOf(child, 'gcn bench source');
  return { child, ca, api: `${tls ? 'https' : 'http'}://127.0.0.1:${port}` };
}

/* Not one event more or less, and each in its place. */
function check(result, { count }) {
  const { name, events, inOrder, streams } = result;
  const { lastSeq = count, gaps = 0 } = result;
  const isWhole = events === count && inOrder && streams === 1 &&
    lastSeq === count && gaps === 0;
  if (!isWhole) throw new Error(`${name} saw ${JSON.stringify(result)}`);
  if (!(result.cpuUs > 0 && result.wallUs > 0)) {
    throw new Error(`${name} took no time: ${JSON.stringify(result)}`);
  }
  return result;
}

async function measure(reader, scenario, { gcn, modules }) {
  const source = await startSource(gcn, scenario);
  const { program, loop, use } = reader;
  const child = spawn(process.execPath, [
    path.join(__dirname, program), source.api, TOPIC, String(scenario.count),
    loop, use,
  ], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env, BENCH_MODULES: path.resolve(modules),
      ...(scenario.tls ? { NODE_EXTRA_CA_CERTS: source.ca } : {}),
    },
  });
  try {
    const result = await lineOf(child, reader.title);
    await within(Promise.resolve(ended(child)), `the end of ${reader.title}`);
    return check(result, scenario);
  } finally {
    child.kill('SIGKILL');
    source.child.stdin.end();
    await ended(source.child);
  }
}

async function measureScenario(scenario, settings) {
  const rows = READERS.map((reader) => ({ reader, results: [] }));
  for (let i = 0; i < settings.pairs; i++) {
    const turns = i % 2 === 0 ? rows : rows.slice().reverse();
    for (const { reader, results } of turns) {
      results.push(await measure(reader, scenario, settings));
    }
    settings.tell(`${scenario.name}: round ${i + 1} of ${settings.pairs}`);
  }
  return { scenario, rows };
}

/* `settings`: gcn, modules, pairs, count (or each scenario's own), only
 * (names of scenarios, or all), tell(text). */
async function compare(settings) {
  const measured = [];
  for (const scenario of SCENARIOS) {
    if (settings.only && !settings.only.includes(scenario.name)) continue;
    const { count = scenario.count } = settings;
    measured.push(await measureScenario({ ...scenario, count }, settings));
  }
  return measured;
}

function readArguments() {
  const { values } = parseArgs({ options: {
    gcn: { type: 'string' },
    modules: { type: 'string' },
    pairs: { type: 'string', default: '5' },
    count: { type: 'string' },
    only: { type: 'string', multiple: true },
    write: { type: 'boolean', default: false },
  } });
  if (!values.gcn || !values.modules) {
    throw new Error('--gcn and --modules are needed');
  }
  return {
    ...values,
    pairs: Number(values.pairs),
    count: values.count && Number(values.count),
    tell: (text) => process.stderr.write(`${text}\n`),
  };
}

async function main() {
  const settings = readArguments();
  const table = tableOf(await compare(settings), {
    cpu: os.cpus()[0].model, cores: os.cpus().length,
  });
  process.stdout.write(table);
  if (!settings.write) return;
  const before = fs.readFileSync(BASELINE, 'utf8');
  fs.writeFileSync(BASELINE, replaceBetween(before, table));
}

if (require.main === module) void main();

module.exports = { READERS, SCENARIOS, check, compare };
