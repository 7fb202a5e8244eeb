#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""example-sse without a browser: HTTP, streams, slow readers, ends. TAP.

usage: test_sse.py GCN EXAMPLE-SSE
"""

import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, '..', 'api'))
import tap  # noqa: E402

CLIENT_ID, SECRET = 'example-client', 'made-up-secret'
TOPIC = 'v2.users.11111111-1111-4111-8111-111111111111.presence'
PATIENCE_S = 30
RING = 100
QUEUE = 3 * 10**6  # bytes; seconds of what slow_reader lets come
GET = b'GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n'


def expect(good, why):
    if not good:
        raise tap.Failure(str(why))


def wait_for(condition, what):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise tap.Failure('in vain: ' + what)


def stop(process):
    process.kill()
    process.wait()


class Service:
    """gcn sim on a port of its own, while the block runs."""

    def __init__(self, gcn, *args):
        self.args = [gcn, 'sim', '--client-id', CLIENT_ID, '--client-secret',
                     SECRET, '--any-topic', '--quiet', '--for', '170s',
                     *args]

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        port_file = os.path.join(self.folder.name, 'port')
        ca = os.path.join(self.folder.name, 'ca.pem')
        self.process = subprocess.Popen(
            self.args + ['--port-file', port_file, '--ca-out', ca],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            wait_for(lambda: os.path.exists(port_file)
                     or self.process.poll() is not None, 'gcn sim')
            with open(port_file, encoding='ascii') as stream:
                url = 'https://127.0.0.1:' + stream.read().strip()
        except (tap.Failure, OSError):
            self.__exit__()
            raise tap.Failure('gcn sim does not start') from None
        self.env = dict(os.environ, SSL_CERT_FILE=ca, no_proxy='*',
                        GENESYSCLOUD_API_URL=url, GENESYSCLOUD_LOGIN_URL=url,
                        GENESYSCLOUD_OAUTHCLIENT_ID=CLIENT_ID,
                        GENESYSCLOUD_OAUTHCLIENT_SECRET=SECRET)
        return self

    def __exit__(self, *_):
        stop(self.process)
        self.folder.cleanup()


class Server:
    """example-sse, while the block runs; its end has to be in order."""

    def __init__(self, service, program, *args, listen='127.0.0.1:0'):
        self.args = [program, '--listen', listen, *args, TOPIC]
        self.env = service.env
        self.errors = ''

    def __enter__(self):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            self.args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self.log, text=True, env=self.env)
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        line = self.process.stdout.readline() if ready else ''
        found = re.fullmatch(r'http://(\S+):(\d+)/\n', line)
        if not found:
            stop(self.process)
            raise tap.Failure(f'no address: {line!r} {self.lines()}')
        self.url = line.strip()
        self.host = found.group(1).strip('[]')
        self.port = int(found.group(2))
        return self

    def lines(self):
        self.log.seek(0)
        return self.log.read().decode(errors='replace')

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.process.pid}/fd'))

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise tap.Failure('it does not end') from None
        expect(self.process.returncode == 0,
               f'exit status {self.process.returncode}\n{self.lines()}')

    def __exit__(self, kind, *_):
        try:
            if kind is None and self.process.poll() is None:
                self.end()
        finally:
            stop(self.process)
            self.process.stdout.close()
            self.log.close()

    def connect(self, receive_size=None):
        family = socket.AF_INET6 if ':' in self.host else socket.AF_INET
        peer = socket.socket(family)
        if receive_size is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_size)
        peer.settimeout(PATIENCE_S)
        peer.connect((self.host, self.port))
        return peer

    def say(self, data, piece=None, ends=True):
        """All that is answered to `data`, to the end of the connection."""
        with self.connect() as peer:
            step = piece or len(data) or 1
            for at in range(0, len(data), step):
                peer.sendall(data[at:at + step])
            if ends:
                peer.shutdown(socket.SHUT_WR)
            return drain(peer)


def drain(peer):
    """What comes until the end; a reset is one, silence is not."""
    got = b''
    try:
        while True:
            piece = peer.recv(65536)
            if piece == b'':
                return got
            got += piece
    except ConnectionResetError:
        return got
    except socket.timeout:
        raise tap.Failure(f'it does not end behind {got[-200:]!r}') from None


class Stream:
    """One reader of /events."""

    def __init__(self, server, last_id=None, peer=None):
        more = b'' if last_id is None else \
            b'Last-Event-ID: %s\r\n' % last_id.encode()
        self.peer = peer or server.connect()
        self.peer.sendall(GET % (b'/events', more))
        self.rest = b''
        head = self.until(b'\r\n\r\n')
        expect(head.startswith(b'HTTP/1.1 200 ')
               and b'Content-Type: text/event-stream\r\n' in head
               and b'Access-Control' not in head, head)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.peer.close()

    def until(self, mark):
        while mark not in self.rest:
            try:
                piece = self.peer.recv(65536)
            except OSError as error:
                raise tap.Failure(f'no {mark!r}: {error}') from None
            expect(piece, f'it ended behind {self.rest[-200:]!r}')
            self.rest += piece
        found, self.rest = self.rest.split(mark, 1)
        return found + mark

    def block(self):
        """The next block, as fields; a comment has the name ''."""
        lines = self.until(b'\n\n').decode().rstrip('\n').split('\n')
        expect(all(':' in line for line in lines), lines)
        return dict(line.split(':', 1) for line in lines)

    def event(self, kind=None):
        """The next event, or the next of a kind: (kind, id, data)."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            fields = self.block()
            name = fields.get('event', '').strip()
            if name and kind in (None, name):
                return (name, fields.get('id', '').strip(),
                        json.loads(fields['data']))
        raise tap.Failure(f'no event {kind}')


