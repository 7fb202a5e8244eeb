# SPDX-License-Identifier: MIT
"""What proxies.py and relays.py share: servers that stand between a client and
the simulator, and groups of checks that run side by side.

A group has a directory, processes and results of its own, so that groups need
not know of each other; its results are printed together.  A server that is not
installed is a failed check.  Nothing here sleeps to win a race.
"""

import base64
import calendar
import glob
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                'cli'))
from harness import (CLIENT_ID, SECRET, TOPIC, Lab, Process, Sim,
                     wait_until)

# The longest that several cuts, or the waits between attempts, may take.
LONG = 90
# A group that takes longer hangs.
GROUP_SECONDS = 240
given, given_lock = set(), threading.Lock()
SBIN = os.pathsep.join(['', '/usr/sbin', '/sbin'])


def free_port():
    """Free now, given out once, and none that the system gives to others by
    itself: a server may be stopped and started again on it."""
    while True:
        port = random.randrange(20000, 32768)
        with given_lock, socket.socket() as s:
            if port in given:
                continue
            given.add(port)
            try:
                s.bind(('127.0.0.1', port))
                return port
            except OSError:
                pass


def read(path):
    try:
        with open(path, 'rb') as f:
            return f.read()
    except FileNotFoundError:
        return b''


def listens(pid, port):
    """Whether it is this process that listens there: ports are not reserved
    between choosing and binding, and somebody else may have been faster."""
    mine = set()
    try:
        for name in os.listdir(f'/proc/{pid}/fd'):
            mine.add(os.readlink(f'/proc/{pid}/fd/{name}'))
    except OSError:  # it ended, or a descriptor was closed: ask again
        return False
    for line in read('/proc/net/tcp').decode().splitlines()[1:]:
        field = line.split()
        if field[3] == '0A' and field[1].endswith(f':{port:04X}') \
                and f'socket:[{field[9]}]' in mine:
            return True
    return False


def holds(condition, patience=25):
    """Whether the condition becomes true in time."""
    try:
        wait_until(condition, '', patience)
    except AssertionError:
        return False
    return True


def unix_ms(text):
    """Of "2031-04-03T08:15:20.114Z"."""
    whole, rest = text.rstrip('Z').split('.')
    parsed = time.strptime(whole, '%Y-%m-%dT%H:%M:%S')
    return calendar.timegm(parsed) * 1000 + int(rest)


def outside_gaps(records, period_ms, slack_ms=500):
    """Numbers of the events that neither came nor lie inside a reported gap.

    The simulator makes an event every `period_ms` as long as there is a
    channel, and numbers them without a hole in the correlation id.
    """
    gaps = [(unix_ms(r['from']) - slack_ms, unix_ms(r['to']) + slack_ms)
            for r in records if r['type'] == 'gap']
    lost, last = [], None
    for event in (r for r in records if r['type'] == 'event'):
        number = int(event['correlationId'][-12:], 16)
        at = unix_ms(event['body']['modifiedDate'])
        if last is not None and number <= last[0]:
            lost.append(f'{number} came after {last[0]}')
        for missing in range(last[0] + 1, number) if last else ():
            made = last[1] + (missing - last[0]) * period_ms
            if not any(a <= made <= b for a, b in gaps):
                lost.append(missing)
        last = (number, at)
    return lost


class Login:
    """A user and password, and every form in which they must not show."""

    def __init__(self, user, password):
        self.user, self.password = user, password

    def url(self, scheme, port, password=None):
        quoted = ''.join(c if c.isalnum() else '%%%02X' % ord(c)
                         for c in password or self.password)
        return f'{scheme}://{self.user}:{quoted}@127.0.0.1:{port}'


