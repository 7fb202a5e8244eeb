#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`gcn bench` as a user sees it, and its source as the peers' readers see it.
One TAP point per promise; no number is judged, only that it was measured.

usage: test_bench.py GCN [NAME]   (NAME: only points whose name contains it)
"""

import base64
import json
import os
import resource
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from harness import (PATIENCE, Lab, Process, Tap, expect, expect_code,
                     run_points, signal, wait_until)  # noqa: E402

tap = Tap()
point = tap.point

GROUPS = ["throughput", "latency", "wakeup", "idle", "fanout", "handshake",
          "storm", "reconnect"]
TEXT, CLOSE = 1, 8


def temporary(lab):
    """A directory for the bench's own files, to see that none stays."""
    path = os.path.join(lab.dir, "tmp-%d" % len(lab.processes))
    os.mkdir(path)
    return path


class Source:
    """`gcn bench source` with its standard input open."""

    def __init__(self, lab, *flags):
        self.tmp = temporary(lab)
        self.process = Process(
            lab, [lab.gcn, "bench", "source", *flags], stdin=subprocess.PIPE,
            env=dict(lab.env, TMPDIR=self.tmp))
        wait_until(lambda: self.process.lines() or
                   self.process.popen.poll() is not None, "the source listens")
        expect(self.process.lines(), "it ended: " + self.process.error())
        said = json.loads(self.process.lines()[0])
        self.port, self.ca, self.url = said["port"], said["ca"], said["url"]

    def say(self, word):
        self.process.popen.stdin.write(word.encode() + b"\n")
        self.process.popen.stdin.flush()

    def end(self):
        self.process.popen.stdin.close()
        expect_code(self.process.wait(), 0, self.process)
        expect(not os.listdir(self.tmp), "files were left behind")


class Reader:
    """A WebSocket client of a few lines."""

    def __init__(self, source, path="/bench/x"):
        self.socket = socket.create_connection(("127.0.0.1", source.port),
                                               PATIENCE)
        if source.ca != "-":
            trust = ssl.create_default_context(cafile=source.ca)
            self.socket = trust.wrap_socket(self.socket,
                                            server_hostname="localhost")
        self.bytes = b""
        self.send(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: a\r\n"
                  b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
                  b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
                  base64.b64encode(os.urandom(16)) + b"\r\n\r\n")
        while b"\r\n\r\n" not in self.bytes:
            self.fill()
        head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        expect(head.startswith(b"HTTP/1.1 101 "), "no upgrade")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def fill(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise EOFError
        self.bytes += piece

    def take(self, size):
        while len(self.bytes) < size:
            self.fill()
        piece, self.bytes = self.bytes[:size], self.bytes[size:]
        return piece

    def frame(self):
        """(opcode, payload)"""
        first, size = self.take(2)
        expect(first & 0x80, "a fragment")
        if size == 126:
            size, = struct.unpack(">H", self.take(2))
        elif size == 127:
            size, = struct.unpack(">Q", self.take(8))
        return first & 15, self.take(size)

    def text(self, payload):
        self.send(bytes([0x81, 0x80 | len(payload)]) + b"\0\0\0\0" + payload)

    def quiet(self, seconds=0.3):
        """Does nothing come for so long?"""
        self.socket.settimeout(seconds)
        try:
            return not self.bytes and not self.socket.recv(1)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)


def expect_events(reader, count, size):
    for _ in range(count):
        opcode, payload = reader.frame()
        expect(opcode == TEXT and len(payload) == size, "an event's size")
        event = json.loads(payload)
        expect(event["topicName"].startswith("v2.users."), "its topic")
        expect(event["metadata"]["CorrelationId"], "its id")


def drive(lab, source, *words):
    code, process = lab.run("bench", "drive", *words)
    expect_code(code, 0, process)
    return json.loads(process.lines()[-1])


@point
def lists_its_cases(lab):
    """--list names every case, and words narrow it"""
    code, process = lab.run("bench", "--list")
    expect_code(code, 0, process)
    expect({line.split()[0] for line in process.lines()} == set(GROUPS),
           "the groups")
    code, process = lab.run("bench", "--list", "throughput", "tls-1k")
    expect(process.lines() == ["throughput tls-1k"], "one case")
    code, process = lab.run("bench", "--list", "storm")
    expect(len(process.lines()) == 4, "one group")


