#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of run.py: its arithmetic, its parsing and its pairs; with a source and
readers of a few lines that no machine's speed can change. Prints TAP."""

import contextlib
import io
import json
import os
import sys
import tempfile
import textwrap
import unittest

import measure
import report
import run

ONE = measure.Scenario('tls-1k', True, '1024', 10)
IDLE = measure.Scenario('idle', True, '1024', 0, connections=4, mode='idle')
PING = measure.Scenario('pingpong-tls', True, '1024', 10, mode='pingpong')


def line(**more):
    """What a reader prints for ONE."""
    values = {'peer': 'x', 'version': '1', 'events': 10, 'events_open': 0,
              'bytes': 10240, 'cpu_us': 50, 'startup_cpu_us': 10,
              'maxrss_kib': 2048, 'process_cpu_us': 100}
    values.update(more)
    return values


def pairs(library, peer, key='cpu_us'):
    return [(line(**{key: a}), line(**{key: b}))
            for a, b in zip(library, peer)]


class Parsing(unittest.TestCase):
    def parse(self, text):
        return measure.parse_line(text, ONE)

    def test_finds_the_line_among_others(self):
        text = 'hello\n' + json.dumps(line()) + '\nbye\n'
        self.assertEqual(self.parse(text)['cpu_us'], 50)

    def refused(self, text, why):
        with self.assertRaisesRegex(measure.Failed, why):
            self.parse(text)

    def test_refuses_no_line_and_two(self):
        self.refused('', '0 lines')
        self.refused(2 * (json.dumps(line()) + '\n'), '2 lines')
        self.refused('{"peer":\n', 'no JSON')

    def test_refuses_a_field_that_is_missing(self):
        short = line()
        del short['maxrss_kib']
        self.refused(json.dumps(short), 'without maxrss_kib')

    def test_refuses_events_too_few_and_too_many(self):
        self.refused(json.dumps(line(events=9)), '9 events, not 10')
        self.refused(json.dumps(line(events=11)), '11 events, not 10')

    def test_events_are_of_all_connections(self):
        self.assertEqual(
            measure.Scenario('x', True, '1', 7, connections=3).events, 21)

    def test_answers_to_a_question_of_idle_streams_are_no_loss(self):
        text = json.dumps(line(events=3))
        self.assertEqual(measure.parse_line(text, IDLE)['events'], 3)

    def test_refuses_more_cpu_than_the_kernel_saw(self):
        measure.check_cpu(line(cpu_us=90, process_cpu_us=100))
        with self.assertRaises(measure.Failed):
            measure.check_cpu(line(cpu_us=90000, process_cpu_us=60000))

    def test_reads_perf(self):
        self.assertEqual(
            measure.read_perf('# x\n\n12345,,instructions:u,99,100.0\n'), 12345)
        self.assertIsNone(
            measure.read_perf('<not supported>,,instructions:u,0,100.0\n'))
        self.assertIsNone(measure.read_perf(''))

    def test_cpu_model(self):
        with tempfile.NamedTemporaryFile('w') as info:
            info.write('processor: 0\nmodel name : A CPU\n'
                       'processor: 1\nmodel name : A CPU\n')
            info.flush()
            self.assertEqual(measure.cpu_model(info.name), '2 x A CPU')
        self.assertEqual(measure.cpu_model('/nonexistent'), 'unknown')


