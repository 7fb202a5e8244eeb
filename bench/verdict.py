# SPDX-License-Identifier: MIT
"""The goals, and what measured figures say about them.

Pure: no process, no clock, no file. goals.py measures.
"""

import dataclasses
import statistics

BEGIN = '<!-- goals: begin -->'
END = '<!-- goals: end -->'

# What "gcn bench" calls the readers of its JSON.
OURS, SHALLOW, RAW = 'library', 'library, shallow', 'raw'


class Unmeasured(Exception):
    """There is no figure, and why."""


@dataclasses.dataclass(frozen=True)
class Bench:
    """A quantity of a case of gcn bench; with `beside`, the ratio to the same
    of that reader in the same round."""
    group: str
    case: str
    quantity: str
    reader: str = OURS
    beside: str = ''
    scale: float = 1
    needs: str = ''  # a quantity that must not be 0, or nothing was shown

    @property
    def command(self):
        return f'gcn bench {self.group} {self.case}'

    def values(self, found):
        rounds = listed(found.bench, (self.group, self.case))
        return [self.value(readers) for readers in rounds]

    def value(self, readers):
        line = readers.get(self.reader, {})
        number = line.get(self.quantity)
        if number is None:
            raise Unmeasured(f'no {self.quantity} here')
        if self.needs and not line.get(self.needs):
            raise Unmeasured(f'without {self.needs}')
        if not self.beside:
            return number * self.scale
        other = readers.get(self.beside, {}).get(self.quantity)
        if not other:
            raise Unmeasured(f'no {self.quantity} of {self.beside}')
        return number / other


@dataclasses.dataclass(frozen=True)
class Rows:
    """One row of bench-micro beside another."""
    row: str
    beside: str


class Micro(Rows):
    """CPU time, in turn, in several processes."""

    @property
    def command(self):
        return f'bench-micro --ratio {self.row} {self.beside}'

    def values(self, found):
        return listed(found.micro, (self.row, self.beside))


class Count(Rows):
    """Instructions."""

    @property
    def command(self):
        return f'instructions.py bench-micro {self.row} {self.beside}'

    def values(self, found):
        counts = found.counts
        if isinstance(counts, str):
            raise Unmeasured(counts)
        missing = {self.row, self.beside} - set(counts)
        if missing:
            raise Unmeasured('no ' + ', '.join(sorted(missing)))
        return [counts[self.row] / counts[self.beside]]


@dataclasses.dataclass(frozen=True)
class Peer:
    """The library beside a peer."""
    scenario: str
    peer: str
    metric: str
    kind: str = 'ratio'  # difference, value: of the library

    @property
    def command(self):
        return f'peers/run.py --scenarios {self.scenario} --peers {self.peer}'

    def values(self, found):
        return listed(found.peers,
                      (self.scenario, self.peer, self.metric, self.kind))


@dataclasses.dataclass(frozen=True)
class Exact:
    """Samples in which not every event came exactly once."""
    command: str = 'all of the above'

    def values(self, found):
        if not found.samples:
            raise Unmeasured('nothing was read')
        return [len(found.inexact)]


@dataclasses.dataclass(frozen=True)
class Absent:
    why: str
    command: str = ''

    def values(self, found):
        raise Unmeasured(self.why)


@dataclasses.dataclass
class Found:
    """What was measured. Where a list is expected, a text is the reason why
    there is none."""
    bench: dict = dataclasses.field(default_factory=dict)
    micro: dict = dataclasses.field(default_factory=dict)
    counts: object = 'not asked for'
    peers: dict = dataclasses.field(default_factory=dict)
    samples: int = 0
    inexact: list = dataclasses.field(default_factory=list)


def listed(where, key):
    values = where.get(key, 'not asked for')
    if isinstance(values, str):
        raise Unmeasured(values)
    if not values:
        raise Unmeasured('no sample')
    return values


@dataclasses.dataclass(frozen=True)
class Goal:
    row: str  # a number, or a name where two goals are of one row
    text: str
    limit: float
    figure: object
    digits: int = 3  # what of a figure counts
    record: bool = False  # another form of a goal, shown for the record


STORMS = {'tls12-resumed': 'TLS 1.2 tickets',
          'tls13-resumed': 'TLS 1.3 tickets',
          'tls13-full': 'TLS 1.3, all full'}

# What a reconnect took stock Mbed TLS alone, in ms, where the limits of storms
# were found (PERFORMANCE.md).
STOCK_MS = {'tls12-resumed': 0.11, 'tls13-resumed': 1.1, 'tls13-full': 1.4}


