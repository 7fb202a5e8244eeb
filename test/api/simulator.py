# SPDX-License-Identifier: MIT
"""gcn sim as a service for the programs of users, while a block runs."""

import os
import subprocess
import tempfile
import time

import tap

CLIENT_ID, SECRET = 'example-client', 'made-up-secret'
TOPICS = ['v2.users.11111111-1111-4111-8111-111111111111.presence',
          'v2.users.22222222-2222-4222-8222-222222222222.presence']
PATIENCE_S = 30


class Service:
    """On a port of its own, with TLS; `env` is what its users need to know."""

    def __init__(self, gcn, *options, host='127.0.0.1'):
        self.gcn, self.options, self.host = gcn, options, host

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        port_file = os.path.join(self.folder.name, 'port')
        ca = os.path.join(self.folder.name, 'ca.pem')
        self.process = subprocess.Popen(
            [self.gcn, 'sim', '--port-file', port_file, '--ca-out', ca,
             '--client-id', CLIENT_ID, '--client-secret', SECRET,
             '--any-topic', '--rate', '50', '--quiet', *self.options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE_S
        while not os.path.exists(port_file):
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise tap.Failure('gcn sim does not start')
            time.sleep(0.02)
        with open(port_file, encoding='ascii') as stream:
            self.url = f'https://{self.host}:{stream.read().strip()}'
        self.env = dict(os.environ, SSL_CERT_FILE=ca, no_proxy='*',
                        GENESYSCLOUD_API_URL=self.url,
                        GENESYSCLOUD_LOGIN_URL=self.url,
                        GENESYSCLOUD_OAUTHCLIENT_ID=CLIENT_ID,
                        GENESYSCLOUD_OAUTHCLIENT_SECRET=SECRET)
        return self

    def __exit__(self, *_):
        self.end()
        self.folder.cleanup()

    def end(self):
        """Nobody answers at its port any more."""
        self.process.kill()
        self.process.wait()
