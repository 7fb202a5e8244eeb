#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the compiler over our own sources once more, with other options.

usage: compile.py BUILD-DIRECTORY OPTION...

Takes the commands of compile_commands.json for everything in src/, leaves the
outputs away, adds the options, and prints what the compiler says. A warning
with [-W...] that names a file of ours is a finding; the last line is their
number, and the exit status 0 only if there is none and everything compiled.
"""

import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys

FINDING = re.compile(r': (?:warning|error): .*$', re.M)


def command_of(entry, options):
    words = shlex.split(entry['command'])
    kept, skip = [], False
    for word in words:
        if skip or word in ('-o', '-MF', '-MQ', '-MT'):
            skip = not skip
        elif word not in ('-MD', '-MMD', '-c', 'ccache'):
            kept.append(word)
    return kept + ['-c', '-o', os.devnull] + options


def run(entry, options):
    done = subprocess.run(command_of(entry, options), cwd=entry['directory'],
                          stderr=subprocess.PIPE, text=True, check=False)
    return entry['file'], done.returncode, done.stderr


def main():
    build, options = sys.argv[1], sys.argv[2:]
    with open(os.path.join(build, 'compile_commands.json'),
              encoding='utf-8') as source:
        entries = {}
        for entry in json.load(source):
            path = os.path.normpath(
                os.path.join(entry['directory'], entry['file']))
            if '/src/' in path and '/deps/' not in path:
                entries.setdefault(path, entry)
    findings, broken = 0, 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, code, text in pool.map(
                lambda entry: run(entry, options), entries.values()):
            found = len(FINDING.findall(text))
            findings += found
            broken += code != 0 and found == 0
            if text:
                print(f'== {path}\n{text}')
    print(f'{len(entries)} files, {findings + broken} findings')
    return 1 if findings + broken or not entries else 0


if __name__ == '__main__':
    sys.exit(main())