class Group:
    def __init__(self, name, tools, run):
        self.name, self.tools, self.body = name, tools, run
        self.results = []
        self.secrets = [SECRET, 'PRIVATE KEY']
        self.add_pair(CLIENT_ID, SECRET)
        self.lab = None
        self.litter = []  # patterns of what servers leave elsewhere

    def add_pair(self, user, password):
        pair = base64.b64encode(f'{user}:{password}'.encode()).decode()
        self.secrets += [password, pair.rstrip('=')]

    def login(self, user, password, wrong):
        self.add_pair(user, password)
        self.add_pair(user, wrong)
        login = Login(user, password)
        self.secrets += [login.url('x', 1, p).split(':')[2].split('@')[0]
                         for p in (password, wrong)]
        return login

    def check(self, what, good, why=''):
        self.results.append((bool(good), f'{self.name}: {what}', str(why)))
        return bool(good)

    def program(self, name, package):
        """The path of a server; None is a failed check."""
        path = shutil.which(name, path=os.environ.get('PATH', '') + SBIN)
        if path is None:
            self.check(f'{name} is installed', False, f'install {package}')
        return path

    def directory(self, name):
        path = os.path.join(self.lab.dir, name)
        os.makedirs(path, exist_ok=True)
        return path

    def certificates(self):
        path = self.directory('certs')
        subprocess.run([self.tools.make_certs, path], check=True)
        return path

    def serve(self, make, fixed=None, tries=8):
        """Starts what `make(port)` returns and waits until it listens; if it
        cannot, on another port."""
        for _ in range(tries):
            port = fixed or free_port()
            server = Process(self.lab, make(port), env=self.lab.bare)
            holds(lambda: listens(server.pid, port)
                  or server.popen.poll() is not None)
            if server.popen.poll() is None and listens(server.pid, port):
                return server, port
            server.kill()
        raise AssertionError('does not listen: ' + server.error())

    def behind(self, start, **sim):
        """A server in front of a simulator, each of which has to know the
        other's port: (server, port, simulator)."""
        for _ in range(4):
            upstream = free_port()
            server, port = self.serve(lambda port: start(port, upstream))
            scheme = '' if sim.get('tls', True) else 'wss://'
            flags = sim.get('flags', ())
            try:
                simulator = Sim(self.lab, '--authority',
                                f'{scheme}127.0.0.1:{port}', *flags,
                                tls=sim.get('tls', True), rate=sim['rate'],
                                listen=f'127.0.0.1:{upstream}')
                return server, port, simulator
            except AssertionError:
                server.kill()
        raise AssertionError('no port for the simulator')

    def tail(self, sim, *args, port=None, ca=None, host='127.0.0.1', **env):
        """gcn tail, started; to `port` if something stands in front."""
        flags = sim.flags(host)
        if port is not None:
            url = f'https://{host}:{port}'
            flags = ['--login-url', url, '--api-url', url, '--ca', ca or sim.ca]
        return self.lab.start('tail', '-o', 'json', '--meta', *flags, *args,
                              TOPIC, env=self.lab.environment(**env))

    def watch(self, url, *args):
        argv = [self.tools.watch, 'url=' + url, *args, TOPIC]
        return Process(self.lab, argv)

    def search(self):
        """What was written by whom must hold no secret."""
        texts = [(p.popen.args[0], p.out + p.err) for p in self.lab.processes]
        texts += [(f, read(f)) for f in self.logs()]
        found = [os.path.basename(who) for who, text in texts
                 for secret in self.secrets if secret.encode() in text]
        self.check('no secret was written', not found, found)

    def logs(self):
        return glob.glob(os.path.join(self.lab.dir, '**', '*.log'),
                         recursive=True)

    def explain(self):
        lines = []
        for process in self.lab.processes:
            lines.append('$ ' + ' '.join(process.popen.args))
            lines.append(f'exit code: {process.popen.returncode}')
            for text in (process.out, process.err):
                lines += [line for line in
                          text.decode(errors='replace').splitlines()
                          if '"type":"event"' not in line][-12:]
        for path in self.logs():
            lines.append('file ' + path)
            lines += read(path).decode(errors='replace').splitlines()[-12:]
        return '\n'.join(line[:400] for line in lines)

    def run(self):
        self.lab = Lab(self.tools.gcn)
        # A server that was started by root may leave it, and needs its files.
        os.chmod(self.lab.dir, 0o711)
        trouble = ''
        try:
            self.body(self)
        except Exception:  # a group that failed must not stop others
            trouble = traceback.format_exc()
        self.lab.end()
        self.search()
        self.check('went to its end', not trouble, trouble)
        if not all(good for good, _, _ in self.results):
            self.results[-1] = self.results[-1][:2] + (
                trouble + self.explain(),)
        self.lab.clean_up()
        for path in (f for p in self.litter for f in glob.glob(p)):
            os.remove(path)


class Tools:
    def __init__(self, argv):
        self.gcn, self.make_certs, self.watch = map(os.path.abspath, argv)


def show(results):
    for index, (good, name, why) in enumerate(results):
        print(f"{'ok' if good else 'not ok'} {index + 1} - {name}")
        for line in why.splitlines() if why and not good else ():
            print('# ' + line)
    print(f'1..{len(results)}', flush=True)


def main(bodies):
    """`bodies`: functions of a group.  Further arguments choose groups."""
    tools = Tools(sys.argv[1:4])
    chosen = sys.argv[4:]
    groups = [Group(body.__name__.replace('_', ' '), tools, body)
              for body in bodies if not chosen or body.__name__ in chosen]
    threads = [threading.Thread(target=g.run, daemon=True) for g in groups]
    for thread in threads:
        thread.start()
    end = time.monotonic() + GROUP_SECONDS
    results = []
    for group, thread in zip(groups, threads):
        thread.join(max(0, end - time.monotonic()))
        results += group.results
        if thread.is_alive():
            results.append((False, f'{group.name}: ends in time', 'it hangs'))
            group.lab.end()
    show(results)
    return 0 if all(good for good, _, _ in results) else 1
