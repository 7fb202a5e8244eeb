#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tests of catalogue.py: what it refuses, and what it takes. TAP."""

import os
import sys
import tempfile

import catalogue

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'api'))
import tap  # noqa: E402

GOOD = '# a list\nD01 no such host\n  loop/hosts: a case\n  unit/x: *\n'


def parsed(text):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, 'D.txt')
        with open(path, 'w', encoding='utf-8') as out:
            out.write(text)
        try:
            return catalogue.parse(path)
        except catalogue.Damaged as damage:
            return str(damage)


def run(*cases):
    """One build's log: (suite, test, TAP text) of each program."""
    return [{'name': f'gcnotify:{suite} / {test}', 'result': 'OK',
             'returncode': 0, 'stdout': text} for suite, test, text in cases]


def judged(text, *logs):
    return [catalogue.judge(entry, catalogue.results_of(logs))[0]
            for entry in parsed(text)]


def entries(*ids, references=(('loop', 'x', 'y'),), reasons=()):
    return [catalogue.Entry(i, 'text', list(references), list(reasons), 'here')
            for i in ids]


PASS = run(('loop', 'hosts', '1..2\nok 1 - a case\nok 2 - another\n'),
           ('unit', 'x', '1..1\nok 1 - y\n'))
FAIL = run(('loop', 'hosts', '1..2\nnot ok 1 - a case\nok 2 - another\n'))
SKIP = run(('loop', 'hosts', '1..1\nok 1 - a case # SKIP no server\n'))
ONE = 'D01 t\n  loop/hosts: a case\n'
README = 'x\nWhat you can rely on:\n\n* One\n  two.\n* Three.\n\nOther.\n* No\n'

# (name, what is found, what is wanted)
CASES = [
    ('an entry', lambda: parsed(GOOD)[0][:4],
     ('D01', 'no such host', [('loop', 'hosts', 'a case'),
                              ('unit', 'x', '*')], [])),
    ('a reason', lambda: parsed('D01 t\n  reason: none.\n')[0].reasons,
     ['none.']),
    ('a line that is none is told', lambda: 'D.txt:2' in parsed(
        'D01 t\n  loop/hosts a case\n'), True),
    ('an indented line without an entry is told', lambda: 'D.txt:1' in parsed(
        '  loop/hosts: a case\n'), True),
    ('an id without a text is told', lambda: 'D.txt:1' in parsed('D01\n'),
     True),
    ('a reference that passed', lambda: judged(ONE, PASS), ['passed']),
    ('every case of a program', lambda: judged(GOOD, PASS), ['passed']),
    ('a prefix', lambda: judged('D01 t\n  loop/hosts: a *\n', PASS),
     ['passed']),
    ('a prefix of nothing', lambda: judged('D01 t\n  loop/hosts: b*\n', PASS),
     ['failed']),
    ('a part of a name is not its case',
     lambda: judged('D01 t\n  loop/hosts: a cas\n', PASS), ['failed']),
    ('one of two builds failed', lambda: judged(ONE, PASS, FAIL), ['failed']),
    ('one of two references is missing',
     lambda: judged(ONE + '  loop/hosts: gone\n', PASS), ['failed']),
    ('a program that was not run',
     lambda: judged('D01 t\n  loop/other: *\n', PASS), ['failed']),
    ('nothing was run', lambda: judged(ONE), ['failed']),
    ('all skipped is not passed', lambda: judged(ONE, SKIP), ['skipped']),
    ('a prefix of which one case was skipped', lambda: judged(
        'D01 t\n  loop/hosts: *\n', run(('loop', 'hosts', '1..2\nok 1 - a\n'
                                         'ok 2 - b # SKIP none\n'))),
     ['skipped']),
    ('one of two references was skipped', lambda: judged(
        ONE + '  unit/x: y\n', SKIP, PASS[1:]), ['skipped']),
    ('a program that died behind the case', lambda: judged(ONE, run(
        ('loop', 'hosts', '1..2\nok 1 - a case\n'))), ['failed']),
    ('a program that failed although its cases passed', lambda: judged(
        ONE, [dict(PASS[0], result='ERROR', returncode=-6)]), ['failed']),
    ('one of two builds has not the case', lambda: judged(ONE, PASS, run(
        ('loop', 'hosts', '1..1\nok 1 - another\n'))), ['failed']),
    ('a number in a name may differ', lambda: judged(
        'D01 t\n  loop/hosts: a*\n',
        run(('loop', 'hosts', '1..1\nok 1 - a: 5 times\n')),
        run(('loop', 'hosts', '1..1\nok 1 - a: 7 times\n'))), ['passed']),
    ('skipped in one build', lambda: judged(ONE, SKIP, PASS), ['passed']),
    ('a reason is not a pass', lambda: judged('D01 t\n  reason: none.\n'),
     ['reason']),
    ('ten rows', lambda: catalogue.remarks_on(
        'faults/D', entries(*(f'D{n:02}' for n in range(10)))), []),
    ('nine rows', lambda: catalogue.remarks_on(
        'faults/D', entries(*(f'D{n:02}' for n in range(9)))),
     ['faults/D: 9 entries, not 10']),
    ('a row twice', lambda: catalogue.remarks_on(
        'rows/R', entries('R1', 'R1')), ['rows/R: R1 is there twice']),
    ('a row of another list', lambda: catalogue.remarks_on(
        'rows/R', entries('Q1')), ['here: Q1 does not belong here']),
    ('a row without a test', lambda: catalogue.remarks_on(
        'rows/R', entries('R1', references=())),
     ['here: R1 has neither a test nor a reason']),
    ('a row with both', lambda: catalogue.remarks_on(
        'rows/R', entries('R1', reasons=['r'])),
     ['here: R1 has a test and a reason for having none']),
    ('FAULTS.md has a row more', lambda: catalogue.differences(
        {'faults/D': entries('D01')},
        catalogue.document_ids('| D01 | a |\n| D02 | b |\n')),
     ['faults/D: D02 is in FAULTS.md only']),
    ('FAULTS.md has a row less', lambda: catalogue.differences(
        {'faults/D': entries('D01', 'D02')},
        catalogue.document_ids('| D01 | a |\n')),
     ['faults/D: D02 is not in FAULTS.md']),
    ('a program that Meson does not know', lambda: catalogue.unknown_programs(
        {'rows/R': entries('R1')},
        [{'name': 'z', 'suite': ['gcnotify:loop']}]),
     ['here: there is no test loop/x']),
    ('a program that Meson knows', lambda: catalogue.unknown_programs(
        {'rows/R': entries('R1')},
        [{'name': 'x', 'suite': ['gcnotify:loop']}]), []),
    ('the promises of a README', lambda: catalogue.promises(README),
     ['One two.', 'Three.']),
    ('a promise without an entry', lambda: catalogue.unproven_promises(
        [catalogue.Entry('D1-1', 'One', [], [], 'here')], README),
     ['the README has 2 promises, rows/D1.txt 1']),
    ('an entry without its promise', lambda: catalogue.unproven_promises(
        [catalogue.Entry('D1-1', 'One', [], [], 'here'),
         catalogue.Entry('D1-2', 'Four', [], [], 'there')], README),
     ['there: the README does not promise this here: Four']),
]


def compare(find, want):
    got = find()
    if got != want:
        raise tap.Failure(f'{got!r}, not {want!r}')


if __name__ == '__main__':
    tap.run([(name, compare, find, want) for name, find, want in CASES])