class Arithmetic(unittest.TestCase):
    def test_ratio_is_of_each_pair_not_of_the_medians(self):
        found = report.figures(pairs([10, 90, 40], [20, 30, 10]), ONE, 'cpu')
        self.assertEqual(found.ratios, [0.5, 3.0, 4.0])
        self.assertEqual(found.differences, [-1.0, 6.0, 3.0])

    def test_events_before_all_were_open_do_not_count(self):
        found = report.figures(
            [(line(events_open=5), line(events_open=0))], ONE, 'cpu')
        self.assertEqual((found.library, found.peer), ([10.0], [5.0]))

    def test_no_figure_of_nothing(self):
        self.assertIsNone(report.figures([], ONE, 'cpu'))
        self.assertIsNone(report.figures(pairs([1], [1]), ONE, 'p50'))
        self.assertIsNone(report.figures(pairs([1], [1]), ONE, 'instructions'))
        self.assertIsNone(
            report.figures([(line(events_open=10), line())], ONE, 'cpu'))

    def test_memory_and_connects_are_for_each_connection(self):
        one = line(events=0, rss_base_kib=1000, rss_kib=1160,
                   connect_cpu_us=8000)
        self.assertEqual(
            report.figures([(one, one)], IDLE, 'idle').library, [40])
        self.assertEqual(
            report.figures([(one, one)], IDLE, 'connect').library, [2])

    def test_spread(self):
        self.assertAlmostEqual(report.spread([0.9, 1.0, 1.2]), 0.3)
        self.assertEqual(report.spread([0, 0]), float('inf'))

    def test_enough_is_five_that_agree_or_nine(self):
        self.assertFalse(report.enough([1.0] * 4))
        self.assertTrue(report.enough([1.0] * 5))
        apart = [1.0, 1.2, 1.0, 1.0, 1.0]
        self.assertFalse(report.enough(apart))
        self.assertFalse(report.enough(apart + [1.0] * 3))
        self.assertTrue(report.enough(apart + [1.0] * 4))

    def test_numbers(self):
        self.assertEqual([report.number(n) for n in
                          (0.0612, 5.678, 56.78, 567.8, -2.5)],
                         ['0.061', '5.68', '56.8', '568', '-2.50'])


class Goals(unittest.TestCase):
    def judge(self, goal, *results):
        return report.judge(goal, results)

    def test_met_at_the_limit_and_not_above(self):
        goal = report.Goal(3, 'x', 'tls-1k', 'lws', 'cpu', 0.75)
        met = report.Result(ONE, 'lws', pairs([75, 10, 99], [100, 100, 100]))
        self.assertEqual(self.judge(goal, met), ('0.750 (0.100–0.990)', True))
        unmet = report.Result(ONE, 'lws',
                              pairs([76, 10, 99], [100, 100, 100]))
        self.assertIs(self.judge(goal, unmet)[1], False)

    def test_difference_and_value(self):
        result = report.Result(PING, 'floor', pairs([8], [4], 'p50_us'))
        goal = report.Goal(10, 'x', 'pingpong-tls', 'floor', 'p50', 3,
                           'difference')
        self.assertEqual(self.judge(goal, result),
                         ('4.00 (4.00–4.00)', False))
        goal = report.Goal(12, 'x', 'pingpong-tls', 'floor', 'memory', 2,
                           'value')
        self.assertIs(self.judge(goal, result)[1], True)

    def test_what_was_not_measured_is_neither(self):
        goal = report.Goal(3, 'x', 'tls-1k', 'lws', 'cpu', 0.75)
        self.assertEqual(self.judge(goal), ('not measured', None))
        skipped = report.Result(ONE, 'lws', [], skipped='no lws')
        self.assertEqual(self.judge(goal, skipped),
                         ('not measured: no lws', None))
        failed = report.Result(ONE, 'lws', pairs([1], [100]), failed='broke')
        self.assertIsNone(self.judge(goal, failed)[1])

    def test_rows(self):
        self.assertEqual(report.parse_rows('2,13'), {2, 13})
        for text in ('6', '2,99', 'x', ''):
            with self.assertRaises(ValueError):
                report.parse_rows(text)

    def test_every_goal_can_be_measured(self):
        peers = {scenario.name: (scenario, names)
                 for scenario, names in run.SCENARIOS}
        for goal in report.GOALS:
            scenario, names = peers[goal.scenario]
            self.assertIn(goal.peer, names)
            self.assertIn(goal.metric, report.SHOWN[scenario.mode])


