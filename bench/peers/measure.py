# SPDX-License-Identifier: MIT
"""One run of a reader (the library or a peer) against a source of its own.

Knows processes, not what the figures mean: see report.py.
"""

import dataclasses
import json
import os
import resource
import subprocess
import tempfile
import threading

CANNOT_RUN = 77
READY = '{"ready":true}\n'
FIELDS = ('peer', 'version', 'events', 'bytes', 'cpu_us', 'startup_cpu_us',
          'maxrss_kib')


class Skipped(Exception):
    """It cannot run here, and why."""


class Failed(Exception):
    """It ran and did not do its work."""


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    tls: bool
    size: str  # bytes of an event, or mix
    count: int  # events on each connection
    connections: int = 1
    rate: int = 0  # events/s in all; 0: as fast as it can
    mode: str = 'count'  # of a reader: count, pingpong, idle, cut
    seconds_max: int = 120
    ours: tuple = ()  # options of the library's reader

    @property
    def events(self):
        once = self.count * self.connections
        return 2 * once if self.mode == 'cut' else once


def cpu_model(path='/proc/cpuinfo'):
    try:
        with open(path) as info:
            names = [line.split(':', 1)[1].strip() for line in info
                     if line.startswith('model name')]
    except OSError:
        names = []
    return f'{len(names)} x {names[0]}' if names else 'unknown'


def perf_works():
    """Does perf count the instructions of a program here?"""
    try:
        done = subprocess.run(
            ['perf', 'stat', '-x,', '-e', 'instructions:u', 'true'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and read_perf(done.stderr) is not None


def read_perf(text):
    """Instructions from the output of perf stat -x, (None: not counted)."""
    for line in text.splitlines():
        parts = line.split(',')
        if len(parts) > 2 and parts[2].startswith('instructions'):
            return int(parts[0]) if parts[0].isdigit() else None
    return None


def raise_files_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def ports_max(path='/proc/sys/net/ipv4/ip_local_port_range'):
    """Connections from one address to one port of another."""
    try:
        with open(path) as text:
            first, last = (int(word) for word in text.read().split())
    except (OSError, ValueError):
        return 1 << 16
    return last - first + 1


def check_room(connections, files, ports):
    if connections + 64 > files:
        raise Skipped(f'{connections} connections need {connections + 64} '
                      f'open files, and the hard limit is {files} (ulimit -Hn)')
    if connections + 64 > ports:
        raise Skipped(f'{connections} connections need as many ports, and '
                      f'net.ipv4.ip_local_port_range has {ports}')


def parse_line(text, scenario):
    """The line of JSON of a reader, checked against what was asked of it."""
    lines = [line for line in text.splitlines() if line.startswith('{')]
    if len(lines) != 1:
        raise Failed(f'{len(lines)} lines of JSON')
    try:
        line = json.loads(lines[0])
    except ValueError as error:
        raise Failed(f'no JSON: {error}') from None
    missing = [field for field in FIELDS if field not in line]
    if missing:
        raise Failed('without ' + ', '.join(missing))
    # A silent stream may be asked whether it lives: the answer is an event.
    if scenario.mode != 'idle' and line['events'] != scenario.events:
        raise Failed(f"{line['events']} events, not {scenario.events}")
    return line


def check_cpu(line):
    """What it says of itself must fit into what the kernel says of it."""
    claimed = line['cpu_us'] + line['startup_cpu_us']
    if claimed > line['process_cpu_us'] * 1.02 + 20000:
        raise Failed(f"claims {claimed} us of CPU, the kernel says "
                     f"{line['process_cpu_us']}")


def pinned(core):
    if core is None:
        return None
    return lambda: os.sched_setaffinity(0, {core})


class Machine:
    """Where sources and readers run."""

    def __init__(self, source, pin=True):
        self.source = source  # command line without flags
        cores = sorted(os.sched_getaffinity(0))
        self.source_core, self.reader_core = None, None
        if pin and len(cores) > 1:
            self.source_core, self.reader_core = cores[0], cores[1]
        self.files_max = raise_files_limit()
        self.perf = perf_works()

    def run(self, reader, scenario, mode, tls):
        """One run: the reader's line, and what the kernel knows of it."""
        check_room(scenario.connections, self.files_max, ports_max())
        with Source(self, scenario, tls) as source:
            return self.read(reader, scenario, mode, source)

    def read(self, reader, scenario, mode, source):
        args = reader + [source.url, source.ca, str(scenario.count),
                         str(scenario.connections), mode]
        with tempfile.TemporaryDirectory() as folder:
            counted = os.path.join(folder, 'perf')
            if self.perf:
                args = ['perf', 'stat', '-x,', '-e', 'instructions:u', '-o',
                        counted, '--'] + args
            status, used, out, err = wait(
                args, scenario.seconds_max, self.reader_core, source.cut)
            instructions = None
            if self.perf and os.path.exists(counted):
                with open(counted) as text:
                    instructions = read_perf(text.read())
        last = (err.strip().splitlines() or ['no word'])[-1]
        if status == CANNOT_RUN:
            raise Skipped(last)
        if status != 0:
            raise Failed(f'exit status {status}: {last}')
        line = parse_line(out, scenario)
        line['process_cpu_us'] = round((used.ru_utime + used.ru_stime) * 1e6)
        check_cpu(line)
        if instructions is not None:
            line['instructions'] = instructions
        return line


def hear(pipe, ready):
    """What a program says, but for its word that it is ready."""
    said = []
    with pipe:
        for line in pipe:
            if line == READY:
                ready()
            else:
                said.append(line)
    return ''.join(said)


def wait(args, seconds, core, ready):
    """(exit status, rusage, stdout, stderr) of a program."""
    with tempfile.TemporaryFile('w+') as err:
        child = subprocess.Popen(args, stdin=subprocess.DEVNULL, text=True,
                                 stdout=subprocess.PIPE, stderr=err,
                                 preexec_fn=pinned(core))
        timer = threading.Timer(seconds, os.kill, (child.pid, 9))
        timer.start()
        try:
            out = hear(child.stdout, ready)
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        finally:
            timer.cancel()
            timer.join()
        err.seek(0)
        return child.returncode, used, out, err.read()


class Source:
    """A source of events that lives as long as the with statement."""

    def __init__(self, machine, scenario, tls):
        self.core = machine.source_core
        cut = scenario.mode == 'cut'
        # Those who connect to be cut get their event at once.
        together = 1 if cut else scenario.connections
        self.args = machine.source + [
            '--tls' if tls else '--plain', '--size', scenario.size,
            '--count', str(scenario.count),
            '--connections-max', str(together)]
        if cut:
            self.args += ['--rsa', '--stay']
        if scenario.rate:
            self.args += ['--rate', str(scenario.rate)]
        if scenario.mode in ('pingpong', 'idle'):
            self.args += ['--pingpong']

    def __enter__(self):
        self.child = subprocess.Popen(
            self.args, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, preexec_fn=pinned(self.core))
        timer = threading.Timer(60, self.child.kill)
        timer.start()
        line = self.child.stdout.readline()
        timer.cancel()
        try:
            said = json.loads(line)
        except ValueError:
            self.__exit__()
            raise Failed('the source does not listen') from None
        self.url, self.ca = said['url'], said.get('ca') or '-'
        return self

    def cut(self):
        self.child.stdin.write('cut\n')
        self.child.stdin.flush()

    def __exit__(self, *_):
        self.child.stdin.close()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child.stdout.close()