@point
def usage_errors_are_told(lab):
    """what it does not know is refused with exit code 2"""
    for words in (["nonsense"], ["--repetitions", "0"], ["--nonsense"],
                  ["--connections", "0"], ["--connections", "100001"],
                  ["source", "--service", "--count", "9"],
                  ["source", "--service", "--rate", "9"],
                  ["drive", "ws://127.0.0.1:1/", "-", "9", "2", "move"],
                  ["drive", "ws://127.0.0.1:1/", "-", "0", "1", "move"],
                  ["source", "--size", "10"], ["source", "word"],
                  ["drive", "ws://127.0.0.1:1/", "-", "1", "1"],
                  ["drive", "ws://192.0.2.1:1/", "-", "1", "1", "count"],
                  ["drive", "ws://127.0.0.1:1/", "-", "0", "1", "count"],
                  ["drive", "--reader", "x", "ws://127.0.0.1:1/", "-", "1",
                   "1", "count"]):
        code, process = lab.run("bench", *words)
        expect_code(code, 2, process)
        expect("error" in process.error() and not process.out, str(words))
    for words in ([], ["source"], ["drive"]):
        code, process = lab.run("bench", *words, "--help")
        expect_code(code, 0, process)
        expect(process.lines()[0].startswith("Usage: gcn bench"), "help")


@point
def quick_run_measures_every_group(lab):
    """--quick --json measures something of every group, and leaves nothing"""
    tmp = temporary(lab)
    code, process = lab.run("bench", "--quick", "--json",
                            env=dict(lab.env, TMPDIR=tmp), patience=120)
    expect_code(code, 0, process)
    rows = [json.loads(line) for line in process.lines()]
    expect({row["group"] for row in rows} == set(GROUPS), "every group")
    for row in rows:
        if row["case"] != "announced":  # where all should be 0
            expect(row["ratio"] is not None and row["ratio"] > 0, str(row))
    ours = {(row["group"], row["case"]): row for row in rows
            if row["reader"] == "library"}
    expect(ours["throughput", "tls-1k"]["cpu_us_per_event"] > 0, "CPU")
    expect(1.5 < ours["wakeup", "tls"]["syscalls_per_event"] < 4, "calls")
    expect(ours["latency", "tls"]["p50_us"] <= ours["latency", "tls"]["p999_us"],
           "quantiles")
    # Clients of a hub share tickets; one that finds none left goes without.
    expect(15 <= ours["handshake", "tls13-resumed"]["resumed"] <= 20, "resumed")
    expect(40 <= ours["storm", "tls12-resumed"]["resumed"] <= 50, "resumed")
    expect(ours["storm", "tls12-resumed"]["longest_turn_ms"] > 0, "a turn")
    expect(3 <= ours["reconnect", "cut-tls13"]["round_trips_to_event"] < 6,
           "round trips of a reconnect")
    expect_taken_over(ours["reconnect", "announced"])
    expect(any(row["reader"] == "library, shallow" for row in rows), "shallow")
    expect(not os.listdir(tmp), "files were left behind")


def expect_taken_over(result):
    expect(result["takeovers"] == 1, "a successor took over: %s" % result)
    for name in ("missed", "doubled", "gaps", "outage_ms"):
        expect(result[name] == 0, "%s: %s" % (name, result))


@point
def the_number_of_connections(lab):
    """--connections says how many, but not where there is one"""
    code, process = lab.run("bench", "--json", "--repetitions", "1",
                            "--connections", "7", "storm", "tls12-resumed",
                            patience=60)
    expect_code(code, 0, process)
    row = json.loads(process.lines()[0])
    expect(0 < row["resumed"] <= 7, str(row))
    code, process = lab.run("bench", "--quick", "--json", "--connections", "7",
                            "wakeup", "tls", patience=60)
    expect_code(code, 0, process)


@point
def a_table_for_people(lab):
    """the table has a title, and a line for each reader"""
    code, process = lab.run("bench", "--quick", "throughput", "plain-1k")
    expect_code(code, 0, process)
    lines = process.lines()
    expect(lines[0].split()[:2] == ["throughput", "reader"], "the title")
    expect([line.split()[:2] for line in lines[1:]] ==
           [["plain-1k", name] for name in ("library", "library,", "libuv",
                                            "raw")],
           "the lines")


