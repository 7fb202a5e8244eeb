# SPDX-License-Identifier: MIT
"""What the figures of pairs of runs mean: ratios, tables, goals.

Pure: no process, no clock, no file.
"""

import dataclasses
import statistics

BEGIN = '<!-- peers: begin -->'
END = '<!-- peers: end -->'

PAIRS_MIN = 5
PAIRS_MAX = 9
SPREAD_SMALL = 0.10


def per_event(field):
    def value(line, _):
        events = line['events'] - line.get('events_open', 0)
        if events <= 0 or field not in line:
            return None
        return line[field] / events
    return value


def per_connection(line, scenario):
    if 'rss_kib' not in line:
        return None
    grown = line['rss_kib'] - line['rss_base_kib']
    return grown / scenario.connections


def connect_ms(line, scenario):
    if 'connect_cpu_us' not in line:
        return None
    return line['connect_cpu_us'] / scenario.connections / 1000


def reconnect_ms(line, scenario):
    return line['cpu_us'] / scenario.connections / 1000


def process_per_event(line, _):
    """From the kernel, start and handshakes included."""
    return line['process_cpu_us'] / line['events'] if line['events'] else None


def field(name, divisor=1):
    def value(line, _):
        return line[name] / divisor if name in line else None
    return value


# metric: (title, unit, of a reader's line and the scenario; None: no figure)
METRICS = {
    'cpu': ('CPU per event', 'µs', per_event('cpu_us')),
    'process': ('CPU of the process per event', 'µs', process_per_event),
    'instructions': ('instructions of the process per event', '',
                     per_event('instructions')),
    'p50': ('round trip p50', 'µs', field('p50_us')),
    'p99': ('round trip p99', 'µs', field('p99_us')),
    'p999': ('round trip p99.9', 'µs', field('p999_us')),
    'idle': ('memory per connection', 'KiB', per_connection),
    'connect': ('CPU per connect', 'ms', connect_ms),
    'reconnect': ('CPU per full connect', 'ms', reconnect_ms),
    'memory': ('memory of the process', 'MiB', field('maxrss_kib', 1024)),
}

# What is shown, by the mode of the scenario; the first decides the spread.
SHOWN = {
    'count': ('cpu', 'process', 'instructions', 'memory'),
    'pingpong': ('p50', 'p99', 'p999', 'cpu'),
    'idle': ('idle', 'connect'),
    'cut': ('reconnect',),
}


@dataclasses.dataclass
class Figures:
    """One metric of pairs: the library's values, the peer's, in order."""
    library: list
    peer: list

    @property
    def ratios(self):
        return [a / b for a, b in zip(self.library, self.peer) if b > 0]

    @property
    def differences(self):
        return [a - b for a, b in zip(self.library, self.peer)]


def figures(pairs, scenario, metric):
    """Figures of [(library's line, peer's line)]; None if one has no value."""
    value = METRICS[metric][2]
    library = [value(a, scenario) for a, _ in pairs]
    peer = [value(b, scenario) for _, b in pairs]
    if not pairs or None in library or None in peer:
        return None
    return Figures(library, peer)


def spread(values):
    """(largest - smallest) / median."""
    middle = statistics.median(values)
    return (max(values) - min(values)) / middle if middle > 0 else float('inf')


def enough(ratios, least=PAIRS_MIN, most=PAIRS_MAX):
    if len(ratios) < least:
        return False
    return len(ratios) >= most or spread(ratios) <= SPREAD_SMALL


def number(value):
    """Three digits that count, no exponent."""
    size = abs(value)
    if size >= 100:
        return f'{value:.0f}'
    if size >= 10:
        return f'{value:.1f}'
    return f'{value:.2f}' if size >= 1 else f'{value:.3f}'


def span(values):
    return f'{number(min(values))}–{number(max(values))}'


@dataclasses.dataclass
class Result:
    """What became of one peer in one scenario."""
    scenario: object
    peer: str
    pairs: list
    skipped: str = ''
    failed: str = ''


def result_rows(result):
    head = [result.scenario.name, result.peer]
    if result.skipped or result.failed:
        why = f'skipped: {result.skipped}' if result.skipped else \
            f'failed: {result.failed}'
        return [head + ['', why.replace('|', '/'), '', '', '', '']]
    rows = []
    head.append(result.pairs[0][1]['version'])
    for metric in SHOWN[result.scenario.mode]:
        found = figures(result.pairs, result.scenario, metric)
        if found is None or not found.ratios:
            continue
        title, unit, _ = METRICS[metric]
        rows.append(head + [
            f'{title}, {unit}' if unit else title,
            number(statistics.median(found.library)),
            number(statistics.median(found.peer)),
            number(statistics.median(found.ratios)),
            span(found.ratios)])
    return rows


