#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`gcn sim --proxy`, the fault proxy, as a user sees it: what it does to bytes,
what it says, its exit codes.  One TAP point per promise.

usage: test_proxy.py GCN [NAME]   (NAME: only points whose name contains it)
"""

import os
import re
import socket
import sys
import threading
import time

sys.dont_write_bytecode = True
from harness import (PATIENCE, TOPIC, Lab, Process, Sim, Tap, expect,
                     expect_code, run_points, signal,
                     wait_until)  # noqa: E402

tap = Tap()
point = tap.point
PATTERN = bytes(i * 37 % 251 for i in range(20000))


class Upstream:
    """A listener; each connection sends `bytes`, and keeps what it gets."""

    def __init__(self, sends=b"", host="127.0.0.1"):
        self.sends = sends
        self.got = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, 0), family=family)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            got = bytearray()
            self.got.append(got)
            threading.Thread(target=self._serve, args=(peer, got),
                             daemon=True).start()

    def _serve(self, peer, got):
        with peer:
            try:
                peer.sendall(self.sends)
                while True:
                    piece = peer.recv(65536)
                    if not piece:
                        return
                    got += piece
            except OSError:
                return  # it was reset, as it is meant to be

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


class FaultProxy(Process):
    def __init__(self, lab, upstream, *toxics, flags=()):
        self.port_file = os.path.join(lab.dir, "proxy-%d" % len(lab.processes))
        argv = [lab.gcn, "sim", "--proxy", upstream, "--port-file",
                self.port_file, *flags]
        for toxic in toxics:
            argv += ["--toxic", toxic]
        super().__init__(lab, argv)
        wait_until(lambda: self._ready() or self.popen.poll() is not None,
                   "the proxy listens")
        if self.popen.poll() is not None:
            raise AssertionError("the proxy ended: " + self.error())
        with open(self.port_file) as file:
            self.port = int(file.read())

    def _ready(self):
        return (os.path.exists(self.port_file) and
                os.path.getsize(self.port_file) > 0)

    def end_well(self):
        self.send(signal.SIGTERM)
        expect_code(self.wait(), 0, self)


def receive(port, host="127.0.0.1"):
    """(all that came, the error that ended it or None)"""
    got = bytearray()
    with socket.create_connection((host, port), PATIENCE) as peer:
        try:
            while True:
                piece = peer.recv(65536)
                if not piece:
                    return bytes(got), None
                got += piece
        except OSError as error:
            return bytes(got), error


@point
def announces(lab):
    """it says where it listens and forwards, and how often a rule acted"""
    with Upstream(b"hello") as upstream:
        proxy = FaultProxy(lab, "127.0.0.1:%d" % upstream.port,
                           "down cut at=5", "up reset at=9")
        got, error = receive(proxy.port)
        expect(got == b"hello" and error is None, (got, error))
        proxy.end_well()
        expect(proxy.out.decode() ==
               "listening on 127.0.0.1:%d, forwarding to 127.0.0.1:%d\n"
               % (proxy.port, upstream.port), proxy.out)
        for line in ("connections: 1 (not forwarded: 0), bytes up: 0 (sent: "
                     "0), down: 5 (sent: 5)", "down cut at=5: 1",
                     "up reset at=9: 0", "#1 accepted",
                     "#1 down: down cut at=5"):
            expect(line in proxy.error(), "not said: " + line)


@point
def forwards(lab):
    """without a rule every byte comes through, both ways, also by IPv6"""
    for host, form in (("127.0.0.1", "127.0.0.1:%d"), ("::1", "[::1]:%d")):
        try:
            upstream = Upstream(PATTERN, host)
        except OSError:
            expect(host == "::1", "no IPv4")
            continue  # the machine has no IPv6
        with upstream:
            proxy = FaultProxy(lab, form % upstream.port,
                               flags=("--listen", form % 0))
            with socket.create_connection((host, proxy.port)) as peer:
                peer.sendall(PATTERN)
                peer.shutdown(socket.SHUT_WR)
                got = b""
                while True:
                    piece = peer.recv(65536)
                    if not piece:
                        break
                    got += piece
            wait_until(lambda: bytes(upstream.got[0]) == PATTERN, "it came")
            expect(got == PATTERN, "the answer")
            proxy.end_well()


@point
def toxics(lab):
    """each rule changes exactly the bytes it names"""
    flipped = bytearray(PATTERN)
    flipped[100] ^= 0x0f
    for rule, wanted, reset in (
            ("down corrupt at=100 mask=0f", bytes(flipped), False),
            ("down inject at=3 text=\"a\\r\\n\"",
             PATTERN[:3] + b"a\r\n" + PATTERN[3:], False),
            ("down duplicate at=10 size=5",
             PATTERN[:15] + PATTERN[10:15] + PATTERN[15:], False),
            ("down cut at=0", b"", False),
            ("down cut at=777", PATTERN[:777], False),
            ("down half-close at=777", PATTERN[:777], False),
            ("down reset at=777", PATTERN[:777], True)):
        with Upstream(PATTERN) as upstream:
            proxy = FaultProxy(lab, "127.0.0.1:%d" % upstream.port, rule,
                               "down cut at=%d" % len(PATTERN))
            got, error = receive(proxy.port)
            expect(got == wanted, "%s: %d bytes, %s" % (rule, len(got), error))
            expect((error is not None) == reset, (rule, error))
            proxy.end_well()


@point
def paces(lab):
    """latency and bandwidth take the time they say, on the chosen connection"""
    with Upstream(PATTERN[:2000]) as upstream:
        proxy = FaultProxy(lab, "127.0.0.1:%d" % upstream.port,
                           "down latency delay=300ms conn=2",
                           "down bandwidth rate=5000 conn=3",
                           "down cut at=2000")
        took = []
        for _ in range(3):
            began = time.monotonic()
            got, _ = receive(proxy.port)
            took.append(time.monotonic() - began)
            expect(got == PATTERN[:2000], "bytes")
        expect(took[1] >= 0.29 and took[2] >= 0.3, took)
        expect(took[0] < max(took[1:]), took)
        proxy.end_well()


@point
def blackhole(lab):
    """a black hole swallows one direction and leaves the other alone"""
    with Upstream(PATTERN) as upstream:
        proxy = FaultProxy(lab, "127.0.0.1:%d" % upstream.port,
                           "down blackhole at=10")
        with socket.create_connection(("127.0.0.1", proxy.port)) as peer:
            peer.sendall(PATTERN)
            wait_until(lambda: upstream.got and
                       bytes(upstream.got[0]) == PATTERN, "it came")
            peer.settimeout(0.2)
            got = b""
            try:
                while True:
                    got += peer.recv(65536)
            except socket.timeout:
                pass  # nothing more comes
            expect(got == PATTERN[:10], got)
        proxy.end_well()


@point
def client_through_it(lab):
    """a stream that is reset in its midst comes back, and reports the gap"""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    sim = Sim(lab, "--authority", "127.0.0.1:%d" % port)
    proxy = FaultProxy(lab, "127.0.0.1:%d" % sim.port,
                       "down reset at=20000",
                       flags=("--listen", "127.0.0.1:%d" % port))
    url = "https://127.0.0.1:%d" % proxy.port
    tail = lab.start("tail", "-o", "json", "--meta", "--login-url", url,
                     "--api-url", url, "--ca", sim.ca, TOPIC)
    wait_until(lambda: len(tail.records("open")) >= 2, "it is open again")
    opened = len(tail.records("event"))
    wait_until(lambda: len(tail.records("event")) > opened, "events go on")
    tail.send(signal.SIGTERM)
    tail.wait()
    proxy.end_well()
    resets = re.search(r"down reset at=20000: (\d+)", proxy.error())
    gaps = len(tail.records("gap"))
    expect(resets and 1 <= gaps <= int(resets[1]), (gaps, proxy.error()))


@point
def ends(lab):
    """--for and signals end it with 0; USR1 tells the counts"""
    with Upstream() as upstream:
        address = "127.0.0.1:%d" % upstream.port
        began = time.monotonic()
        proxy = FaultProxy(lab, address, flags=("--for", "200ms"))
        expect_code(proxy.wait(), 0, proxy)
        expect(time.monotonic() - began < PATIENCE, "in time")
        proxy = FaultProxy(lab, address)
        proxy.send(signal.SIGUSR1)
        wait_until(lambda: "connections: 0" in proxy.error(), "it tells")
        proxy.send(signal.SIGINT)
        expect_code(proxy.wait(), 0, proxy)


@point
def quiet(lab):
    """-q says nothing but errors"""
    with Upstream() as upstream:
        proxy = FaultProxy(lab, "127.0.0.1:%d" % upstream.port, "down cut",
                           flags=("-q",))
        receive(proxy.port)
        proxy.end_well()
        expect(proxy.error() == "", proxy.error())


@point
def no_upstream(lab):
    """an upstream that is not there is told, and the client is let go"""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    proxy = FaultProxy(lab, "127.0.0.1:%d" % port)
    got, _ = receive(proxy.port)
    expect(got == b"", got)
    proxy.end_well()
    expect("not forwarded: 1" in proxy.error(), proxy.error())


@point
def usage(lab):
    """mistakes are 2, with the position and what is allowed"""
    to = ["--proxy", "127.0.0.1:1"]
    for args, said in (
            (to + ["--toxic", "down rest at=1"],
             r"--toxic 'down rest at=1', column 6: 'rest' is not one of "
             r"latency, .*, reset"),
            (to + ["--toxic", "down reset at=x"],
             "column 15: 'x' has to be a position, from 0 on"),
            (to + ["--toxic", "down reset size=1"],
             "column 12: reset knows no 'size'; it may have: conn, at, after"),
            (to + ["--toxic", ""], "column 1: '' is not a direction: up, down "
                                   "or both"),
            (to + ["--toxic", "up cut"] * 33, "up to 32 rules"),
            (["--toxic", "down reset"], "--toxic needs --proxy"),
            (["--proxy", "127.0.0.1"], "--proxy '127.0.0.1' has to be an IPv4"),
            (["--proxy", "example.com:1"], "has to be an IPv4 or IPv6 address"),
            (["--proxy", "127.0.0.1:0"], "with a port"),
            (["--proxy", "127.0.0.1:65536"], "with a port"),
            (to + ["--no-tls"], "--no-tls is about the simulator"),
            (["--rate", "5/s"] + to, "--rate is about the simulator")):
        code, process = lab.run("sim", *args)
        expect_code(code, 2, process)
        expect(re.search(said, process.error()),
               "%s: not said: %s" % (process.error(), said))
        expect("gcn sim --help" in process.error(), process.error())
    code, process = lab.run("sim", "--help")
    expect_code(code, 0, process)
    expect(b"--proxy" in process.out and b"--toxic" in process.out, "help")


@point
def taken_port(lab):
    """a port that is taken is 1, and says which"""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, process = lab.run("sim", "--proxy", "127.0.0.1:1", "--listen",
                                "127.0.0.1:%d" % port)
        expect_code(code, 1, process)
        expect("cannot listen on 127.0.0.1 port %d" % port in process.error(),
               process.error())


def main():
    lab = Lab(os.path.abspath(sys.argv[1]))
    return run_points(tap, lab, sys.argv[2] if len(sys.argv) > 2 else None)


if __name__ == "__main__":
    sys.exit(main())
