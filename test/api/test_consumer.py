#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Users build against an installation and against the source tree. TAP.

usage: test_consumer.py SOURCE-ROOT BUILD-ROOT LIBRARY-KIND C-COMPILER

Installs the finished build into a directory of its own, then makes the program
in consumer/ by pkg-config (shared and static), by CMake and as a Meson project
that carries the source tree as a subproject; every one of them is run.
"""

import os
import shutil
import sys

import tap

HERE = os.path.dirname(os.path.abspath(__file__))
CONSUMER = os.path.join(HERE, 'consumer')


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


class Installation:
    """What `meson install` puts below a directory."""

    def __init__(self, work, build):
        self.work, self.build = work, build
        self.stage = os.path.join(work, 'stage')

    def install(self):
        fresh(self.stage)
        tap.command(['meson', 'install', '-C', self.build, '--no-rebuild',
                     '--destdir', self.stage])
        for name in ('gcnotify.h', 'errno.h', 'options.h', 'types.h',
                     'version.h', 'gcnotify.pc', 'gcnotify-config.cmake'):
            find(self.stage, name)

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
        libraries = os.path.dirname(find(self.stage, 'libgcnotify.so.0'))
        tap.command([program], env={'LD_LIBRARY_PATH': libraries})

    def by_static_archive(self, compiler):
        program = os.path.join(fresh(self.work, 'static'), 'consumer')
        flags = self.pkg_config('--static', '--cflags', '--libs', 'gcnotify')
        archive = find(self.stage, 'libgcnotify.a')
        flags = [archive if f == '-lgcnotify' else f for f in flags]
        tap.command([compiler, os.path.join(CONSUMER, 'consumer.c'),
                     '-o', program, *flags])
        tap.command([program])

    def by_cmake(self, compiler):
        folder = fresh(self.work, 'cmake')
        config = os.path.dirname(find(self.stage, 'gcnotify-config.cmake'))
        tap.command(['cmake', '-S', CONSUMER, '-B', folder,
                     f'-DCMAKE_C_COMPILER={compiler}',
                     f'-Dgcnotify_DIR={config}'])
        tap.command(['cmake', '--build', folder])
        tap.command([os.path.join(folder, 'consumer')])


def by_subproject(work, source, compiler):
    """The source tree as it is, in a project's subprojects/gcnotify."""
    folder = os.path.join(work, 'subproject')
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
    tap.command(['meson', 'compile', '-C', build])
    tap.command(['meson', 'test', '-C', build, 'consumer'])


def main(source, build, kind, compiler):
    work = os.path.join(build, 'test', 'api', 'work')
    os.makedirs(work, exist_ok=True)
    it = Installation(work, build)

    def case(name, when, reason, *call):
        return (name, *call) if when else (name, None, reason)
    tap.run([
        ('install', it.install),
        case('pkg-config, shared', kind != 'static', 'no shared library',
             it.by_pkg_config, compiler),
        case('pkg-config, static', kind != 'shared', 'no static library',
             it.by_static_archive, compiler),
        case('CMake find_package', shutil.which('cmake') and kind != 'static',
             'no cmake, or no shared library', it.by_cmake, compiler),
        ('Meson subproject', by_subproject, work, source, compiler),
    ])


if __name__ == '__main__':
    main(*sys.argv[1:])