class Tables(unittest.TestCase):
    def test_rows_of_a_peer(self):
        result = report.Result(ONE, 'ws', pairs([10, 20, 30], [20, 20, 20]))
        first = report.result_rows(result)[0]
        self.assertEqual(first, ['tls-1k', 'ws', '1', 'CPU per event, µs',
                                 '2.00', '2.00', '1.00', '0.500–1.50'])

    def test_a_skipped_peer_is_named_with_its_reason(self):
        table = report.results_table(
            [report.Result(ONE, 'curl', [], skipped='no ws | at all')])
        self.assertIn('| tls-1k | curl |  | skipped: no ws / at all |', table)

    def test_replaces_between_the_markers_only(self):
        once = report.replace_between('# Head\n', 'one')
        self.assertEqual(
            once, f'# Head\n\n{report.BEGIN}\none\n{report.END}\n')
        twice = report.replace_between(once + '\ntail\n', 'two\n')
        self.assertEqual(
            twice, f'# Head\n\n{report.BEGIN}\ntwo\n{report.END}\n\ntail\n')
        with self.assertRaises(ValueError):
            report.replace_between(report.END + report.BEGIN, 'x')
        with self.assertRaises(ValueError):
            report.replace_between(report.BEGIN, 'x')


SOURCE = '''
    import json, sys
    with open(LOG, 'a') as log:
        log.write('source ' + ' '.join(sys.argv[1:]) + chr(10))
    print(json.dumps({'port': 1, 'ca': '/ca', 'url': 'wss://h:1/'}),
          flush=True)
    for word in sys.stdin:
        with open(LOG, 'a') as log:
            log.write('heard ' + word)
'''

READER = '''
    import json, os, sys
    with open(LOG, 'a') as log:
        log.write(NAME + ' ' + ' '.join(sys.argv[1:]) + chr(10))
    if NAME == 'none':
        print('no such library', file=sys.stderr)
        sys.exit(77)
    events = int(sys.argv[-3]) * int(sys.argv[-2])
    if sys.argv[-1] == 'cut':
        events *= 2
    if '--tell' in sys.argv:
        print('{"ready":true}', flush=True)
    if NAME == 'loser':
        events -= 1
    print(json.dumps({'peer': NAME, 'version': '3', 'events': events,
                      'bytes': 1, 'cpu_us': 1, 'startup_cpu_us': 1,
                      'maxrss_kib': 1}))
'''


