#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads what llvm-cov exports, and says how much of our code the tests reach.

usage: coverage.py [--holes FILE] EXPORT.json

Prints "key value" lines: "line", "branch" and "mcdc", the shares in percent of
the four layers that decide and encode together, and the same of each layer,
"branch_engine" for instance. --holes writes every branch with a side that was
never taken, and every condition that never decided alone.

A branch is counted once, however many instances of it there are (an inline
function, one in several programs), and taken if one of them is. Two kinds are
left out: what stands in a system header, and what is in coverage-reasons.txt,
which names a file, a piece of the line, and why no test can get there. An entry
there that fits no hole is an error.
"""

import argparse
import collections
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FOUR = ('core', 'engine', 'codec', 'dialect')
KEYS = (('line', 'lines'), ('branch', 'branches'), ('mcdc', 'mcdc'))
REASON = re.compile(r'(\S+) +"(.*)" +(\S.*)$')


def place_of(path):
    return path.rsplit('/src/', 1)[1] if '/src/' in path else None


def reasons():
    path = os.path.join(HERE, 'coverage-reasons.txt')
    if not os.path.exists(path):
        return []
    with open(path, encoding='utf-8') as source:
        found = [(line, REASON.match(line)) for line in source
                 if line.strip() and not line.startswith('#')]
    for line, match in found:
        if not match:
            sys.exit(f'coverage-reasons.txt: not FILE "PIECE" REASON: {line}')
    return [match.groups() for _, match in found]


class Source:
    """What is known of one file."""

    def __init__(self, path):
        self.path = path
        with open(path, encoding='utf-8') as source:
            self.text = source.read().split('\n')
        # (line, column, line, column) -> [times true, times false]
        self.branches = collections.defaultdict(lambda: [0, 0])
        self.lines = [0, 0]
        self.mcdc = [0, 0]
        self.undecided = []  # (line, number of the condition)

    def add(self, entry):
        # 0-3 the range, 4 and 5 the counts, 6 the file, ... 8 its kind
        for branch in entry.get('branches', []):
            sides = self.branches[tuple(branch[0:4])]
            sides[0] += branch[4]
            sides[1] += branch[5]
        for key, total in (('lines', self.lines), ('mcdc', self.mcdc)):
            summary = entry['summary'].get(key, {'covered': 0, 'count': 0})
            total[0] += summary['covered']
            total[1] += summary['count']
        for decision in entry.get('mcdc_records', []):
            self.undecided += [(decision[0], number + 1) for number, proven
                               in enumerate(decision[-1]) if not proven]

    def holes(self):
        """(line, column, "true" or "false") of sides never taken."""
        for where, sides in sorted(self.branches.items()):
            for side, count in zip(('true', 'false'), sides):
                if count == 0:
                    yield where[0], where[1], side


def share(part):
    return f'{100 * part[0] / part[1]:.2f}' if part[1] else '100.00'


def sources_of(data):
    sources = {}
    for entry in data['files']:
        place = place_of(entry['filename'])
        if place is None:
            continue
        if place not in sources:
            sources[place] = Source(entry['filename'])
        sources[place].add(entry)
    return sources


def count(sources, holes_file):
    """{layer: {what: [covered, of]}}, and the reasons that were used."""
    totals = collections.defaultdict(
        lambda: {'lines': [0, 0], 'branches': [0, 0], 'mcdc': [0, 0],
                 'excused': [0, 0]})
    known, used = reasons(), set()
    for place, source in sorted(sources.items()):
        total = totals[place.split('/')[0]]
        for what in ('lines', 'mcdc'):
            for i in (0, 1):
                total[what][i] += getattr(source, what)[i]
        total['branches'][0] += 2 * len(source.branches)
        total['branches'][1] += 2 * len(source.branches)
        for line, column, side in source.holes():
            text = source.text[line - 1]
            total['branches'][0] -= 1
            excuse = [r for r in known if r[0] == place and r[1] in text]
            if excuse:
                used.add(excuse[0])
                total['branches'][1] -= 1
                total['excused'][0] += 1
            elif holes_file:
                print(f'{place}:{line}:{column}: never {side}: '
                      f'{text.strip()}', file=holes_file)
        for line, number in source.undecided if holes_file else []:
            print(f'{place}:{line}: condition {number} never decides: '
                  f'{source.text[line - 1].strip()}', file=holes_file)
    return totals, [r for r in known if r not in used]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument('--holes')
    arguments.add_argument('export')
    arguments = arguments.parse_args()
    with open(arguments.export, encoding='utf-8') as source:
        data = json.load(source)['data'][0]
    holes_file = None
    if arguments.holes:
        holes_file = open(arguments.holes, 'w', encoding='utf-8')
    totals, unused = count(sources_of(data), holes_file)
    for key, what in KEYS:
        four = [sum(totals[layer][what][i] for layer in FOUR) for i in (0, 1)]
        print(f'{key} {share(four)}')
    for layer, total in totals.items():
        for key, what in KEYS:
            print(f'{key}_{layer} {share(total[what])}')
    print('branches_excused',
          sum(totals[layer]['excused'][0] for layer in FOUR))
    for file, piece, _ in unused:
        print(f'coverage-reasons.txt: no hole at {file} "{piece}"',
              file=sys.stderr)
    return 1 if unused else 0


if __name__ == '__main__':
    sys.exit(main())
