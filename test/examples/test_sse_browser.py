#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of example-sse in a real browser, headless Chromium. TAP.

usage: test_sse_browser.py GCN EXAMPLE-SSE WORK-FOLDER

Installs what drives the browser into WORK-FOLDER, once. With
GCN_SCREENSHOT=FILE.png a picture of the page is kept there.
"""

import base64
import hashlib
import json
import os
import select
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.request

sys.dont_write_bytecode = True
from test_sse import (CLIENT_ID, HERE, PATIENCE_S, SECRET, TOPIC, Server,
                      Service, expect, number, quoted, stop, tap, wait_for)

HOSTILE = '<img src=x onerror=document.title=1></td><script>'


def find(*names):
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    raise tap.Failure(f'{names[0]} is not installed: this test needs it, and '
                      '"sh deps/setup.sh test" installs it')


def install(folder):
    """The pinned packages, unless they are there."""
    source = os.path.join(HERE, 'sse')
    os.makedirs(folder, exist_ok=True)
    for name in ('package.json', 'browser.cjs'):
        shutil.copy(os.path.join(source, name), folder)
    with open(os.path.join(folder, 'package.json'), 'rb') as file:
        wanted = hashlib.sha256(file.read()).hexdigest()
    mark = os.path.join(folder, 'installed')
    if os.path.exists(mark):
        with open(mark, encoding='ascii') as file:
            if file.read() == wanted:
                return
    tap.command([find('npm'), 'install', '--no-audit', '--no-fund',
                 '--no-package-lock', '--ignore-scripts', '--loglevel=error'],
                cwd=folder, timeout=120)
    with open(mark, 'w', encoding='ascii') as file:
        file.write(wanted)


class Browser:
    """browser.cjs, while the block runs."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        self.data = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        chromium = find('chromium', 'chromium-browser')
        self.process = subprocess.Popen(
            [find('node', 'nodejs'), 'browser.cjs', chromium,
             os.path.join(self.data.name, 'profile')],
            cwd=self.folder, env=dict(os.environ, HOME=self.data.name),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        try:
            self.version = self.answer()
        except tap.Failure:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.stdin.close()  # it closes the browser
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            stop(self.process)
        self.process.stdout.close()
        self.data.cleanup()

    def answer(self):
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        line = self.process.stdout.readline() if ready else ''
        expect(line, 'the browser does not answer')
        said = json.loads(line)
        expect('error' not in said, said.get('error'))
        return said['value']

    def ask(self, op, **more):
        self.process.stdin.write(json.dumps(dict(more, op=op)) + '\n')
        self.process.stdin.flush()
        return self.answer()

    def look(self, tab):
        return self.ask('look', tab=tab)

    def wait(self, tab, good, what):
        """The page, as soon as it is as wanted."""
        seen = {}

        def look():
            seen.update(self.look(tab))
            return good(seen)
        try:
            wait_for(look, what)
        except tap.Failure as failure:
            rows = seen.pop('rows', [])
            raise tap.Failure(f'{failure}\n{seen}\n{rows[:5]}') from None
        return seen


class Relay:
    """A way to the server that can be cut."""

    def __init__(self, port):
        self.target = port
        self.sockets = []
        self.listener = None

    def open(self, port=0):
        self.listener = socket.create_server(('127.0.0.1', port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,),
                         daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                here, _ = listener.accept()
            except OSError:
                return
            try:
                there = socket.create_connection(('127.0.0.1', self.target))
            except OSError:  # the server is gone: so is the way to it
                here.close()
                continue
            self.sockets += [here, there]
            for pair in ((here, there), (there, here)):
                threading.Thread(target=copy, args=pair, daemon=True).start()

    def cut(self):
        for peer in [self.listener, *self.sockets]:
            end(peer)
        self.listener.close()
        self.sockets = []


def end(peer):
    try:
        peer.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def copy(source, target):
    try:
        while True:
            piece = source.recv(65536)
            if not piece:
                break
            target.sendall(piece)
    except OSError:
        pass
    end(source)
    end(target)


def ids(page, run=None):
    """Numbers of what a page shows, oldest first."""
    return [number(row['id']) for row in reversed(page['rows'])
            if row['kind'] != 'reset' and (run is None
                                           or row['id'].startswith(run))]


def fresh(page):
    """How many events came behind a reset."""
    kinds = [row['kind'] for row in page['rows']]
    return kinds.index('reset') if 'reset' in kinds else 0


def expect_whole(numbers, what):
    wanted = list(range(numbers[0], numbers[0] + len(numbers)))
    expect(numbers == wanted, f'{what}: {numbers}')


class World:
    """What the cases share: they are one story."""

    def __init__(self, program, service, server, browser):
        self.program = program
        self.service = service
        self.server = server
        self.browser = browser
        self.relay = Relay(server.port)
        self.relay.open()
        self.has_failed = False

    def trigger(self):
        """The service's next fault: each goes off when somebody asks for one
        more token."""
        login = base64.b64encode(f'{CLIENT_ID}:{SECRET}'.encode()).decode()
        trust = ssl.create_default_context(
            cafile=self.service.env['SSL_CERT_FILE'])
        asked = urllib.request.Request(
            self.service.env['GENESYSCLOUD_LOGIN_URL'] + '/oauth/token',
            data=b'grant_type=client_credentials',
            headers={'Authorization': 'Basic ' + login})
        direct = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=trust))
        direct.open(asked, timeout=PATIENCE_S).close()

    def shows_events(self):
        """Live events of a service behind TLS, within the page's own rules."""
        for tab, port in (('one', self.server.port), ('two', self.relay.port)):
            got = self.browser.ask('open', tab=tab,
                                   url=f'http://127.0.0.1:{port}/')
            expect(got == 200, f'status {got}')
        page = self.browser.wait('one', lambda p: p['events'] >= 10, 'events')
        expect(page['link'] == 'connected', page['link'])
        expect(page['state'] == 'streaming', page['state'])
        expect(page['rows'][0]['what'] == TOPIC, page['rows'][0])
        json.loads(page['rows'][0]['content'])

    def shows_text(self):
        """Hostile text stays text."""
        self.trigger()
        page = self.browser.wait(
            'one', lambda p: any(HOSTILE in r['content'] for r in p['rows']),
            'the hostile event')
        expect(page['images'] == 0, 'markup was made of it')

    def shows_gap(self):
        """The service's stream breaks: both tabs show one and the same gap,
        and go on."""
        self.trigger()
        seen = []
        for tab in ('one', 'two'):
            page = self.browser.wait(
                tab, lambda p: p['gaps'] == 1 and p['state'] == 'streaming'
                and p['rows'][0]['kind'] == 'notify', 'a gap and what follows')
            expect(page['link'] == 'connected', 'the page lost the server')
            seen.append([r for r in page['rows'] if r['kind'] == 'gap'])
        expect(seen[0] == seen[1] and len(seen[0]) == 1, seen)
        expect('events may be missing' in seen[0][0]['content'], seen)
        picture = os.environ.get('GCN_SCREENSHOT')
        if picture:
            self.browser.ask('shoot', tab='one', path=picture)

    def both_have_all(self):
        """No number is missing in either tab, between its first and last."""
        late = self.browser.wait('two', lambda p: p['events'] >= 60, 'more')
        pages = [self.browser.look('one'), late]
        numbers = [ids(page) for page in pages]
        for page, some in zip(pages, numbers):
            expect_whole(some, 'a hole')
            expect(page['missed'] == 0, page['missed'])
        both = set(numbers[0]) & set(numbers[1])
        first, second = [{r['id']: r['content'] for r in page['rows']
                          if number(r['id']) in both} for page in pages]
        expect(len(both) > 40 and first == second, f'{len(both)} in common')

    def quiet(self):
        """Nothing on the console."""
        said = self.browser.ask('complaints')
        expect(said == [], said)

    def comes_back(self):
        """A tab that loses its connection has all events in the end; the
        other one does not notice."""
        self.relay.cut()
        self.browser.wait('two', lambda p: p['link'] == 'reconnecting',
                          'the loss')
        before = self.browser.look('one')['events']
        self.browser.wait('one', lambda p: p['events'] >= before + 20,
                          'more events')
        self.relay.open(self.relay.port)
        newest = ids(self.browser.look('one'))[-1]
        page = self.browser.wait('two', lambda p: ids(p)[-1] >= newest,
                                 'what was missed')
        expect_whole(ids(page), 'a hole where the connection was cut')
        expect(page['missed'] == 0 and page['gaps'] == 1, page['missed'])
        expect('reset' not in {r['kind'] for r in page['rows']}, 'a reset')

    def survives_restart(self):
        """Another process behind the same port: the browser comes with its
        Last-Event-ID and is told that it is of no use."""
        self.server.end()
        for tab in ('one', 'two'):
            self.browser.wait(tab, lambda p: p['link'] == 'reconnecting',
                              'the loss')
        with new_server(self.service, self.program,
                        f'127.0.0.1:{self.server.port}') as server:
            for tab in ('one', 'two'):
                page = self.browser.wait(
                    tab, lambda p: p['link'] == 'connected'
                    and fresh(p) >= 10, 'a reset and new events')
                kinds = [r['kind'] for r in page['rows']]
                expect(kinds.count('reset') == 1, kinds)
                run = page['rows'][0]['id'].split('-')[0]
                expect_whole(ids(page, run), 'a hole')
                expect(page['missed'] == 0, page['missed'])
            server.end()

    def complains_rightly(self):
        """About servers that were gone, and nothing else."""
        said = [line for line in self.browser.ask('complaints')
                if 'net::ERR_' not in line]
        expect(said == [], said)


