#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads what a checker says, and leaves out what has a written reason.

usage: findings.py ROOT REASONS OUTPUT...

OUTPUT are texts with lines "FILE:LINE:COLUMN: severity: message [check]" (the
column may be missing). REASONS has lines 'FILE CHECK reason'; all findings of
that check in that file are then explained. Prints the others, then the lines

    findings N
    explained N

and exits with 1 if a finding is left or a reason fits none: a list of reasons
must not outlive them.
"""

import os
import re
import sys

LINE = re.compile(r'^(\S+?):(\d+):(?:\d+:)? (?:warning|error|performance|'
                  r'portability): (.*) \[([\w.,-]+)\]$', re.M)


def read_reasons(path):
    found = {}
    with open(path, encoding='utf-8') as source:
        for line in source:
            if line.strip() and not line.startswith('#'):
                file, check, reason = line.split(maxsplit=2)
                found[file, check] = reason
    return found


def main():
    root, reasons = os.path.realpath(sys.argv[1]), read_reasons(sys.argv[2])
    findings = {}
    for path in sys.argv[3:]:
        with open(path, encoding='utf-8', errors='replace') as source:
            for file, line, text, check in LINE.findall(source.read()):
                file = os.path.relpath(os.path.realpath(file), root)
                findings[file, line, check] = text
    used, left = set(), 0
    for (file, line, check), text in sorted(findings.items()):
        keys = [(file, part) for part in check.split(',')
                if (file, part) in reasons]
        if keys:
            used.update(keys)
        else:
            left += 1
            print(f'{file}:{line}: {text} [{check}]')
    stale = [key for key in reasons if key not in used]
    for file, check in stale:
        print(f'no finding any more: {file} {check}')
    print(f'findings {left}')
    print(f'explained {len(findings) - left}')
    return 1 if left or stale else 0


if __name__ == '__main__':
    sys.exit(main())
