#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the two addon files show, ask for and need, as the linker left them. TAP.

usage: symbols.py DIRECTORY IMPORTS

DIRECTORY holds host.node and thread.node. IMPORTS lists the functions of libuv
that host.node may ask its process for: all of them are in libuv 1.44, which
Node.js 18 carries; a name may be added only if it is there too.
"""

import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'api'))
import tap  # noqa: E402

EXPORTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']
# Of the C library, in its old and new partition; nothing that is ours.
LIBRARIES = re.compile(r'^(libc|libm|libpthread|libdl|librt|ld-linux-.*'
                       r'|libc\.musl-.*)\.so(\.\d+)?$')
# A stripped file of today has about 1 MB.
SIZE_MAX = 2 << 20


class Addon:
    def __init__(self, path):
        self.path = path
        self.exports, self.imports, self.weak = [], {}, set()
        for line in tap.command(['nm', '-D', path]).splitlines():
            kind, name = line.split()[-2:]
            name, _, version = name.partition('@')
            if kind == 'U':
                self.imports[name] = version
            elif kind in 'wv':
                self.weak.add(name)
            else:
                self.exports.append(name)
        self.dynamic = tap.command(['readelf', '-dW', path])
        self.segments = tap.command(['readelf', '-lW', path])
        self.sections = tap.command(['readelf', '-SW', path])

    def starting(self, *prefixes):
        return sorted(n for n in self.imports if n.startswith(prefixes))


def refuse(what, names):
    if names:
        raise tap.Failure(f'{what}: ' + ', '.join(sorted(names)))


def check_exports(addon):
    if sorted(addon.exports) != EXPORTS:
        raise tap.Failure('exports: ' + ', '.join(addon.exports))


def check_needed(addon):
    needed = re.findall(r'\(NEEDED\).*\[(.*)\]', addon.dynamic)
    if not needed:
        raise tap.Failure('needs nothing, not even a C library')
    refuse('needs', [n for n in needed if not LIBRARIES.match(n)])
    refuse('looks for libraries in', re.findall(
        r'\((?:RPATH|RUNPATH)\).*\[(.*)\]', addon.dynamic))


def check_imports(addon):
    """What is neither Node's nor libuv's comes from the C library."""
    others = [name for name, version in addon.imports.items()
              if not name.startswith(('napi_', 'uv_'))
              and not version.startswith('@GLIBC_')
              and not version.startswith('GLIBC_')]
    refuse('asks for', others)
    # Node-API: what NAPI_VERSION 8 hides does not compile in the first place.
    if not addon.starting('napi_'):
        raise tap.Failure('asks for no function of Node-API')


def check_loop_of_host(addon, allowed):
    asked = addon.starting('uv_')
    if not asked:
        raise tap.Failure('asks for no function of libuv')
    refuse('not known to be in libuv 1.44', set(asked) - set(allowed))


def check_loop_of_thread(addon):
    refuse('asks for', addon.starting('uv_', 'napi_get_uv_event_loop'))


def check_list(allowed):
    if not allowed or allowed != sorted(set(allowed)):
        raise tap.Failure('not sorted, or a name twice')


def check_hardening(addon):
    if 'TEXTREL' in addon.dynamic:
        raise tap.Failure('has text relocations')
    if not re.search(r'FLAGS.*\bNOW\b', addon.dynamic):
        raise tap.Failure('binds lazily')
    if 'GNU_RELRO' not in addon.segments:
        raise tap.Failure('has no RELRO segment')
    stack = re.search(r'GNU_STACK.*\s(\S*)\s+0x\S+$', addon.segments, re.M)
    if not stack or 'E' in stack.group(1):
        raise tap.Failure('has an executable stack, or does not say')
    both = re.findall(r'^\s*LOAD.*\sRWE\s', addon.segments, re.M)
    refuse('segments are written and executed', both)


def check_stays(addon):
    """A worker's end unloads; threads of a hidden libuv's pool may still run."""
    if 'NODELETE' not in addon.dynamic:
        raise tap.Failure('may be unloaded')


def check_size(addon):
    """Of what is loaded: debug information does not count."""
    sizes = re.findall(r'^\s*\[ *\d+\] (\.\S+)\s+\S+\s+\S+\s+\S+\s+(\S+)'
                       r'\s+\S+\s+(\S*A\S*)\s', addon.sections, re.M)
    total = sum(int(size, 16) for name, size, _ in sizes)
    newest = max((v.lstrip('@') for v in addon.imports.values() if v),
                 key=lambda v: [int(n) for n in re.findall(r'\d+', v)],
                 default='unknown')
    print(f'# {os.path.basename(addon.path)}: {total} bytes are loaded; '
          f'needs {newest}')
    if not 0 < total < SIZE_MAX:
        raise tap.Failure(f'{total} bytes, more than {SIZE_MAX}')


def main(argv):
    directory, imports = argv
    with open(imports, encoding='utf-8') as stream:
        allowed = [line.strip() for line in stream
                   if line.strip() and not line.startswith('#')]
    cases = [('the list of imports is sorted', check_list, allowed)]
    for kind in 'host', 'thread':
        addon = Addon(os.path.join(directory, kind + '.node'))
        cases += [(f'{kind}.node {what}', case, addon) for what, case in [
            ('exports two names', check_exports),
            ('needs the C library only', check_needed),
            ('asks for nothing but known functions', check_imports),
            ('is hardened', check_hardening),
            ('is never unloaded', check_stays),
            ('is small', check_size),
        ]]
        if kind == 'host':
            cases.append(('host.node takes libuv 1.44 from its process',
                          check_loop_of_host, addon, allowed))
        else:
            cases.append(('thread.node takes no libuv from its process',
                          check_loop_of_thread, addon))
    tap.run(cases)


if __name__ == '__main__':
    main(sys.argv[1:])
