#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The public headers compile alone, in C and C++, with any neighbour. TAP.

usage: test_headers.py INCLUDE-DIRECTORY VERSION UV-FLAGS C-COMPILER CXX-COMPILER

UV-FLAGS are the compiler's flags for uv.h, separated by spaces; CXX-COMPILER
is empty where there is none. uv.h itself needs the GNU dialects (see
meson.build), so only ours is held to the strict ones.
"""

import os
import re
import sys
import tempfile

import tap

STRICT = ['-pedantic', '-Wall', '-Wextra', '-Werror', '-fsyntax-only']
HEADERS = ['gcnotify.h', 'gcnotify/errno.h', 'gcnotify/options.h',
           'gcnotify/types.h', 'gcnotify/version.h']
BODY = 'int main(void) { return GCN_VERSION_HEX > 0 ? 0 : 1; }\n'
# Nobody's header may depend on what another one has defined before.
ORDERS = [('uv.h', 'gcnotify.h'), ('gcnotify.h', 'uv.h'),
          ('gcnotify.h', 'gcnotify.h')]


def compile_text(compiler, language, standard, flags, text):
    suffix = '.c' if language == 'c' else '.cc'
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'try' + suffix)
        with open(path, 'w', encoding='utf-8') as stream:
            stream.write(text)
        tap.command([compiler, '-std=' + standard] + flags + STRICT + [path])


def same_version(include, want):
    path = os.path.join(include, 'gcnotify', 'version.h')
    with open(path, encoding='utf-8') as stream:
        text = stream.read()
    got = '.'.join(re.search(rf'GCN_VERSION_{part} (\d+)$', text, re.M).group(1)
                   for part in ('MAJOR', 'MINOR', 'PATCH'))
    if got != want:
        raise tap.Failure(f'version.h says {got}, meson.build {want}')


def main(include, version, uv_flags, c_compiler, cxx_compiler):
    ours = ['-I', include]
    with_uv = ours + uv_flags.split()
    cases = [('version.h and meson.build', same_version, include, version)]
    for language, compiler, strict, gnu in (
            ('c', c_compiler, ['c11', 'c17'], ['gnu11', 'gnu17']),
            ('c++', cxx_compiler, ['c++11', 'c++17'], ['gnu++11', 'gnu++17'])):
        for standard in strict:
            for header in HEADERS:
                text = f'#include <{header}>\nint main(void) {{ return 0; }}\n'
                cases.append((f'{header} alone, {standard}', compile_text,
                              compiler, language, standard, ours, text))
        for standard in gnu:
            for order in ORDERS:
                text = ''.join(f'#include <{h}>\n' for h in order) + BODY
                cases.append((f"{' then '.join(order)}, {standard}",
                              compile_text, compiler, language, standard,
                              with_uv, text))
    if not cxx_compiler:
        cases = [(c[0], None, 'no C++ compiler') if '++' in c[0] else c
                 for c in cases]
    tap.run(cases)


if __name__ == '__main__':
    main(*sys.argv[1:])
