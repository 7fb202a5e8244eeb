#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Interop with Node programs that nobody here wrote, one TAP line per check.

    interop.py GCN MAKE_CERTS SOURCE_DIR WORK_DIR

Installs the npm packages into WORK_DIR (once), then runs
  - gcn tail against an HTTPS and WebSocket service on Node's ws,
  - the official JavaScript SDK and ws against gcn sim.
Loopback only; every wait has a deadline; whatever was started is ended by pid.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

GCN, MAKE_CERTS, SOURCE, WORK = [os.path.abspath(a) for a in sys.argv[1:5]]
NODE = os.path.join(WORK, 'node')
EVENTS = 20000
TOPIC = 'v2.users.5b1e9c1e-0000-4000-8000-000000000001.presence'
SECRET = 'interop-secret-canary'

results = []
children = []


def check(name, good, why=''):
    results.append(bool(good))
    print(f"{'ok' if good else 'not ok'} {len(results)} - {name}")
    if not good and why:
        for line in str(why)[-3000:].splitlines():
            print('# ' + line)
    sys.stdout.flush()
    return good


def start(args, **more):
    child = subprocess.Popen(args, stdin=subprocess.PIPE, **more)
    children.append(child)
    return child


def stop(child):
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    children.remove(child)


def wait_for(condition, seconds, child=None):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        if child is not None and child.poll() is not None:
            return None
        time.sleep(0.02)
    return None


def read_port(path):
    try:
        with open(path) as f:
            text = f.read().strip()
    except FileNotFoundError:
        return None
    found = re.search(r'(\d+)\s*$', text)
    return int(found.group(1)) if found else None


def environment(client, secret, **more):
    env = {k: v for k, v in os.environ.items() if not k.startswith('GENESYS')}
    env['GENESYSCLOUD_OAUTHCLIENT_ID'] = client
    env['GENESYSCLOUD_OAUTHCLIENT_SECRET'] = secret
    env.update(more)
    return env


def tail(port, ca, args, env, seconds):
    url = f'https://localhost:{port}'
    return subprocess.run(
        [GCN, 'tail', '--login-url', url, '--api-url', url, '--ca', ca] + args,
        env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=seconds)


def install_packages():
    os.makedirs(NODE, exist_ok=True)
    source = os.path.join(SOURCE, 'node')
    for name in ('package.json', 'service.cjs', 'sdk.cjs'):
        shutil.copy(os.path.join(source, name), os.path.join(NODE, name))
    mark = os.path.join(NODE, 'installed')
    with open(os.path.join(NODE, 'package.json'), 'rb') as f:
        wanted = hashlib.sha256(f.read()).hexdigest()
    if os.path.exists(mark) and open(mark).read() == wanted:
        return True
    done = subprocess.run(
        ['npm', 'install', '--no-audit', '--no-fund', '--no-package-lock',
         '--ignore-scripts', '--loglevel=error'], cwd=NODE,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=240)
    if done.returncode == 0:
        with open(mark, 'w') as f:
            f.write(wanted)
    return check('npm packages install', done.returncode == 0,
                 done.stdout.decode(errors='replace'))


def node_service(folder, certs):
    port_file = os.path.join(folder, 'node-port')
    node = start(['node', os.path.join(NODE, 'service.cjs'),
                  os.path.join(certs, 'key.pem'),
                  os.path.join(certs, 'cert.pem'), port_file, str(EVENTS),
                  '42'])
    port = wait_for(lambda: read_port(port_file), 20, node)
    if not check('the Node service listens', port):
        return
    done = tail(port, os.path.join(certs, 'ca.pem'),
                ['-o', 'body', '-n', str(EVENTS), '--for', '120s', TOPIC],
                environment('node', 'secret'), 150)
    errors = done.stderr.decode(errors='replace')
    check('tail ends with status 0', done.returncode == 0,
          f'status {done.returncode}\n{errors}')
    verify_blast(done.stdout)
    stop(node)


def verify_blast(output):
    lines = output.split(b'\n')
    if lines and lines[-1] == b'':
        lines.pop()
    check(f'{EVENTS} events came', len(lines) == EVENTS, f'{len(lines)} lines')
    wrong = None
    for i, line in enumerate(lines):
        try:
            body = json.loads(line)
        except ValueError as error:
            wrong = f'line {i + 1} is no JSON: {error}: {line[:200]!r}'
            break
        if body['number'] != i + 1:
            wrong = f"line {i + 1} holds event {body['number']}"
            break
        text = body['text'].encode('utf-8')
        if hashlib.sha256(text).hexdigest() != body['sum']:
            wrong = f'event {i + 1} came damaged'
            break
    check('none lost, doubled, reordered or damaged', wrong is None, wrong)


def start_sim(folder, name, args):
    port_file = os.path.join(folder, name + '-port')
    log = open(os.path.join(folder, name + '.log'), 'wb')
    sim = start([GCN, 'sim', '--port-file', port_file, '--client-id', 'interop',
                 '--client-secret', SECRET, '--for', '170s'] + args,
                stdout=log, stderr=log)
    return sim, wait_for(lambda: read_port(port_file), 20, sim)


def official_sdk(folder):
    ca = os.path.join(folder, 'sim-ca.pem')
    sim, port = start_sim(folder, 'tls-sim',
                          ['--tls', '--ca-out', ca, '--rate', '100/s'])
    if not check('the simulator listens with TLS', port):
        return
    env = environment('', '', NODE_EXTRA_CA_CERTS=ca, HOME=folder)
    done = subprocess.run(
        ['node', os.path.join(NODE, 'sdk.cjs'), f'https://localhost:{port}', ca,
         'interop', SECRET, '50'], env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=90)
    check('the SDK logs in, makes a channel and subscribes',
          done.returncode == 0, done.stderr.decode(errors='replace'))
    told = {}
    if done.returncode == 0:
        told = json.loads(done.stdout.splitlines()[-1])
    check('the topic is permitted', told.get('state') == 'Permitted', told)
    check('ws receives 50 events', told.get('events', 0) >= 50, told)
    check('the text ping is answered', told.get('pong') is True, told)
    check('the SDK deletes the subscriptions', told.get('left') == 0, told)
    stop(sim)


def main():
    folder = tempfile.mkdtemp(prefix='gcn-interop-')
    certs = os.path.join(folder, 'certs')
    os.makedirs(certs)
    try:
        subprocess.run([MAKE_CERTS, certs], check=True)
        if install_packages():
            node_service(folder, certs)
            official_sdk(folder)
    finally:
        for child in list(children):
            stop(child)
        shutil.rmtree(folder, ignore_errors=True)
    print(f'1..{len(results)}')
    return 0 if all(results) else 1


sys.exit(main())
