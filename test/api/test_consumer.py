#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Users build against an installation and against the source tree. TAP.

usage: test_consumer.py SOURCE-ROOT BUILD-ROOT LIBRARY-KIND GCN C-COMPILER
                        [CXX-COMPILER]...

Installs the finished build into a directory of its own, then makes the program
in consumer/ by pkg-config (shared and static), by CMake and as a Meson project
that carries the source tree as a subproject, and the C++ program of the
examples with each compiler.  Every one of them streams from gcn sim, and of
every one it is known what it links.
"""

import os
import re
import shutil
import subprocess
import sys

import tap
from simulator import PATIENCE_S, TOPICS, Service

HERE = os.path.dirname(os.path.abspath(__file__))
CONSUMER = os.path.join(HERE, 'consumer')
RAII = os.path.join(HERE, '..', 'examples', 'example-raii.cpp')
CXX = ['-std=c++17', '-Wall', '-Wextra', '-Wpedantic', '-Werror']

# The library's own needs, as far as they are not inside it.
LIBC = {'libc', 'libm', 'libpthread', 'libdl', 'librt', 'ld-linux-x86-64',
        'ld-linux-aarch64'}
OURS = {'libuv', 'libjansson', 'libsqlite3', 'libwslay', 'libllhttp',
        'libmbedtls', 'libmbedx509', 'libmbedcrypto'}
RUNTIME = {'libstdc++', 'libc++', 'libgcc_s'}


def fresh(*parts):
    path = os.path.join(*parts)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def find(root, name):
    for folder, _, names in os.walk(root):
        if name in names:
            return os.path.join(folder, name)
    raise tap.Failure(f'{name} was not installed below {root}')


def needed(program):
    """The libraries that a program or library asks for, without versions."""
    if not shutil.which('readelf'):
        return set()
    output = tap.command(['readelf', '-d', program])
    names = re.findall(r'\(NEEDED\).*\[(.*)\]', output)
    return {re.sub(r'\.so[.0-9]*$', '', name) for name in names}


def links(program, *permitted):
    """... and no other than those; pkg-config names none in vain."""
    extra = needed(program) - LIBC - set().union(*permitted)
    if extra:
        raise tap.Failure(f'{program} links {sorted(extra)}')


class Installation:
    """What `meson install` puts below a directory."""

    def __init__(self, work, build, gcn):
        self.work, self.build, self.gcn = work, build, gcn
        self.stage = os.path.join(work, 'stage')

    def install(self):
        fresh(self.stage)
        tap.command(['meson', 'install', '-C', self.build, '--no-rebuild',
                     '--destdir', self.stage])
        for name in ('gcnotify.h', 'errno.h', 'options.h', 'types.h',
                     'version.h', 'gcnotify.pc', 'gcnotify-config.cmake'):
            find(self.stage, name)

    def stream(self, *args, **env):
        """Runs a consumer as a user of gcn sim; it ends by itself."""
        with Service(self.gcn) as service:
            try:
                output = tap.command(args, env=dict(service.env, **env),
                                     timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                raise tap.Failure(f'{args[0]} does not end') from None
        if not re.search(r'^[1-9][0-9]* events$', output, re.M):
            raise tap.Failure(output)

    def libraries(self):
        """For programs that link the shared library."""
        return os.path.dirname(find(self.stage, 'libgcnotify.so.0'))

    def is_plain_c(self):
        """The shared library has what it needs inside, or names it."""
        links(find(self.stage, 'libgcnotify.so.0'), OURS)

    def pkg_config(self, *args):
        directory = os.path.dirname(find(self.stage, 'gcnotify.pc'))
        prefix = os.path.dirname(os.path.dirname(
            find(self.stage, 'gcnotify.h')))
        path = os.pathsep.join(
            [directory] + os.environ.get('PKG_CONFIG_PATH', '').split(':'))
        return tap.command(
            ['pkg-config', f'--define-variable=prefix={prefix}', *args],
            env={'PKG_CONFIG_PATH': path}).split()

    def by_pkg_config(self, compiler):
        program = os.path.join(fresh(self.work, 'shared'), 'consumer')
        tap.command([compiler, os.path.join(CONSUMER, 'consumer.c'),
                     '-o', program,
                     *self.pkg_config('--cflags', '--libs', 'gcnotify',
                                      'libuv')])
        links(program, {'libgcnotify', 'libuv'})
        self.stream(program, LD_LIBRARY_PATH=self.libraries())

    def by_static_archive(self, compiler):
        program = os.path.join(fresh(self.work, 'static'), 'consumer')
        flags = self.pkg_config('--static', '--cflags', '--libs', 'gcnotify')
        archive = find(self.stage, 'libgcnotify.a')
        flags = [archive if f == '-lgcnotify' else f for f in flags]
        tap.command([compiler, os.path.join(CONSUMER, 'consumer.c'),
                     '-o', program, *flags])
        links(program, OURS)
        self.stream(program)

    def by_cmake(self, compiler):
        folder = fresh(self.work, 'cmake')
        config = os.path.dirname(find(self.stage, 'gcnotify-config.cmake'))
        tap.command(['cmake', '-S', CONSUMER, '-B', folder,
                     f'-DCMAKE_C_COMPILER={compiler}',
                     f'-Dgcnotify_DIR={config}'])
        tap.command(['cmake', '--build', folder])
        program = os.path.join(folder, 'consumer')
        links(program, {'libgcnotify', 'libuv'})
        self.stream(program)

    def by_cxx(self, compiler):
        """The C++ program, whichever header comes first."""
        folder = fresh(self.work, 'cxx')
        program = os.path.join(folder, 'example-raii')
        flags = self.pkg_config('--cflags', '--libs', 'gcnotify', 'libuv')
        for first in ('uv.h', 'gcnotify.h'):
            tap.command([compiler, *CXX, '-include', first, RAII,
                         '-o', program, *flags])
        links(program, {'libgcnotify', 'libuv'}, RUNTIME)
        self.stream(program, '5', *TOPICS, LD_LIBRARY_PATH=self.libraries())


def by_subproject(it, source, compiler):
    """The source tree as it is, in a project's subprojects/gcnotify."""
    folder = os.path.join(it.work, 'subproject')
    shutil.rmtree(os.path.join(folder, 'source'), ignore_errors=True)
    place = os.path.join(folder, 'source', 'subprojects', 'gcnotify')
    shutil.copytree(CONSUMER, os.path.join(folder, 'source'))
    os.makedirs(place)
    for name in ('meson.build', 'meson_options.txt', 'include', 'src', 'deps',
                 'test', 'bench'):
        os.symlink(os.path.join(source, name), os.path.join(place, name))
    # Where Meson looks for downloads of a subproject's subprojects.
    os.symlink(os.path.join(source, 'deps', 'packagecache'),
               os.path.join(folder, 'source', 'subprojects', 'packagecache'))
    build = os.path.join(folder, 'build')
    shutil.rmtree(build, ignore_errors=True)
    tap.command(['meson', 'setup', build, os.path.join(folder, 'source')],
                env={'CC': compiler})
    tap.command(['meson', 'compile', '-C', build, 'consumer'])
    links(os.path.join(build, 'consumer'), OURS)
    with Service(it.gcn) as service:
        tap.command(['meson', 'test', '-C', build, '--no-rebuild', 'consumer'],
                    env=service.env)


def main(source, build, kind, gcn, compiler, *cxx_compilers):
    work = os.path.join(build, 'test', 'api', 'work')
    os.makedirs(work, exist_ok=True)
    it = Installation(work, build, gcn)
    shared = kind != 'static'

    def case(name, when, reason, *call):
        return (name, *call) if when else (name, None, reason)
    cases = [
        ('install', it.install),
        case('no C++ runtime', shared, 'no shared library', it.is_plain_c),
        case('pkg-config, shared', shared, 'no shared library',
             it.by_pkg_config, compiler),
        case('pkg-config, static', kind != 'shared', 'no static library',
             it.by_static_archive, compiler),
        case('CMake find_package', shutil.which('cmake') and shared,
             'no cmake, or no shared library', it.by_cmake, compiler),
        ('Meson subproject', by_subproject, it, source, compiler),
    ]
    for cxx in cxx_compilers:
        cases.append(case('C++17 by ' + os.path.basename(cxx), shared,
                          'no shared library', it.by_cxx, cxx))
    tap.run(cases)


if __name__ == '__main__':
    main(*sys.argv[1:])