def markdown(titles, rows, left):
    """A table; the first `left` columns are text."""
    marks = ['---' if i < left else '---:' for i in range(len(titles))]
    lines = [titles, marks] + rows
    return ''.join('| ' + ' | '.join(line) + ' |\n' for line in lines)


def results_table(results):
    rows = [row for result in results for row in result_rows(result)]
    return markdown(['scenario', 'peer', 'version', 'figure', 'gcnotify',
                     'peer', 'ratio', 'min–max'], rows, 4)


@dataclasses.dataclass(frozen=True)
class Goal:
    """A row of goals: library against peer in a scenario, what stock Mbed TLS
    allows.  kind: ratio, difference (library - peer) or value (library)."""
    row: int
    text: str
    scenario: str
    peer: str
    metric: str
    limit: float
    kind: str = 'ratio'


GOALS = [
    Goal(1, 'TLS 1 KB / OpenSSL reader that counts frames', 'tls-1k', 'floor',
         'cpu', 6),
    Goal(2, 'TLS mix / Node ws', 'tls-mix', 'ws', 'cpu', 1.3),
    Goal(2, 'TLS mix / Node ws + JSON.parse', 'tls-mix', 'ws+json', 'cpu',
         0.5),
    Goal(3, 'TLS 1 KB / libwebsockets', 'tls-1k', 'lws', 'cpu', 0.75),
    Goal(4, 'TLS 1 KB / libuv + wslay events + Mbed TLS + cJSON', 'tls-1k',
         'naive+json', 'cpu', 0.4),
    Goal(5, 'plain 1 KB with spans / raw read', 'plain-1k', 'floor', 'cpu', 3),
    Goal(5, 'plain 4 KB with spans / raw read', 'plain-4k', 'floor', 'cpu',
         1.7),
    Goal(9, 'idle TLS connection / libwebsockets', 'idle', 'lws', 'idle',
         1.65),
    Goal(9, 'idle TLS connection / Node ws', 'idle', 'ws', 'idle', 0.55),
    Goal(10, 'round trip p50 - epoll with OpenSSL, µs', 'pingpong-tls',
         'floor', 'p50', 3, 'difference'),
    Goal(11, '2,000 events/s / blocking OpenSSL read', 'paced', 'floor', 'cpu',
         1.25),
    Goal(12, '10,000 connections / libuv plain', 'fleet', 'uv', 'cpu', 2.1),
    Goal(12, '10,000 connections: memory, MiB', 'fleet', 'uv', 'memory', 480,
         'value'),
    Goal(13, '10,000 connections / gorilla', 'fleet', 'gorilla', 'cpu', 0.6),
    Goal(13, '10,000 connections / Node ws', 'fleet', 'ws', 'cpu', 0.42),
    Goal(13, '10,000 connections / libwebsockets', 'fleet', 'lws', 'cpu', 0.2),
    Goal(14, 'full TLS 1.3 connect, RSA chain / OpenSSL', 'connect', 'floor',
         'reconnect', 2),
]


def goal_values(goal, found):
    return {'ratio': found.ratios, 'difference': found.differences,
            'value': found.library}[goal.kind]


def judge(goal, results):
    """(text of the value, met: True, False, or None if not measured)."""
    for result in results:
        if (result.scenario.name, result.peer) != (goal.scenario, goal.peer):
            continue
        why = result.skipped or result.failed
        found = None if why else figures(result.pairs, result.scenario,
                                         goal.metric)
        if found is None:
            return f'not measured: {why or "no figure"}'.replace('|', '/'), None
        values = goal_values(goal, found)
        middle = statistics.median(values)
        return f'{number(middle)} ({span(values)})', middle <= goal.limit
    return 'not measured', None


def goals_table(goals, results):
    said = {True: 'met', False: '**not met**', None: '-'}
    rows = []
    for goal in goals:
        value, met = judge(goal, results)
        rows.append([str(goal.row), goal.text, f'<= {goal.limit:g}', value,
                     said[met]])
    return markdown(['row', 'goal', 'Tier S', 'value (min–max)', ''], rows, 2)


def parse_rows(text):
    """'2,3,9' to {2, 3, 9}; only rows that have a goal."""
    known = {goal.row for goal in GOALS}
    rows = {int(part) for part in text.split(',')}
    if not rows <= known:
        raise ValueError(f'goals are there for {sorted(known)}')
    return rows


def replace_between(text, block, first=BEGIN, last=END):
    """`text` with `block` between the markers, which are added if need be."""
    block = f'{first}\n{block.strip()}\n{last}'
    begin, end = text.find(first), text.find(last)
    if begin < 0 and end < 0:
        return f'{text.rstrip()}\n\n{block}\n'
    if begin < 0 or end < begin:
        raise ValueError('one marker without the other')
    return text[:begin] + block + text[end + len(last):]