@point
def interrupt_ends_everything(lab):
    """Ctrl-C ends it at once, with what it started"""
    tmp = temporary(lab)
    process = lab.start("bench", "wakeup", env=dict(lab.env, TMPDIR=tmp))
    wait_until(lambda: children(process.pid, 2), "source and reader run")
    started = children(process.pid, 2)
    process.send(signal.SIGINT)
    expect_code(process.wait(), 128 + signal.SIGINT, process)
    expect(not any(os.path.exists("/proc/%d" % pid) for pid in started),
           "a child still runs")
    expect(not os.listdir(tmp), "files were left behind")


def children(pid, count):
    path = "/proc/%d/task/%d/children" % (pid, pid)
    try:
        with open(path) as file:
            found = [int(word) for word in file.read().split()]
    except OSError:
        return []
    return found if len(found) >= count else []


@point
def too_few_files(lab):
    """a limit of open files that cannot be raised is told in a sentence"""
    before = []
    if os.geteuid() == 0:
        expect(shutil.which("setpriv"), "root needs setpriv for this point")
        before = ["setpriv", "--bounding-set=-sys_resource"]

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))

    done = subprocess.run(
        [*before, lab.gcn, "bench", "drive", "ws://127.0.0.1:1/", "-", "1",
         "5000", "count"], env=lab.env, preexec_fn=limit, timeout=PATIENCE,
        stdin=subprocess.DEVNULL, capture_output=True)
    expect(done.returncode == 1, "exit code %d" % done.returncode)
    expect(b"5000 connections need 5064 open files" in done.stderr,
           done.stderr.decode())


@point
def events_are_exact(lab):
    """the source sends so many events of that size, then Close 1000"""
    for size in (256, 1024, 65536):
        for secure in ("--plain", "--tls"):
            source = Source(lab, secure, "--size", str(size), "--count", "5")
            with Reader(source) as reader:
                expect_events(reader, 5, size)
                expect(reader.frame() == (CLOSE, b"\x03\xe8"), "Close 1000")
            source.end()


@point
def a_mix_has_many_sizes(lab):
    """the mix has events of 0.5 to 8 KB"""
    source = Source(lab, "--tls", "--size", "mix", "--count", "14",
                    "--frames-per-write", "3")
    with Reader(source) as reader:
        sizes = [len(reader.frame()[1]) for _ in range(14)]
        expect(min(sizes) == 512 and max(sizes) == 8192, str(sizes))
        expect(reader.frame()[0] == CLOSE, "Close")
    source.end()


@point
def all_begin_together(lab):
    """with --connections-max 2 nothing comes before both are open"""
    source = Source(lab, "--tls", "--count", "2", "--connections-max", "2")
    with Reader(source) as first:
        expect(first.quiet(), "an event came early")
        with Reader(source) as second:
            expect_events(first, 2, 1024)
            expect_events(second, 2, 1024)
    source.end()


@point
def held_until_told(lab):
    """with --hold nothing comes before "go", and with --stay no Close after"""
    source = Source(lab, "--plain", "--count", "3", "--hold", "--stay")
    with Reader(source) as reader:
        expect(reader.quiet(), "an event came early")
        source.say("go")
        expect_events(reader, 3, 1024)
        expect(reader.quiet(), "something came after the last event")
    source.end()


@point
def cut_is_a_reset(lab):
    """"cut" resets the streams, and who comes back is served again"""
    source = Source(lab, "--plain", "--count", "1", "--stay")
    with Reader(source) as reader:
        expect_events(reader, 1, 1024)
        source.say("cut")
        try:
            reader.frame()
            raise AssertionError("it goes on")
        except (ConnectionResetError, EOFError) as error:
            expect(isinstance(error, ConnectionResetError), "a FIN, no RST")
    with Reader(source) as reader:
        expect_events(reader, 1, 1024)
    source.end()


@point
def a_question_each(lab):
    """with --pingpong each text message, or byte of a kick, is one event"""
    source = Source(lab, "--tls", "--pingpong")
    with Reader(source) as reader:
        expect(reader.quiet(), "an event came unasked")
        for _ in range(3):
            reader.text(b"{\"message\":\"ping\"}")
            expect_events(reader, 1, 1024)
        with socket.create_connection(("127.0.0.1", source.port)) as kick:
            kick.sendall(b"kk")
            expect_events(reader, 2, 1024)
        expect(reader.quiet(), "one too many")
    source.end()


