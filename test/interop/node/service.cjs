// SPDX-License-Identifier: MIT
/*
 * A notification service on Node's https and ws: enough of the API for one
 * client, and a blast of numbered events at full speed.
 *
 *   node service.cjs KEY CERT PORT_FILE COUNT SEED
 *
 * Events are 0.1 to 30 KB with 2-, 3- and 4-byte UTF-8; messages are fragmented
 * at random, and what the socket gets is cut and glued at random, so that
 * frames and TLS records meet in every way.
 */
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const https = require('https');
const { WebSocketServer } = require('ws');

const [keyFile, certFile, portFile, countText, seedText] =
    process.argv.slice(2);
const count = Number(countText);
let state = BigInt(seedText) + 1n;

function random(bound) {
  state = (state * 6364136223846793005n + 1442695040888963407n) &
      0xffffffffffffffffn;
  return Number((state >> 33n) % BigInt(bound));
}

const CHANNEL = 'streaming-0-abcdefghijklmnopqrstuvwxyz';
const TOKEN = 'node-service-token';
let topics = [];

function answer(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'ININ-Correlation-Id': '00000000-0000-4000-8000-000000000000',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

function authorized(request) {
  return request.headers.authorization === 'Bearer ' + TOKEN;
}

function permitted() {
  return topics.map((id) => ({ id, state: 'Permitted' }));
}

function serve(request, response, body) {
  const path = request.url.split('?')[0];
  if (request.method === 'POST' && path === '/oauth/token') {
    const wanted = 'Basic ' + Buffer.from('node:secret').toString('base64');
    if (request.headers.authorization !== wanted ||
        body !== 'grant_type=client_credentials') {
      answer(response, 400, { error: 'invalid_client' });
      return;
    }
    answer(response, 200, {
      access_token: TOKEN, token_type: 'bearer', expires_in: 86399,
    });
    return;
  }
  if (!authorized(request)) {
    answer(response, 401, { code: 'bad.credentials', status: 401 });
    return;
  }
  if (request.method === 'POST' &&
      path === '/api/v2/notifications/channels') {
    const uri = 'wss://' + request.headers.host + '/channels/' + CHANNEL;
    answer(response, 200, {
      id: CHANNEL, connectUri: uri, expires: '2031-04-03T08:15:20.114Z',
    });
    return;
  }
  if (request.method === 'PUT' && path.endsWith('/subscriptions')) {
    topics = JSON.parse(body).map((topic) => topic.id);
    answer(response, 200, { entities: permitted() });
    setImmediate(begin);
    return;
  }
  if (request.method === 'GET' && path.endsWith('/subscriptions')) {
    answer(response, 200, { entities: permitted() });
    return;
  }
  answer(response, 404, { code: 'not.found', status: 404 });
}

const server = https.createServer(
    { key: fs.readFileSync(keyFile), cert: fs.readFileSync(certFile) },
    (request, response) => {
      const parts = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () =>
        serve(request, response, Buffer.concat(parts).toString()));
    });

/* Whatever is written is cut into random pieces, or held back and glued. */
function mangle(socket) {
  const write = socket.write.bind(socket);
  let held = [];
  const flush = () => {
    if (held.length === 0) return;
    const all = Buffer.concat(held);
    held = [];
    for (let at = 0; at < all.length;) {
      const size = 1 + random(random(4) === 0 ? 40 : 40000);
      write(all.subarray(at, at + size));
      at += size;
    }
  };
  socket.write = (data, encoding, done) => {
    if (typeof encoding === 'function') { done = encoding; encoding = null; }
    held.push(Buffer.isBuffer(data) ? data : Buffer.from(data, encoding));
    if (random(3) > 0) flush(); else setImmediate(flush);
    if (done) setImmediate(done);
    return socket.writableLength < 1 << 20;
  };
}

const alphabet = ['a', 'B', '7', ' ', '\u00e4', '\u0416', '\u20ac', '\u6f22',
  '\ud83d\ude00', '\ud83e\uddea', '"', '\\', '\n', '/'];

function text(size) {
  let out = '';
  let bytes = 0;
  while (bytes < size) {
    const c = alphabet[random(alphabet.length)];
    const times = 1 + random(50);
    out += c.repeat(times);
    bytes += Buffer.byteLength(c) * times;
  }
  return out;
}

function event(number) {
  const body = text(random(10) === 0 ? random(30000) : random(1500));
  const sum = crypto.createHash('sha256').update(body).digest('hex');
  return JSON.stringify({
    topicName: topics[0],
    version: '2',
    eventBody: { number, text: body, sum },
    metadata: { CorrelationId: 'n-' + number },
  });
}

const sockets = new WebSocketServer({ server, maxPayload: 1 << 20 });
let client = null;
let begun = false;

function send(message) {
  const bytes = Buffer.from(message);
  if (random(5) > 0) {
    client.send(bytes, { binary: false });
    return;
  }
  /* Fragments may cut characters; only the whole is UTF-8. */
  for (let at = 0; at < bytes.length;) {
    const size = 1 + random(bytes.length);
    const end = Math.min(at + size, bytes.length);
    client.send(bytes.subarray(at, end),
                { binary: false, fin: end === bytes.length });
    at = end;
  }
}

function blast(number, socket) {
  while (number <= count) {
    send(event(number));
    number++;
    if (random(200) === 0) client.ping('are you there');
    if (socket.writableLength > 4 << 20) {
      socket.once('drain', () => blast(number, socket));
      return;
    }
    if (number % 500 === 0) {
      setImmediate(() => blast(number, socket));
      return;
    }
  }
}

function begin() {
  if (begun || client === null || topics.length === 0) return;
  begun = true;
  blast(1, client._socket);
}

sockets.on('connection', (socket, request) => {
  if (request.url !== '/channels/' + CHANNEL) { socket.close(); return; }
  socket._socket.setNoDelay(true);
  mangle(socket._socket);
  client = socket;
  socket.on('message', (data) => {
    if (data.toString() === '{"message":"ping"}') {
      socket.send('{"topicName":"channel.metadata",' +
                  '"eventBody":{"message":"pong"}}');
    }
  });
  begin();
});

server.listen(0, '127.0.0.1', () => {
  fs.writeFileSync(portFile + '.new', String(server.address().port));
  fs.renameSync(portFile + '.new', portFile);
});
process.on('SIGTERM', () => process.exit(0));
/* Stops by itself, whatever happens to who started it. */
setTimeout(() => process.exit(3), 170000).unref();
process.stdin.on('end', () => process.exit(0)).resume();
