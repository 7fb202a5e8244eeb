#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tests of scoreboard.py: what meets a goal and what does not. TAP."""

import os
import sys
import tempfile

import catalogue
import scoreboard

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'api'))
import tap  # noqa: E402

LOG = [{'name': f'gcnotify:{suite} / {test}', 'result': 'OK', 'returncode': 0,
        'stdout': text} for suite, test, text in (
            ('loop', 'a', '1..2\nok 1 - one\nnot ok 2 - two\n'),
            ('net', 'b', '1..1\nok 1 - one\n'),
            ('net', 'c', '1..1\nok 1 - one # SKIP no namespaces\n'),
            ('dst', 'w', '1..1\nok 1 - seeds: 2000 of them\n'))]


def entry(name, *references, reasons=()):
    return catalogue.Entry(name, 'text', list(references), list(reasons), 'x')


ONE = ('loop', 'a', 'one')
TWO = ('loop', 'a', 'two')
NET = ('net', 'b', 'one')
AWAY = ('net', 'c', 'one')
LISTS = {
    'faults/D': [entry('D01', ONE), entry('D02', NET, ONE)],
    'faults/Z': [entry('Z01', NET)],
    'rows/S1': [entry('S1-01', ONE), entry('S1-02', TWO)],
    'rows/S2': [entry('S2-01', AWAY), entry('S2-02', ONE)],
    'rows/S3': [entry('S3-01', reasons=['none.']), entry('S3-02', ONE)],
}
RUN = scoreboard.Run(LISTS, catalogue.results_of([LOG]),
                     {'fuzz.targets': '14', 'fuzz.odd': 'many',
                      'fuzz.stage_passed': '1', 'coverage.stage_passed': '1',
                      'seeds.seeds': '9', 'seeds.stage_passed': '0',
                      'coverage.branch': '95.4 %'})


def read(reader, name, text):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, name)
        with open(path, 'w', encoding='utf-8') as out:
            out.write(text)
        return reader(directory if reader is scoreboard.read_figures else path)


def boarded(state, reasons):
    goals = [('C1', 'aim', lambda run: [scoreboard.Measure('m', state)])]
    return scoreboard.board(RUN, goals, reasons)[1][0][1]


# (name, what is found, what is wanted)
CASES = [
    ('a list that failed', lambda: RUN.list('rows/S1'),
     ('S1 1/2, 1 failed', 'fail')),
    ('a list that was skipped in part', lambda: RUN.list('rows/S2'),
     ('S2 1/2, 1 skipped', 'open')),
    ('a reason is shown', lambda: RUN.list('rows/S3'),
     ('S3 1/2, 1 with a reason', 'pass')),
    ('a list that is not there', lambda: RUN.list('rows/S9'),
     ('S9: no list', 'fail')),
    ('the faults without the cells', RUN.faults, ('faults 2/2', 'pass')),
    ('enough at packet level',
     lambda: RUN.reached('p', scoreboard.PACKET, 1), ('p 1', 'pass')),
    ('too few at packet level',
     lambda: RUN.reached('p', scoreboard.PACKET, 2), ('p 1', 'fail')),
    ('enough on sockets', lambda: RUN.reached('s', scoreboard.REAL, 2),
     ('s 2', 'pass')),
    ('so many rows', lambda: RUN.at_least('n', 'rows/S1', 1),
     ('n 1', 'pass')),
    ('not so many rows', lambda: RUN.at_least('n', 'rows/S1', 2),
     ('n 1', 'fail')),
    ('a case', lambda: RUN.tests('it', ONE), ('it: yes', 'pass')),
    ('a case that failed', lambda: RUN.tests('it', ONE, TWO),
     ('it: no', 'fail')),
    ('a case that is not there',
     lambda: RUN.tests('it', ('loop', 'z', 'one')), ('it: no', 'fail')),
    ('a figure', lambda: RUN.figure('f', 'fuzz.targets', '>=', 14),
     ('f 14', 'pass')),
    ('a figure below its bound',
     lambda: RUN.figure('f', 'fuzz.targets', '>=', 15), ('f 14', 'fail')),
    ('a figure with a unit',
     lambda: RUN.figure('f', 'coverage.branch', '>=', 95),
     ('f 95.4 %', 'pass')),
    ('a figure of a stage that failed',
     lambda: RUN.figure('f', 'seeds.seeds', '>=', 1),
     ('f 9, but the stage did not pass', 'fail')),
    ('a figure that is no number',
     lambda: RUN.figure('f', 'fuzz.odd', '>=', 0), ('f: many', 'fail')),
    ('a figure that nobody left',
     lambda: RUN.figure('f', 'soak.rss', '<=', 1),
     ('f: not measured', 'open')),
    ('a number that a case tells', lambda: RUN.told(
        'seeds', ('dst', 'w', 'seeds'), r': (\d+)', '>=', 2000),
     ('seeds 2000', 'pass')),
    ('too small a number', lambda: RUN.told(
        'seeds', ('dst', 'w', 'seeds'), r': (\d+)', '>=', 2001),
     ('seeds 2000', 'fail')),
    ('a case that tells nothing', lambda: RUN.told(
        'seeds', ('dst', 'w', 'lives'), r': (\d+)', '>=', 1),
     ('seeds: not told', 'fail')),
    ('one failure decides', lambda: scoreboard.state_of(
        [scoreboard.Measure('', s) for s in ('open', 'fail', 'pass')]),
     'fail'),
    ('not measured is not passed', lambda: scoreboard.state_of(
        [scoreboard.Measure('', s) for s in ('open', 'pass')]), 'open'),
    ('figures', lambda: read(scoreboard.read_figures, 'fuzz.txt',
                             'targets 14\nnoise\n'), {'fuzz.targets': '14'}),
    ('reasons', lambda: read(scoreboard.read_reasons, 'r',
                             '# x\nC6 One\n  sentence.\n\nC9 Two.\n'),
     {'C6': 'One sentence.', 'C9': 'Two.'}),
    ('a failure without a reason', lambda: boarded('fail', {}), 'fail'),
    ('a failure with a reason', lambda: boarded('fail', {'C1': 'r'}),
     'explained'),
    ('a reason of another goal', lambda: boarded('fail', {'C2': 'r'}),
     'fail'),
    ('what was not measured is no failure', lambda: boarded('open', {}),
     'open'),
    ('a failure is one in TAP', lambda: scoreboard.tap_of([('C1', 'fail')]),
     ['1..1', 'not ok 1 - C1']),
    ('only what passed is passed in TAP', lambda: [
        line.count('SKIP') for line in scoreboard.tap_of(
            [('C1', 'pass'), ('C2', 'open'), ('C3', 'explained')])],
     [0, 0, 1, 1]),
]


def compare(find, want):
    got = find()
    if got != want:
        raise tap.Failure(f'{got!r}, not {want!r}')


if __name__ == '__main__':
    tap.run([(name, compare, find, want) for name, find, want in CASES])