def storms():
    """Limits are for 10,000 in seconds; beside Mbed TLS, with the same margin
    over it that they had there, on a machine of another speed."""
    limits = {'tls12-resumed': 1.5, 'tls13-resumed': 12, 'tls13-full': 15}
    goals = []
    for case, limit_s in limits.items():
        goals += [
            Goal('15', f'storm of {{storm}}, {STORMS[case]}: CPU s for 10,000',
                 limit_s, Bench('storm', case, 'cpu_ms_per_connect',
                                scale=10)),
            Goal('15', f'{STORMS[case]}: CPU a connection / raw Mbed TLS '
                 'handshakes of the same kind',
                 round(limit_s / 10 / STOCK_MS[case], 2),
                 Bench('handshake', case, 'cpu_ms_per_connect', beside=RAW),
                 digits=2, record=True),
        ]
    return goals


def longest_turn(case):
    return Goal('16', f'storm of {{storm}}, {STORMS[case]}: longest turn, ms',
                5, Bench('storm', case, 'longest_turn_ms'))


def spans(size, limit):
    case = f'plain-{size}'
    return [Goal('5', f'plain {size} with spans / raw read{of}', limit,
                 Bench('throughput', case, 'cpu_us_per_event', reader, RAW),
                 record=record)
            for reader, of, record in ((SHALLOW, ', shallow', False),
                                       (OURS, ', strict', True))]


def announced(text, quantity):
    return Goal('17', f'announced close: {text}', 0,
                Bench('reconnect', 'announced', quantity, needs='takeovers'))


def over_decryption():
    """Four forms of one goal, and on a socket besides."""
    alone = 'mbedtls/aes128/1k'
    text = 'TLS 1 KB / Mbed TLS alone'
    goals = []
    for row, of, reader, record in (
            ('events/aes128/1k-shallow', 'shallow', SHALLOW, False),
            ('events/aes128/1k', 'strict', OURS, True)):
        goals += [
            Goal('TLS', f'{text}: CPU time, {of}', 1.10, Micro(row, alone),
                 record=record),
            Goal('TLS', f'{text}: instructions, {of}', 1.10,
                 Count(row, alone), record=True),
            Goal('TLS', f'{text}: on a socket, {of}', 1.10,
                 Bench('throughput', 'tls-1k', 'cpu_us_per_event', reader,
                       RAW), record=True),
        ]
    return goals


GOALS = [
    Goal('1', 'TLS 1 KB / OpenSSL reader that counts frames', 6,
         Peer('tls-1k', 'floor', 'cpu')),
    Goal('2', 'TLS mix / Node ws', 1.3, Peer('tls-mix', 'ws', 'cpu')),
    Goal('2', 'TLS mix / Node ws + JSON.parse', 0.5,
         Peer('tls-mix', 'ws+json', 'cpu')),
    Goal('3', 'TLS 1 KB / libwebsockets', 0.75, Peer('tls-1k', 'lws', 'cpu')),
    Goal('4', 'TLS 1 KB / libuv + wslay events + Mbed TLS + cJSON', 0.4,
         Peer('tls-1k', 'naive+json', 'cpu')),
    Goal('5', 'plain, frames + UTF-8 / raw read, 1 KB', 1.35,
         Micro('read+frames+utf8/1k', 'read/1k'), record=True),
    *spans('1k', 3),
    *spans('4k', 1.7),
    Goal('6', 'allocations per event, plain 1 KB', 0,
         Bench('throughput', 'plain-1k', 'allocations_per_event')),
    Goal('6', 'allocations per event, TLS 1 KB', 0,
         Bench('throughput', 'tls-1k', 'allocations_per_event')),
    Goal('7', 'system calls per event, one event a wake-up', 2,
         Bench('wakeup', 'tls', 'syscalls_per_event'), digits=2),
    Goal('7', 'system calls per event, saturated, plain 1 KB', 0.02,
         Bench('throughput', 'plain-1k', 'syscalls_per_event')),
    Goal('7', 'system calls per event, saturated, TLS 1 KB', 0.02,
         Bench('throughput', 'tls-1k', 'syscalls_per_event')),
    Goal('8', 'idle TLS connection, KiB of heap', 48,
         Bench('idle', 'tls-1k', 'heap_kib')),
    Goal('idle', "idle TLS connection / Mbed TLS's own, heap", 1.1,
         Bench('idle', 'tls-1k', 'heap_kib', beside=RAW)),
    Goal('9', 'idle TLS connection / libwebsockets', 1.65,
         Peer('idle', 'lws', 'idle')),
    Goal('9', 'idle TLS connection / Node ws', 0.55,
         Peer('idle', 'ws', 'idle')),
    Goal('10', 'round trip p50 - epoll with OpenSSL, µs', 3,
         Peer('pingpong-tls', 'floor', 'p50', 'difference')),
    Goal('10', 'round trip p99.9 / epoll with OpenSSL', 1,
         Peer('pingpong-tls', 'floor', 'p999'), record=True),
    Goal('11', '2,000 events/s / blocking OpenSSL read', 1.25,
         Peer('paced', 'floor', 'cpu')),
    Goal('12', '{fleet} TLS connections / libuv plain', 2.1,
         Peer('fleet', 'uv', 'cpu')),
    Goal('12', '{fleet} TLS connections: memory, MiB for 10,000', 480,
         Peer('fleet', 'uv', 'memory', 'value')),
    Goal('13', '{fleet} TLS connections / gorilla', 0.6,
         Peer('fleet', 'gorilla', 'cpu')),
    Goal('13', '{fleet} TLS connections / Node ws', 0.42,
         Peer('fleet', 'ws', 'cpu')),
    Goal('13', '{fleet} TLS connections / libwebsockets', 0.2,
         Peer('fleet', 'lws', 'cpu')),
    Goal('14', 'full TLS 1.3 connect, RSA chain / OpenSSL', 2,
         Peer('connect', 'floor', 'reconnect')),
    *storms(),
    *map(longest_turn, STORMS),
    Goal('17', 'round trips of a reconnect', 3,
         Bench('reconnect', 'cut-tls13', 'round_trips_to_event'), digits=0),
    Goal('17', 'round trips of a cold start, without DNS', 5,
         Bench('reconnect', 'cold', 'round_trips_to_event'), digits=0),
    announced('ms without a stream', 'outage_ms'),
    announced('events missed', 'missed'),
    announced('events doubled', 'doubled'),
    Goal('17', 'round trips from a warm spare', 1,
         Bench('reconnect', 'spare', 'round_trips_to_event'), digits=0),
    Goal('18', 'samples with an event lost or doubled, of {samples}', 0,
         Exact()),
    *over_decryption(),
]

