#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The programs of the manual do what they say, against gcn sim. TAP.

usage: test_examples.py GCN MINIMAL-TAIL OWN-TOKEN HUB
       test_examples.py --token LOGIN-URL   (prints a token, for OWN-TOKEN)
"""

import base64
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, '..', 'api'))
import tap  # noqa: E402

CLIENT_ID, SECRET = 'example-client', 'made-up-secret'
TOPICS = ['v2.users.11111111-1111-4111-8111-111111111111.presence',
          'v2.users.22222222-2222-4222-8222-222222222222.presence']
PATIENCE_S = 30


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


class Service:
    """gcn sim on a port of its own, while the block runs."""

    def __init__(self, gcn):
        self.gcn = gcn

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        port_file = os.path.join(self.folder.name, 'port')
        ca = os.path.join(self.folder.name, 'ca.pem')
        self.process = subprocess.Popen(
            [self.gcn, 'sim', '--port-file', port_file, '--ca-out', ca,
             '--client-id', CLIENT_ID, '--client-secret', SECRET,
             '--any-topic', '--rate', '50', '--quiet'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE_S
        while not os.path.exists(port_file):
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise tap.Failure('gcn sim does not start')
            time.sleep(0.02)
        with open(port_file, encoding='ascii') as stream:
            self.url = 'https://127.0.0.1:' + stream.read().strip()
        self.env = dict(os.environ, SSL_CERT_FILE=ca, no_proxy='*',
                        GENESYSCLOUD_API_URL=self.url,
                        GENESYSCLOUD_LOGIN_URL=self.url,
                        GENESYSCLOUD_OAUTHCLIENT_ID=CLIENT_ID,
                        GENESYSCLOUD_OAUTHCLIENT_SECRET=SECRET)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


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


def main(gcn, minimal_tail, own_token, hub):
    tool = f'{sys.executable} {os.path.abspath(__file__)} --token URL'
    tap.run([
        ('minimal-tail', stream, gcn, [minimal_tail, TOPICS[0]], [TOPICS[0]]),
        ('own-token', stream, gcn, [own_token, tool, TOPICS[0]], [TOPICS[0]]),
        ('own-token, usage', usage, own_token),
        ('hub', stream, gcn, [hub, *TOPICS],
         ['first: ' + TOPICS[0], 'second: ' + TOPICS[1]]),
        ('hub, usage', usage, hub),
    ])


if __name__ == '__main__':
    if sys.argv[1] == '--token':
        print_token(sys.argv[2])
    else:
        main(*sys.argv[1:])
