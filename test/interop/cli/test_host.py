#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a machine does to the program: clocks that jump, locales, files that
are missing, a processor that others use.  Points are named by their rows of
test/proof/faults/X.txt.  What a machine can't do is skipped, and said.

usage: test_host.py GCN GUEST [NAME]   (NAME: only points whose name has it)
"""

import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from harness import (PATIENCE, TOPIC, Lab, Process, Sim, Skip, Tap, expect,
                     expect_code, run_points, signal,
                     wait_until)  # noqa: E402

tap = Tap()
point = tap.point

WRAP_MS = 2 ** 32
LAYER_DNS = 1  # of gcn_layer_t


def can(*argv):
    """Does this command work here?"""
    return shutil.which(argv[0]) is not None and subprocess.run(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, timeout=PATIENCE).returncode == 0


def tail(lab, sim, *flags, before=(), env=None):
    """gcn tail with what happens to it among the data."""
    argv = [*before, lab.gcn, "tail", *sim.flags(), "-o", "json", "--meta",
            "--on-gap", "fail", *flags, TOPIC]
    return Process(lab, argv, env=env)


def wait_for_events(process, count, patience=PATIENCE):
    wait_until(lambda: len(process.records("event")) >= count or
               process.popen.poll() is not None, "%d events came" % count,
               patience)
    expect(process.popen.poll() is None, "it ended: " + process.error())


def end(process):
    process.send(signal.SIGTERM)
    expect_code(process.wait(), 128 + signal.SIGTERM, process)


def expect_undisturbed(process, sim):
    """Each event once, in order, over the first connection."""
    numbers = [event["seq"] for event in process.records("event")]
    expect(numbers == list(range(1, len(numbers) + 1)), "events are missing")
    ids = [event["correlationId"] for event in process.records("event")]
    expect(len(ids) == len(set(ids)), "events came twice")
    expect(not process.records("gap"), "a gap")
    sim.send(signal.SIGTERM)
    sim.wait()
    expect("channels: 1," in sim.error(), "one channel only: " + sim.error())


def faketime():
    if "ASAN_OPTIONS" in os.environ:
        raise Skip("libfaketime hangs before the sanitizer's runtime has begun")
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not found:
        raise Skip("no libfaketime here")
    return found[0]


class FakeClock:
    """Changes what a program takes for the time of day, and only that."""

    def __init__(self, lab, start):
        self.path = lab.write("clock-%d" % len(lab.processes), start + "\n")
        self.env = lab.environment(
            LD_PRELOAD=faketime(), FAKETIME_TIMESTAMP_FILE=self.path,
            FAKETIME_DONT_FAKE_MONOTONIC="1", FAKETIME_NO_CACHE="1")

    def set(self, text):
        with open(self.path + ".new", "w") as file:
            file.write(text + "\n")
        os.rename(self.path + ".new", self.path)


@point
def wall_clock_jumps(lab):
    """X06 the wall clock jumps by a day and by years, both ways"""
    sim = Sim(lab, tls=False, rate="100/s")
    clock = FakeClock(lab, "+0")
    process = tail(lab, sim, env=clock.env)
    wait_for_events(process, 10)
    for jump in ("+1d", "-1d", "+10y", "-10y", "+0"):
        clock.set(jump)
        wait_for_events(process, len(process.records("event")) + 30)
    end(process)
    years = {event["time"][:4] for event in process.records("event")}
    expect(len(years) >= 3, "the clock did not jump: %s" % years)
    expect_undisturbed(process, sim)


@point
def wall_clock_jumps_before(lab):
    """X06 the wall clock jumps while connecting and between two attempts"""
    sim = Sim(lab, tls=False, rate="100/s",
              faults="after event 20 tcp.reset\n"
                     "after event 40 tcp.reset\n")
    clock = FakeClock(lab, "-10y")
    process = tail(lab, sim, "--on-gap", "ignore", env=clock.env)
    for jump, count in (("+10y", 1), ("-1d", 21), ("+10y", 41)):
        wait_for_events(process, count)
        clock.set(jump)
    wait_for_events(process, 80)
    end(process)
    gaps = process.records("gap")
    expect(len(gaps) == 2, "%d gaps, not 2" % len(gaps))


@point
def after_2038(lab):
    """X14 time_t passes 2^31 in mid-stream"""
    sim = Sim(lab, tls=False, rate="100/s")
    clock = FakeClock(lab, "@2038-01-19 03:14:05")
    process = tail(lab, sim, env=clock.env)
    wait_for_events(process, 500)
    end(process)
    expect_undisturbed(process, sim)


@point
def long_uptime(lab):
    """X14 the uptime passes 2^32 ms in mid-stream"""
    if not can("unshare", "--time", "--fork", "true"):
        raise Skip("no time namespaces here")
    sim = Sim(lab, tls=False, rate="100/s")
    shift = str(int(WRAP_MS / 1000 - time.monotonic()) - 2)
    process = tail(lab, sim, before=(
        "unshare", "--time", "--monotonic", shift, "--boottime", shift))
    wait_for_events(process, 500)
    end(process)
    expect_undisturbed(process, sim)


@point
def busy_machine(lab):
    """X11 nice 19 among eight that spin: nothing times out"""
    sim = Sim(lab, rate="50/s")
    # Beside spinners of nice 0 it has some 0.4 % of a processor, which makes a
    # handshake take seconds; a sanitizer's several times as much would only show
    # that ten seconds are over.
    nice = "15" if "ASAN_OPTIONS" in os.environ else "0"
    spinners = [Process(lab, ["nice", "-n", nice, sys.executable, "-c",
                              "while True: pass"]) for _ in range(8)]
    process = tail(lab, sim, before=("nice", "-n", "19"))
    wait_for_events(process, 50, 4 * PATIENCE)
    for spinner in spinners:
        spinner.kill()
    end(process)
    expect_undisturbed(process, sim)


@point
def no_resolver_file(lab):
    """X13 without /etc/resolv.conf and /etc/hosts a name is weather"""
    script = ("mount --bind /dev/null /etc/resolv.conf && "
              "mount --bind /dev/null /etc/hosts && exec \"$@\"")
    argv = ["unshare", "--mount", "sh", "-c", script, "sh"]
    if not can(*argv, "true"):
        raise Skip("no mount namespaces here")
    process = Process(lab, [*argv, lab.gcn, "tail", "--login-url",
                            "https://nowhere.invalid:1", "--api-url",
                            "https://nowhere.invalid:1", "-o", "json",
                            "--max-retries", "1", TOPIC])
    code = process.wait(2 * PATIENCE)
    expect(code == 5, "exit code %s" % code)
    expect("nowhere.invalid" in process.error(), "the name is told")


def free_port():
    """A port of the system's choice, known before who listens there starts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@point
