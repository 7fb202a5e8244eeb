/* SPDX-License-Identifier: MIT */
/*
 * Where a client can be brought into a state that lasts: simulators with a
 * fault, servers that never answer, a pool of threads that is busy.  Used with
 * programs/states.cjs, which does the bringing.
 */
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { Worker } = require('node:worker_threads');

const { until } = require('./kit.cjs');
const { startSim } = require('./sim.cjs');

const ALWAYS = 'times=1000000000';
const POOL_SIZE = 4;

/* Listens and never accepts: once its queue is full, packets that ask for a
 * connection are dropped. */
const DEAF = `
  const { parentPort } = require('node:worker_threads');
  const server = require('node:net').createServer();
  server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
`;

async function makeBlackHole(t) {
  const deaf = new Worker(DEAF, { eval: true });
  t.after(() => deaf.terminate());
  const port = await new Promise((resolve, reject) => {
    deaf.once('message', resolve);
    deaf.once('error', reject);
  });
  const fillers = Array.from({ length: 8 }, () => {
    const socket = net.connect(port, '127.0.0.1');
    return socket.on('error', () => {});
  });
  t.after(() => fillers.forEach((socket) => socket.destroy()));
  await until(() => fillers.some(({ pending }) => !pending), 'a full queue');
  return `https://127.0.0.1:${port}`;
}

/* Accepts, reads, and says nothing. */
async function makeMute(t) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.resume();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `127.0.0.1:${server.address().port}`;
}

/* A port where nobody listens. */
async function findClosed() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

/* Named pipes that nobody writes to: who opens one to read is stuck, and with
 * him a thread of his process's pool. */
function makePipes(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gcn-pipes-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const count = Number(process.env.UV_THREADPOOL_SIZE ?? POOL_SIZE);
  const pipes = Array.from(
    { length: count }, (_, i) => path.join(folder, String(i)));
  execFileSync('mkfifo', pipes);
  return pipes;
}

function describe(sim) {
  return { options: sim.options(), topics: sim.topics };
}

const FAULTY = {
  subscribing: { faults: [
    `http.hang POST *subscriptions ${ALWAYS}`,
    `http.hang PUT *subscriptions ${ALWAYS}`,
  ] },
  streaming: { rate: '2000/s' },
  closing: { faults: [`http.hang DELETE * ${ALWAYS}`] },
};

/* What programs/states.cjs asks for, as data that goes to other processes. */
async function makePlaces(t) {
  const sims = {};
  for (const [name, wanted] of Object.entries(FAULTY)) {
    sims[name] = await startSim(t, {
      tls: false, life: '10m',
      args: ['--max-channels', '10000', '--rest-limit', '0'], ...wanted,
    });
  }
  const mute = await makeMute(t);
  return {
    loop: process.env.GCN_NODE_LOOP,
    pipes: makePipes(t),
    blackHole: await makeBlackHole(t),
    muteTls: `https://${mute}`,
    mute: `http://${mute}`,
    closed: await findClosed(),
    subscribing: describe(sims.subscribing),
    streaming: describe(sims.streaming),
    closing: describe(sims.closing),
  };
}

module.exports = { makePlaces };
