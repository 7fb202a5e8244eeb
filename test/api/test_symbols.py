#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library exports what the header declares and symbols.txt lists. TAP.

usage: test_symbols.py HEADER LIST [SHARED-LIBRARY]
       test_symbols.py --update HEADER LIST

The list is there so that a change of the interface is seen in review: it only
grows while the major version stays. --update writes it from the header.
"""

import os
import re
import sys

import tap


def with_parts(header):
    """The header and, once each, our headers that it includes, as one text."""
    base, paths, texts = os.path.dirname(header), [header], []
    for path in paths:
        with open(path, encoding='utf-8') as stream:
            texts.append(re.sub(r'/\*.*?\*/', ' ', stream.read(), flags=re.S))
        for name in re.findall(r'^#include "(.*)"$', texts[-1], flags=re.M):
            part = os.path.join(base, name)
            if part not in paths:
                paths.append(part)
    return '\n'.join(texts)


def declared(header):
    text = re.sub(r'^[ \t]*#.*$', '', with_parts(header), flags=re.M)
    return sorted(re.findall(r'\bGCN_EXTERN\b[^;(]*?\b(\w+)\s*[(;]', text))


def listed(path):
    with open(path, encoding='utf-8') as stream:
        return [line.strip() for line in stream
                if line.strip() and not line.startswith('#')]


def exported(library):
    output = tap.command(['nm', '-D', '--defined-only', library])
    return sorted(line.split()[-1] for line in output.splitlines())


def same(what, got, against, want):
    missing = [f'missing: {name}' for name in want if name not in got]
    extra = [f'too many: {name}' for name in got if name not in want]
    if missing or extra:
        raise tap.Failure(f'{what} against {against}\n'
                          + '\n'.join(missing + extra))


def named_well(names):
    bad = [n for n in names if not re.match(r'^gcn_[a-z0-9_]*[a-z0-9]$', n)
           or '__' in n]
    if bad or not names:
        raise tap.Failure(f'not a public name: {bad}')


def sorted_once(names):
    if names != sorted(set(names)):
        raise tap.Failure('not sorted, or a name twice')


def main(argv):
    if argv[0] == '--update':
        with open(argv[2], 'w', encoding='utf-8') as stream:
            stream.write('# What libgcnotify exports. See test_symbols.py.\n')
            stream.write(''.join(n + '\n' for n in declared(argv[1])))
        return
    names, header = listed(argv[1]), declared(argv[0])
    cases = [
        ('the list is sorted', sorted_once, names),
        ('the names are public ones', named_well, names),
        ('the header declares the list', same, 'header', header,
         'symbols.txt', names),
    ]
    if len(argv) > 2:
        cases.append(('the library exports the list', lambda: same(
            'library', exported(argv[2]), 'symbols.txt', names)))
    else:
        cases.append(('the library exports the list', None,
                      'no shared library in this build'))
    tap.run(cases)


if __name__ == '__main__':
    main(sys.argv[1:])
