# SPDX-License-Identifier: MIT
"""Runs the cases of a test script and reports them as TAP."""

import os
import subprocess
import sys


class Failure(Exception):
    """A case failed; the text says why."""


def command(args, **options):
    """Output of a command that has to succeed."""
    env = dict(os.environ, **options.pop('env', {}))
    done = subprocess.run(args, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors='replace', check=False, env=env,
                          **options)
    if done.returncode != 0:
        raise Failure(f"{' '.join(args)}\nexit status {done.returncode}\n"
                      + done.stdout)
    return done.stdout


def run(cases):
    """`cases` is a list of (name, function or None to skip, arguments...)."""
    failed = 0
    print(f'1..{len(cases)}', flush=True)
    for number, (name, case, *args) in enumerate(cases, 1):
        try:
            if case is None:
                print(f'ok {number} - {name} # SKIP {args[0]}', flush=True)
                continue
            case(*args)
            print(f'ok {number} - {name}', flush=True)
        except Failure as failure:
            failed += 1
            print(f'not ok {number} - {name}')
            print('# ' + str(failure).rstrip().replace('\n', '\n# '),
                  flush=True)
    sys.exit(1 if failed else 0)
