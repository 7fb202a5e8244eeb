#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The state table, mutated cell by cell: does a test notice each change?

usage: mutation.py SURVIVORS PROGRAM...

Each program is a test that lives once per mutant (mutants.c); what the first
did not kill goes to the next. SURVIVORS lists the mutants that nothing kills,
each with a reason below it, and is held both ways: a mutant that lives and is
not listed is an error, and so is one that is listed and dies.

By default a sample of the mutants is tried, and all that are listed.
GCN_MUTATION=full tries all; with GCN_PROOF_DIR set the figures are left there
in mutation.txt. Speaks TAP.
"""

import os
import re
import subprocess
import sys
import tempfile

# Every N-th mutant; a prime, so that all kinds of cells and changes have their
# turn.
STRIDE = 11
KILLED_MIN = 0.99
FIGURES = 'mutation.txt'

ENTRY = re.compile(r'(\S.*)$')
REASON = re.compile(r'  reason: (\S.{19,})$')


class Damaged(Exception):
    """The list of survivors can't be read; the text says where."""


def read_survivors(path):
    """{name: reason} of the list."""
    found = {}
    name = None
    with open(path, encoding='utf-8') as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip('\n')
            if not line.strip() or line.startswith('#'):
                continue
            reason = REASON.match(line)
            if reason and name and found[name] is None:
                found[name] = reason.group(1)
            elif ENTRY.match(line):
                name = ENTRY.match(line).group(1)
                if name in found:
                    raise Damaged(f'line {number}: {name} stands there twice')
                found[name] = None
            else:
                raise Damaged(f'line {number}: neither a mutant nor a reason')
    for name, reason in found.items():
        if reason is None:
            raise Damaged(f'{name}: no reason')
    return found


def run(program, wishes, directory):
    """{name: True if killed} of what the program was asked to try."""
    asked = os.path.join(directory, 'asked')
    answered = os.path.join(directory, 'answered')
    with open(asked, 'w', encoding='utf-8') as out:
        out.write('\n'.join(wishes) + '\n')
    environment = dict(os.environ, GCN_MUTANTS=asked,
                       GCN_MUTANTS_OUT=answered)
    subprocess.run([program], env=environment, check=True,
                   stdout=subprocess.DEVNULL)
    verdicts = {}
    with open(answered, encoding='utf-8') as lines:
        for line in lines:
            word, name = line.rstrip('\n').split(' ', 1)
            verdicts[name] = word == 'killed'
    return verdicts


def try_all(programs, wishes):
    """All names that were tried, and {program: what it killed}."""
    alive = None
    tried = set()
    killers = {}
    with tempfile.TemporaryDirectory() as directory:
        for program in programs:
            if alive is not None and not alive:
                break
            verdicts = run(program, wishes if alive is None else sorted(alive),
                           directory)
            if alive is None:
                tried = set(verdicts)
            alive = {name for name, killed in verdicts.items() if not killed}
            killers[os.path.basename(program)] = len(verdicts) - len(alive)
    return tried, alive, killers


def find_rash(programs):
    """Programs that fail without any change."""
    with tempfile.TemporaryDirectory() as directory:
        return [program for program in programs
                if run(program, ['none'], directory) != {'none': False}]


def write_figures(tried, alive):
    """Leaves the figures where the scoreboard looks for them."""
    directory = os.environ.get('GCN_PROOF_DIR')
    if not directory:
        return
    with open(os.path.join(directory, FIGURES), 'w', encoding='utf-8') as out:
        out.write(f'mutants {len(tried)}\nkilled {len(tried) - len(alive)}\n'
                  f'survivors {len(alive)}\n')


def judge(number, ok, what, names):
    """One case of TAP, with the names that speak against it."""
    for name in sorted(names):
        print(f'# {name}')
    print(f'{"ok" if ok else "not ok"} {number} - {what}')
    return ok


def main():
    """Tries, judges, prints."""
    listed = read_survivors(sys.argv[1])
    programs = sys.argv[2:]
    full = os.environ.get('GCN_MUTATION') == 'full'
    tried, alive, killers = try_all(programs,
                                    ['*'] if full else [f'*{STRIDE} 0'])
    again, alive_again, _ = (set(), set(), {}) if full else \
        try_all(programs, sorted(listed))
    if full:
        write_figures(tried, alive)
        again, alive_again = tried, alive
    for program, count in killers.items():
        print(f'# {program} killed {count}')
    print(f'# {len(tried)} mutants, {len(alive)} lived; {len(listed)} listed')
    killed = (len(tried) - len(alive)) / max(len(tried), 1)
    print('1..5')
    rash = find_rash(programs)
    results = [
        judge(1, len(tried) >= 1000, 'the table was mutated', []),
        judge(2, killed >= KILLED_MIN, 'of the mutants 99 % are killed', []),
        judge(3, alive <= set(listed), 'those that live are listed',
              alive - set(listed)),
        judge(4, set(listed) <= (again & alive_again),
              'those that are listed live', set(listed) - alive_again),
        judge(5, not rash, 'the table as it is kills nothing', rash),
    ]
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
