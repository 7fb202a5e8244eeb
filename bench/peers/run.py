#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library against its peers, side by side.

    run.py --gcn build/gcn --out DIR [--install] [--build] [options]

Every figure comes from pairs of runs, library and peer in turn, each against a
fresh source: at least 5 pairs, up to 9 while the ratios differ by more than
10 %. Prints Markdown. Exit status: 1 if a run failed or a goal was not met.
"""

import argparse
import os
import subprocess
import sys

import report
from measure import Failed, Machine, Scenario, Skipped, cpu_model

HERE = os.path.dirname(os.path.abspath(__file__))
BASELINE = os.path.join(os.path.dirname(HERE), 'baseline.md')
SETUP = os.path.join(HERE, 'setup.sh')
BUILD = os.path.join(HERE, 'build.sh')

READERS = ['floor', 'wslay', 'wslay+json', 'naive', 'naive+json', 'lws',
           'lws-uv', 'beast', 'curl', 'gorilla', 'gorilla+json', 'ws',
           'ws+json', 'websockets', 'websockets+json']
TRIPPERS = ['floor', 'wslay', 'naive', 'lws', 'beast', 'curl', 'gorilla', 'ws',
            'websockets']
HOLDERS = ['wslay', 'naive', 'lws', 'beast', 'curl', 'gorilla', 'ws',
           'websockets']
FLEETS = ['uv', 'gorilla', 'ws', 'lws', 'lws-uv']
PLAIN_ONLY = {'uv'}

NOTES = """\
CPU per event is user and system time of the reader's process from the moment
all its connections are open to the last event; of the process, from start to
end. Ratio: gcnotify / peer, of each pair of runs. naive is wslay with Mbed TLS,
the same as gcnotify's, in OpenSSL's place. gcnotify checks UTF-8 and
finds topic, correlation id and body of every event in every row; floor and uv
only count frames, lws, curl and gorilla check no UTF-8, the others do. A peer
with +json parses each event: C by cJSON, the others by their own means.
"""

# [scenario, the peers that it is for]
SCENARIOS = [
    [Scenario('tls-256', True, '256', 200000), READERS],
    [Scenario('tls-1k', True, '1024', 100000), READERS],
    [Scenario('tls-4k', True, '4096', 30000), READERS],
    [Scenario('tls-64k', True, '65536', 2000), READERS],
    [Scenario('tls-mix', True, 'mix', 30000), READERS],
    [Scenario('plain-256', False, '256', 400000), READERS],
    [Scenario('plain-1k', False, '1024', 200000), READERS],
    [Scenario('plain-4k', False, '4096', 60000), READERS],
    [Scenario('plain-mix', False, 'mix', 60000), READERS],
    [Scenario('paced', True, '1024', 10000, rate=2000), READERS],
    [Scenario('pingpong-tls', True, '1024', 20000, mode='pingpong'), TRIPPERS],
    [Scenario('pingpong-plain', False, '1024', 20000, mode='pingpong'),
     TRIPPERS],
    [Scenario('connect', True, '1024', 1, connections=200, mode='cut',
              ours=('--full', '--plain-api', '--tell', '--hasty')), ['floor']],
    [Scenario('idle', True, '1024', 0, connections=1000, mode='idle'),
     HOLDERS],
    [Scenario('fleet', True, '1024', 20, connections=10000, rate=20000,
              seconds_max=900, ours=('--plain-api',)), FLEETS],
]


def add_places(parser):
    parser.add_argument('--gcn', required=True, help='the program')
    parser.add_argument('--out', required=True, help='where the peers are')
    parser.add_argument('--install', action='store_true',
                        help='what the peers need, by peers/setup.sh')
    parser.add_argument('--build', action='store_true',
                        help='the peers into OUT, by peers/build.sh')


def arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add_places(parser)
    parser.add_argument('--rows', help='goals, as 2,3,9: only what they need')
    parser.add_argument('--scenarios', help='only these, as tls-1k,idle')
    parser.add_argument('--peers', help='only these, as ws,ws+json')
    parser.add_argument('--pairs', type=int, help='exactly so many')
    parser.add_argument('--no-pin', action='store_true',
                        help='source and reader on any core')
    parser.add_argument('--write', action='store_true',
                        help='the tables into bench/baseline.md')
    args = parser.parse_args(argv)
    try:
        args.rows = report.parse_rows(args.rows) if args.rows else None
    except ValueError as error:
        parser.error(str(error))
    return args


def select(args, scenarios):
    """[(scenario, [peers])] that the arguments ask for."""
    goals = None
    if args.rows:
        goals = {(goal.scenario, goal.peer) for goal in report.GOALS
                 if goal.row in args.rows}
    names = args.scenarios.split(',') if args.scenarios else None
    wanted = args.peers.split(',') if args.peers else None
    unknown = set(names or []) - {scenario.name for scenario, _ in scenarios}
    unknown |= set(wanted or []) - {p for _, peers in scenarios for p in peers}
    if unknown:
        raise SystemExit(f'run: unknown: {", ".join(sorted(unknown))}')
    chosen = []
    for scenario, peers in scenarios:
        if names and scenario.name not in names:
            continue
        peers = [peer for peer in peers
                 if (not wanted or peer in wanted) and
                 (goals is None or (scenario.name, peer) in goals)]
        if peers:
            chosen.append((scenario, peers))
    return chosen


def program(out, peer):
    """Command line of a peer, and the mode it adds; Skipped if it has none."""
    name, _, variant = peer.partition('+')
    folder = os.path.join(out, name)
    path = os.path.join(folder, 'run')
    if os.path.exists(path):
        return [path], variant
    try:
        with open(os.path.join(folder, 'skipped')) as reason:
            raise Skipped(reason.read().strip())
    except FileNotFoundError:
        raise Skipped('was not built') from None


def compare(machine, library, scenario, peer, args):
    """Pairs of runs until there are enough of them: a Result."""
    result = report.Result(scenario, peer, [])
    first = report.SHOWN[scenario.mode][0]
    try:
        command, variant = program(args.out, peer)
        tls = scenario.tls and peer not in PLAIN_ONLY
        while True:
            ours = machine.run(
                library + ['--for', f'{scenario.seconds_max}s',
                           *scenario.ours], scenario, scenario.mode,
                scenario.tls)
            theirs = machine.run(command, scenario, variant or scenario.mode,
                                 tls)
            result.pairs.append((ours, theirs))
            found = report.figures(result.pairs, scenario, first)
            if found is None or len(found.ratios) < len(result.pairs):
                raise Failed(f'no {first}')
            if args.pairs and len(found.ratios) >= args.pairs:
                break
            if not args.pairs and report.enough(found.ratios):
                break
    except Skipped as why:
        result.skipped = str(why)
    except Failed as why:
        result.failed = str(why)
    return result


def say(text):
    print(text, file=sys.stderr, flush=True)


def measure_all(args, machine, library, scenarios=None):
    results = []
    for scenario, peers in select(args, scenarios or SCENARIOS):
        for peer in peers:
            result = compare(machine, library, scenario, peer, args)
            results.append(result)
            for row in report.result_rows(result)[:1]:
                say(' '.join(part for part in row if part))
    return results


def heading(machine, results):
    ours = next((pair[0]['version'] for result in results
                 for pair in result.pairs), 'unknown')
    counted = max((len(result.pairs) for result in results), default=0)
    perf = 'by perf stat' if machine.perf else \
        'not counted (perf stat has no counters here)'
    pinned = 'source and reader on a core each' \
        if machine.reader_core is not None else 'nothing pinned'
    return (f'gcnotify {ours}; {cpu_model()}; {pinned}; up to {counted} pairs '
            f'of runs, medians; instructions {perf}.\n')


def document(machine, results, goals):
    text = heading(machine, results) + '\n' + report.results_table(results)
    if goals:
        text += '\n' + report.goals_table(goals, results)
    return text + '\n' + NOTES


def prepare(args):
    if args.install:
        subprocess.run(['sh', SETUP], check=True, stdin=subprocess.DEVNULL)
    if args.build or args.install:
        build = os.path.dirname(os.path.abspath(args.gcn))
        subprocess.run(['sh', BUILD, args.out], check=True,
                       env={**os.environ, 'GCN_BUILD': build},
                       stdin=subprocess.DEVNULL, stdout=sys.stderr)


def chosen_goals(args, results):
    """Those that were asked for; else those of which something is known."""
    if args.rows:
        return [goal for goal in report.GOALS if goal.row in args.rows]
    measured = {(result.scenario.name, result.peer) for result in results}
    return [goal for goal in report.GOALS
            if (goal.scenario, goal.peer) in measured]


def main(argv=None):
    args = arguments(argv)
    prepare(args)
    gcn = os.path.abspath(args.gcn)
    machine = Machine([gcn, 'bench', 'source'], pin=not args.no_pin)
    results = measure_all(args, machine, [gcn, 'bench', 'drive'])
    goals = chosen_goals(args, results)
    text = document(machine, results, goals)
    print(text, end='')
    if args.write:
        with open(BASELINE) as file:
            before = file.read()
        with open(BASELINE, 'w') as file:
            file.write(report.replace_between(before, '## Peers\n\n' + text))
    failed = any(result.failed for result in results)
    unmet = any(report.judge(goal, results)[1] is False for goal in goals)
    return 1 if failed or unmet else 0


if __name__ == '__main__':
    sys.exit(main())
