#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of goals.py: what it makes of what programs print, and its verdicts;
with programs of a few lines. Prints TAP.

usage: test_goals.py GCN BENCH_MICRO   (whose cases the goals have to be)
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest

import goals
import measure
import verdict
from test_run import main

CASE = ('throughput', 'tls-1k')
FIGURE = verdict.Bench(*CASE, 'cpu', beside='raw')


def readers(**cpu):
    """A round of gcn bench."""
    return {name: {'cpu': value} for name, value in cpu.items()}


def found_of(*rounds):
    return verdict.Found(bench={CASE: list(rounds)})


class Judging(unittest.TestCase):
    def judge(self, limit, found, **more):
        return verdict.judge(verdict.Goal('5', 'x', limit, FIGURE, **more),
                             found)

    def test_over_the_goal_is_not_met(self):
        found = found_of(*[readers(library=12, raw=10)] * 3)
        self.assertEqual(self.judge(1.1, found), ('1.20 (1.20–1.20)', False))
        goal = verdict.Goal('5', 'x', 1.1, FIGURE)
        self.assertIn('| **not met** |', verdict.table([goal], found, {}))

    def test_at_the_goal_is_met(self):
        found = found_of(readers(library=11, raw=10))
        self.assertEqual(self.judge(1.1, found), ('1.10', True))

    def test_a_ratio_is_of_a_round_and_the_median_counts(self):
        found = found_of(readers(library=10, raw=20),
                         readers(library=90, raw=30),
                         readers(library=40, raw=10))
        self.assertEqual(self.judge(3, found), ('3.00 (0.500–4.00)', True))

    def test_only_so_many_digits_count(self):
        found = found_of(readers(library=30.7, raw=10))
        self.assertIs(self.judge(3, found)[1], False)
        self.assertIs(self.judge(3, found, digits=0)[1], True)
        found = found_of(readers(library=36, raw=10))
        self.assertIs(self.judge(3, found, digits=0)[1], False)

    def test_what_was_not_measured_is_neither_and_says_why(self):
        for found, why in (
                (verdict.Found(), 'not asked for'),
                (verdict.Found(bench={CASE: 'no | files'}), 'no / files'),
                (found_of(readers(raw=1)), 'no cpu here'),
                (found_of(readers(library=1)), 'no cpu of raw'),
                (found_of({'library': {'cpu': None}}), 'no cpu here')):
            self.assertEqual(self.judge(9, found),
                             ('not measured: ' + why, None))

    def test_what_was_never_taken_over_shows_nothing(self):
        figure = verdict.Bench('reconnect', 'announced', 'missed',
                               needs='takeovers')
        goal = verdict.Goal('17', 'x', 0, figure)
        for count, met in ((0, None), (1, True)):
            found = verdict.Found(bench={('reconnect', 'announced'): [
                {'library': {'missed': 0, 'takeovers': count}}]})
            self.assertIs(verdict.judge(goal, found)[1], met)

    def test_counts_and_lost_events(self):
        goal = verdict.Goal('TLS', 'x', 1.1, verdict.Count('a', 'b'))
        self.assertEqual(
            verdict.judge(goal, verdict.Found(counts={'a': 3, 'b': 2})),
            ('1.50', False))
        self.assertEqual(verdict.judge(goal, verdict.Found(counts={'a': 3})),
                         ('not measured: no b', None))
        goal = verdict.Goal('18', 'x', 0, verdict.Exact())
        self.assertIsNone(verdict.judge(goal, verdict.Found())[1])
        found = verdict.Found(samples=9)
        self.assertEqual(verdict.judge(goal, found), ('0', True))
        found.inexact.append('9 events, not 10')
        self.assertEqual(verdict.judge(goal, found), ('1', False))