# The rows that have to be met.
MUST = ['5', '6', '7', '10', '11', '12', '13', '14', '15', '16', '17', '18',
        'TLS', 'idle']

NOTES = """\
Ratios are gcnotify / the other, of two processes of one round; what is told is
the median (least–most). *Strict* is the default: every message against the JSON
grammar. *Shallow* (`validate`) checks UTF-8, the envelope and strings, and counts
the brackets of bodies, which is what the goals of rows 5 and TLS were set for.
*Mbed TLS alone* decrypts
the same records with `mbedtls_ssl_read` and counts frames. A verdict in brackets
is of another form of a goal, for the record, and counts for nothing. With fewer
connections than 10,000 the program's own memory is scaled up, too. Instructions
are those of a processor without AVX2, by callgrind. Row 5's
frames + UTF-8 are the library's functions over a file in memory: a client always
takes out the spans. Of row 17's round trips, times are rounded to whole ones.
Storms come back within a window of 1 ms a connection, not as slowly as they do
by default (`gcn bench storm tls12-patient`). Their limits are seconds of
another machine; in brackets, `gcn bench handshake`: the library beside readers
that do the same handshakes with Mbed TLS and system calls alone, here.
"""


def judge(goal, found):
    """(text of the figure, met: True, False, or None if not measured)."""
    try:
        values = goal.figure.values(found)
    except Unmeasured as why:
        return f'not measured: {why}'.replace('|', '/'), None
    middle = statistics.median(values)
    whole = all(value == int(value) for value in values)
    text = number(middle, whole)
    if len(values) > 1:
        text += f' ({number(min(values), whole)}–{number(max(values), whole)})'
    return text, round(middle, goal.digits) <= goal.limit


def number(value, whole):
    """Three digits that count, no exponent."""
    size = abs(value)
    if size >= 100 or whole:
        return f'{value:.0f}'
    if size >= 10:
        return f'{value:.1f}'
    return f'{value:.2f}' if size >= 1 else f'{value:.3f}'


def verdict(goal, met):
    if met is None:
        return '-'
    if goal.record:
        return '(met)' if met else '(not met)'
    return 'met' if met else '**not met**'


def table(goals, found, sizes):
    """Markdown; `sizes` are what the goals' texts have in braces."""
    lines = ['| row | goal | limit | measured | | by |\n',
             '|---|---|---:|---:|---|---|\n']
    for goal in goals:
        value, met = judge(goal, found)
        command = f'`{goal.figure.command}`' if met is not None else ''
        lines.append(f'| {goal.row} | {goal.text.format(**sizes)} | '
                     f'{goal.limit:g} | {value} | {verdict(goal, met)} | '
                     f'{command} |\n')
    return ''.join(lines)


def must_show(goals, found):
    """{what: rows} for met, not met and not measured, of those rows that have
    to be met and have goals."""
    said = {'met': [], 'not met': [], 'not measured': []}
    for row in MUST:
        verdicts = [judge(goal, found)[1] for goal in goals
                    if goal.row == row and not goal.record]
        if not verdicts:
            continue
        if False in verdicts:
            said['not met'].append(row)
        elif None in verdicts:
            said['not measured'].append(row)
        else:
            said['met'].append(row)
    return said


def sum_up(goals, found):
    said = must_show(goals, found)
    parts = [f'{what}: {", ".join(rows) if rows else "none"}'
             for what, rows in said.items()]
    count = sum(len(rows) for rows in said.values())
    return (f'Rows that have to be met, {len(said["met"])} of {count}: '
            + '; '.join(parts) + '.\n')
