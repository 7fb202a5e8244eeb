// SPDX-License-Identifier: MIT
'use strict';

/**
 * The ws package as its README shows it: text by 'message', as a Buffer, and in
 * mode json JSON.parse of it. Compression off, UTF-8 checked by ws.
 */

const fs = require('fs');
const WebSocket = require('ws');
const { version } = require('ws/package.json');

const WINDOW = 16; // connections opened at a time
const SETTLE_MS = 200;
const PING = '{"message":"ping"}';

const [url, ca, countText, connectionsText, mode] = process.argv.slice(2);
const count = Number(countText);
const connections = Number(connectionsText);
const total = count * connections;
const options = { perMessageDeflate: false };
if (ca !== '-') options.ca = fs.readFileSync(ca);

const roundTrips = mode === 'pingpong' ? new Float64Array(total) : null;
let dialled = 0;
let open = 0;
let events = 0;
let eventsOpen = 0;
let bytes = 0;
let sent = 0n;
let cpuStart = 0;
let cpuOpen = 0;
let cpuLast = 0;
let rssBase = 0;

function cpuUs() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** VmHWM and not maxRSS, which remembers the process that called exec. */
function memoryKib(name) {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  return Number(status.match(`${name}:\\s*(\\d+)`)[1]);
}

function percentile(share) {
  return roundTrips[Math.floor(share * (events - 1))];
}

function leave() {
  const line = {
    peer: 'ws', version: `${version}, Node ${process.versions.node}`,
    events, events_open: eventsOpen, bytes,
    cpu_us: mode === 'idle' ? 0 : Math.max(cpuLast - cpuOpen, 0),
    startup_cpu_us: cpuOpen, connect_cpu_us: cpuOpen - cpuStart,
    maxrss_kib: memoryKib('VmHWM'),
  };
  if (mode === 'idle') {
    line.rss_base_kib = rssBase;
    line.rss_kib = memoryKib('VmRSS');
  }
  if (roundTrips) {
    roundTrips.sort();
    line.p50_us = percentile(0.5);
    line.p99_us = percentile(0.99);
    line.p999_us = percentile(0.999);
  }
  fs.writeSync(1, JSON.stringify(line) + '\n');
  process.exit(0);
}

function ping(socket) {
  sent = process.hrtime.bigint();
  socket.send(PING);
}

function onMessage(socket, data) {
  if (mode === 'json') JSON.parse(data);
  if (roundTrips) {
    roundTrips[events] = Number(process.hrtime.bigint() - sent) / 1000;
  }
  events++;
  bytes += data.length;
  if (events === total) {
    cpuLast = cpuUs();
    leave();
  }
  if (mode === 'pingpong') ping(socket);
}

function onOpen(socket) {
  open++;
  if (open === connections) {
    eventsOpen = events;
    cpuOpen = cpuUs();
    if (mode === 'idle') setTimeout(leave, SETTLE_MS);
  }
  if (mode === 'pingpong') ping(socket);
  dial();
}

function fail(what) {
  process.stderr.write(`${what}\n`);
  process.exit(1);
}

function dial() {
  if (dialled === connections) return;
  dialled++;
  const socket = new WebSocket(url, options);
  socket.on('open', () => onOpen(socket));
  socket.on('message', (data) => onMessage(socket, data));
  socket.on('error', (error) => fail(error.message));
  socket.on('close', () => {
    if (mode === 'idle') fail('the source closed');
  });
}

rssBase = memoryKib('VmRSS');
cpuStart = cpuUs();
for (let i = 0; i < WINDOW; i++) dial();