class MustShow(unittest.TestCase):
    def rows(self, *goals_of):
        return verdict.must_show(list(goals_of),
                                 found_of(readers(library=2, raw=1)))

    def goal(self, row, limit, **more):
        return verdict.Goal(row, 'x', limit, FIGURE, **more)

    def test_one_that_is_not_met_is_enough(self):
        said = self.rows(self.goal('5', 2), self.goal('5', 1),
                         self.goal('6', 2))
        self.assertEqual((said['met'], said['not met']), (['6'], ['5']))

    def test_one_that_is_missing_is_told(self):
        absent = verdict.Goal('5', 'x', 1, verdict.Absent('no such thing'))
        said = self.rows(self.goal('5', 2), absent)
        self.assertIn('5', said['not measured'])
        self.assertEqual(said['met'], [])

    def test_another_form_counts_for_nothing(self):
        said = self.rows(self.goal('5', 1, record=True), self.goal('5', 2))
        self.assertEqual(said['met'], ['5'])
        self.assertEqual(
            verdict.verdict(self.goal('5', 1, record=True), False),
            '(not met)')

    def test_storms_beside_raw_handshakes_are_for_the_record(self):
        figure = verdict.Bench('handshake', 'tls12-resumed',
                               'cpu_ms_per_connect', beside=verdict.RAW)
        goal, = (goal for goal in verdict.GOALS if goal.figure == figure)
        self.assertTrue(goal.row == '15' and goal.record)
        found = verdict.Found(bench={('handshake', 'tls12-resumed'): [
            {'library': {'cpu_ms_per_connect': 0.3},
             'raw': {'cpu_ms_per_connect': 0.2}}]})
        self.assertEqual(verdict.judge(goal, found), ('1.50', False))
        self.assertIn('| (not met) |', verdict.table([goal], found, {}))

    def test_every_row_of_the_list_has_goals(self):
        rows = {goal.row for goal in verdict.GOALS if not goal.record}
        self.assertEqual(set(verdict.MUST) - rows, set())
        self.assertEqual(rows - set(verdict.MUST),
                         {'1', '2', '3', '4', '8', '9'})


class Reading(unittest.TestCase):
    def test_lines_of_gcn_bench(self):
        lines = [json.dumps({'group': 'g', 'case': 'c', 'reader': name,
                             'x': value})
                 for name, value in (('library', 1), ('raw', None))]
        rows = goals.read_bench(lines)
        self.assertEqual(rows['g', 'c']['library']['x'], 1)
        self.assertIsNone(rows['g', 'c']['raw']['x'])

    def test_the_table_of_bench_micro(self):
        self.assertEqual(goals.read_ratio([
            '| A | B | A, ns/op | B, ns/op | A/B, median | least | most |',
            '|---|---|---:|---:|---:|---:|---:|',
            '| a | b | 10 | 20 | 0.50 | 0.40 | 0.60 |']), 0.5)


GCN = '''#!{python}
import json, sys
if sys.argv[-1] == 'tls':
    print('no files left', file=sys.stderr)
    sys.exit(1)
for case in ('plain-1k', 'tls-1k'):
    print(json.dumps({{'group': 'throughput', 'case': case, 'reader':
                      'library', 'allocations_per_event': {allocations},
                      'syscalls_per_event': 0.01}}))
'''


