#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""All goals, measured in one go, as one Markdown table.

    goals.py --gcn BUILD/gcn --out DIR [--install | --build] [--write]

DIR is where the peers are, or are put by --build. Everything is of several
processes, because where a process's stack happens to lie decides how fast it
decrypts, and in turn: library, other, library, other. On a quiet machine of two
cores it takes about a quarter of an hour, with --quick some minutes for figures
that say little. What cannot be measured is named with the reason. Exit status: 1
if a goal that has to be met is not.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import time

import verdict

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.path.join(HERE, 'peers')
BASELINE = os.path.join(HERE, 'baseline.md')

sys.path.append(PEERS)
import instructions  # noqa: E402
import measure  # noqa: E402
import report  # noqa: E402
import run  # noqa: E402

ROUNDS = 5
# Where a round takes long, or differs little from the next.
ROUNDS_OF = {'fleet': 1, 'storm': 1, 'idle': 3, 'paced': 3, 'reconnect': 3,
             'wakeup': 3}
QUICK_ROUNDS = 2
QUICK_CONNECTIONS = 300
QUICK_SHARE = 5  # of events and connections, elsewhere
CONNECTIONS = 10000
SECONDS_MAX = 900  # of one program

# What gcn bench has to be told where a group has many connections.
MANY = {'storm', 'idle'}


def arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    run.add_places(parser)
    parser.add_argument('--quick', action='store_true',
                        help='few events, few connections')
    parser.add_argument('--rows', help='only these, as 5,14,TLS')
    parser.add_argument('--connections', type=int,
                        help=f'of storms and fleets [{CONNECTIONS}]')
    parser.add_argument('--rounds', type=int, help=f'of each [{ROUNDS}]')
    parser.add_argument('--write', action='store_true',
                        help='the table into bench/baseline.md')
    args = parser.parse_args(argv)
    if not args.connections:
        args.connections = QUICK_CONNECTIONS if args.quick else CONNECTIONS
    known = {goal.row for goal in verdict.GOALS}
    wanted = set(args.rows.split(',')) if args.rows else known
    if not wanted <= known:
        parser.error('no goals for ' + ', '.join(sorted(wanted - known)))
    args.goals = [goal for goal in verdict.GOALS if goal.row in wanted]
    return args


def say(text):
    print(text, file=sys.stderr, flush=True)


def rounds_of(args, name):
    if args.rounds:
        return args.rounds
    most = ROUNDS_OF.get(name, ROUNDS)
    return min(most, QUICK_ROUNDS) if args.quick else most


def figures(args, kind):
    return [goal.figure for goal in args.goals
            if isinstance(goal.figure, kind)]


def last_word(text):
    return (text.strip().splitlines() or ['no word'])[-1]


