#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tests of summary.py: what a line of Meson's test log counts. TAP."""

import json
import os
import sys
import tempfile

import summary

THREE = '1..3\nok 1 - a\nok 2 - b\nok 3 - c\n# ok - group\n'

# (verdict, return code, output, passed, failed, skipped)
ENTRIES = [
    ('OK', 0, '', 1, 0, 0),
    ('OK', 0, 'some text\nok then\n', 1, 0, 0),
    ('FAIL', 1, '', 0, 1, 0),
    ('TIMEOUT', -15, '', 0, 1, 0),
    ('ERROR', -6, '', 0, 1, 0),
    ('SKIP', 77, '', 0, 0, 1),
    ('EXPECTEDFAIL', 1, '', 1, 0, 0),
    ('UNEXPECTEDPASS', 0, '', 0, 1, 0),
    ('OK', 0, THREE, 3, 0, 0),
    ('FAIL', 1, '1..2\nok 1 - a\nnot ok 2 - b\n# why\n', 1, 1, 0),
    ('ERROR', 1, '1..2\nok 1 - a\nnot ok 2 - b\n', 1, 1, 0),
    # Crashed, timed out or returned 1 after cases that all passed.
    ('ERROR', -6, '1..3\nok 1 - a\n', 1, 1, 0),
    ('TIMEOUT', -15, '1..3\nok 1 - a\n', 1, 1, 0),
    ('ERROR', 1, THREE, 3, 1, 0),
    ('ERROR', -11, '1..3\n', 0, 1, 0),
    # Meson calls it an error if fewer cases ran than planned.
    ('ERROR', 0, '1..3\nok 1 - a\nok 2 - b\n', 2, 1, 0),
    ('OK', 0, '1..2\nok 1 - a\nok 2 - b # SKIP no server\n', 1, 0, 1),
    ('SKIP', 0, '1..1\nok 1 - a # SKIP no server\n', 0, 0, 1),
    ('SKIP', 0, '1..0 # SKIP nothing here\n', 0, 0, 1),
    # cmocka's form of a skipped case.
    ('FAIL', 0, '1..2\nok 1 - a\nnot ok 2 # SKIP b\n', 1, 0, 1),
    ('OK', 0, 'ok 1 - a\nok 2 - b\n1..2\n', 2, 0, 0),
    # The plan is there but no case: the program alone counts.
    ('OK', 0, '1..0\n', 1, 0, 0),
]


# (text of a file outside Meson, passed, failed, skipped)
OUTSIDE = [
    (THREE, 3, 0, 0),
    ('1..2\nok 1 - a\nnot ok 2 - b\n# why\n', 1, 1, 0),
    ('1..3\nok 1 - a\n', 1, 1, 0),
    ('Traceback\n', 0, 1, 0),
    ('', 0, 1, 0),
    (None, 0, 1, 0),
]


def outside(text):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, 'catalogue')
        if text is not None:
            with open(path, 'w', encoding='utf-8') as out:
                out.write(text)
        return summary.cases_outside(path)


def missing():
    """Of a, b and c only a was run, and c's suite was left out."""
    tests = [{'name': name, 'suite': ['p:' + suite]}
             for name, suite in (('a', 'x'), ('b', 'x'), ('c', 'y'))]
    with tempfile.TemporaryDirectory() as directory:
        os.mkdir(os.path.join(directory, 'meson-info'))
        path = os.path.join(directory, 'meson-info', 'intro-tests.json')
        with open(path, 'w', encoding='utf-8') as out:
            json.dump(tests, out)
        return summary.missing_from([{'name': 'p:x / a'}], directory, {'y'})


def main():
    failed = 0
    print(f'1..{len(ENTRIES) + len(OUTSIDE) + 1}')
    for number, (verdict, code, text, *want) in enumerate(ENTRIES, 1):
        found = [result for result, _ in summary.cases_of(
            {'result': verdict, 'returncode': code, 'stdout': text})]
        got = [found.count(r) for r in ('passed', 'failed', 'skipped')]
        failed += got != want
        print(f"{'ok' if got == want else 'not ok'} {number} - {verdict} "
              f'{len(text)} bytes')
        if got != want:
            print(f'# {got}, not {want}, for {text!r}')
    for number, (text, *want) in enumerate(OUTSIDE, len(ENTRIES) + 1):
        found = [result for result, _ in outside(text)]
        got = [found.count(r) for r in ('passed', 'failed', 'skipped')]
        failed += got != want
        print(f"{'ok' if got == want else 'not ok'} {number} - a TAP file of "
              f'{len(text or "")} bytes')
        if got != want:
            print(f'# {got}, not {want}, for {text!r}')
    number = len(ENTRIES) + len(OUTSIDE) + 1
    got = missing()
    failed += got != ['b']
    print(f"{'ok' if got == ['b'] else 'not ok'} {number} - a test that was not "
          'run')
    if got != ['b']:
        print(f'# {got}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
