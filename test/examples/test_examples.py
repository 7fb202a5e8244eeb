#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The programs of the manual do what they say, against gcn sim. TAP.

usage: test_examples.py GCN MINIMAL-TAIL OWN-TOKEN HUB METRICS
       test_examples.py --token LOGIN-URL   (prints a token, for OWN-TOKEN)
"""

import base64
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, '..', 'api'))
import tap  # noqa: E402
from simulator import (  # noqa: E402
    CLIENT_ID, PATIENCE_S, SECRET, TOPICS, Service)

HUB_CLIENTS = 12
RETRY_BURST = 10  # attempts in a row, per hub; then one a second
SLOWNESS = float(os.environ.get('GCN_TEST_SLOWNESS', '1'))


def print_token(url):
    """What a company's own tool would do."""
    login = base64.b64encode(f'{CLIENT_ID}:{SECRET}'.encode()).decode()
    request = urllib.request.Request(
        url + '/oauth/token', data=b'grant_type=client_credentials',
        headers={'Authorization': 'Basic ' + login})
    trust = ssl.create_default_context(cafile=os.environ['SSL_CERT_FILE'])
    direct = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=trust))
    with direct.open(request, timeout=PATIENCE_S) as answer:
        print(json.load(answer)['access_token'])


def stream(gcn, args, wanted):
    """Runs an example until every text of `wanted` began a line of its output,
    interrupts it, and expects it to end in order."""
    with Service(gcn) as service:
        args = [a.replace('URL', service.url) for a in args]
        example = subprocess.Popen(args, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, text=True,
                                   env=service.env)
        missing, lines = set(wanted), []
        end = time.monotonic() + PATIENCE_S
        for line in example.stdout:
            lines.append(line)
            missing = {w for w in missing if not line.startswith(w)}
            if not missing or time.monotonic() > end:
                break
        example.send_signal(signal.SIGINT)
        try:
            example.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            example.kill()
            raise tap.Failure('it does not end') from None
        if missing:
            raise tap.Failure(f'missing: {missing} in\n' + ''.join(lines[-5:]))
        if example.returncode != 0:
            raise tap.Failure(f'exit status {example.returncode}')


def usage(program):
    """Without arguments it says what it wants."""
    done = subprocess.run([program], stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=PATIENCE_S)
    if done.returncode != 2 or not done.stderr.startswith('usage: '):
        raise tap.Failure(f'exit status {done.returncode}, {done.stderr}')


def is_short():
    """Less than 60 lines, comments included."""
    path = os.path.join(HERE, 'example-minimal-tail.c')
    with open(path, encoding='ascii') as text:
        count = len(text.readlines())
    if count >= 60:
        raise tap.Failure(f'{count} lines')


class Hub:
    """example-hub with many clients, and what it has said so far."""

    def __init__(self, program, service, *options):
        topics = [f'v2.users.{i}.presence' for i in range(HUB_CLIENTS)]
        self.lines = []
        self.process = subprocess.Popen(
            [program, *options, *topics], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=service.env)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            self.lines.append(line.strip())

    def count(self, part):
        return sum(part in line for line in self.lines)

    def wait_for_streams(self):
        end = time.monotonic() + PATIENCE_S
        while self.count(': streaming') < HUB_CLIENTS:
            if time.monotonic() > end:
                raise tap.Failure('not all of them stream')
            time.sleep(0.02)

    def end(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.reader.join()
        self.process.stderr.close()
        if self.process.wait() != 0:
            raise tap.Failure(f'exit status {self.process.returncode}')


def lose_services(services, hubs, seconds):
    """How many attempts each hub's clients make when nobody answers any more,
    and within which time."""
    before = [hub.count(': connecting') for hub in hubs]
    begun = time.monotonic()
    for service in services:
        service.end()
    time.sleep(seconds)
    after = [hub.count(': connecting') for hub in hubs]
    return [b - a for a, b in zip(before, after)], time.monotonic() - begun


def hub_is_shared(gcn, program):
    """One look-up for all, and the attempts of one; not so with --apart."""
    with Service(gcn, host='localhost') as one, \
            Service(gcn, host='localhost') as other:
        hubs = Hub(program, one), Hub(program, other, '--apart')
        try:
            # Counted now: who could not connect asks again, and may.
            for hub in hubs:
                hub.wait_for_streams()
            looked_up = [hub.count('looking up') for hub in hubs]
            attempts, passed_s = lose_services((one, other), hubs, 4)
        finally:
            for hub in hubs:
                hub.end()
    if looked_up != [1, HUB_CLIENTS]:
        raise tap.Failure(f'look-ups: {looked_up}')
    together, apart = attempts
    most = RETRY_BURST + passed_s + 1
    if not RETRY_BURST <= together <= most < apart:
        raise tap.Failure(f'attempts: {attempts} within {passed_s:.1f} s')


def starved_ms(pid):
    """For how long a process could have run and had no processor."""
    try:
        with open(f'/proc/{pid}/schedstat', encoding='ascii') as text:
            return int(text.read().split()[1]) / 1e6
    except OSError:
        return 0


def fetch(port_file, path):
    end = time.monotonic() + PATIENCE_S
    while not os.path.exists(port_file) or os.path.getsize(port_file) == 0:
        if time.monotonic() > end:
            raise tap.Failure('no port')
        time.sleep(0.02)
    with open(port_file, encoding='ascii') as text:
        url = f'http://127.0.0.1:{text.read().strip()}{path}'
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=PATIENCE_S) as answer:
        return answer.read().decode()