@point
def pace(lab):
    """a rate is kept, and not exceeded"""
    source = Source(lab, "--plain", "--rate", "200", "--count", "60")
    result = drive(lab, source, source.url, "-", "60", "1", "count")
    seconds = result["wall_us"] / 1e6
    expect(seconds >= 0.25, "60 events at 200 a second took %f s" % seconds)
    source.end()


@point
def a_service_moves_its_streams(lab):
    """with --service the stream is announced to end, and taken over in time"""
    source = Source(lab, "--tls", "--service", "--count", "800", "--rate",
                    "200")
    reader = lab.start("bench", "drive", "--hasty", "--tell", source.url,
                       source.ca, "800", "1", "move")
    wait_until(lambda: reader.lines(), "the reader is ready")
    source.say("go")
    expect_code(reader.wait(), 0, reader)
    result = json.loads(reader.lines()[1])
    expect(result["events"] == 800, str(result))
    expect_taken_over(result)
    source.end()


@point
def a_reader_that_is_too_late_has_missed(lab):
    """numbered events that came before the stream are told as missed"""
    source = Source(lab, "--plain", "--service", "--count", "400", "--rate",
                    "400")
    early = lab.start("bench", "drive", "--hasty", "--tell", source.url, "-",
                      "400", "1", "move")
    wait_until(lambda: early.lines(), "the first reader is ready")
    source.say("go")
    time.sleep(0.3)  # a part of the events
    result = drive(lab, source, "--hasty", source.url, "-", "400", "1", "move")
    expect(0 < result["missed"] < 400, str(result))
    expect(result["events"] + result["missed"] == 400, str(result))
    expect_code(early.wait(), 0, early)
    source.end()


@point
def ends_by_signal(lab):
    """SIGTERM ends the source, also while a stream is open"""
    source = Source(lab, "--tls", "--rate", "10")
    with Reader(source) as reader:
        expect_events(reader, 1, 1024)
        source.process.send(signal.SIGTERM)
        expect_code(source.process.wait(), 0, source.process)
    expect(not os.listdir(source.tmp), "files were left behind")


@point
def readers_count_all(lab):
    """the library and libuv read each event of several connections, once"""
    for reader, more in (("library", []), ("library", ["--shallow"]),
                         ("uv", [])):
        source = Source(lab, "--tls", "--size", "mix", "--count", "70",
                        "--connections-max", "3")
        result = drive(lab, source, "--reader", reader, *more, source.url,
                       source.ca, "70", "3", "count")
        expect(result["events"] == 210, "%s: %s" % (reader, result["events"]))
        expect(result["bytes"] > 210 * 512, "bytes")
        expect(result["peer"] == ("gcnotify" if reader == "library" else "uv"),
               "its name")
        for name in ("cpu_us", "startup_cpu_us", "connect_cpu_us",
                     "maxrss_kib", "events_open", "version"):
            expect(name in result, name)
        source.end()


@point
def readers_give_up(lab):
    """who does not get its events says so in time"""
    for reader in ("library", "uv", "raw"):
        source = Source(lab, "--plain", "--count", "1", "--stay")
        code, process = lab.run("bench", "drive", "--reader", reader, "--for",
                                "1s", source.url, "-", "2", "1", "count")
        expect_code(code, 7, process)
        expect(not process.out and process.error(), "a word about it")
        source.end()


@point
def no_authority_no_bench(lab):
    """readers verify the source's certificate"""
    source = Source(lab, "--tls", "--count", "1")
    other = Source(lab, "--tls", "--count", "1")
    for reader in ("library", "uv", "raw"):
        code, process = lab.run("bench", "drive", "--reader", reader, "--for",
                                "2s", source.url, other.ca, "1", "1", "count")
        expect(code in (1, 7) and not process.out, "%s: %d" % (reader, code))
    other.end()
    source.end()


def main():
    lab = Lab(os.path.abspath(sys.argv[1]))
    return run_points(tap, lab, sys.argv[2] if len(sys.argv) > 2 else None)


if __name__ == "__main__":
    sys.exit(main())
