#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gcn through proxies that nobody here wrote, one TAP line per check.

    proxies.py GCN MAKE_CERTS WATCH [GROUP]...

squid and tinyproxy (CONNECT, with and without a login), microsocks (SOCKS 5),
and the rules of the environment.  Loopback only, ports chosen by the system;
servers run as whoever runs this, and end with it.
"""

import os
import re
import signal
import subprocess
import sys

from middle import (LONG, Sim, holds, main, outside_gaps, read, wait_until)

WRONG = 'not-the-Password-1'
RATE, PERIOD_MS = '20/s', 50
HOLD_MS = 3000
# A port of 127.0.0.1 where nothing listens, and nothing may by itself.
NOBODY = 1


class Squid:
    CONFIG = '''
http_port 127.0.0.1:{port}
pid_filename {dir}/squid.pid
access_log stdio:{dir}/access.log
cache_log {dir}/cache.log
coredump_dir {dir}
cache deny all
cache_mem 8 MB
cache_store_log none
netdb_filename none
pinger_enable off
max_filedescriptors 1024
shutdown_lifetime 0 seconds
dns_nameservers 127.0.0.1
visible_hostname localhost
{auth}
http_access deny all
'''
    AUTH = '''
auth_param basic program {helper} {dir}/users
auth_param basic children 1 startup=1 idle=1
auth_param basic realm interop
acl known proxy_auth REQUIRED
http_access allow known
'''
    HELPERS = ('/usr/lib/squid/basic_ncsa_auth',
               '/usr/lib64/squid/basic_ncsa_auth',
               '/usr/libexec/squid/basic_ncsa_auth')

    def __init__(self, group, login=None):
        self.group = group
        self.dir = group.directory('squid-login' if login else 'squid')
        self.auth = 'http_access allow all'
        if login:
            self.write_users(login)
            helper = next(h for h in self.HELPERS if os.path.exists(h))
            self.auth = self.AUTH.format(helper=helper, dir=self.dir)
        if os.getuid() == 0:
            # It refuses to run as root, and becomes this user.
            subprocess.run(['chown', '-R', 'proxy', self.dir], check=True)
        # Names its shared memory, which stays when it is killed; two of one
        # name, or of other users, get into each other's way.
        self.service = f'gcn{os.getpid()}{"login" if login else ""}'
        group.litter.append(f'/dev/shm/{self.service}-*.shm')
        self.port = None
        self.start()

    def write_users(self, login):
        hashed = subprocess.run(['openssl', 'passwd', '-1', '-stdin'],
                                input=login.password.encode(), check=True,
                                stdout=subprocess.PIPE).stdout.decode()
        with open(os.path.join(self.dir, 'users'), 'w') as f:
            f.write(f'{login.user}:{hashed}')

    def command(self, port):
        path = os.path.join(self.dir, 'squid.conf')
        with open(path, 'w') as f:
            f.write(self.CONFIG.format(port=port, dir=self.dir, auth=self.auth))
        return [self.group.program('squid', 'squid'), '-N', '-n', self.service,
                '-f', path]

    def start(self):
        self.process, self.port = self.group.serve(self.command, self.port)

    def stop(self):
        """At once, as a crash or a hard restart does it."""
        self.process.send(signal.SIGKILL)
        self.process.wait()

    def log(self):
        return read(os.path.join(self.dir, 'access.log')).decode()

    def attempts(self):
        """A tunnel is logged when it ends, a refusal at once."""
        return len(re.findall(r' CONNECT ', self.log()))

    def refusals(self):
        return len(re.findall(r'TCP_DENIED/407 ', self.log()))


class Tinyproxy:
    CONFIG = '''
Port {port}
Listen 127.0.0.1
Allow 127.0.0.1
Timeout 600
MaxClients 50
LogFile "{dir}/tinyproxy.log"
LogLevel Connect
{auth}
'''

    def __init__(self, group, login=None):
        self.group = group
        self.dir = group.directory('tiny-login' if login else 'tiny')
        self.auth = ''
        if login:
            self.auth = f'BasicAuth {login.user} {login.password}'
        self.port = None
        self.start()

    def command(self, port):
        path = os.path.join(self.dir, 'tinyproxy.conf')
        with open(path, 'w') as f:
            f.write(self.CONFIG.format(port=port, dir=self.dir, auth=self.auth))
        program = self.group.program('tinyproxy', 'tinyproxy-bin')
        return [program, '-d', '-c', path]

    start, stop = Squid.start, Squid.stop

    def attempts(self):
        log = read(os.path.join(self.dir, 'tinyproxy.log')).decode()
        return len(re.findall(r'Request .*: CONNECT ', log))

    refusals = attempts  # it logs no status; nothing else comes meanwhile


def flows(group, what, tail, code=0):
    """A tail with a count ends by itself, with its events."""
    ended = tail.wait(LONG)
    return group.check(what, ended == code, f'exit code {ended}')


def tunnels(group, proxy, sim):
    tail = group.tail(sim, '-n', '20', https_proxy=proxy.url)
    flows(group, 'events come through CONNECT', tail)
    group.check('they came through the proxy',
                holds(lambda: proxy.attempts() >= 1))


def survives_restart(group, proxy, sim):
    tail = group.tail(sim, https_proxy=proxy.url)
    wait_until(lambda: len(tail.records('event')) >= 10, 'events flow', LONG)
    proxy.stop()
    wait_until(lambda: tail.records('reconnecting'), 'the loss is told')
    proxy.start()
    back = holds(lambda: len(tail.records('open')) >= 2, LONG)
    group.check('the stream survives a restart of the proxy', back)
    seen = len(tail.records('event'))
    holds(lambda: len(tail.records('event')) >= seen + 10)
    tail.send(signal.SIGTERM)
    tail.wait()
    records = tail.records()
    gaps = [r for r in records if r['type'] == 'gap']
    lost = outside_gaps(records, PERIOD_MS)
    group.check('the gap is reported', len(gaps) == 1, gaps)
    group.check('no event is lost outside it', not lost, lost)


def names_the_proxy(text, port):
    return f'the proxy 127.0.0.1, port {port}' in text


def refused_at_once(group, what, tail, port, phrase):
    """The command line ends with the code for refused credentials."""
    code = tail.wait(LONG)
    text = tail.error()
    lines = [line for line in text.splitlines() if 'error:' in line]
    good = (code == 3 and len(lines) == 1 and names_the_proxy(text, port)
            and phrase in text and not tail.records('reconnecting'))
    group.check(f'{what} ends in a refusal that says so', good,
                f'exit code {code}')


def refused_for_good(group, what, proxy, sim, url):
    """A client that lives on does not try again by itself."""
    before = proxy.refusals()
    watch = group.watch(sim.url(), 'ca=' + sim.ca, 'proxy=' + url,
                        f'hold={HOLD_MS}')
    code = watch.wait(LONG)
    text = watch.out.decode()
    refused = [line for line in text.splitlines()
               if line.startswith('state refused retry=0 GCN_EPROXYAUTH')]
    group.check(f'{what}: REFUSED by the code for it, without a retry',
                code == 3 and len(refused) == 1
                and names_the_proxy(refused[0], proxy.port), text)
    # The login host and the API are dialled side by side.
    seen = proxy.refusals() - before
    group.check(f'{what}: the proxy sees no further attempt',
                'end attempts=1 ' in text and 1 <= seen <= 2,
                f'{seen} requests')


def trouble_is_not_refusal(group, what, proxy_url, port, expect):
    """What is no 407 is tried again, and is called by another name."""
    url = f'https://127.0.0.1:{NOBODY}'
    tail = group.lab.start(
        'tail', '-o', 'json', '--meta', '--login-url', url, '--api-url', url,
        '--max-retries', '1', 'v2.users.x.presence',
        env=group.lab.environment(https_proxy=proxy_url))
    code = tail.wait(LONG)
    errors = {r['error'] for r in tail.records('reconnecting')}
    group.check(what, code == 5 and errors == {expect}
                and names_the_proxy(tail.error(), port),
                f'exit code {code}, errors {errors}')


def http_proxy(group, kind, login):
    sim = Sim(group.lab, rate=RATE)
    proxy = kind(group)
    proxy.url = f'http://127.0.0.1:{proxy.port}'
    tunnels(group, proxy, sim)
    trouble_is_not_refusal(group, 'a host that it cannot reach is no refusal',
                           proxy.url, proxy.port, 'GCN_EPROXY')
    survives_restart(group, proxy, sim)
    guarded = kind(group, login)
    right = login.url('http', guarded.port)
    wrong = login.url('http', guarded.port, WRONG)
    none = f'http://127.0.0.1:{guarded.port}'
    tail = group.tail(sim, '-n', '20', https_proxy=right)
    flows(group, 'events come with the right login', tail)
    # Those that stay come first: nobody else's requests are in their count.
    refused_for_good(group, 'a missing login', guarded, sim, none)
    refused_for_good(group, 'a wrong login', guarded, sim, wrong)
    for what, url, phrase in (
            ('a missing login', none, 'wants a user and a password'),
            ('a wrong login', wrong, 'did not accept the user and password')):
        tail = group.tail(sim, '-n', '1', https_proxy=url)
        refused_at_once(group, what, tail, guarded.port, phrase)


def squid(group):
    if group.program('squid', 'squid'):
        http_proxy(group, Squid, group.login('bob', 'p@ss:w/rd 1%', WRONG))


def tinyproxy(group):
    if group.program('tinyproxy', 'tinyproxy-bin'):
        http_proxy(group, Tinyproxy, group.login('bob', 'Passw0rd42', WRONG))


class Microsocks:
    def __init__(self, group, login=None):
        self.group, self.login = group, login
        self.process, self.port = group.serve(self.command)

    def command(self, port):
        args = [self.group.program('microsocks', 'microsocks'), '-i',
                '127.0.0.1', '-p', str(port)]
        if self.login:
            args += ['-u', self.login.user, '-P', self.login.password]
        return args

    def tunnels(self, target):
        text = (self.process.out + self.process.err).decode(errors='replace')
        return len(re.findall(f'connected to {target}', text))


def socks(group):
    if not group.program('microsocks', 'microsocks'):
        return
    sim = Sim(group.lab, rate=RATE)
    login = group.login('bob', 'p@ss:w/rd 1%', WRONG)
    proxy = Microsocks(group)
    tail = group.tail(sim, '-n', '20', host='localhost',
                      all_proxy=f'socks5://127.0.0.1:{proxy.port}')
    flows(group, 'events come through it', tail)
    group.check('it is given the name, not an address',
                holds(lambda: proxy.tunnels(f'localhost:{sim.port}') >= 2))
    trouble_is_not_refusal(group, 'a host that it cannot reach is no refusal',
                           f'socks5h://127.0.0.1:{proxy.port}', proxy.port,
                           'GCN_EPROXY')
    guarded = Microsocks(group, login)
    tail = group.tail(sim, '-n', '20',
                      https_proxy=login.url('socks5', guarded.port))
    flows(group, 'events come with the right login', tail)
    for what, url, phrase in (
            ('a missing login', f'socks5://127.0.0.1:{guarded.port}',
             'it wants a user and a password'),
            ('a wrong login', login.url('socks5', guarded.port, WRONG),
             'it did not accept the user and password')):
        tail = group.tail(sim, '-n', '1', https_proxy=url)
        refused_at_once(group, what, tail, guarded.port, phrase)
        watch = group.watch(sim.url(), 'ca=' + sim.ca, 'proxy=' + url,
                            f'hold={HOLD_MS}')
        code = watch.wait(LONG)
        group.check(f'{what}: REFUSED, and not tried again',
                    code == 3 and b'refused retry=0 GCN_EPROXYAUTH' in watch.out
                    and b'end attempts=1 ' in watch.out, watch.out.decode())


def environment(group):
    if not group.program('tinyproxy', 'tinyproxy-bin'):
        return
    proxy = Tinyproxy(group)
    live, dead = (f'http://127.0.0.1:{p}' for p in (proxy.port, NOBODY))
    secure = Sim(group.lab, rate=RATE)
    plain = Sim(group.lab, tls=False, rate=RATE)

    def goes(what, sim, through, *flags, **env):
        before = proxy.attempts()
        tail = group.tail(sim, '-n', '1', '--timeout-first', '20s', *flags,
                          **env)
        code = tail.wait(LONG)
        seen = proxy.attempts() - before
        group.check(what, code == 0 and (seen > 0) == through,
                    f'exit code {code}, {seen} requests')

    goes('no_proxy exempts an address', secure, False, https_proxy=dead,
         no_proxy='example.com,127.0.0.1')
    goes('NO_PROXY exempts a network', secure, False, https_proxy=live,
         NO_PROXY='127.0.0.0/8')
    goes('no_proxy of somebody else exempts nothing', secure, True,
         https_proxy=live, no_proxy='127.0.0.2,localhost')
    goes('HTTP_PROXY is ignored', plain, False, HTTP_PROXY=dead)
    goes('http_proxy is for what is not TLS', plain, True, http_proxy=live,
         https_proxy=dead)
    goes('https_proxy is for TLS', secure, True, https_proxy=live,
         http_proxy=dead)
    goes('lower case wins', secure, True, https_proxy=live, HTTPS_PROXY=dead)
    goes('all_proxy is the last resort', secure, True, all_proxy=live,
         http_proxy=dead)
    goes('--proxy comes first', secure, True, '--proxy', live,
         https_proxy=dead)
    goes('--proxy "" is none', secure, False, '--proxy', '', https_proxy=dead)
    goes('no_proxy exempts from --proxy too', secure, False, '--proxy', dead,
         no_proxy='127.0.0.1')
    goes('--no-proxy takes its place', secure, True, '--proxy', live,
         '--no-proxy', 'example.com', no_proxy='127.0.0.1')


if __name__ == '__main__':
    sys.exit(main([squid, tinyproxy, socks, environment]))