def number_of(name, text):
    return float(re.search(rf'^{name} (\S+)$', text, re.M).group(1))


def judge_cadence(port_file, pid):
    """The server's own timer and its answers, while the client reconnects.

    What the machine took is no fault of the loop's: what was late is compared
    with that between the looks, and before the last one, whose tick may not
    have come yet."""
    begun, streams, ticks = time.monotonic(), 0, 0
    starved = [starved_ms(pid)] * 2
    while streams < 4:
        asked = time.monotonic()
        metrics = fetch(port_file, '/metrics')
        took_ms = (time.monotonic() - asked) * 1000
        timer = fetch(port_file, '/timer')
        lost_ms = starved_ms(pid) - starved[0]
        starved = [starved[1], lost_ms + starved[0]]
        late_ms = number_of('late_ms', timer)
        if max(late_ms, took_ms - 100) > 150 * SLOWNESS + lost_ms:
            raise tap.Failure(f'{timer}an answer within {took_ms:.1f} ms, '
                              f'of which the machine took {lost_ms:.1f}')
        ticks += number_of('ticks', timer)
        streams = number_of('gcn_streams_total', metrics)
        if time.monotonic() - begun > PATIENCE_S:
            raise tap.Failure(f'{streams} streams')
        time.sleep(0.05)
    if not metrics.endswith('# EOF\n'):
        raise tap.Failure('the metrics are cut off')
    passed_ms = (time.monotonic() - begun) * 1000
    if ticks * 10 < passed_ms * 0.5 / SLOWNESS - starved[1]:
        raise tap.Failure(f'{ticks} ticks in {passed_ms:.0f} ms')


def keeps_time(gcn, program):
    """A loop that has work of its own is not held up by reconnects."""
    with Service(gcn, '--fault-line', 'every 300ms tcp.reset') as service:
        port_file = os.path.join(service.folder.name, 'metrics-port')
        example = subprocess.Popen([program, port_file, TOPICS[0]],
                                   stdin=subprocess.DEVNULL, env=service.env)
        try:
            judge_cadence(port_file, example.pid)
            example.send_signal(signal.SIGINT)
            if example.wait(timeout=PATIENCE_S) != 0:
                raise tap.Failure(f'exit status {example.returncode}')
        except subprocess.TimeoutExpired:
            raise tap.Failure('it does not end') from None
        finally:
            example.kill()
            example.wait()


def main(gcn, minimal_tail, own_token, hub, metrics):
    tool = f'{sys.executable} {os.path.abspath(__file__)} --token URL'
    tap.run([
        ('minimal-tail', stream, gcn, [minimal_tail, TOPICS[0]], [TOPICS[0]]),
        ('minimal-tail is short', is_short),
        ('own-token', stream, gcn, [own_token, tool, TOPICS[0]], [TOPICS[0]]),
        ('own-token, usage', usage, own_token),
        ('hub', stream, gcn, [hub, *TOPICS],
         ['client 1: ' + TOPICS[0], 'client 2: ' + TOPICS[1]]),
        ('hub, what is shared', hub_is_shared, gcn, hub),
        ('hub, usage', usage, hub),
        ('metrics, a timer keeps its time', keeps_time, gcn, metrics),
        ('metrics, usage', usage, metrics),
    ])


if __name__ == '__main__':
    if sys.argv[1] == '--token':
        print_token(sys.argv[2])
    else:
        main(*sys.argv[1:])