def resolver_files_come_back(lab):
    """X13 a name is found again when /etc/hosts is back"""
    hosts = lab.write("hosts", "127.0.0.1 localhost\n")
    script = ("mount --bind /dev/null /etc/resolv.conf && "
              "mount --bind %s /etc/hosts && exec \"$@\"" % hosts)
    before = ["unshare", "--mount", "sh", "-c", script, "sh"]
    if not can(*before, "getent", "hosts", "localhost"):
        raise Skip("no mount namespaces here")
    lab.write("hosts", "")
    if can(*before, "getent", "ahosts", "localhost"):
        raise Skip("localhost is found without any file here")
    lab.write("hosts", "127.0.0.1 localhost\n")
    port = free_port()
    where = "127.0.0.1:%d" % port
    named = ("--authority", "localhost:%d" % port)
    sim = Sim(lab, *named, tls=False, listen=where)
    process = guest(lab, sim, 200, TOPIC, before=before)
    wait_until(lambda: "event " in process.out.decode(), "it streams")
    lab.write("hosts", "")
    sim.send(signal.SIGTERM)  # each connection has to be made anew
    sim.wait()
    lost = "layer=%d:" % LAYER_DNS
    wait_until(lambda: lost in process.out.decode(), "the name is lost")
    Sim(lab, *named, tls=False, listen=where)
    lab.write("hosts", "127.0.0.1 localhost\n")
    code = process.wait()
    expect(code == 0, "exit code %s" % code)
    events = [x for x in process.lines() if x.startswith("event ")]
    expect(len(events) >= 200, "%d events" % len(events))


