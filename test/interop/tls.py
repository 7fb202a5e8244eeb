#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gcn's library against TLS servers that nobody here wrote.

    tls.py GCN MAKE_CERTS WATCH [GROUP]...

openssl s_server and gnutls-serv, told to be as they should not be; one TAP line
per check.  s_server writes down what it decrypts, so it is known what a client
has told it.  Loopback only, ports chosen by the system.
"""

import os
import re
import subprocess
import sys

from middle import Process, free_port, holds, listens, main, read

REQUEST = b'POST /oauth/token'
# Waits of the first attempts are shorter than this.
PATIENCE = 20


def openssl(*args):
    subprocess.run(['openssl', *args], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def serve(group, make, fixed=None):
    """As group.serve, but with an input that does not end: s_server copies it
    to its client."""
    for _ in range(8):
        port = fixed or free_port()
        server = Process(group.lab, make(port), env=group.lab.bare,
                         stdin=subprocess.PIPE)
        holds(lambda: listens(server.pid, port)
              or server.popen.poll() is not None)
        if server.popen.poll() is None and listens(server.pid, port):
            return server, port
        server.kill()
    raise AssertionError(f'does not listen: {server.err}')


def s_server(group, certs, *args, key='key.pem', cert='cert.pem', fixed=None):
    """(process, port); what it decrypts is its output."""
    program = group.program('openssl', 'openssl')
    return serve(group, lambda port: [
        program, 's_server', '-accept', f'127.0.0.1:{port}', '-quiet',
        '-cert', os.path.join(certs, cert), '-key', os.path.join(certs, key),
        '-cert_chain', os.path.join(certs, 'ca.pem'), *args], fixed)


def client(group, certs, port, *args):
    ca = os.path.join(certs, 'ca.pem')
    return group.watch(f'https://127.0.0.1:{port}', 'ca=' + ca,
                       *(args or ('for=60000',)))


def said(process):
    """The first failure that watch tells of."""
    found = re.search(rb'^state backing off retry=1 (.*)$', process.out, re.M)
    return found.group(1).decode() if found else ''


def stop(server):
    """What it has heard, and is not to keep: it is meant to hear secrets, if
    anybody."""
    server.kill()
    for thread in server.threads:
        thread.join(PATIENCE)
    heard, server.out = server.out, b''
    return heard


def refused(group, what, certs, args, text, error='GCN_ETLS', **more):
    server, port = s_server(group, certs, *args, **more)
    watch = client(group, certs, port)
    holds(lambda: said(watch), PATIENCE)
    watch.kill()
    heard = stop(server)
    line = said(watch)
    group.check(f'{what} is refused',
                line.startswith(error + ' ') and text in line,
                line)
    group.check(f'{what} is told nothing', REQUEST not in heard, heard)
    return watch


def accepted(group, what, certs, args, *client_args, **more):
    server, port = s_server(group, certs, *args, **more)
    watch = client(group, certs, port, *client_args)
    good = holds(lambda: REQUEST in server.out, PATIENCE)
    watch.kill()
    stop(server)
    group.check(f'{what} is accepted', good, (said(watch), server.err))


def rsa(certs):
    """Nobody gets as far as to look at it."""
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj',
            '/CN=rsa', '-keyout', os.path.join(certs, 'rsa-key.pem'), '-out',
            os.path.join(certs, 'rsa.pem'))
    return {'key': 'rsa-key.pem', 'cert': 'rsa.pem'}


def versions(group):
    certs = group.certificates()
    weak = ('-cipher', 'ALL:@SECLEVEL=0')
    version = 'alert 70, protocol_version: it does not speak TLS 1.2 or 1.3'
    refused(group, 'TLS 1.0 only', certs, ('-tls1', *weak), version)
    refused(group, 'TLS 1.1 only', certs, ('-tls1_1', *weak), version)
    accepted(group, 'TLS 1.2 only', certs, ('-tls1_2',))
    accepted(group, 'TLS 1.3 only', certs, ('-tls1_3',))


def suites(group):
    certs = group.certificates()
    none = 'alert 40, handshake_failure: no common version, cipher suite'
    of_rsa = rsa(certs)
    for what, names, files in (
            ('NULL', 'NULL-SHA256', of_rsa),
            ('NULL with ECDHE', 'ECDHE-ECDSA-NULL-SHA', {}),
            ('anonymous DH', 'aNULL', {}),
            ('static RSA', 'AES128-GCM-SHA256', of_rsa),
            ('CBC with SHA-1', 'ECDHE-ECDSA-AES128-SHA', {}),
            ('CBC with SHA-256', 'ECDHE-ECDSA-AES128-SHA256', {})):
        refused(group, what, certs,
                ('-tls1_2', '-cipher', names + ':@SECLEVEL=0'), none, **files)
    accepted(group, 'ChaCha20 in TLS 1.2', certs,
             ('-tls1_2', '-cipher', 'ECDHE-ECDSA-CHACHA20-POLY1305'))
    accepted(group, 'ChaCha20 in TLS 1.3', certs,
             ('-tls1_3', '-ciphersuites', 'TLS_CHACHA20_POLY1305_SHA256'))


def client_certificates(group):
    certs = group.certificates()
    by_ours = ('-CAfile', os.path.join(certs, 'ca.pem'))
    own = ('cert=' + os.path.join(certs, 'client.pem'),
           'key=' + os.path.join(certs, 'client-key.pem'))
    for name, version in (('1.2', '-tls1_2'), ('1.3', '-tls1_3')):
        accepted(group, f'TLS {name} that asks for a client certificate',
                 certs, (version, *by_ours, '-verify', '1'))
        accepted(group, f'TLS {name} that requires the one we have', certs,
                 (version, *by_ours, '-Verify', '1'), *own)
        watch = refused(
            group, f'TLS {name} that requires one we do not have', certs,
            (version, *by_ours, '-Verify', '1', '-verify_return_error'),
            'it may want a client certificate' if name == '1.2' else
            'certificate_required: it wants a client certificate')
        group.check(f'TLS {name} that requires one is asked seldom',
                    b' input=STUBBORN ' in watch.out)


def retries(group):
    """A HelloRetryRequest, by both libraries."""
    certs = group.certificates()
    accepted(group, "a retry of OpenSSL's for P-384", certs,
             ('-tls1_3', '-groups', 'P-384'))
    program = group.program('gnutls-serv', 'gnutls-bin')
    if program is None:
        return
    for curve in ('SECP384R1', 'SECP521R1', 'X25519'):
        priority = f'NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-{curve}'
        server, port = serve(group, lambda port, priority=priority: [
            program, '--port', str(port), '--http', '--disable-client-cert',
            '--x509keyfile', os.path.join(certs, 'key.pem'),
            '--x509certfile', os.path.join(certs, 'cert.pem'),
            '--priority', priority])
        watch = client(group, certs, port)
        # It answers in HTTP, in its own way; so it has read a request.
        good = holds(lambda: b'layer=' in watch.out, PATIENCE)
        watch.kill()
        stop(server)
        line = said(watch)
        group.check(f"a retry of GnuTLS's for {curve} is followed",
                    good and not line.startswith('GCN_ETLS'), line)


def large(group):
    """1,000 names: one certificate of 22 KB, in TLS 1.2 and 1.3."""
    certs = group.directory('large')
    path = lambda name: os.path.join(certs, name)
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout',
            '-out', path('key.pem'))
    names = ','.join(f'DNS:name{i:04}.example.test' for i in range(1000))
    openssl('req', '-x509', '-new', '-key', path('key.pem'), '-subj',
            '/CN=large', '-addext', 'subjectAltName=IP:127.0.0.1,' + names,
            '-out', path('ca.pem'))
    os.link(path('ca.pem'), path('cert.pem'))
    group.check('it is as large as that', len(read(path('ca.pem'))) > 30000)
    for name, version in (('1.2', '-tls1_2'), ('1.3', '-tls1_3')):
        refused(group, f'a large certificate in TLS {name}', certs,
                (version,), 'certificates are limited to 16 KiB')


def wrong_clocks(group):
    """The program's clock, by libfaketime; certificates are of 2020 to 2099."""
    certs = group.certificates()
    program = group.program('faketime', 'faketime')
    if program is None:
        return
    # The program itself would stand between us and what it starts.
    library = subprocess.run(
        [program, '-f', '+0', 'printenv', 'LD_PRELOAD'], check=True,
        stdout=subprocess.PIPE).stdout.decode().strip()
    for what, offset, text in (
            ('a clock ten years behind', '-10y', 'is not valid before 2020'),
            ('a clock eighty years ahead', '+80y', 'expired on 2099')):
        server, port = s_server(group, certs)
        env = dict(group.lab.env, LD_PRELOAD=library, FAKETIME=offset,
                   DONT_FAKE_MONOTONIC='1', ASAN_OPTIONS=os.environ.get(
                       'ASAN_OPTIONS', '') + ':verify_asan_link_order=0')
        argv = [group.tools.watch, f'url=https://127.0.0.1:{port}',
                'ca=' + os.path.join(certs, 'ca.pem'), 'for=60000', 'a.b']
        watch = Process(group.lab, argv, env=env)
        holds(lambda: said(watch), PATIENCE)
        watch.kill()
        heard = stop(server)
        line = said(watch)
        group.check(f'{what} is named',
                    line.startswith('GCN_ETLSVERIFY ') and text in line
                    and 'check the local clock (local time ' in line, line)
        group.check(f'with {what} nothing is said', REQUEST not in heard)


def restarts(group):
    """A server that has forgotten its ticket keys costs a full handshake, no
    attempt."""
    certs = group.certificates()
    server, port = s_server(group, certs, '-tls1_3')
    # Less than a phase: nobody ever answers.
    watch = client(group, certs, port, 'for=9000')
    first = holds(lambda: REQUEST in server.out, PATIENCE)
    stop(server)
    again, _ = s_server(group, certs, '-tls1_3', fixed=port)
    second = holds(lambda: REQUEST in again.out, PATIENCE)
    group.check('it is spoken to before and after', first and second)
    watch.wait()
    stop(again)
    end = re.search(rb'full=(\d+) resumed=(\d+)', watch.out)
    group.check('both handshakes were full ones',
                end and int(end[1]) >= 2 and int(end[2]) == 0, watch.out)
    failures = [line for line in watch.out.splitlines() if b' GCN_ETLS' in line]
    group.check('no attempt failed for it', not failures, failures)


if __name__ == '__main__':
    sys.exit(main([versions, suites, client_certificates, retries, large,
                   wrong_clocks, restarts]))
