/* SPDX-License-Identifier: MIT */
/*
 * Clients come and go in a process that the leak sanitizer looks at when it
 * ends.  GCN_NODE_PRELOAD is the sanitizer's runtime, GCN_NODE_LEAKS where its
 * reports go.
 */
'use strict';

const { run } = require('./child.cjs');
const { startSim } = require('./sim.cjs');

const PROGRAMS = [
  ['cycles.cjs', [5, 25]],
  ['gc.cjs', []],
];

async function runAll(t) {
  const sim = await startSim(t, {
    rate: '200/s', args: ['--max-channels', '10000', '--rest-limit', '0'],
  });
  const input = JSON.stringify({ options: sim.options(), topics: sim.topics });
  for (const [name, args] of PROGRAMS) {
    const { code, signal, err } = await run(t, name, {
      args, input, flags: ['--expose-gc'], limitMs: 60000,
      env: {
        LD_PRELOAD: process.env.GCN_NODE_PRELOAD,
        ASAN_OPTIONS: 'detect_leaks=1:exitcode=0:quarantine_size_mb=4:' +
          `log_path=${process.env.GCN_NODE_LEAKS}`,
      },
    });
    if (code !== 0) throw new Error(`${name}: ${code ?? signal}\n${err}`);
  }
}

async function main() {
  const cleanups = [];
  try {
    await runAll({ after: (cleanup) => cleanups.push(cleanup) });
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
