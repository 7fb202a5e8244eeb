#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The catalogue of faults: every row has a test that passed, or a reason.

usage: catalogue.py [--tests FILE]              the lists are whole
       catalogue.py --log BUILD-DIRECTORY...    and what they name has passed

The lists are faults/*.txt (the faults of FAULTS.md, one file a letter) and
rows/*.txt (the other tables). An entry starts in the first column with its id
and a few words; below it, indented, stand what proves it:

  SUITE/TEST: name of the case      as in `meson test`; NAME* is a prefix,
                                    * is every case of the program
  reason: a sentence                why there is no test

Without --log the ids are compared with FAULTS.md and with what each table has
to have, and (with --tests, Meson's intro-tests.json) every SUITE/TEST has to
exist. With --log each reference has to match a case in every build that ran the
program, none that failed, and no program that did not come to its end; a case
that was skipped everywhere makes its entry skipped. Speaks TAP: one case a list.
"""

import argparse
import collections
import glob
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'run'))
import summary  # noqa: E402  (the reader of test logs lives beside its user)

# How many rows each list has: exactly, or at the least.
EXACTLY = {
    'faults/D': 10, 'faults/T': 18, 'faults/P': 11, 'faults/L': 17,
    'faults/H': 20, 'faults/O': 11, 'faults/W': 21, 'faults/A': 16,
    'faults/C': 8, 'faults/X': 16, 'faults/Z': 52,
    'rows/S1': 66, 'rows/S2': 14, 'rows/S3': 12, 'rows/S4': 41,
    'rows/S6': 18, 'rows/S7': 20, 'rows/S8': 51, 'rows/I': 40,
}
AT_LEAST = {'rows/C1': 320, 'rows/R': 1, 'rows/S5': 1, 'rows/S5-ws': 1,
            'rows/D1': 1}

ENTRY = re.compile(r'([A-Z][\w.-]*) +(\S.*)$')
REFERENCE = re.compile(r'  ([a-z0-9_]+)/([\w.-]+): (\S.*)$')
REASON = re.compile(r'  reason: (\S.*)$')
DOCUMENT_ROW = re.compile(r'^\| ([A-Z]\d\d) \|', re.M)
DOCUMENT_INVARIANT = re.compile(r'^- \*\*(I\d+)\*\* ', re.M)

Entry = collections.namedtuple('Entry', 'id text references reasons where')


class Damaged(Exception):
    """A list that can't be read; the text says where."""


def parse(path):
    """The entries of one list, in order."""
    entries = []
    with open(path, encoding='utf-8') as source:
        for number, line in enumerate(source, 1):
            line = line.rstrip('\n')
            where = f'{os.path.relpath(path, HERE)}:{number}'
            if not line.strip() or line.startswith('#'):
                continue
            if not line.startswith(' '):
                found = ENTRY.match(line)
                if not found:
                    raise Damaged(f'{where}: not an id and a text: {line}')
                entries.append(Entry(found[1], found[2], [], [], where))
                continue
            if not entries:
                raise Damaged(f'{where}: stands before the first entry')
            reference, reason = REFERENCE.match(line), REASON.match(line)
            if reason:
                entries[-1].reasons.append(reason[1])
            elif reference:
                entries[-1].references.append(reference.groups())
            else:
                raise Damaged(f'{where}: neither "  SUITE/TEST: case" nor '
                              f'"  reason: ...": {line}')
    return entries


def lists(root=HERE):
    """{name: path} of every list there is."""
    paths = glob.glob(os.path.join(root, 'faults', '*.txt'))
    paths += glob.glob(os.path.join(root, 'rows', '*.txt'))
    return {os.path.relpath(p, root)[:-len('.txt')]: p for p in sorted(paths)}


def load(root=HERE):
    return {name: parse(path) for name, path in lists(root).items()}


# ---- the lists are whole ----------------------------------------------------

def remarks_on(name, entries):
    """What is wrong with one list, whatever the tests did."""
    found = []
    ids = [entry.id for entry in entries]
    for twice in sorted({i for i in ids if ids.count(i) > 1}):
        found.append(f'{name}: {twice} is there twice')
    family = name.split('/')[1].split('-')[0]
    for entry in entries:
        if not entry.id.startswith(family):
            found.append(f'{entry.where}: {entry.id} does not belong here')
        if not entry.references and not entry.reasons:
            found.append(f'{entry.where}: {entry.id} has neither a test nor '
                         'a reason')
        if entry.references and entry.reasons:
            found.append(f'{entry.where}: {entry.id} has a test and a reason '
                         'for having none')
    if name in EXACTLY and len(ids) != EXACTLY[name]:
        found.append(f'{name}: {len(ids)} entries, not {EXACTLY[name]}')
    if name in AT_LEAST and len(ids) < AT_LEAST[name]:
        found.append(f'{name}: {len(ids)} entries, fewer than '
                     f'{AT_LEAST[name]}')
    return found


def document_ids(text):
    """{list: ids} that FAULTS.md names row by row."""
    found = collections.defaultdict(list)
    for row in DOCUMENT_ROW.findall(text):
        found['faults/' + row[0]].append(row)
    found['rows/I'] = DOCUMENT_INVARIANT.findall(text)
    return found


def differences(catalogue, document):
    """Rows that only one of the two has."""
    found = []
    for name, ids in document.items():
        have = {entry.id for entry in catalogue.get(name, [])}
        found += [f'{name}: {i} is in FAULTS.md only'
                  for i in ids if i not in have]
        found += [f'{name}: {i} is not in FAULTS.md'
                  for i in sorted(have - set(ids))]
    return found


def promises(readme):
    """The promises of the README, each on one line."""
    section = readme.partition('What you can rely on:\n')[2]
    section = re.split(r'\n\n(?!\*)', section, maxsplit=1)[0]
    return [' '.join(promise.split())
            for promise in re.split(r'^\* ', section, flags=re.M)[1:]]


def unproven_promises(entries, readme):
    """The n-th entry has to quote the beginning of the n-th promise."""
    told = promises(readme)
    found = [f'{entry.where}: the README does not promise this here: '
             f'{entry.text}' for entry, promise in zip(entries, told)
             if not promise.startswith(entry.text)]
    if len(told) != len(entries):
        found.append(f'the README has {len(told)} promises, rows/D1.txt '
                     f'{len(entries)}')
    return found


def unknown_programs(catalogue, tests):
    """References to programs that Meson does not know."""
    known = {(suite.split(':')[-1], test['name'])
             for test in tests for suite in test['suite']}
    return [f'{entry.where}: there is no test {suite}/{test}'
            for entries in catalogue.values() for entry in entries
            for suite, test, _ in entry.references
            if (suite, test) not in known]


# ---- and what they name has passed ------------------------------------------

def results_of(logs):
    """{(suite, test): [{case: [results]}]}, one dictionary for each log. A
    program that did not come to its end is None: it has shown nothing."""
    results = collections.defaultdict(list)
    for log in logs:
        for line in log:
            project, _, test = line['name'].partition(' / ')
            suite = project.split(':')[-1].split('+')[0]
            results[suite, test].append(cases_by_name(line))
    return results


def cases_by_name(line):
    found = summary.cases_of(line)
    plan = summary.PLAN.search(line.get('stdout', ''))
    if plan and len(found) < int(plan[1]):
        return None
    if any(case.startswith('the program:') for _, case in found):
        return None
    cases = collections.defaultdict(list)
    for result, case in found:
        cases[case].append(result)
    return cases


def verdict(reference, results):
    """('passed' | 'skipped' | 'failed', why) of one reference: every run of
    the program has the case, none of them failed, and each case that it names
    was passed somewhere."""
    suite, test, case = reference
    runs = results.get((suite, test))
    if not runs:
        return 'failed', f'{suite}/{test} was not run'
    outcomes = collections.defaultdict(list)
    for cases in runs:
        if cases is None:
            return 'failed', f'{suite}/{test} did not come to its end'
        found = [name for name in cases if name == case or (
            case.endswith('*') and name.startswith(case[:-1]))]
        if not found:
            return 'failed', f'{suite}/{test} has no case "{case}"'
        for name in found:
            # What a case counted may differ from run to run.
            outcomes[re.sub(r'\d+', '0', name)] += cases[name]
    if any('failed' in each for each in outcomes.values()):
        return 'failed', f'{suite}/{test}: {case} failed'
    passed = all('passed' in each for each in outcomes.values())
    return ('passed' if passed else 'skipped'), ''


def judge(entry, results):
    """('passed' | 'skipped' | 'failed' | 'reason', [why]) of an entry."""
    if not entry.references:
        return 'reason', entry.reasons
    verdicts = [verdict(reference, results) for reference in entry.references]
    whys = [f'{entry.where}: {entry.id}: {why}' for _, why in verdicts if why]
    if whys:
        return 'failed', whys
    passed = all(result == 'passed' for result, _ in verdicts)
    return ('passed', []) if passed else ('skipped', [])


def read_logs(directories):
    logs = []
    for directory in directories:
        try:
            logs.append(summary.read_log(directory))
        except (OSError, ValueError):
            continue  # summary.py counts a build without a log as a failure
    return logs


# ---- TAP --------------------------------------------------------------------

def report(cases):
    """`cases` is a list of (name, [remarks]); prints TAP."""
    print(f'1..{len(cases)}')
    for number, (name, found) in enumerate(cases, 1):
        print(f"{'not ok' if found else 'ok'} {number} - {name}")
        for remark in found:
            print(f'# {remark}')
    return 1 if any(found for _, found in cases) else 0


def structure(catalogue, tests):
    names = sorted(set(EXACTLY) | set(AT_LEAST) | set(catalogue))
    cases = []
    for name in names:
        if name not in catalogue:
            cases.append((name, [f'{name}.txt is missing']))
            continue
        cases.append((f'{name} is whole', remarks_on(name, catalogue[name])))
    with open(os.path.join(HERE, 'FAULTS.md'), encoding='utf-8') as source:
        document = document_ids(source.read())
    cases.append(('the lists and FAULTS.md have the same rows',
                  differences(catalogue, document)))
    with open(os.path.join(HERE, '..', '..', 'README.md'),
              encoding='utf-8') as source:
        cases.append(('every promise of the README is an entry of rows/D1',
                      unproven_promises(catalogue.get('rows/D1', []),
                                        source.read())))
    if tests is not None:
        cases.append(('every reference names a test program',
                      unknown_programs(catalogue, tests)))
    return cases


def outcome(catalogue, results):
    cases = []
    for name, entries in sorted(catalogue.items()):
        judged = [judge(entry, results) for entry in entries]
        count = collections.Counter(result for result, _ in judged)
        words = ', '.join(f'{count[kind]} {word}' for kind, word in
                          (('passed', 'proven'), ('skipped', 'skipped'),
                           ('reason', 'with a reason')) if count[kind])
        cases.append((f'{name}: {words or "nothing"}',
                      [why for result, whys in judged if result == 'failed'
                       for why in whys]))
    return cases


def main(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument('--tests')
    parser.add_argument('--log', nargs='+')
    options = parser.parse_args(argv)
    try:
        catalogue = load()
    except Damaged as damage:
        return report([('the lists can be read', [str(damage)])])
    if options.log:
        return report(outcome(catalogue, results_of(read_logs(options.log))))
    tests = None
    if options.tests:
        with open(options.tests, encoding='utf-8') as source:
            tests = json.load(source)
    return report(structure(catalogue, tests))


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
