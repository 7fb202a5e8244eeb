#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the test cases of one or more `meson test` runs.

usage: summary.py [--broken NAME]... BUILD-DIRECTORY...

A program that speaks TAP counts as many times as it has cases; any other
counts once. A program that fails although none of its cases did (it crashed,
or ran out of time) is one more failure. A build directory that did not build
(--broken) or left no log is a failure too. What was skipped is listed; the last
line is

    N passed, N failed

and the exit status is 0 only if something passed and nothing failed.
"""

import argparse
import json
import os
import re
import sys

PLAN = re.compile(r'^1\.\.\d+', re.M)
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


def read_log(directory):
    path = os.path.join(directory, 'meson-logs', 'testlog.json')
    with open(path, encoding='utf-8', errors='replace') as log:
        return [json.loads(line) for line in log if line.strip()]


def main(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument('--broken', action='append', default=[])
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
        for entry in log:
            for result, case in cases_of(entry):
                total[result] += 1
                if result != 'passed':
                    where = ': '.join(x for x in (entry['name'], case) if x)
                    remarks.append(f'{result}: {name}: {where}')
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
