#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the test cases of one or more `meson test` runs.

usage: summary.py [--broken NAME]... [--tap FILE]... [--without NAME:SUITE]...
       [--partial] BUILD-DIRECTORY...

A program that speaks TAP counts as many times as it has cases; any other
counts once. A program that fails although none of its cases did (it crashed,
or ran out of time) is one more failure. A build directory that did not build
(--broken) or left no log is a failure too. --tap adds the cases of a program
that ran outside Meson. A program that Meson knows and that is not in the log of
its build (the run was cut short) is a failure, but for suites that were left out
(--without) and where only some were to run (--partial). What was skipped is listed; the last line is

    N passed, N failed

and the exit status is 0 only if something passed and nothing failed.
"""

import argparse
import json
import os
import re
import sys

PLAN = re.compile(r'^1\.\.(\d+)', re.M)
CASE = re.compile(r'^(not ok|ok)\b[^\S\n]*(\d*)[ -]*([^\n]*)$', re.M)
DIRECTIVE = re.compile(r'#\s*(skip|todo)', re.I)
GOOD = {'OK', 'EXPECTEDFAIL'}


def tap_cases(text):
    """[(result, name)] of a TAP stream, or None if it is not one."""
    if not PLAN.search(text):
        return None
    cases = []
    for outcome, number, rest in CASE.findall(text):
        directive = DIRECTIVE.search(rest)
        if directive:
            # "todo" may fail; either way it says nothing about the product.
            result = 'skipped'
        else:
            result = 'passed' if outcome == 'ok' else 'failed'
        cases.append((result, rest.split('#')[0].strip() or number))
    return cases


def cases_of(entry):
    """[(result, name)] of one line of testlog.json; never empty."""
    verdict, text = entry['result'], entry.get('stdout', '')
    cases = tap_cases(text)
    if cases is None or (not cases and verdict in GOOD | {'SKIP'}):
        if verdict == 'SKIP':
            return [('skipped', '')]
        return [('passed' if verdict in GOOD else 'failed', verdict)]
    blamed = any(result == 'failed' for result, _ in cases)
    # cmocka marks a skipped case "not ok ... # SKIP", and Meson 1.0 then calls
    # the program failed although it returned 0.
    forgiven = (verdict == 'FAIL' and entry.get('returncode') == 0
                and any(result == 'skipped' for result, _ in cases))
    if verdict not in GOOD and verdict != 'SKIP' and not blamed \
            and not forgiven:
        cases.append(('failed', 'the program: ' + verdict))
    return cases


def cases_outside(path):
    """[(result, name)] of a TAP file; one that is not whole has failed."""
    try:
        with open(path, encoding='utf-8', errors='replace') as source:
            text = source.read()
    except OSError as error:
        return [('failed', str(error))]
    cases = tap_cases(text)
    if not cases:
        return [('failed', 'no case in it')]
    if len(cases) != int(PLAN.search(text)[1]):
        cases.append(('failed', 'it ends before its plan does'))
    return cases


def read_log(directory):
    path = os.path.join(directory, 'meson-logs', 'testlog.json')
    with open(path, encoding='utf-8', errors='replace') as log:
        return [json.loads(line) for line in log if line.strip()]


def missing_from(log, directory, left_out):
    """The tests of a build that its log does not have."""
    path = os.path.join(directory, 'meson-info', 'intro-tests.json')
    try:
        with open(path, encoding='utf-8') as source:
            tests = json.load(source)
    except (OSError, ValueError):
        return ['(no list of its tests)']
    ran = {entry['name'].partition(' / ')[2] for entry in log}
    return [test['name'] for test in tests if test['name'] not in ran
            and not {s.split(':')[-1] for s in test['suite']} & left_out]


def main(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument('--broken', action='append', default=[])
    parser.add_argument('--tap', action='append', default=[])
    parser.add_argument('--without', action='append', default=[])
    parser.add_argument('--partial', action='store_true')
    parser.add_argument('directories', nargs='*')
    options = parser.parse_args(argv)
    total = {'passed': 0, 'failed': 0, 'skipped': 0}
    remarks = []
    for directory in options.directories:
        name = os.path.basename(os.path.normpath(directory))
        if name in options.broken:
            continue
        try:
            log = read_log(directory)
        except (OSError, ValueError) as error:
            total['failed'] += 1
            remarks.append(f'failed: {name}: no usable test log ({error})')
            continue
        left_out = {one.partition(':')[2] for one in options.without
                    if one.partition(':')[0] == name}
        missing = missing_from(log, directory, left_out)
        for test in [] if options.partial else missing:
            total['failed'] += 1
            remarks.append(f'failed: {name}: {test}: was not run')
        for entry in log:
            for result, case in cases_of(entry):
                total[result] += 1
                if result != 'passed':
                    where = ': '.join(x for x in (entry['name'], case) if x)
                    remarks.append(f'{result}: {name}: {where}')
    for path in options.tap:
        name = os.path.basename(path)
        for result, case in cases_outside(path):
            total[result] += 1
            if result != 'passed':
                remarks.append(f'{result}: {name}: {case}')
    for name in options.broken:
        total['failed'] += 1
        remarks.append(f'failed: {name}: did not build')
    for remark in sorted(remarks, reverse=True):
        print(remark)
    if total['passed'] + total['failed'] == 0:
        print('no test ran')
    if total['skipped']:
        print(f"{total['skipped']} skipped")
    print(f"{total['passed']} passed, {total['failed']} failed")
    return 0 if total['passed'] and not total['failed'] else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