def number(name):
    return int(name.split('-')[1])


def status(answer):
    found = re.match(rb'HTTP/1\.1 (\d{3}) ', answer)
    return int(found.group(1)) if found else answer


def expect_contiguous(numbers):
    expect(numbers == list(range(numbers[0], numbers[0] + len(numbers))),
           numbers)


# ---- HTTP -------------------------------------------------------------------

def answers(server):
    """What is asked for decides the answer's status, and nothing else does."""
    long_header = b'X: %s\r\n' % (b'x' * 8200)
    asked = [
        (200, GET % (b'/', b'')),
        (200, GET % (b'/?query', b'')),
        (200, GET % (b'/live.js', b'')),
        (200, GET % (b'/live.css', b'')),
        (200, b'GET / HTTP/1.0\r\nhOST:localhost:1\r\n\r\n'),
        (200, b'GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n' % server.port),
        (404, GET % (b'/nothing', b'')),
        (404, GET % (b'/../test_sse.py', b'')),
        (404, GET % (b'/events/', b'')),
        (404, GET % (b'http://localhost/', b'')),
        (405, b'POST / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
        (405, b'OPTIONS /events HTTP/1.1\r\nHost: localhost\r\n\r\n'),
        (405, b'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n'),
        (413, b'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n'
              b'\r\nx'),
        (413, GET % (b'/', b'Transfer-Encoding: chunked\r\n') + b'0\r\n\r\n'),
        (414, GET % (b'/' + b'x' * 1100, b'')),
        (431, GET % (b'/', long_header)),
        (431, GET % (b'/', b'X:%s\r\n' % (b' ' * 8200))),
        (431, b'\r\n' * 4200 + GET % (b'/', b'')),
        (400, b'GET / HTTP/1.1\r\n\r\n'),
        (400, b'GET / HTTP/1.1\r\nHost:\r\n\r\n'),
        (400, GET % (b'/', b'Host: localhost\r\n')),
        (421, b'GET / HTTP/1.1\r\nHost: rebound.example\r\n\r\n'),
        (421, b'GET /events HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n'),
        (421, b'GET / HTTP/1.1\r\nHost: localhost:1:2\r\n\r\n'),
        (421, b'GET / HTTP/1.1\r\nHost: localhost%s\r\n\r\n' % (b'x' * 300)),
    ]
    for wanted, request in asked:
        for piece in (None, 7):
            got = server.say(request, piece)
            expect(status(got) == wanted, f'{request[:80]!r}: {got[:200]!r}')
            expect(b'Access-Control' not in got, got)
            expect(wanted == 200 or b'Connection: close\r\n' in got, got)
            expect(wanted != 405 or b'Allow: GET, HEAD\r\n' in got, got)


def page_is_whole(server):
    got = server.say(GET % (b'/', b''))
    head, body = got.split(b'\r\n\r\n', 1)
    with open(os.path.join(HERE, 'sse', 'index.html'), 'rb') as file:
        expect(body == file.read(), body)
    expect(b'Content-Length: %d\r\n' % len(body) in head, head)
    expect(b"script-src 'self'" in head and b'unsafe' not in head, head)


def heads(server):
    """HEAD has the head of GET, and no body."""
    for path in (b'/', b'/events'):
        got = server.say(b'HEAD %s HTTP/1.1\r\nHost: localhost\r\n\r\n' % path)
        expect(status(got) == 200 and got.endswith(b'\r\n\r\n')
               and got.count(b'\r\n\r\n') == 1, got)
    expect(b'text/event-stream' in got, got)


def pipelining(server):
    """Requests in one piece and byte by byte: the same answers in order."""
    upgrade = b'Upgrade: h2c\r\nConnection: upgrade\r\n'
    line = (GET % (b'/', upgrade)
            + b'HEAD /live.js HTTP/1.1\r\nHost: localhost\r\n\r\n'
            + GET % (b'/live.css', b'') + GET % (b'/nothing', b''))
    whole = server.say(line)
    found = [int(s) for s in re.findall(rb'HTTP/1\.1 (\d+) ', whole)]
    expect(found == [200, 200, 200, 404], found)
    for piece in (1, 13):
        expect(server.say(line, piece) == whole, f'pieces of {piece}')
    one = b'HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n'
    got = server.say(one * 1000)
    expect(got.count(b'HTTP/1.1 200 ') == 1000, got[-500:])
    with Stream(server, peer=pipelined(server)) as stream:
        expect(stream.event('notify')[1], 'no event behind a page')


def pipelined(server):
    """A connection that has been used for a page."""
    peer = server.connect()
    peer.sendall(b'HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    got = b''
    while not got.endswith(b'\r\n\r\n'):
        got += peer.recv(1)
    return peer


def garbage(server):
    """Noise is refused and does no harm."""
    noise = [b'\0' * 100, b'\x16\x03\x01\x02\0\x01\0' + bytes(range(256)),
             b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', b'GET /\r\n\r\n',
             b'GET / HTTP/9.9\r\nHost: localhost\r\n\r\n',
             b'GET / HTTP/1.1\r\nHost : localhost\r\n\r\n',
             b'GET / HTTP/1.1\nHost: localhost\x00\n\n',
             b'GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1, 2\r\n'
             b'\r\n', b'HTTP/1.1 200 OK\r\n\r\n']
    for bytes_ in noise:
        got = server.say(bytes_, ends=False)
        expect(status(got) == 400, f'{bytes_!r}: {got!r}')
    expect(status(server.say(GET % (b'/', b''))) == 200, 'the server is gone')


def partial(gcn, program):
    """A request that does not come to its end has its time, and no more; so
    has a connection without one."""
    with Service(gcn) as service, \
            Server(service, program, '--request-ms', '1000') as server:
        begun = time.monotonic()
        peers = [server.connect() for _ in range(3)]
        for peer, bytes_ in zip(peers, (b'', b'GET / HTTP/1.1\r\nHost: local',
                                        b'\r\n')):
            peer.sendall(bytes_)
        for peer in peers:
            expect(drain(peer) == b'', 'an answer to nothing')
            peer.close()
        took = time.monotonic() - begun
        expect(took > 0.95, f'{took} s')


def many(server):
    """A thousand connections at once, every third of them a stream."""
    before = server.descriptors()
    for round_ in range(2):
        peers = []
        try:
            for index in range(1000):
                peer = server.connect()
                peers.append(peer)
                if index % 3 == 0:
                    peer.sendall(GET % (b'/events', b''))
                elif index % 3 == 1:
                    peer.sendall(GET % (b'/', b''))
            for index, peer in enumerate(peers):
                if index % 3 != 2:
                    expect(peer.recv(9) == b'HTTP/1.1 ', (round_, index))
        finally:
            for peer in peers:
                peer.close()
    wait_for(lambda: server.descriptors() <= before,
             f'{before} descriptors, {server.descriptors()} are left')


# ---- streams ----------------------------------------------------------------

def stream_begins(server):
    """When to come back, from where, the state, events in order, comments."""
    with Stream(server) as stream:
        first = stream.block()
        expect(first['retry'].strip() == '300', first)
        expect(re.fullmatch(r' [0-9a-f]{16}-\d+', first.get('id', '')), first)
        kind, name, data = stream.event()
        expect(kind == 'state' and name == '' and data['state'] == 'streaming',
               (kind, data))
        seen = [stream.event('notify') for _ in range(20)]
        numbers = [number(name) for _, name, _ in seen]
        expect(numbers[0] == number(first['id']) + 1, (first, numbers))
        expect_contiguous(numbers)
        expect({data['topic'] for _, _, data in seen} == {TOPIC}, seen)
        sequences = [data['sequence'] for _, _, data in seen]
        expect_contiguous(sequences)
        wait_for(lambda: '' in stream.block(), 'a heartbeat')


def on_one_line(server):
    """JSON with line ends inside is one event, and JSON still."""
    with Stream(server) as stream:
        wait_for(lambda: stream.event('notify')[2]['body'] ==
                 {'lines': 'a\nb', 'list': [1, 2], 'tag': '<b>&'},
                 'the event with line ends')


def replay(server):
    """Who comes back gets what was missed, once and in order."""
    with Stream(server) as stream:
        stream.event('notify')
        last = stream.event('notify')[1]
        for _ in range(10):
            newest = stream.event('notify')[1]
    for missed in (10, 0):
        with Stream(server, last if missed else newest) as stream:
            first = stream.block()
            expect('id' not in first, first)
            numbers = [number(stream.event('notify')[1])
                       for _ in range(missed + 5)]
        wanted = number(last if missed else newest) + 1
        expect(numbers[0] == wanted, (wanted, numbers))
        expect_contiguous(numbers)


def resets(server):
    """An id that the ring does not go on from is told so."""
    with Stream(server) as stream:
        present = ''
        while not present or number(present) < RING + 2:
            present = stream.event('notify')[1]
    run, newest = present.split('-')
    other = '0' if run[0] != '0' else '1'
    for name in (run + '-0', f'{run}-{int(newest) + 10**6}',
                 f'{other}{run[1:]}-{newest}', run + '-', '-', '', 'x' * 300,
                 f'{run}-+{newest}', f'{run}-{newest} x', f'{run}--1',
                 f'{run}-99999999999999999999', '%s%n', run.upper() + '-1'):
        with Stream(server, name) as stream:
            expect(stream.event()[0] == 'state', name)
            kind, fresh, data = stream.event()
            expect(kind == 'reset' and data['reason'], (name, kind))
            numbers = [number(stream.event('notify')[1]) for _ in range(3)]
            expect_contiguous([number(fresh)] + numbers)


def quiet_server(gcn, program, *args):
    """A service that stops after 40 events, and who has heard the last."""
    service = Service(gcn, '--rate', '200/s', '--fault-line',
                      'after event 40 event.stop')
    with service, Server(service, program, *args) as server:
        with Stream(server) as stream:
            name, data = '', {'sequence': 0}
            while data['sequence'] < 40:
                _, name, data = stream.event('notify')
        yield server, name.split('-')[0], number(name)


def ring_bounds(gcn, program):
    """The ring holds as many as it should, and not one more; and no more bytes
    than it should."""
    for server, run, newest in quiet_server(gcn, program, '--ring', '10'):
        with Stream(server, f'{run}-{newest - 10}') as stream:
            numbers = [number(stream.event('notify')[1]) for _ in range(10)]
        expect(numbers == list(range(newest - 9, newest + 1)), numbers)
        with Stream(server, f'{run}-{newest - 11}') as stream:
            expect(stream.event()[0] == 'state', 'no state')
            kind, name, _ = stream.event()
            expect((kind, name) == ('reset', f'{run}-{newest}'), (kind, name))
    for server, run, newest in quiet_server(gcn, program, '--queue', '3000'):
        for since in range(newest - 10, newest):
            with Stream(server, f'{run}-{since}') as stream:
                stream.block()
                stream.event('state')
                if stream.event()[0] == 'reset':
                    continue
            break
        with Stream(server, f'{run}-{since}') as stream:
            stream.event('state')
            mark = b'id: %s-%d\n' % (run.encode(), newest)
            size = len(stream.until(mark) + stream.until(b'\n\n'))
        expect(2000 < size <= 3000, f'{size} bytes since {since}')


def ends_with_streams(gcn, program):
    """SIGTERM and SIGINT: all streams end, and nothing is left behind."""
    with Service(gcn, '--rate', '50/s') as service:
        for signal_ in (signal.SIGTERM, signal.SIGINT):
            with Server(service, program) as server:
                streams = [Stream(server) for _ in range(20)]
                streams[0].event('notify')
                idle = server.connect()
                server.end(signal_)
                for stream in streams:
                    drain(stream.peer)
                    stream.peer.close()
                expect(drain(idle) == b'', 'bytes for nothing')
                idle.close()
                said = server.lines()
            expect('ending with 20 open streams' in said, said)
            expect(SECRET not in said, said)


def goodbye_s(gcn, program, signals):
    """How long the end takes when the service does not answer any more."""
    with Service(gcn, '--rate', '50/s', '--fault-line',
                 'after event 5 tcp.freeze') as service:
        with Server(service, program, '--heartbeat-ms', '100') as server, \
                Stream(server) as stream:
            stream.event('notify')
            silence = 0
            while silence < 5:
                silence = silence + 1 if '' in stream.block() else 0
            begun = time.monotonic()
            for _ in range(signals - 1):
                server.process.send_signal(signal.SIGTERM)
                wait_for(lambda: 'ending with' in server.lines(), 'the end')
            server.end()
            return time.monotonic() - begun


def second_signal(gcn, program):
    """One signal waits for the service's goodbye, two do not."""
    took = goodbye_s(gcn, program, 1)
    expect(took > 1.5, f'{took} s')
    # A machine that is busy elsewhere may take its time, too, but not always.
    expect(any(goodbye_s(gcn, program, 2) < 1.5 for _ in range(3)),
           'the second signal is not heard')


# ---- those who do not read --------------------------------------------------

def slow_reader(gcn, program):
    """Who does not read is dropped; the others and the client go on."""
    with Service(gcn, '--rate', '100/s', '--payload-size', '10000') as service:
        with Server(service, program, '--queue', str(QUEUE)) as server:
            slow = [Stream(server, peer=server.connect(2048))
                    for _ in range(3)]
            numbers, done = [], False
            with Stream(server) as good:
                while not done:
                    expect(len(numbers) < 3000, 'nobody is dropped')
                    kind, name, _ = good.event()
                    expect(kind != 'gap', 'the client lost its stream')
                    if kind == 'notify':
                        numbers.append(number(name))
                    done = len(numbers) % 50 == 0 and \
                        server.lines().count('it does not read') == 3
                for _ in range(50):
                    numbers.append(number(good.event('notify')[1]))
            expect_contiguous(numbers)
            for stream in slow:
                rest = drain(stream.peer)
                stream.peer.close()
                expect(len(rest) < 10**6, f'{len(rest)} bytes had waited')
            waited = re.findall(r'read; (\d+) bytes waited', server.lines())
            expect(all(QUEUE < int(size) < QUEUE + 12000 for size in waited),
                   waited)


def impatient_pipeliner(gcn, program):
    """Answers that nobody reads are bounded, too."""
    with Service(gcn) as service, \
            Server(service, program, '--queue', '50000') as server, \
            server.connect(2048) as peer:
        peer.settimeout(1)
        sent = 0
        try:
            while sent < 50 * 10**6:
                sent += peer.send((GET % (b'/live.js', b'')) * 100)
        except (socket.timeout, ConnectionError):
            pass
        wait_for(lambda: 'it does not read' in server.lines(), 'the drop')


def no_more(gcn, program):
    """One connection too many is closed; when another has gone it may come."""
    with Service(gcn, '--rate', '50/s') as service, \
            Server(service, program, '--connections', '2') as server:
        with Stream(server) as first:
            with Stream(server):
                with server.connect() as third:
                    expect(drain(third) == b'', 'a third is answered')
            first.event('notify')

            def again():
                with server.connect() as peer:
                    peer.sendall(GET % (b'/', b''))
                    try:
                        return peer.recv(9) == b'HTTP/1.1 '
                    except ConnectionResetError:
                        return False
            wait_for(again, 'a place')
        expect('there are enough' in server.lines(), server.lines())


# ---- the client -------------------------------------------------------------

def tells_gaps(gcn, program):
    """A stream of the service's that breaks: states, one gap, and it goes on,
    also for who was not there."""
    with Service(gcn, '--rate', '50/s', '--fault-line',
                 'after event 50 tcp.reset') as service, \
            Server(service, program) as server:
        with Stream(server) as stream:
            before = stream.event('notify')[1]
            _, name, gap = stream.event('gap')
            expect(gap['to'] >= gap['from'] and gap['topics'] == [TOPIC]
                   and gap['certainty'] == 'blind' and gap['cause'], gap)
            stream.event('notify')
        with Stream(server, before) as stream:
            seen = []
            while len(seen) < number(name) - number(before) + 3:
                kind, again, _ = stream.event()
                if kind != 'state':
                    seen.append((kind, again))
        numbers = [number(again) for _, again in seen]
        expect(numbers[0] == number(before) + 1, numbers)
        expect_contiguous(numbers)
        expect([n for kind, n in seen if kind == 'gap'] == [name], seen)


def refuses(program):
    """Wrong arguments and configurations are said before anything begins."""
    bad = [[], ['--listen', 'nowhere', TOPIC], ['--listen', '[::1', TOPIC],
           ['--listen', '127.0.0.1:65536', TOPIC], ['--ring', '0', TOPIC],
           ['--listen', '::1', TOPIC], ['--queue', '1k', TOPIC],
           ['--nonsense', TOPIC], ['--queue']]
    env = {k: v for k, v in os.environ.items() if not k.startswith('GENESYS')}
    for args in bad:
        done = subprocess.run([program, *args], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False,
                              env=env, timeout=PATIENCE_S)
        expect(done.returncode == 2 and 'usage: ' in done.stderr,
               f'{args}: {done.returncode} {done.stderr}')
    done = subprocess.run([program, TOPIC], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False,
                          env=env, timeout=PATIENCE_S)
    expect(done.returncode == 2 and 'client_id' in done.stderr, done.stderr)


def fails_in_order(gcn, program):
    """A port in use or a missing page: status 1, and nothing is left."""
    with Service(gcn) as service, Server(service, program) as server:
        taken = f'127.0.0.1:{server.port}'
        for args, said in ((['--listen', taken], 'address already in use'),
                           (['--pages', '/nowhere'], 'no such file')):
            done = subprocess.run(
                [program, *args, TOPIC], stdin=subprocess.DEVNULL,
                capture_output=True, text=True, check=False,
                env=service.env, timeout=PATIENCE_S)
            expect(done.returncode == 1 and said in done.stderr,
                   f'{done.returncode} {done.stderr}')


def other_addresses(gcn, program):
    """IPv6; a name by --host; a warning beyond loopback."""
    with Service(gcn) as service:
        with Server(service, program, '--host', 'events.example',
                    listen='[::1]:0') as server:
            for host in (b'[::1]', b'[::1]:%d' % server.port,
                         b'EVENTS.example'):
                got = server.say(b'GET / HTTP/1.1\r\nHost: %s\r\n\r\n' % host)
                expect(status(got) == 200, f'{host}: {got[:100]}')
            expect('whoever' not in server.lines(), server.lines())
        with Server(service, program, listen='0.0.0.0:0') as server:
            expect('whoever reaches' in server.lines(), server.lines())


def quoted(text):
    """As the text of a fault script's action."""
    return text.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n')


def main(gcn, program):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 if hard == resource.RLIM_INFINITY else min(4096, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    lines = quoted('{"topicName":"%s",\n"eventBody":{\n"lines":\n"a\\nb",\n'
                   '"list":[1,\n2], "tag":"<b>&"}}' % TOPIC)
    with Service(gcn, '--rate', '100/s', '--fault-line',
                 f'every 25 events ws.send "{lines}"') as service, \
            Server(service, program, '--ring', str(RING),
                   '--heartbeat-ms', '100', '--retry-ms', '300',
                   '--connections', '2000') as server:
        with Stream(server) as stream:
            stream.event('notify')
        tap.run([
            ('answers', answers, server),
            ('the page is whole', page_is_whole, server),
            ('HEAD', heads, server),
            ('pipelining', pipelining, server),
            ('garbage', garbage, server),
            ('a stream begins', stream_begins, server),
            ('one line per event', on_one_line, server),
            ('replay', replay, server),
            ('resets', resets, server),
            ('1000 connections, twice', many, server),
            ('all that ends in order', server.end),
            ('ends with open streams', ends_with_streams, gcn, program),
            ('a second signal', second_signal, gcn, program),
            ('partial requests', partial, gcn, program),
            ('the bounds of the ring', ring_bounds, gcn, program),
            ('slow readers', slow_reader, gcn, program),
            ('an impatient pipeliner', impatient_pipeliner, gcn, program),
            ('no more connections', no_more, gcn, program),
            ('gaps', tells_gaps, gcn, program),
            ('refuses', refuses, program),
            ('fails in order', fails_in_order, gcn, program),
            ('other addresses', other_addresses, gcn, program),
        ])


if __name__ == '__main__':
    main(*sys.argv[1:])
