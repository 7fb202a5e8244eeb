#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The scoreboard: each goal, what was measured, pass or fail.

usage: scoreboard.py [--figures DIRECTORY] [--tap FILE] BUILD-DIRECTORY...

Reads the test logs of the builds, the catalogue beside this file, and the
figures that the stages of `sh deps/setup.sh proof` leave (NAME.txt: lines
"key value"). A goal is met when all of its measures are; "open" is what this
run did not measure. --tap writes one case a goal there: "open" counts as
skipped. reasons.txt has a sentence for each goal that is not met;
one that is not met without a sentence makes the exit status 1.
"""

import argparse
import collections
import glob
import os
import re
import sys
import textwrap

import catalogue

HERE = os.path.dirname(os.path.abspath(__file__))
REAL = {'loop', 'interop', 'cli', 'api', 'net', 'examples'}
PACKET = {'net'}

Measure = collections.namedtuple('Measure', 'text state')  # pass fail open


def read_figures(directory):
    """{'stage.key': text} of every stage that left figures."""
    figures = {}
    for path in sorted(glob.glob(os.path.join(directory, '*.txt'))):
        stage = os.path.basename(path)[:-len('.txt')]
        with open(path, encoding='utf-8') as source:
            for line in source:
                key, _, value = line.strip().partition(' ')
                if value:
                    figures[f'{stage}.{key}'] = value.strip()
    return figures


def read_reasons(path):
    """{goal: sentence}; a sentence goes on in indented lines."""
    reasons, goal = {}, None
    with open(path, encoding='utf-8') as source:
        for line in source:
            if line.startswith('#') or not line.strip():
                continue
            if not line.startswith(' '):
                goal, _, line = line.partition(' ')
                reasons[goal] = ''
            reasons[goal] = ' '.join([reasons[goal], line.strip()]).strip()
    return reasons


class Run:
    """What one run of tests and stages has to say."""

    def __init__(self, lists, results, figures):
        self.lists, self.results, self.figures = lists, results, figures
        self.judged = {
            name: [(entry, catalogue.judge(entry, results)[0])
                   for entry in entries] for name, entries in lists.items()}

    def list(self, name, label=None):
        """Every row of a list is proven; a reason is shown, not hidden."""
        label = label or name.split('/')[1]
        judged = self.judged.get(name)
        if not judged:
            return Measure(f'{label}: no list', 'fail')
        return self.proportion(label, judged)

    def faults(self):
        judged = [pair for name, pairs in self.judged.items()
                  if name.startswith('faults/') and name != 'faults/Z'
                  for pair in pairs]
        return self.proportion('faults', judged)

    @staticmethod
    def proportion(label, judged):
        count = collections.Counter(result for _, result in judged)
        words = [f"{label} {count['passed']}/{len(judged)}"]
        words += [f'{count[kind]} {word}' for kind, word in
                  (('reason', 'with a reason'), ('skipped', 'skipped'),
                   ('failed', 'failed')) if count[kind]]
        if count['failed'] or not judged:
            state = 'fail'
        else:
            state = 'open' if count['skipped'] else 'pass'
        return Measure(', '.join(words), state)

    def at_least(self, label, name, least):
        """So many rows of a list are proven."""
        count = sum(result == 'passed'
                    for _, result in self.judged.get(name, []))
        return Measure(f'{label} {count}', 'pass' if count >= least
                       else 'fail')

    def reached(self, label, suites, least):
        """So many faults have a test of their own in one of the suites."""
        count = 0
        for name, pairs in self.judged.items():
            if not name.startswith('faults/') or name == 'faults/Z':
                continue
            for entry, _ in pairs:
                count += any(
                    ref[0] in suites and catalogue.verdict(
                        ref, self.results)[0] == 'passed'
                    for ref in entry.references)
        return Measure(f'{label} {count}', 'pass' if count >= least
                       else 'fail')

    def tests(self, label, *references):
        """Test cases that stand for a goal by themselves."""
        states = [catalogue.verdict(reference, self.results)[0]
                  for reference in references]
        if 'failed' in states:
            return Measure(f'{label}: no', 'fail')
        return Measure(f'{label}: yes', 'open' if 'skipped' in states
                       else 'pass')

    def figure(self, label, key, relation, bound, unit=''):
        """A number that a stage left, against its bound."""
        text = self.figures.get(key)
        if text is None:
            return Measure(f'{label}: not measured', 'open')
        if self.figures.get(key.split('.')[0] + '.stage_passed') != '1':
            return Measure(f'{label} {text}, but the stage did not pass',
                           'fail')
        number = re.match(r'-?\d+(\.\d+)?', text)
        if not number:
            return Measure(f'{label}: {text}', 'fail')
        value = float(number[0])
        good = {'>=': value >= bound, '<=': value <= bound,
                '=': value == bound}[relation]
        return Measure(f'{label} {text}{unit}', 'pass' if good else 'fail')

    def told(self, label, reference, pattern, relation, bound):
        """A number in the name of a case that passed."""
        suite, test, prefix = reference
        for cases in self.results.get((suite, test), []):
            for name, outcomes in (cases or {}).items():
                found = re.search(pattern, name)
                if name.startswith(prefix) and found:
                    good = 'failed' not in outcomes and {
                        '>=': float(found[1]) >= bound,
                        '<=': float(found[1]) <= bound}[relation]
                    return Measure(f'{label} {found[1]}',
                                   'pass' if good else 'fail')
        return Measure(f'{label}: not told', 'fail')


def state_of(measures):
    states = [measure.state for measure in measures]
    return next((s for s in ('fail', 'open') if s in states), 'pass')


def lines_of(goal, aim, measures, reason):
    """One goal as the table shows it."""
    word = {'pass': 'PASS', 'fail': 'FAIL', 'open': 'open'}[state_of(measures)]
    if reason and word != 'PASS':
        word = 'reason'
    lines = [f'{goal:<4}{word:<8}{aim}']
    for measure in measures:
        mark = {'pass': ' ', 'fail': '!', 'open': '?'}[measure.state]
        lines.append(f'            {mark} {measure.text}')
    if reason and word != 'PASS':
        lines += textwrap.wrap(reason, 78, initial_indent=' ' * 12 + '> ',
                               subsequent_indent=' ' * 14)
    return lines


def board(run, goals, reasons):
    """(lines, [(goal, state)]); explained is a failure with a reason."""
    lines, states = [], []
    for goal, aim, measure in goals:
        measures = measure(run)
        state = state_of(measures)
        if state == 'fail' and goal in reasons:
            state = 'explained'
        states.append((goal, state))
        lines += lines_of(goal, aim, measures, reasons.get(goal))
    count = collections.Counter(state for _, state in states)
    lines.append(f"{count['pass']} goals met, "
                 f"{count['fail'] + count['explained']} not met "
                 f"({count['explained']} with a written reason), "
                 f"{count['open']} not measured in full by this run")
    return lines, states


def tap_of(states):
    lines = [f'1..{len(states)}']
    for number, (goal, state) in enumerate(states, 1):
        word = 'not ok' if state == 'fail' else 'ok'
        skip = {'open': ' # SKIP not measured in full',
                'explained': ' # SKIP by a written reason'}.get(state, '')
        lines.append(f'{word} {number} - {goal}{skip}')
    return lines


def main(argv):
    from goals import GOALS
    parser = argparse.ArgumentParser()
    parser.add_argument('--figures', default=os.environ.get('GCN_PROOF_DIR'))
    parser.add_argument('--tap')
    parser.add_argument('directories', nargs='+')
    options = parser.parse_args(argv)
    results = catalogue.results_of(catalogue.read_logs(options.directories))
    figures = read_figures(options.figures) if options.figures else {}
    run = Run(catalogue.load(), results, figures)
    reasons = read_reasons(os.path.join(HERE, 'reasons.txt'))
    lines, states = board(run, GOALS, reasons)
    print('\n'.join(lines))
    if options.tap:
        with open(options.tap, 'w', encoding='utf-8') as out:
            print('\n'.join(tap_of(states)), file=out)
    return 1 if any(state == 'fail' for _, state in states) else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
