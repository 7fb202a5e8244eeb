# SPDX-License-Identifier: MIT
"""Running gcn's subcommands as processes, for test_cli.py.

Everything is bounded in time, no port is fixed, and nothing sleeps to win a
race: conditions are polled until a deadline.  All output of all processes is
kept, so that secrets can be searched for at the end.
"""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

CLIENT_ID = "test-client"
SECRET = "hunter2-correct-horse-battery"
TOPIC = "v2.users.11111111-1111-4111-8111-111111111111.presence"
OTHER = "v2.users.22222222-2222-4222-8222-222222222222.routingStatus"
# The longest a condition may take on a busy machine.
PATIENCE = 25


def wait_until(condition, what, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("timed out waiting until " + what)
        time.sleep(0.01)


class Skip(Exception):
    """This machine can't do what the point needs; the text says what."""


class Process:
    """A process whose output is read while it runs."""

    def __init__(self, lab, argv, env=None, stdin=None, read=True):
        self.lab = lab
        self.out = b""
        self.err = b""
        self.popen = subprocess.Popen(
            argv,
            env=lab.env if env is None else env,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.pid = self.popen.pid
        self.threads = [self._reader("err", self.popen.stderr)]
        if read:
            self.read_out()
        lab.processes.append(self)

    def _reader(self, name, stream):
        def run():
            while True:
                piece = os.read(stream.fileno(), 65536)
                if not piece:
                    return
                setattr(self, name, getattr(self, name) + piece)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def read_out(self):
        self.threads.append(self._reader("out", self.popen.stdout))

    def send(self, number):
        os.kill(self.pid, number)

    def wait(self, patience=PATIENCE):
        """The exit code; output is complete afterwards."""
        try:
            code = self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("still runs after %d s" % patience)
        for thread in self.threads:
            thread.join(PATIENCE)
        return code

    def kill(self):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()

    def lines(self):
        return [line for line in self.out.decode().split("\n") if line]

    def records(self, kind=None):
        """The JSON lines, complete ones only."""
        text = self.out.decode(errors="replace")
        lines = text.split("\n")[:-1]
        records = [json.loads(line) for line in lines]
        return [r for r in records if kind is None or r["type"] == kind]

    def error(self):
        return self.err.decode(errors="replace")


class Sim(Process):
    def __init__(self, lab, *flags, faults=None, tls=True, rate="50/s",
                 listen="127.0.0.1:0"):
        self.dir = tempfile.mkdtemp(dir=lab.dir)
        port_file = os.path.join(self.dir, "port")
        self.ca = os.path.join(self.dir, "ca.pem")
        argv = [lab.gcn, "sim", "--listen", listen, "--port-file", port_file,
                "--client-id", CLIENT_ID, "--client-secret-file",
                lab.secret_file, "--rate", rate, "--seed", "1"]
        argv += ["--tls", "--ca-out", self.ca] if tls else ["--no-tls"]
        if faults is not None:
            script = os.path.join(self.dir, "faults")
            with open(script, "w") as file:
                file.write(faults)
            argv += ["--fault", script]
        super().__init__(lab, argv + list(flags))
        wait_until(lambda: self._ready(port_file) or
                   self.popen.poll() is not None, "the simulator listens")
        if self.popen.poll() is not None:
            raise AssertionError("the simulator ended: " + self.error())
        with open(port_file) as file:
            self.port = int(file.read())
        self.tls = tls

    def _ready(self, port_file):
        files = [port_file] + ([self.ca] if "--tls" in self.popen.args else [])
        return all(os.path.exists(f) and os.path.getsize(f) for f in files)

    def url(self, host="127.0.0.1"):
        return "%s://%s:%d" % ("https" if self.tls else "http", host, self.port)

    def flags(self, host="127.0.0.1"):
        flags = ["--login-url", self.url(host), "--api-url", self.url(host)]
        return flags + (["--ca", self.ca] if self.tls else [])


class Proxy:
    """An HTTP proxy that knows CONNECT, and counts."""

    def __init__(self, login=None):
        self.login = login
        self.tunnels = []
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self):
        self._spawn(self._accept)
        return self

    def __exit__(self, *_):
        for one in [self.listener, *self.sockets]:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other side was first
            one.close()

    def address(self):
        return self.listener.getsockname()

    def url(self):
        return "http://%s:%d" % self.address()

    @staticmethod
    def _spawn(run, *args):
        threading.Thread(target=run, args=args, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.sockets.append(peer)
            self._spawn(self._serve, peer)

    def _serve(self, peer):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = peer.recv(4096)
            if not piece:
                return
            head += piece
        lines = head.decode().split("\r\n")
        word = lines[0].split()[1]
        if self.login is not None:
            want = "proxy-authorization: basic " + base64.b64encode(
                self.login.encode()).decode()
            if want.lower() not in [line.lower() for line in lines]:
                peer.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                             b"Proxy-Authenticate: Basic realm=x\r\n"
                             b"Content-Length: 0\r\n\r\n")
                return
        self.tunnels.append(word)
        host, port = word.rsplit(":", 1)
        far = socket.create_connection((host, int(port)))
        self.sockets.append(far)
        peer.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._spawn(self._copy, peer, far)
        self._copy(far, peer)

    @staticmethod
    def _copy(source, target):
        try:
            while True:
                piece = source.recv(65536)
                if not piece:
                    break
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one of them has gone


class Lab:
    """A temporary directory, an environment of its own, and what was started."""

    def __init__(self, gcn):
        self.gcn = gcn
        self.dir = tempfile.mkdtemp(prefix="gcn-cli-")
        self.processes = []
        self.secret_file = self.write("secret", SECRET + "\n")
        self.home = os.path.join(self.dir, "home")
        os.mkdir(self.home)
        self.bare = {"PATH": os.environ.get("PATH", ""), "HOME": self.home,
                     "TZ": "UTC"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LD_LIBRARY_PATH"):
            if name in os.environ:
                self.bare[name] = os.environ[name]
        self.env = self.environment()

    def environment(self, **more):
        return dict(self.bare, GENESYSCLOUD_OAUTHCLIENT_ID=CLIENT_ID,
                    GENESYSCLOUD_OAUTHCLIENT_SECRET=SECRET, **more)

    def write(self, name, text, mode=0o600):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def start(self, *args, env=None, read=True):
        return Process(self, [self.gcn] + list(args), env=env, read=read)

    def run(self, *args, env=None, patience=PATIENCE):
        """(exit code, process)"""
        process = self.start(*args, env=env)
        return process.wait(patience), process

    def shell(self, script, env=None):
        """A shell pipeline; $GCN is the program."""
        env = dict(self.env if env is None else env, GCN=self.gcn)
        process = Process(self, ["bash", "-c", script], env=env)
        return process.wait(), process

    def end(self):
        """Ends everything that was started and has not ended."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            for thread in process.threads:
                thread.join(PATIENCE)

    def clean_up(self):
        self.end()
        shutil.rmtree(self.dir, ignore_errors=True)


class Tap:
    """Test points in the order of their definition, as TAP."""

    def __init__(self):
        self.points = []

    def point(self, function):
        self.points.append(function)
        return function

    def run(self, lab, only=None):
        chosen = [p for p in self.points if not only or only in p.__name__]
        print("1..%d" % len(chosen), flush=True)
        failed = 0
        for index, point in enumerate(chosen):
            name = point.__doc__ or point.__name__
            first = len(lab.processes)
            try:
                point(lab)
                print("ok %d - %s" % (index + 1, name), flush=True)
            except Skip as skip:
                print("ok %d - %s # SKIP %s" % (index + 1, name, skip),
                      flush=True)
            except Exception as error:  # a failed point must not stop others
                failed += 1
                print("not ok %d - %s" % (index + 1, name), flush=True)
                self.explain(lab.processes[first:], error)
            lab.end()
        return failed

    @staticmethod
    def explain(processes, error):
        print("# %s: %s" % (type(error).__name__, error))
        for process in processes:
            print("# $ " + " ".join(process.popen.args))
            print("# exit code: %s" % process.popen.returncode)
            for name in ("out", "err"):
                text = getattr(process, name).decode(errors="replace")
                for line in text.split("\n")[-12:]:
                    if line:
                        print("# %s: %s" % (name, line[:300]))
        print(end="", flush=True)


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def expect_code(code, wanted, process):
    expect(code == wanted, "exit code %s, not %s: %s" % (
        code, wanted, "" if process is None else process.error()))
    expect(process is None or "Sanitizer" not in process.error(),
           "a sanitizer complained")


def run_points(tap, lab, only):
    """The exit status: no point failed, and none of all that ran told the
    secret."""
    try:
        failed = tap.run(lab, only)
        leaked = [p for p in lab.processes if SECRET.encode() in p.out + p.err]
        for process in leaked:
            print("# a secret was printed by " + " ".join(process.popen.args))
    finally:
        lab.clean_up()
    return 1 if failed or leaked else 0


__all__ = ["CLIENT_ID", "OTHER", "PATIENCE", "SECRET", "TOPIC", "Lab",
           "Process", "Proxy", "Sim", "Skip", "Tap", "expect", "expect_code",
           "run_points", "signal", "wait_until"]
