#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What can be said of secrets by looking at sources and at machine code.

usage: test_secrets.py SOURCE-ROOT [COMPILER...]

Speaks TAP, one case for each row of FAULTS §9.2 that is proven here.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

PROGRAM = r'''
#include "base/mem.c"
static inline void without(void* ptr, size_t size) { memset(ptr, 0, size); }
void take(char* secret);
void leaves_nothing(void);
void leaves_nothing(void) {
  char secret[64];
  take(secret);
  WIPE(secret, sizeof secret);
}
'''
# Whatever writes memory: a store of a register or of a number, or a call.
STORE = re.compile(r'\b(?:stos\w*|call\w*\s+\S*(?:memset|wipe)|'
                   r'mov\w*\s+(?:\$0|%[xyz]mm\d+),\s*-?\d*\(%r)|'
                   r'\bstp?\s+(?:xzr|q\d+|v\d+)', re.I)


def read(path):
    with open(path, encoding='utf-8') as source:
        return source.read()


def behind_the_call(root, compiler, wipe):
    """The machine code between the use of a secret and the return."""
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, 'wipe.c')
        with open(path, 'w', encoding='utf-8') as source:
            source.write(PROGRAM)
        text = subprocess.run(
            [compiler, '-O3', '-std=gnu11', '-D_GNU_SOURCE', f'-DWIPE={wipe}',
             '-I', os.path.join(root, 'src'),
             '-I', os.path.join(root, 'include'), '-S', '-o', '-', path],
            check=True, stdout=subprocess.PIPE, text=True).stdout
    body = text.split('\nleaves_nothing:', 1)[1].split('.size', 1)[0]
    return re.split(r'\b(?:call\w*|bl)\s+take\b[^\n]*', body, maxsplit=1)[1]


def wipe_survives(root, compilers):
    """S2-05 the wipe is still there at -O3"""
    assert compilers
    for compiler in compilers:
        plain = behind_the_call(root, compiler, 'without')
        kept = behind_the_call(root, compiler, 'gcn__wipe')
        assert not STORE.search(plain), 'the control writes memory: ' + plain
        assert STORE.search(kept), f'{compiler} drops it: {kept}'


def token_in_no_url(root, _):
    """S2-07 the channels dialect puts no token into a URL"""
    seen = 0
    for path in glob.glob(os.path.join(root, 'test/golden/*.txt')):
        text = read(path)
        if re.search(r'^preset |/notifications/stream|maxBatchSize', text,
                     re.M) or \
                os.path.basename(path).startswith('s'):
            continue
        for line in re.findall(r'^> send .*', text, re.M):
            match = re.match(r'> send \w+ [A-Z]+ (\S+)(.*)', line)
            if match:
                seen += 1
                assert 'TOKEN-' not in match[1], f'{path}: {line}'
                assert 'SECRET-' not in match[1], f'{path}: {line}'
    assert seen > 100


def no_key_log(root, _):
    """S2-09 the library can't write a TLS key log"""
    files = glob.glob(os.path.join(root, 'src/**/*.[ch]'), recursive=True)
    assert len(files) > 200
    for path in files:
        text = read(path)
        for word in ('export_keys', 'SSLKEYLOGFILE', 'keylog'):
            assert word not in text, f'{path}: {word}'


def examples_take_no_argument(root, _):
    """S2-10 no example takes a secret from its command line"""
    files = glob.glob(os.path.join(root, 'test/examples/*.c'))
    assert len(files) >= 3
    for path in files:
        for line in read(path).split('\n'):
            secret = re.search(r'secret|token', line)
            assert not (secret and 'argv' in line), f'{path}: {line}'
    for path in ('README.md', 'src/cli/demo.sh'):
        assert not re.search(r'--(?:client-secret|token)[ =](?!made-up)[^-\n]',
                             read(os.path.join(root, path))), path


CASES = [wipe_survives, token_in_no_url, no_key_log, examples_take_no_argument]


def main():
    root, compilers = sys.argv[1], sys.argv[2:]
    print(f'1..{len(CASES)}')
    failed = 0
    for number, case in enumerate(CASES, 1):
        try:
            case(root, compilers)
            print(f'ok {number} - {case.__doc__}')
        except (AssertionError, IndexError,
                subprocess.CalledProcessError) as error:
            failed += 1
            print(f'not ok {number} - {case.__doc__}')
            print(f'# {error}'.replace('\n', '\n# '))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