class Running(unittest.TestCase):
    """The whole of it, with a gcn that prints what it is told."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = folder.name
        self.gcn = os.path.join(self.out, 'gcn')

    def run_with(self, allocations, *more):
        with open(self.gcn, 'w') as file:
            file.write(GCN.format(python=sys.executable,
                                  allocations=allocations))
        os.chmod(self.gcn, 0o755)
        out = io.StringIO()
        with contextlib.redirect_stdout(out), \
                contextlib.redirect_stderr(io.StringIO()):
            status = goals.main(['--gcn', self.gcn, '--out', self.out,
                                 '--rounds', '2', *more])
        return status, out.getvalue()

    def test_a_goal_that_is_met_and_one_that_is_not(self):
        status, text = self.run_with(0, '--rows', '6')
        self.assertEqual((status, text.count('| met |')), (0, 2))
        status, text = self.run_with(0.25, '--rows', '6')
        self.assertEqual((status, text.count('| **not met** |')), (1, 2))
        self.assertIn('0.250 (0.250–0.250)', text)

    def test_what_fails_is_not_measured_and_the_rest_is(self):
        status, text = self.run_with(0, '--rows', '7')
        self.assertEqual(status, 0)
        self.assertIn('not measured: no files left', text)
        self.assertEqual(text.count('| met |'), 2)
        self.assertIn('0 of 1: met: none; not met: none; not measured: 7.',
                      text)

    def test_the_head_says_how_it_was_built(self):
        self.assertIn('; built: unknown; ', self.run_with(0, '--rows', '6')[1])
        info = os.path.join(self.out, 'meson-info')
        os.mkdir(info)
        options = [{'name': name, 'value': value} for name, value in (
            ('buildtype', 'release'), ('optimization', '2'), ('b_lto', True))]
        for said, head in ((options, 'release, -O2, with LTO'),
                           (options[:2], 'unknown'), ([1], 'unknown')):
            with open(os.path.join(info, 'intro-buildoptions.json'),
                      'w') as file:
                json.dump(said, file)
            self.assertIn(f'; built: {head}; ',
                          self.run_with(0, '--rows', '6')[1])

    def test_written_between_the_markers(self):
        path = os.path.join(self.out, 'baseline.md')
        with open(path, 'w') as file:
            file.write('# Head\n')
        before, goals.BASELINE = goals.BASELINE, path
        self.addCleanup(setattr, goals, 'BASELINE', before)
        for allocations in (1, 0):
            self.run_with(allocations, '--rows', '6', '--write')
        with open(path) as file:
            text = file.read()
        self.assertTrue(text.startswith(f'# Head\n\n{verdict.BEGIN}\n'))
        self.assertEqual(text.count('## Goals'), 1)
        self.assertNotIn('**not met**', text)

    def test_rows_that_are_not_there(self):
        with self.assertRaises(SystemExit):
            self.run_with(0, '--rows', '99')


class Turns(unittest.TestCase):
    """The library once a round, whatever the number of peers."""

    def test_order_failures_and_values(self):
        scenario = measure.Scenario('tls-1k', True, '1024', 10)
        called = []

        def sample(args, machine, scenario, peer):
            called.append(peer)
            if peer == 'absent':
                raise measure.Skipped('was not built')
            return {'events': 10, 'cpu_us': 30 if peer else 60}

        before, goals.peer_sample = goals.peer_sample, sample
        self.addCleanup(setattr, goals, 'peer_sample', before)
        args = goals.arguments(['--gcn', 'x', '--out', 'y', '--rounds', '2'])
        turns = goals.Turns(args, None, scenario, ['a', 'absent'])
        self.assertEqual(called, ['', 'a', 'absent', 'a', ''])
        figure = verdict.Peer('tls-1k', 'a', 'cpu')
        self.assertEqual(turns.values(scenario, figure), [2, 2])
        figure = verdict.Peer('tls-1k', 'absent', 'cpu')
        self.assertEqual(turns.values(scenario, figure),
                         'absent: was not built')

    def test_a_quick_run_is_a_small_one(self):
        args = goals.arguments(['--gcn', 'x', '--out', 'y', '--quick'])
        fleet, _ = goals.run.SCENARIOS[-1]
        small = goals.scaled(args, fleet)
        self.assertEqual(small.connections, goals.QUICK_CONNECTIONS)
        self.assertLess(small.events, fleet.events / 4)
        args.quick, args.connections = False, 1000
        self.assertEqual(goals.scaled(args, fleet).events, fleet.events)


class Programs(unittest.TestCase):
    """Each goal is of something that there is."""

    def lines(self, *command):
        return subprocess.run(command, check=True, text=True,
                              stdout=subprocess.PIPE).stdout.splitlines()

    def test_cases_of_gcn_bench(self):
        cases = set(self.lines(PROGRAMS[0], 'bench', '--list'))
        for goal in verdict.GOALS:
            if isinstance(goal.figure, verdict.Bench):
                self.assertIn(f'{goal.figure.group} {goal.figure.case}', cases)

    def test_rows_of_bench_micro(self):
        rows = set(self.lines(PROGRAMS[1], '--list'))
        for goal in verdict.GOALS:
            if isinstance(goal.figure, (verdict.Micro, verdict.Count)):
                self.assertIn(goal.figure.row, rows)
                self.assertIn(goal.figure.beside, rows)

    def test_scenarios_of_peers(self):
        scenarios = {scenario.name: (scenario, peers)
                     for scenario, peers in goals.run.SCENARIOS}
        for goal in verdict.GOALS:
            if not isinstance(goal.figure, verdict.Peer):
                continue
            scenario, peers = scenarios[goal.figure.scenario]
            self.assertIn(goal.figure.peer, peers)
            self.assertIn(goal.figure.metric,
                          goals.report.SHOWN[scenario.mode])


if __name__ == '__main__':
    PROGRAMS = sys.argv[1:]
    sys.exit(main())