class Pairs(unittest.TestCase):
    """The processes: who is called, with what, and how often."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = folder.name
        self.log = os.path.join(self.out, 'log')
        self.machine = measure.Machine(self.script('source', SOURCE),
                                       pin=False)
        self.machine.perf = False
        self.library = self.script('library', READER)

    def script(self, name, text):
        folder = os.path.join(self.out, name)
        os.makedirs(folder)
        path = os.path.join(folder, 'run')
        with open(path, 'w') as file:
            file.write(f'#!{sys.executable}\nLOG = {self.log!r}\n'
                       f'NAME = {name!r}\n' + textwrap.dedent(text))
        os.chmod(path, 0o755)
        return [path]

    def compare(self, peer, *more, scenario=ONE):
        args = run.arguments(['--gcn', 'x', '--out', self.out, *more])
        return run.compare(self.machine, self.library, scenario, peer, args)

    def called(self):
        with open(self.log) as log:
            return log.read().splitlines()

    def test_library_and_peer_in_turn_with_a_source_each(self):
        self.script('peer', READER)
        result = self.compare('peer+json')
        self.assertEqual((result.failed, result.skipped), ('', ''))
        self.assertEqual(len(result.pairs), 5)
        source = 'source --tls --size 1024 --count 10 --connections-max 1'
        self.assertEqual(self.called(), 5 * [
            source, 'library --for 120s wss://h:1/ /ca 10 1 count',
            source, 'peer wss://h:1/ /ca 10 1 json'])

    def test_the_number_of_pairs_can_be_given(self):
        self.script('peer', READER)
        self.assertEqual(len(self.compare('peer', '--pairs', '2').pairs), 2)

    def test_the_plain_peer_has_a_plain_source_and_the_library_has_not(self):
        self.script('uv', READER)
        self.compare('uv', '--pairs', '1')
        self.assertIn('--tls', self.called()[0])
        self.assertIn('--plain', self.called()[2])

    def test_rate_and_silence_reach_the_source(self):
        self.script('peer', READER)
        paced = measure.Scenario('paced', True, '1024', 10, rate=5)
        self.compare('peer', '--pairs', '1', scenario=paced)
        self.assertIn('--rate 5', self.called()[0])
        self.compare('peer', '--pairs', '1', scenario=IDLE)
        self.assertIn('--pingpong', self.called()[-2])

    def test_who_is_to_be_cut_is_cut_once_it_is_ready(self):
        self.script('peer', READER)
        cut = measure.Scenario('connect', True, '1024', 1, connections=7,
                               mode='cut', ours=('--full', '--tell'))
        result = self.compare('peer', '--pairs', '1', scenario=cut)
        self.assertEqual(result.failed, '')
        source = ('source --tls --size 1024 --count 1 --connections-max 1 '
                  '--rsa --stay')
        self.assertEqual(self.called(), [
            source,
            'library --for 120s --full --tell wss://h:1/ /ca 1 7 cut',
            'heard cut', source, 'peer wss://h:1/ /ca 1 7 cut'])
        self.assertEqual(
            report.figures(result.pairs, cut, 'reconnect').ratios, [1])

    def test_who_cannot_run_is_skipped_with_the_last_word(self):
        self.script('none', READER)
        self.assertEqual(self.compare('none').skipped, 'no such library')
        self.assertEqual(self.compare('absent').skipped, 'was not built')
        os.makedirs(os.path.join(self.out, 'unbuilt'))
        with open(os.path.join(self.out, 'unbuilt', 'skipped'), 'w') as why:
            why.write('no compiler\n')
        self.assertEqual(self.compare('unbuilt').skipped, 'no compiler')

    def test_who_loses_events_has_failed(self):
        self.script('loser', READER)
        self.assertEqual(self.compare('loser').failed, '9 events, not 10')

    def test_too_many_connections_for_this_machine(self):
        self.script('peer', READER)
        self.machine.files_max = 100
        many = measure.Scenario('x', True, '1', 1, connections=99)
        self.assertIn('open files', self.compare('peer', scenario=many).skipped)

    def test_too_few_ports(self):
        measure.check_room(10000, 20000, 28232)
        for room in ((10000, 20000, 10000), (10000, 10000, 28232)):
            with self.assertRaises(measure.Skipped):
                measure.check_room(*room)
        with tempfile.NamedTemporaryFile('w') as text:
            text.write('32768\t60999\n')
            text.flush()
            self.assertEqual(measure.ports_max(text.name), 28232)

    def test_who_hangs_is_ended(self):
        self.script('peer', 'import time\ntime.sleep(60)\n')
        short = measure.Scenario('x', True, '1', 10, seconds_max=1)
        result = self.compare('peer', scenario=short)
        self.assertEqual(result.failed, 'exit status -9: no word')


class Selection(unittest.TestCase):
    def select(self, *more):
        args = run.arguments(['--gcn', 'x', '--out', 'y', *more])
        return [(scenario.name, peers)
                for scenario, peers in run.select(args, run.SCENARIOS)]

    def test_rows_need_only_their_own(self):
        self.assertEqual(self.select('--rows', '2,9,13'), [
            ('tls-mix', ['ws', 'ws+json']), ('idle', ['lws', 'ws']),
            ('fleet', ['gorilla', 'ws', 'lws'])])

    def test_scenarios_and_peers(self):
        self.assertEqual(
            self.select('--scenarios', 'tls-1k,fleet', '--peers', 'uv,ws'),
            [('tls-1k', ['ws']), ('fleet', ['uv', 'ws'])])

    def test_unknown_names_end_it(self):
        for more in (['--peers', 'nobody'], ['--scenarios', 'nothing'],
                     ['--rows', '6']):
            with self.assertRaises(SystemExit), \
                    contextlib.redirect_stderr(io.StringIO()):
                self.select(*more)


class Tap(unittest.TestResult):
    def say(self, test, passed, remark=''):
        name = test.id().split('.', 1)[1]
        print(f"{'ok' if passed else 'not ok'} {self.testsRun} - {name}")
        for row in remark.splitlines():
            print('# ' + row)
        sys.stdout.flush()

    def addSuccess(self, test):
        super().addSuccess(test)
        self.say(test, True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.say(test, False, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.say(test, False, self.errors[-1][1])


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(
        sys.modules['__main__'])
    result = Tap()
    print(f'1..{suite.countTestCases()}')
    suite.run(result)
    return 0 if result.wasSuccessful() else 1


if __name__ == '__main__':
    sys.exit(main())
