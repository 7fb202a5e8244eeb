#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the instructions of each row of bench-micro, and compares them.

usage: instructions.py [--tap | --write | --markdown] PROGRAM [ROW...]

PROGRAM is bench-micro; a ROW may be a pattern. callgrind counts what happens
inside gcn__bench_measured, so preparing the input does not show. The counts do
not depend on the machine's speed, and with the settings below hardly on its
kind: the C library is kept from choosing its functions by the processor, and
valgrind shows every x86-64 processor alike but for AVX2, which only the rows
named after it use, where there is any. They do depend on compiler and
libraries. What stands in
instructions.txt was counted with the tool chain named there; with another one
nothing can be said, and nothing is: the comparison is skipped.

A row that takes 3 % more than stored fails. One that takes 3 % less passes and
asks to be stored, because until then it may lose that again unseen.

  --tap       one test case per row; exit status 0 unless valgrind can't be run
  --write     store what was counted, for the rows given (all rows: replace)
  --markdown  a table with CPU time and allocations beside the instructions

Otherwise it prints a table; exit status 1 if a row fails.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile

TOLERANCE = 0.03
MEASURED = 'gcn__bench_measured'
STORED = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      'instructions.txt')

# What glibc would otherwise choose its string functions by.
MASKED = ('AVX AVX2 AVX_Fast_Unaligned_Load BMI1 BMI2 ERMS FSRM '
          'Fast_Rep_String Fast_Unaligned_Copy Fast_Unaligned_Load LZCNT '
          'MOVBE POPCNT Prefer_ERMS Prefer_FSRM Prefer_PMINUB_for_stringop '
          'SSE4_1 SSE4_2 SSSE3 Slow_BSF').split()
TUNABLES = ':'.join([
    'glibc.cpu.hwcaps=' + ','.join('-' + name for name in MASKED),
    'glibc.cpu.x86_data_cache_size=0x8000',
    'glibc.cpu.x86_shared_cache_size=0x100000',
    'glibc.cpu.x86_non_temporal_threshold=0xc0000',
])


def run(command, **options):
    return subprocess.run(command, check=True, text=True,
                          stdout=subprocess.PIPE, **options).stdout


def toolchain(program):
    """[(what, version)] of all that changes the figures but our sources."""
    found = [tuple(line.split(': ', 1))
             for line in run([program, '--toolchain']).splitlines()]
    found.append(('valgrind', run(['valgrind', '--version']).strip()))
    found.append(('machine', platform.machine()))
    return found


def total(path):
    with open(path, encoding='utf-8') as file:
        return int(re.search(r'^totals: (\d+)', file.read(), re.M).group(1))


def count(program, rows):
    """{row: instructions per operation}, in the program's order."""
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, 'out')
        # An environment of its own: its size moves the stack.
        said = run(['valgrind', '-q', '--tool=callgrind',
                    f'--callgrind-out-file={out}',
                    f'--toggle-collect={MEASURED}',
                    f'--dump-after={MEASURED}', program, '--once', *rows],
                   env={'PATH': os.environ.get('PATH', '/usr/bin:/bin'),
                        'LD_BIND_NOW': '1', 'GLIBC_TUNABLES': TUNABLES})
        lines = [line.split() for line in said.splitlines()]
        return {name: total(f'{out}.{index}') / int(operations)
                for index, (name, operations) in enumerate(lines, 1)}


def load():
    """(tool chain, {row: instructions}); empty if nothing is stored."""
    chain, counts = [], {}
    if not os.path.exists(STORED):
        return chain, counts
    with open(STORED, encoding='utf-8') as file:
        for line in file:
            line = line.rstrip('\n')
            if line.startswith('## '):
                chain.append(tuple(line[3:].split(': ', 1)))
            elif line and not line.startswith('#'):
                name, figure = line.split()
                counts[name] = float(figure)
    return chain, counts


def store(chain, counts):
    with open(STORED, 'w', encoding='utf-8') as file:
        file.write('# Instructions per operation, written by '
                   'instructions.py --write.\n'
                   '# Counted with:\n')
        file.writelines(f'## {what}: {version}\n' for what, version in chain)
        file.writelines(f'{name:<28} {figure:12.1f}\n'
                        for name, figure in counts.items())


def differences(here, stored):
    """What makes figures of one tool chain mean nothing for the other."""
    there = dict(stored)
    return [f'{what} is {version} here, {there.get(what, "none")} stored'
            for what, version in here if there.get(what) != version]


def judge(figure, before):
    """(verdict, the figures): same, slower, faster or new."""
    if before is None:
        return 'new', f'{figure:.1f}, nothing stored'
    change = figure / before - 1
    said = f'{figure:.1f}, stored {before:.1f}: {change:+.1%}'
    if abs(change) <= TOLERANCE:
        return 'same', said
    return ('slower' if change > 0 else 'faster'), said


ADVICE = {'same': '', 'slower': ', slower: FAIL', 'new': ': FAIL',
          'faster': ', faster: store the new figure'}


def say_tap(counts, before):
    print(f'1..{len(counts)}')
    for index, (name, figure) in enumerate(counts.items(), 1):
        verdict, said = judge(figure, before.get(name))
        good = verdict in ('same', 'faster')
        print(f'{"ok" if good else "not ok"} {index} - {name}')
        if verdict != 'same':
            print(f'# {name}: {said}{ADVICE[verdict]}')


def say_plainly(counts, before):
    failed = False
    for name, figure in counts.items():
        verdict, said = judge(figure, before.get(name))
        failed |= verdict in ('slower', 'new')
        print(f'{name:<28} {said}{ADVICE[verdict]}')
    return 1 if failed else 0


def reference(name, counts):
    """The cost beside that of Mbed TLS alone on the same records."""
    match = re.match(r'(?:events|tls)/(.*?)(?:-wake|-shallow)?$', name)
    other = match and 'mbedtls/' + match.group(1)
    if other not in counts:
        return ''
    return f'{counts[name] / counts[other]:.2f}'


def say_markdown(program, rows, counts):
    print('| row | ns/op | instructions/op | allocations/op | '
          'instructions / Mbed TLS alone |')
    print('|---|---:|---:|---:|---:|')
    for line in run([program, *rows]).splitlines()[2:]:
        name, ns, _, allocations = [cell.strip()
                                    for cell in line.strip('| ').split('|')]
        print(f'| {name} | {ns} | {counts[name]:.0f} | {allocations} | '
              f'{reference(name, counts)} |')


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__.split('\n\n')[1][7:])
    parser.add_argument('--tap', action='store_true')
    parser.add_argument('--write', action='store_true')
    parser.add_argument('--markdown', action='store_true')
    parser.add_argument('program')
    parser.add_argument('rows', nargs='*')
    return parser.parse_args()


def main():
    args = arguments()
    program = os.path.abspath(args.program)
    chain = toolchain(program)
    stored_chain, before = load()
    foreign = differences(chain, stored_chain)
    if foreign and not args.write and not args.markdown:
        print(f'1..0 # SKIP not comparable: {"; ".join(foreign)}')
        return 0
    counts = count(program, args.rows)
    if args.write:
        kept = before if args.rows and not foreign else {}
        store(chain, {**kept, **counts})
    elif args.markdown:
        say_markdown(program, args.rows, counts)
    elif args.tap:
        say_tap(counts, before)
    else:
        return say_plainly(counts, before)
    return 0


if __name__ == '__main__':
    sys.exit(main())