def new_server(service, program, listen='127.0.0.1:0'):
    return Server(service, program, '--retry-ms', '200', '--heartbeat-ms',
                  '500', listen=listen)


def tell(world, case):
    """The cases are one story: it goes no further than its first failure."""
    expect(not world.has_failed, 'a case before this one has failed')
    world.has_failed = True
    try:
        case()
    except tap.Failure as failure:
        raise tap.Failure(f'{failure}\n{world.server.lines()}') from None
    world.has_failed = False


def run(gcn, program, browser):
    hostile = quoted(json.dumps({'topicName': TOPIC,
                                 'eventBody': {'text': HOSTILE}}))
    rules = ['--fault-line', f'after token 2 ws.send "{hostile}"',
             '--fault-line', 'after token 3 tcp.reset']
    with Service(gcn, '--rate', '25/s', *rules) as service, \
            new_server(service, program) as server:
        world = World(program, service, server, browser)
        tap.run([(name, tell, world, case) for name, case in (
            ('live events', world.shows_events),
            ('hostile text stays text', world.shows_text),
            ('a gap', world.shows_gap),
            ('both tabs have all', world.both_have_all),
            ('nothing on the console', world.quiet),
            ('a tab comes back', world.comes_back),
            ('a restart', world.survives_restart),
            ('complaints about the net only', world.complains_rightly),
        )])


def fail(why):
    raise tap.Failure(why)


def main(gcn, program, folder):
    try:
        install(folder)
        with Browser(folder) as browser:
            run(gcn, program, browser)
    except tap.Failure as failure:
        tap.run([('the browser', fail, str(failure))])


if __name__ == '__main__':
    main(*sys.argv[1:])