def lines_of(command):
    """What a program prints; Unmeasured if it fails."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=SECONDS_MAX)
    except (OSError, subprocess.TimeoutExpired) as why:
        raise verdict.Unmeasured(str(why)) from None
    if done.returncode != 0:
        raise verdict.Unmeasured(last_word(done.stderr))
    return done.stdout.splitlines()


def read_bench(lines):
    """{(group, case): {reader: its numbers}} of gcn bench --json."""
    rows = {}
    for line in lines:
        row = json.loads(line)
        rows.setdefault((row['group'], row['case']), {})[row['reader']] = row
    return rows


def measure_case(args, found, group, case):
    command = [args.gcn, 'bench', '--json', '--repetitions', '1']
    if args.quick:
        command.append('--quick')
    if group == 'storm' or (args.quick and group in MANY):
        command += ['--connections', str(args.connections)]
    for _ in range(rounds_of(args, group)):
        rows = read_bench(lines_of(command + [group, case]))
        readers = rows.get((group, case), {})
        found.bench.setdefault((group, case), []).append(readers)
        found.samples += len(readers)


def measure_bench(args, found):
    cases = dict.fromkeys((figure.group, figure.case)
                          for figure in figures(args, verdict.Bench))
    for group, case in cases:
        say(f'gcn bench {group} {case}')
        try:
            measure_case(args, found, group, case)
        except verdict.Unmeasured as why:
            found.bench[group, case] = str(why)


def read_ratio(lines):
    """The median of bench-micro --ratio A B."""
    return float(lines[-1].strip('| ').split('|')[4])


def bench_micro(args):
    return os.path.join(os.path.dirname(args.gcn), 'bench', 'bench-micro')


def measure_micro(args, found):
    for figure in figures(args, verdict.Micro):
        say(figure.command)
        command = [bench_micro(args), '--ratio', figure.row, figure.beside]
        try:
            values = [read_ratio(lines_of(command))
                      for _ in range(rounds_of(args, 'micro'))]
        except verdict.Unmeasured as why:
            values = str(why)
        found.micro[figure.row, figure.beside] = values


def measure_counts(args, found):
    rows = sorted({row for figure in figures(args, verdict.Count)
                   for row in (figure.row, figure.beside)})
    if not rows:
        return
    say('instructions')
    try:
        found.counts = instructions.count(bench_micro(args), rows)
    except (OSError, subprocess.CalledProcessError) as why:
        found.counts = str(why)


def scaled(args, scenario):
    """The scenario as the arguments want it."""
    if scenario.name == 'fleet':
        # As many seconds, whatever the number of connections.
        events = scenario.events // (QUICK_SHARE if args.quick else 1)
        return dataclasses.replace(
            scenario, connections=args.connections,
            count=max(1, events // args.connections))
    if not args.quick:
        return scenario
    return dataclasses.replace(
        scenario, count=scenario.count if scenario.mode == 'cut'
        else scenario.count // QUICK_SHARE,
        connections=max(1, scenario.connections // QUICK_SHARE))


def peer_sample(args, machine, scenario, peer):
    """The peer's line, or the library's (peer '')."""
    if not peer:
        command = [args.gcn, 'bench', 'drive', '--for',
                   f'{scenario.seconds_max}s', *scenario.ours]
        return machine.run(command, scenario, scenario.mode, scenario.tls)
    command, variant = run.program(args.out, peer)
    tls = scenario.tls and peer not in run.PLAIN_ONLY
    return machine.run(command, scenario, variant or scenario.mode, tls)


class Turns:
    """The library and its peers in turn: {peer: [line]}, or why there is
    none."""

    def __init__(self, args, machine, scenario, peers):
        self.lines = {peer: [] for peer in ['', *peers]}
        self.failed = {}
        self.inexact = []
        for turn in range(rounds_of(args, scenario.name)):
            order = list(self.lines)
            for peer in reversed(order) if turn % 2 else order:
                if peer not in self.failed:
                    self.take(args, machine, scenario, peer)

    def take(self, args, machine, scenario, peer):
        try:
            line = peer_sample(args, machine, scenario, peer)
        except (measure.Skipped, measure.Failed) as why:
            self.failed[peer] = str(why)
            if not peer and 'events, not' in str(why):
                self.inexact.append(f'{scenario.name}: {why}')
            return
        self.lines[peer].append(line)

    def values(self, scenario, figure):
        """Of each pair, or the reason why there are none."""
        for peer in ('', figure.peer):
            if peer in self.failed:
                return f'{peer or "gcnotify"}: {self.failed[peer]}'
        pairs = list(zip(self.lines[''], self.lines[figure.peer]))
        of_pairs = report.figures(pairs, scenario, figure.metric)
        if of_pairs is None:
            return f'no {figure.metric}'
        return {'ratio': of_pairs.ratios, 'difference': of_pairs.differences,
                'value': of_pairs.library}[figure.kind]


def measure_peers(args, found):
    wanted = {}
    for figure in figures(args, verdict.Peer):
        wanted.setdefault(figure.scenario, []).append(figure)
    if not wanted:
        return
    machine = measure.Machine([args.gcn, 'bench', 'source'])
    machine.perf = False
    for scenario, _ in run.SCENARIOS:
        chosen = wanted.get(scenario.name, [])
        if not chosen:
            continue
        peers = list(dict.fromkeys(figure.peer for figure in chosen))
        say(f'{scenario.name}: {", ".join(peers)}')
        scenario = scaled(args, scenario)
        turns = Turns(args, machine, scenario, peers)
        found.samples += len(turns.lines[''])
        found.inexact += turns.inexact
        for figure in chosen:
            values = turns.values(scenario, figure)
            if figure.kind == 'value' and not isinstance(values, str):
                # What is held for each connection, at the goal's size.
                values = [value * CONNECTIONS / scenario.connections
                          for value in values]
            found.peers[figure.scenario, figure.peer, figure.metric,
                        figure.kind] = values


def built(gcn):
    """What meson says of the directory that the program is in; '' if nothing
    does."""
    path = os.path.join(os.path.dirname(gcn), 'meson-info',
                        'intro-buildoptions.json')
    try:
        with open(path, encoding='utf-8') as file:
            options = {option['name']: option['value']
                       for option in json.load(file)}
        return (f'{options["buildtype"]}, -O{options["optimization"]}, '
                f'{"with" if options["b_lto"] else "without"} LTO')
    except (OSError, ValueError, KeyError, TypeError):
        return ''


def document(args, found, seconds):
    sizes = {'storm': f'{args.connections:,}', 'fleet': f'{args.connections:,}',
             'samples': f'{found.samples:,}'}
    short = ', and few events: the figures say little' if args.quick else ''
    head = (f'{measure.cpu_model()}; built: {built(args.gcn) or "unknown"}; '
            f'{seconds / 60:.0f} minutes{short}; load '
            f'when it began: {args.load:.1f}. Again, with the peers built: '
            '`bench/goals.py --gcn build/gcn --out DIR --build --write`.\n')
    return '\n'.join([head, verdict.table(args.goals, found, sizes),
                      verdict.sum_up(args.goals, found), verdict.NOTES])


def write(text):
    with open(BASELINE, encoding='utf-8') as file:
        before = file.read()
    after = report.replace_between(before, '## Goals\n\n' + text,
                                   verdict.BEGIN, verdict.END)
    with open(BASELINE, 'w', encoding='utf-8') as file:
        file.write(after)


def main(argv=None):
    args = arguments(argv)
    run.prepare(args)
    args.gcn = os.path.abspath(args.gcn)
    args.load = os.getloadavg()[0]
    began = time.monotonic()
    found = verdict.Found()
    for step in (measure_counts, measure_micro, measure_bench, measure_peers):
        step(args, found)
    text = document(args, found, time.monotonic() - began)
    print(text, end='')
    if args.write:
        write(text)
    unmet = any(verdict.judge(goal, found)[1] is False
                for goal in args.goals if not goal.record)
    return 1 if unmet else 0


if __name__ == '__main__':
    sys.exit(main())
