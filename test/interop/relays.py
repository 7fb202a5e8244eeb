#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gcn behind balancers and TLS fronts that nobody here wrote.

    relays.py GCN MAKE_CERTS WATCH [GROUP]...

haproxy and nginx, which cut what is idle, and stunnel, which adds TLS to a
plain simulator; one TAP line per check.  Loopback only, ports chosen by the
system; servers run as whoever runs this, and end with it.
"""

import json
import os
import re
import signal
import sys

from middle import LONG, holds, main, outside_gaps, read

# Idle streams are cut after so long; an event comes a little less often, so
# that some come after a reconnect and some fall into the time without a stream.
# The last stream is greeted with some more.
CUT_S = 5
RATE, PERIOD_MS = '10/m', 6000
CUTS = 3
LAST = ('--fault-line', f'after connect {CUTS + 1} event.burst 3')


def calls(report, endpoint):
    return report['endpoints'][endpoint]['count']


def survives_cuts(group, tail, sim, report_path):
    """`tail` streams through something that cuts it whenever it is idle."""
    def came_back():
        kinds = [r['type'] for r in tail.records()]
        opens = [i for i, kind in enumerate(kinds) if kind == 'open']
        return len(opens) > CUTS and 'event' in kinds[opens[CUTS]:]
    group.check(f'events come again by themselves after {CUTS} cuts',
                holds(came_back, LONG))
    tail.send(signal.SIGTERM)
    tail.wait()
    sim.send(signal.SIGTERM)
    sim.wait()
    records = tail.records()
    opens = [r for r in records if r['type'] == 'open']
    gaps = [r for r in records if r['type'] == 'gap']
    losses = [r for r in records if r['type'] == 'reconnecting']
    report = json.loads(read(report_path))
    group.check('each cut is one loss, one gap and one new stream',
                len(losses) - (len(losses) >= len(opens)) == len(gaps)
                == len(opens) - 1, (losses, gaps, opens))
    early = [r['outageMs'] for r in opens[1:] if r['outageMs'] < CUT_S * 500]
    group.check('it was idleness that was cut', not early, early)
    lost = outside_gaps(records, PERIOD_MS)
    group.check('no event is lost outside the gaps', not lost, lost)
    costs = {name: calls(report, name)
             for name in ('token', 'channel', 'topics', 'other', 'upgrade')}
    wanted = {'token': 1, 'channel': 1, 'topics': 1, 'other': 0,
              'upgrade': len(opens)}
    group.check('a reconnect costs an upgrade and no REST call',
                costs == wanted, costs)
    # The look behind the stream that follows it, paced: one GET at most.
    group.check('the audit that follows is one request',
                calls(report, 'audit') <= len(gaps), calls(report, 'audit'))


def figures(text):
    """Of the last line that watch writes."""
    found = re.findall(r'(\w+)=(\d+)', text[text.find('end attempts='):])
    return {name: int(value) for name, value in found}


HAPROXY = '''
global
  maxconn 100
defaults
  mode {mode}
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout tunnel {cut}s
listen front
  bind 127.0.0.1:{port}{tls}
  server simulator 127.0.0.1:{upstream}
'''


def start_haproxy(group, mode, *flags):
    """(its port, the simulator behind it, the CA file)"""
    program = group.program('haproxy', 'haproxy')
    if not program:
        return None
    certs = group.certificates()
    pem = os.path.join(certs, 'both.pem')
    with open(pem, 'wb') as f:
        f.write(read(os.path.join(certs, 'cert.pem'))
                + read(os.path.join(certs, 'key.pem')))
    tls = '' if mode == 'tcp' else f' ssl crt {pem}'

    def start(port, upstream):
        path = os.path.join(group.directory('haproxy'), 'haproxy.cfg')
        with open(path, 'w') as f:
            f.write(HAPROXY.format(mode=mode, cut=CUT_S, port=port, tls=tls,
                                   upstream=upstream))
        return [program, '-db', '-f', path]

    _, port, sim = group.behind(start, tls=mode == 'tcp', rate=RATE,
                                flags=flags)
    ca = sim.ca if mode == 'tcp' else os.path.join(certs, 'ca.pem')
    return port, sim, ca


def haproxy_cuts(group, mode):
    report = os.path.join(group.lab.dir, 'report')
    began = start_haproxy(group, mode, '--report', report, *LAST)
    if began is None:
        return
    port, sim, ca = began
    survives_cuts(group, group.tail(sim, port=port, ca=ca), sim, report)


def haproxy_tcp(group):
    haproxy_cuts(group, 'tcp')


def haproxy_http(group):
    haproxy_cuts(group, 'http')


def haproxy_pings(group):
    """What an operator does about such a balancer."""
    began = start_haproxy(group, 'http', '--fault-line', 'event.stop')
    if began is None:
        return
    port, _, ca = began
    watch = group.watch(f'https://127.0.0.1:{port}', 'ca=' + ca,
                        f'ping={CUT_S * 1000 // 4}',
                        f'for={CUT_S * 1000 * 5 // 2}')
    watch.wait(LONG)
    text = watch.out.decode()
    group.check('pings keep a quiet stream from being cut',
                'state streaming' in text and 'state backing' not in text
                and figures(text).get('streams') == 1, text)


NGINX = '''
daemon off; master_process off; pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log warn;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} ssl; server_name localhost;
    ssl_certificate {certs}/cert.pem; ssl_certificate_key {certs}/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    location / {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $http_connection;
      proxy_read_timeout {cut}s;
    }}
  }}
}}
'''


def start_nginx(group, cut, **sim):
    """(its port, the simulator behind it, the CA file)"""
    program = group.program('nginx', 'nginx-light')
    if not program:
        return None
    folder, certs = group.directory('nginx'), group.certificates()

    def start(port, upstream):
        path = os.path.join(folder, 'nginx.conf')
        with open(path, 'w') as f:
            f.write(NGINX.format(folder=folder, certs=certs, port=port,
                                 upstream=upstream, cut=cut))
        return [program, '-c', path, '-e',
                os.path.join(folder, 'nginx-error.log')]

    _, port, sim = group.behind(start, tls=False, **sim)
    return port, sim, os.path.join(certs, 'ca.pem')


def nginx(group):
    began = start_nginx(group, 75, rate='200/s')
    if began is None:
        return
    port, sim, ca = began
    tail = group.tail(sim, '-n', '300', port=port, ca=ca)
    code = tail.wait(LONG)
    group.check('300 events come through it', code == 0, f'exit code {code}')
    numbers = [e['seq'] for e in tail.records('event')]
    group.check('they are numbered without a hole',
                numbers == list(range(1, 301)), numbers)


def nginx_idle(group):
    report = os.path.join(group.lab.dir, 'report')
    began = start_nginx(group, CUT_S, rate=RATE,
                        flags=('--report', report, *LAST))
    if began is None:
        return
    port, sim, ca = began
    survives_cuts(group, group.tail(sim, port=port, ca=ca), sim, report)


STUNNEL = '''
foreground = yes
pid =
debug = 6
output = {folder}/stunnel.log
syslog = no
[front]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{upstream}
cert = {certs}/cert.pem
key = {certs}/key.pem
sslVersionMin = {least}
sslVersionMax = {most}
TIMEOUTclose = 0
{more}
'''


class Stunnel:
    """stunnel with a simulator behind it that resets its streams twice."""

    def __init__(self, group, least, most, more=''):
        self.group = group
        self.certs = group.certificates()
        self.folder = group.directory('stunnel')
        self.program = group.program('stunnel', 'stunnel4')
        self.values = dict(folder=self.folder, certs=self.certs, least=least,
                           most=most, more=more.format(certs=self.certs))
        self.ca = os.path.join(self.certs, 'ca.pem')
        _, self.port, self.sim = group.behind(
            self.command, tls=False, rate='20/s',
            flags=('--fault-line', 'after event 20 tcp.reset',
                   '--fault-line', 'after event 60 tcp.reset'))
        self.url = f'https://127.0.0.1:{self.port}'

    def command(self, port, upstream):
        path = os.path.join(self.folder, 'stunnel.conf')
        with open(path, 'w') as f:
            f.write(STUNNEL.format(port=port, upstream=upstream, **self.values))
        return [self.program, path]

    def log(self):
        return read(os.path.join(self.folder, 'stunnel.log')).decode()

    def watch(self, *args):
        watch = self.group.watch(self.url, 'ca=' + self.ca, *args)
        return watch.wait(LONG), watch.out.decode()


def through_stunnel(group, stunnel, version, *args):
    code, text = stunnel.watch('events=80', *args)
    seen = figures(text)
    group.check('80 events come over three streams',
                code == 0 and seen.get('streams') == 3, text)
    group.check('sessions are resumed, as the library counts',
                seen.get('resumed', 0) >= 2, seen)
    log = stunnel.log()
    versions = set(re.findall(r'(TLSv1[.0-9]*) ciphersuite', log))
    group.check(f'{version} was spoken and nothing else',
                versions == {version}, versions)
    resumed = len(re.findall('previous session reused', log))
    group.check('as many as stunnel has seen', resumed == seen.get('resumed'),
                f'{resumed} by stunnel, {seen}')


def stunnel_tls12(group):
    if group.program('stunnel', 'stunnel4'):
        stunnel = Stunnel(group, 'TLSv1.2', 'TLSv1.2')
        through_stunnel(group, stunnel, 'TLSv1.2')


def stunnel_tls13(group):
    if group.program('stunnel', 'stunnel4'):
        stunnel = Stunnel(group, 'TLSv1.3', 'TLSv1.3')
        through_stunnel(group, stunnel, 'TLSv1.3')


def mutual(group, version):
    if not group.program('stunnel', 'stunnel4'):
        return
    stunnel = Stunnel(group, version, version,
                      'verify = 2\nCAfile = {certs}/ca.pem')
    identity = ('cert=' + os.path.join(stunnel.certs, 'client.pem'),
                'key=' + os.path.join(stunnel.certs, 'client-key.pem'))
    code, text = stunnel.watch('for=1500')
    group.check('without a client certificate there is no stream',
                code == 1 and 'state streaming' not in text
                and ' layer=3 ' in text and 'end attempts=' in text, text)
    through_stunnel(group, stunnel, version, *identity)
    tail = group.tail(stunnel.sim, '-n', '5', '--client-cert', identity[0][5:],
                      '--client-key', identity[1][4:], port=stunnel.port,
                      ca=stunnel.ca)
    code = tail.wait(LONG)
    group.check('gcn tail --client-cert is let in', code == 0,
                f'exit code {code}')


def stunnel_mutual_tls12(group):
    mutual(group, 'TLSv1.2')


def stunnel_mutual_tls13(group):
    mutual(group, 'TLSv1.3')


if __name__ == '__main__':
    sys.exit(main([haproxy_tcp, haproxy_http, haproxy_pings, nginx, nginx_idle,
                   stunnel_tls12, stunnel_tls13, stunnel_mutual_tls12,
                   stunnel_mutual_tls13]))