@point
def no_ca_file(lab):
    """X13 a CA file that is missing, unreadable or empty is told at the start"""
    directory = os.path.join(lab.dir, "nobody-home")
    os.mkdir(directory)
    empty = lab.write("empty.pem", "")
    for path in (os.path.join(lab.dir, "missing.pem"), directory, empty):
        code, process = lab.run("tail", "--ca", path, TOPIC)
        expect(code == 2, "exit code %s for %s" % (code, path))
        expect(path in process.error(), "it is told which: " + process.error())


def locale_directory(lab, name, charset):
    directory = os.path.join(lab.dir, "locales")
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, name)
    if not can("localedef", "-i", name, "-f", charset, path):
        raise Skip("no sources of the locale %s here" % name)
    return directory


def guest(lab, sim, count, *topics, before=(), env=None):
    """The host program, which sets the locale of its environment."""
    return Process(lab, [*before, lab.guest, sim.url("localhost"), str(count),
                         *topics], env=env)


def numbers_of(output):
    """The names of all figures that it printed; each must be a number."""
    text = output.split("\njson ", 1)[1]
    line, metrics = text.split("\nmetrics\n", 1)
    names = sorted(json.loads(line))
    for sample in metrics.splitlines():
        if sample.startswith("#"):
            continue
        name, value = sample.rsplit(" ", 1)
        float(value)
        names.append(name)
    return names


def foreign(lab, name, charset):
    env = lab.environment(LC_ALL=name)
    if charset is not None:
        env["LOCPATH"] = locale_directory(lab, name, charset)
    return env


SIGNS = {"C": ". 73", "de_DE": ", 73", "tr_TR": ", 221"}


def listen_abroad(lab, name, charset):
    """What the guest prints but for what differs from run to run."""
    sim = Sim(lab, tls=False, rate="100/s")
    process = guest(lab, sim, 20, TOPIC, TOPIC.upper(),
                    "V2.USERS.I.PRESENCE", env=foreign(lab, name, charset))
    code = process.wait()
    expect(code == 0, "exit code %s with %s" % (code, name))
    lines = process.lines()
    expect(lines[0] == "locale " + SIGNS[name],
           "the locale %s is not in force: %s" % (name, lines[0]))
    told = sorted(line for line in lines if line.startswith("topic "))
    events = [line for line in lines if line.startswith("event ")]
    expect(len(events) >= 20, "events with " + name)
    states = [line for line in lines if line.startswith("state ")]
    return told, events[:20], states, numbers_of(process.out.decode())


@point
def locales(lab):
    """X16 Turkish letters and German numbers change nothing"""
    at_home = listen_abroad(lab, "C", None)
    for name, charset in (("tr_TR", "ISO-8859-9"), ("de_DE", "ISO-8859-1")):
        abroad = listen_abroad(lab, name, charset)
        expect(abroad == at_home, "%s: %s, not %s" % (name, abroad, at_home))


def main():
    lab = Lab(os.path.abspath(sys.argv[1]))
    lab.guest = os.path.abspath(sys.argv[2])
    return run_points(tap, lab, sys.argv[3] if len(sys.argv) > 3 else None)


if __name__ == "__main__":
    sys.exit(main())
