#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The gcn program against its own simulator, as a user sees it: exit codes,
output, signals, messages.  One TAP point per promise.

usage: test_cli.py GCN [NAME]   (NAME: only points whose name contains it)
"""

import json
import os
import pty
import re
import socket
import stat
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from harness import (CLIENT_ID, OTHER, PATIENCE, SECRET, TOPIC, Lab, Proxy,
                     Sim, Tap, expect, expect_code, signal,
                     wait_until)  # noqa: E402

tap = Tap()
point = tap.point


def expect_said(process, *words):
    for word in words:
        expect(re.search(word, process.error()), "not said: " + word)


# --- without a service -------------------------------------------------------


@point
def help_and_version(lab):
    """--help and --version go to standard output, exit 0"""
    for args in (["--help"], ["tail", "--help"], ["doctor", "-h"],
                 ["sim", "--help"], ["replay", "--help"], ["topics", "-h"],
                 ["--version"]):
        code, process = lab.run(*args)
        expect_code(code, 0, process)
        expect(process.out and not process.err, "output of %s" % args)


@point
def unknown_command(lab):
    """no or an unknown command is 2"""
    for args in ([], ["tali"], ["--frobnicate"]):
        code, process = lab.run(*args)
        expect_code(code, 2, process)
        expect(process.err and not process.out, "said on standard error")


@point
def unknown_flag(lab):
    """an unknown flag, a bad value or no topic is 2"""
    for args in (["--nonsense", TOPIC], ["-n", "many", TOPIC], [],
                 ["-o", "xml", TOPIC], ["two words"], ["-o", "body", "--meta",
                                                       TOPIC]):
        code, process = lab.run("tail", *args)
        expect_code(code, 2, process)
        expect_said(process, "gcn tail: error: ", "--help")
    code, process = lab.run("doctor", "--nonsense")
    expect_code(code, 2, process)


@point
def secret_flag(lab):
    """a secret on the command line is refused and not repeated"""
    for args in (["--client-secret", "oops-" + SECRET],
                 ["--client-secret=oops"], ["--clientsecret=oops"]):
        code, process = lab.run("tail", *args, TOPIC)
        expect_code(code, 2, process)
        expect_said(process, "--client-secret-file", "command line")
        expect(b"oops" not in process.err, "repeated")
        # What a user types is not a leak of ours; do not search it.
        process.popen.args = ["(hidden)"]


@point
def missing_credentials(lab):
    """a missing id or secret is 2 and names the remedy"""
    code, process = lab.run("tail", TOPIC, env=lab.bare)
    expect_code(code, 2, process)
    expect_said(process, "GENESYSCLOUD_OAUTHCLIENT_ID", "--client-id")
    env = dict(lab.bare, GENESYSCLOUD_OAUTHCLIENT_ID="x")
    code, process = lab.run("tail", TOPIC, env=env)
    expect_code(code, 2, process)
    expect_said(process, "GENESYSCLOUD_OAUTHCLIENT_SECRET",
                "--client-secret-file")
    code, process = lab.run("doctor", env=env)
    expect_code(code, 2, process)


@point
def missing_files(lab):
    """missing secret, CA and topics files are 2 and named"""
    for flags in (["--client-secret-file"], ["--ca"], ["--topics-file"],
                  ["--client-key-password-file"],
                  ["--grant", "refresh-token", "--refresh-token-file"],
                  ["--grant", "jwt", "--assertion-file"],
                  ["--client-cert", "/nonexistent/x", "--client-key"]):
        code, process = lab.run("tail", *flags, "/nonexistent/x", TOPIC)
        expect_code(code, 2, process)
        expect_said(process, "/nonexistent/x")


@point
def bad_places(lab):
    """an unknown region or a bad URL is 2"""
    for args in (["-e", "atlantis-1"], ["--login-url", "ftp://x"],
                 ["--api-url", "http://192.0.2.1"],
                 ["--api-url", "https://user@host"]):
        code, process = lab.run("tail", *args, TOPIC)
        expect_code(code, 2, process)
        expect_said(process, "error: (--environment|--login-url|--api-url)")


@point
def refused_port(lab):
    """a port where nobody listens: a sentence; 5 with --reconnect off"""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # bound, and never listening
        url = "http://127.0.0.1:%d" % probe.getsockname()[1]
        flags = ["--login-url", url, "--api-url", url]
        code, process = lab.run("tail", "--reconnect", "off", *flags, TOPIC)
        expect_code(code, 5, process)
        expect_said(process, "refused", "127.0.0.1", "check host and port")
        code, process = lab.run("tail", "--max-retries", "1", *flags, TOPIC)
        expect_code(code, 5, process)
        expect_said(process, "next attempt in")
        code, process = lab.run("doctor", *flags)
        expect_code(code, 1, process)
        expect("FAIL  tcp login" in process.out.decode(), "doctor's line")


@point
def unknown_host(lab):
    """a name that does not exist: a sentence about it"""
    url = "https://no-such-host.invalid"
    code, process = lab.run("tail", "--reconnect", "off", "--login-url", url,
                            "--api-url", url, TOPIC)
    expect_code(code, 5, process)
    expect_said(process, "no-such-host.invalid", "check")


# --- events ------------------------------------------------------------------

ENVELOPE = ["v", "type", "time", "seq", "topic", "body", "correlationId",
            "channel", "connection"]


@point
def count(lab):
    """-n ends with 0 after so many events, over TLS"""
    sim = Sim(lab)
    code, process = lab.run("tail", *sim.flags(), "-n", "7", TOPIC, OTHER)
    expect_code(code, 0, process)
    records = process.records()
    expect(len(records) == 7, "%d lines" % len(records))
    expect([r["seq"] for r in records] == list(range(1, 8)), "sequence")
    for record in records:
        expect(list(record) == ENVELOPE, "keys: %s" % list(record))
        expect(record["v"] == 1 and record["type"] == "event", "kind")
        expect(record["topic"] in (TOPIC, OTHER), "topic")
        expect(isinstance(record["body"], dict), "body")
        expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
                            record["time"]), "time")
    expect(process.err == b"", "nothing on standard error")


@point
def plaintext(lab):
    """http:// on loopback works"""
    sim = Sim(lab, tls=False)
    code, process = lab.run("tail", *sim.flags(), "-n", "2", TOPIC)
    expect_code(code, 0, process)


@point
def time_limit(lab):
    """--for ends with 0"""
    sim = Sim(lab)
    began = time.monotonic()
    code, process = lab.run("tail", *sim.flags(), "--for", "1s", TOPIC)
    took = time.monotonic() - began
    expect_code(code, 0, process)
    expect(1 <= took < PATIENCE, "took %.1f s" % took)
    expect(process.records(), "events")


@point
def until_idle(lab):
    """--until-idle ends with 0 once events stop"""
    sim = Sim(lab, faults="after event 5 event.stop\n")
    code, process = lab.run("tail", *sim.flags(), "--until-idle", "700ms",
                            TOPIC)
    expect_code(code, 0, process)
    expect(len(process.records()) == 5, "%d lines" % len(process.records()))


@point
def timeout_first(lab):
    """--timeout-first without an event is 7; with one it is no matter"""
    sim = Sim(lab, faults="event.stop\n")
    code, process = lab.run("tail", *sim.flags(), "--timeout-first", "1s",
                            TOPIC)
    expect_code(code, 7, process)
    expect_said(process, "no event within 1.0 s", "streaming")
    sim = Sim(lab)
    code, process = lab.run("tail", *sim.flags(), "--timeout-first", "20s",
                            "-n", "3", TOPIC)
    expect_code(code, 0, process)


@point
def forms(lab):
    """body, raw and pretty print what they say"""
    sim = Sim(lab)
    code, process = lab.run("tail", *sim.flags(), "-n3", "-o", "body", TOPIC)
    expect_code(code, 0, process)
    for line in process.lines():
        expect("eventBody" not in json.loads(line), "body only")
    code, process = lab.run("tail", *sim.flags(), "-n3", "-o", "raw", TOPIC)
    expect_code(code, 0, process)
    for line in process.lines():
        message = json.loads(line)
        expect(message["topicName"] == TOPIC, "the service's own envelope")
        expect("eventBody" in message, "with its body")
    code, process = lab.run("tail", *sim.flags(), "-n3", "-o", "pretty", TOPIC)
    expect_code(code, 0, process)
    for line in process.lines():
        expect(re.match(r"\d\d:\d\d:\d\d\.\d{3}  v2\.users\.", line), line)
    expect(b"\033" not in process.out, "no colours into a pipe")


@point
def bodies_pass_through(lab):
    """bodies are the service's bytes"""
    body = '{"n":1.10,"e":"\\u00e9\\/","big":12345678901234567890,"n2":-0.0}'
    message = '{"topicName":"%s","eventBody":%s}' % (TOPIC, body)
    quoted = message.replace("\\", "\\\\").replace('"', '\\"')
    sim = Sim(lab, faults='event.stop\nafter connect ws.send "%s"\n' % quoted)
    code, process = lab.run("tail", *sim.flags(), "-n", "1", TOPIC)
    expect_code(code, 0, process)
    expect('"body":%s,' % body in process.out.decode(), "changed")


@point
def colors(lab):
    """--color, NO_COLOR and CLICOLOR_FORCE"""
    sim = Sim(lab)
    base = ["tail", *sim.flags(), "-n1", "-o", "pretty"]
    rows = [(["--color", "always"], {}, True),
            ([], {"CLICOLOR_FORCE": "1"}, True),
            ([], {"CLICOLOR_FORCE": "0"}, False),
            ([], {"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False),
            (["--color", "always"], {"NO_COLOR": "1"}, True),
            (["--color", "never"], {"CLICOLOR_FORCE": "1"}, False)]
    for flags, variables, colored in rows:
        code, process = lab.run(*base, *flags, TOPIC,
                                env=lab.environment(**variables))
        expect_code(code, 0, process)
        expect((b"\033[" in process.out) == colored,
               "%s %s" % (flags, variables))


@point
def match(lab):
    """--match prints and counts matching events only"""
    sim = Sim(lab)
    code, process = lab.run("tail", *sim.flags(), "-n4", "--match",
                            "topic contains routingStatus", TOPIC, OTHER)
    expect_code(code, 0, process)
    records = process.records()
    expect(len(records) == 4, "four")
    expect(all(r["topic"] == OTHER for r in records), "of one kind")
    expect(records[-1]["seq"] > 4, "others were received")


@point
def topics_file(lab):
    """-T reads topics from a file and from standard input"""
    sim = Sim(lab)
    path = lab.write("topics", "# two\n%s\n\n  %s\n" % (TOPIC, OTHER))
    code, process = lab.run("tail", *sim.flags(), "--meta", "-n2", "-T", path)
    expect_code(code, 0, process)
    expect(len(process.records("subscribed")) == 2, "two topics")
    flags = " ".join(sim.flags())
    code, process = lab.shell("echo %s | \"$GCN\" tail %s -T - -n1"
                              % (TOPIC, flags))
    expect_code(code, 0, process)


@point
def meta(lab):
    """--meta tells states, topics and the open stream"""
    sim = Sim(lab, "--heartbeat", "300ms")
    code, process = lab.run("tail", *sim.flags(), "--meta", "--heartbeat",
                            "--for", "2s", TOPIC)
    expect_code(code, 0, process)
    kinds = [r["type"] for r in process.records()]
    for kind in ("state", "open", "subscribed", "event", "heartbeat"):
        expect(kind in kinds, "no line of type " + kind)
    expect(kinds.index("subscribed") < kinds.index("open"), "P1")
    expect(all(r["v"] == 1 and "time" in r for r in process.records()), "keys")
    expect([r["reason"] for r in process.records("state")][0], "a reason")


# --- pipes -------------------------------------------------------------------


@point
def lines_are_flushed(lab):
    """into a pipe every line goes at once"""
    sim = Sim(lab, rate="5/s")
    process = lab.start("tail", *sim.flags(), TOPIC)
    wait_until(lambda: len(process.records()) >= 2, "two lines are there")
    expect(process.popen.poll() is None, "while it runs")


@point
def reader_leaves(lab):
    """a reader that leaves: quiet, 141"""
    sim = Sim(lab)
    script = '"$GCN" tail %s %s | head -1; exit ${PIPESTATUS[0]}'
    code, process = lab.shell(script % (" ".join(sim.flags()), TOPIC))
    expect_code(code, 141, process)
    expect(process.err == b"", "quiet")
    expect(len(process.lines()) == 1, "one line")


@point
def idle_reader_leaves(lab):
    """a reader that leaves an idle stream is noticed too"""
    sim = Sim(lab, faults="event.stop\n")
    script = '"$GCN" tail --meta %s %s | head -1; exit ${PIPESTATUS[0]}'
    code, process = lab.shell(script % (" ".join(sim.flags()), TOPIC))
    expect_code(code, 141, process)


@point
def slow_reader(lab):
    """a reader that stops for a while loses and reorders nothing"""
    sim = Sim(lab, "--payload-size", "4000", rate="400/s")
    process = lab.start("tail", *sim.flags(), "-n", "1500", TOPIC, read=False)
    # What pipe and buffers hold is less than what is asked for.
    events = wait_for_stall(process)
    expect(events < 1500, "it went on reading: %d" % events)
    process.read_out()
    expect_code(process.wait(40), 0, process)
    numbers = [r["seq"] for r in process.records()]
    expect(numbers == list(range(1, 1501)), "%d lines" % len(numbers))
    correlation = [r["correlationId"] for r in process.records()]
    expect(len(set(correlation)) == 1500, "each event once")


def wait_for_signals(process):
    """Until USR2 no longer kills it."""
    def caught():
        with open("/proc/%d/status" % process.pid) as file:
            mask = re.search(r"SigCgt:\s*(\w+)", file.read()).group(1)
        return int(mask, 16) & (1 << (signal.SIGUSR2 - 1))

    wait_until(caught, "signals are handled")


def events_of(process):
    """How many events it says it has received, asked now."""
    answers = process.err.count(b"}\n")
    process.send(signal.SIGUSR2)
    wait_until(lambda: process.err.count(b"}\n") > answers, "it answers")
    return int(re.findall(r'"events":(\d+)', process.error())[-1])


def wait_for_stall(process):
    """Until its output is stuck and it has stopped reading the stream."""
    wait_for_signals(process)
    seen = []

    def stalled():
        seen.append(events_of(process))
        return len(seen) > 10 and seen[-1] > 60 and seen[-1] == seen[-10]

    wait_until(stalled, "reading has stopped")
    return seen[-1]


@point
def regular_file(lab):
    """into a file all lines arrive, with and without -u"""
    sim = Sim(lab)
    for flags in ("", "-u"):
        path = os.path.join(lab.dir, "out" + flags)
        code, process = lab.shell('"$GCN" tail %s %s -n 20 %s > %s' % (
            " ".join(sim.flags()), flags, TOPIC, path))
        expect_code(code, 0, process)
        with open(path) as file:
            expect(len([json.loads(line) for line in file]) == 20, "lines")


@point
def full_disk(lab):
    """output that cannot be written is 1 and said"""
    sim = Sim(lab)
    code, process = lab.shell('"$GCN" tail %s -n 5 %s > /dev/full' % (
        " ".join(sim.flags()), TOPIC))
    expect_code(code, 1, process)
    expect_said(process, "standard output: ")


@point
def closed_output(lab):
    """closed standard output is 1 and said; the stream's socket is not it"""
    sim = Sim(lab)
    code, process = lab.shell('"$GCN" tail %s -n 5 %s >&-' % (
        " ".join(sim.flags()), TOPIC))
    expect_code(code, 1, process)
    expect_said(process, "standard output: bad file descriptor")


# --- signals -----------------------------------------------------------------


@point
def end_signals(lab):
    """INT and TERM: 128+n, output complete"""
    sim = Sim(lab)
    for number in (signal.SIGINT, signal.SIGTERM):
        process = lab.start("tail", *sim.flags(), TOPIC)
        wait_until(lambda: len(process.records()) >= 3, "events are there")
        process.send(number)
        expect_code(process.wait(), 128 + number, process)
        numbers = [r["seq"] for r in process.records()]
        expect(numbers == list(range(1, len(numbers) + 1)), "complete")
        expect(process.out.endswith(b"\n"), "whole lines")


@point
def second_signal(lab):
    """with output stuck the first signal takes seconds, the second none"""
    sim = Sim(lab, "--payload-size", "4000", rate="400/s")
    process = lab.start("tail", *sim.flags(), TOPIC, read=False)
    wait_for_stall(process)
    process.send(signal.SIGINT)
    process.send(signal.SIGTERM)
    began = time.monotonic()
    code = process.popen.wait(20)
    expect(code in (128 + signal.SIGINT, 128 + signal.SIGTERM), "code %d" % code)
    expect(time.monotonic() - began < 2, "at once")


@point
def stuck_output_and_one_signal(lab):
    """with output stuck one signal still ends it, within seconds"""
    sim = Sim(lab, "--payload-size", "4000", rate="400/s")
    process = lab.start("tail", *sim.flags(), TOPIC, read=False)
    wait_for_stall(process)
    process.send(signal.SIGTERM)
    code = process.popen.wait(20)
    expect(code == 128 + signal.SIGTERM, "code %d" % code)
    wait_until(lambda: b"are lost" in process.err, "the loss is said")


@point
def stats_signal(lab):
    """USR2 prints statistics as JSON to standard error"""
    sim = Sim(lab)
    process = lab.start("tail", *sim.flags(), TOPIC)
    wait_until(lambda: len(process.records()) >= 2, "events are there")
    process.send(signal.SIGUSR2)
    wait_until(lambda: b"}\n" in process.err, "statistics are there")
    stats = json.loads(process.error().strip().split("\n")[-1])
    expect(stats["type"] == "stats" and stats["state"] == "streaming", "state")
    expect(stats["events"] >= 2 and stats["streams"] == 1, "counters")
    expect(stats["nevers"] == 0, "no internal errors")


@point
def credentials_signal(lab):
    """HUP reads the credentials again"""
    sim = Sim(lab)
    path = lab.write("rotating", SECRET + "\n")
    env = dict(lab.bare, GENESYSCLOUD_OAUTHCLIENT_ID=CLIENT_ID)
    process = lab.start("tail", *sim.flags(), "--client-secret-file", path,
                        TOPIC, env=env)
    wait_until(lambda: len(process.records()) >= 2, "events are there")
    process.send(signal.SIGHUP)
    wait_until(lambda: b"have been read again" in process.err, "it is said")
    os.remove(path)
    process.send(signal.SIGHUP)
    wait_until(lambda: b"stay as they are" in process.err, "it is said")
    before = len(process.records())
    wait_until(lambda: len(process.records()) > before, "events go on")


# --- refusals ----------------------------------------------------------------


@point
def wrong_secret(lab):
    """a wrong secret is 3, said once, not retried"""
    sim = Sim(lab)
    env = dict(lab.env, GENESYSCLOUD_OAUTHCLIENT_SECRET="wrong")
    code, process = lab.run("tail", *sim.flags(), TOPIC, env=env)
    expect_code(code, 3, process)
    expect_said(process, "client id or its secret")
    expect(len(process.error().strip().split("\n")) == 1, "one sentence")
    code, process = lab.run("doctor", *sim.flags(), env=env)
    expect_code(code, 3, process)
    expect("FAIL  token" in process.out.decode(), "doctor's line")


@point
def wrong_ca(lab):
    """a CA that did not sign: a sentence that names --ca; 5 if told to stop"""
    sim = Sim(lab)
    other = Sim(lab)
    flags = ["--login-url", sim.url(), "--api-url", sim.url(), "--ca",
             other.ca]
    code, process = lab.run("tail", *flags, "--reconnect", "off", TOPIC)
    expect_code(code, 5, process)
    expect_said(process, "not trusted", "--ca FILE")
    process = lab.start("tail", *flags, TOPIC)
    wait_until(lambda: b"next attempt in" in process.err, "it keeps trying")
    expect(process.popen.poll() is None, "and runs on")
    process.send(signal.SIGTERM)
    expect_code(process.wait(), 143, process)
    code, process = lab.run("doctor", *flags)
    expect_code(code, 1, process)
    expect("FAIL  tls login" in process.out.decode(), "doctor's line")


@point
def wrong_host_name(lab):
    """a certificate for another host is not accepted"""
    sim = Sim(lab, listen="0.0.0.0:0")
    code, process = lab.run("tail", *sim.flags("127.0.0.2"), "--reconnect",
                            "off", TOPIC)
    expect_code(code, 5, process)
    expect_said(process, "not for host '127.0.0.2'")


@point
def no_tls_there(lab):
    """https:// to a plain port: a sentence, no hang"""
    sim = Sim(lab, tls=False)
    url = "https://127.0.0.1:%d" % sim.port
    code, process = lab.run("tail", "--login-url", url, "--api-url", url,
                            "--reconnect", "off", TOPIC)
    expect_code(code, 5, process)
    expect_said(process, "TLS")


@point
def unknown_topic(lab):
    """a topic that does not exist is a warning; strict: 4"""
    sim = Sim(lab)
    wrong = "v2.nonsense.of.mine"
    code, process = lab.run("tail", *sim.flags(), "-n2", TOPIC, wrong)
    expect_code(code, 0, process)
    expect_said(process, "warning: .*" + wrong)
    code, process = lab.run("tail", *sim.flags(), "--strict-topics", TOPIC,
                            wrong)
    expect_code(code, 4, process)


FORBID = 'on topic v2.users.22222222-* reject 403 "analytics:thing:view"\n'


@point
def forbidden_topic(lab):
    """a forbidden topic is a warning with what is missing; strict: 4"""
    sim = Sim(lab, faults=FORBID)
    code, process = lab.run("tail", *sim.flags(), "-n3", TOPIC, OTHER)
    expect_code(code, 0, process)
    expect_said(process, "warning: topic " + OTHER + " was rejected")
    expect(all(r["topic"] == TOPIC for r in process.records()), "the other")
    code, process = lab.run("tail", *sim.flags(), "--strict-topics", TOPIC,
                            OTHER)
    expect_code(code, 4, process)
    expect_said(process, "error: topic " + OTHER)
    expect(process.records("event") == [], "nothing printed")
    code, process = lab.run("doctor", *sim.flags(), TOPIC, OTHER)
    expect_code(code, 1, process)
    expect("FAIL  topic" in process.out.decode(), "doctor's line")


# --- faults ------------------------------------------------------------------


def reconnects(lab, faults, *words):
    """After the fault events come again; returns the process."""
    sim = Sim(lab, faults=faults)
    code, process = lab.run("tail", *sim.flags(), "--meta", "--match",
                            "topic == " + TOPIC, "-n", "30", TOPIC,
                            patience=40)
    expect_code(code, 0, process)
    expect_said(process, "next attempt in", "streaming again after", *words)
    expect(process.records("reconnecting"), "told")
    expect(process.records("open")[-1]["outageMs"] is not None, "outage")
    expect(process.records("event")[-1]["connection"] > 1, "a new connection")
    return process


@point
def reset(lab):
    """a reset: found again, gap told, and every event got or inside it"""
    process = reconnects(lab, "after event 10 tcp.reset\n")
    gaps = process.records("gap")
    expect(len(gaps) == 1, "one gap")
    expect(gaps[0]["from"] <= gaps[0]["to"] and gaps[0]["cause"], "its times")
    expect_said(process, "may be missing")


@point
def server_close(lab):
    """close 1001: found again"""
    process = reconnects(lab, 'after event 10 ws.close 1001 "going away"\n')
    expect(process.records("reconnecting")[0]["closeCode"] == 1001, "code")


@point
def oversize_message(lab):
    """a message beyond the limit ends the connection, not the program"""
    process = reconnects(lab, "after event 10 ws.oversize 3000000\n")
    told = process.records("reconnecting")[0]
    expect(told["error"] == "GCN_EMSGSIZE", told["error"])


@point
def masked_frame(lab):
    """a masked server frame ends the connection, not the program"""
    process = reconnects(lab, "after event 10 ws.masked\n")
    expect(process.records("reconnecting")[0]["error"] == "GCN_EWS", "error")


@point
def malformed_json(lab):
    """a message that is no JSON is counted, not printed, and no reason to go"""
    sim = Sim(lab, faults='after event 5 ws.send "{\\"topicName\\": nonsense"\n')
    process = lab.start("tail", *sim.flags(), TOPIC)
    wait_until(lambda: len(process.records()) >= 20, "events go on")
    process.send(signal.SIGUSR2)
    wait_until(lambda: b"}\n" in process.err, "statistics are there")
    stats = json.loads(process.error().strip().split("\n")[-1])
    expect(stats["garbage"] == 1, "garbage: %d" % stats["garbage"])
    expect(stats["streams"] == 1, "the same stream")
    expect(b"nonsense" not in process.out, "not printed")


@point
def oversize_header(lab):
    """an answer with a huge header: a sentence; 5 if told to stop"""
    sim = Sim(lab, faults="http.huge-header POST /oauth/token\n")
    code, process = lab.run("tail", *sim.flags(), "--reconnect", "off", TOPIC)
    expect_code(code, 5, process)
    expect_said(process, "gcn tail: error: .*token")


@point
def malformed_rest(lab):
    """a REST answer that is no JSON: a sentence; 5 if told to stop"""
    sim = Sim(lab, faults="http.garbage POST /api/v2/notifications/channels\n")
    code, process = lab.run("tail", *sim.flags(), "--reconnect", "off", TOPIC)
    expect_code(code, 5, process)
    expect_said(process, "gcn tail: error: ")


@point
def gap_fails(lab):
    """--on-gap fail: 6; ignore: silent"""
    faults = "after event 10 tcp.reset\n"
    sim = Sim(lab, faults=faults)
    code, process = lab.run("tail", *sim.flags(), "--on-gap", "fail", TOPIC)
    expect_code(code, 6, process)
    expect_said(process, "error: events between .* may be missing")
    sim = Sim(lab, faults=faults)
    code, process = lab.run("tail", *sim.flags(), "--on-gap", "ignore", "-n",
                            "20", TOPIC)
    expect_code(code, 0, process)
    expect("may be missing" not in process.error(), "silent")


@point
def very_verbose(lab):
    """-vv tells every change of state, on standard error only"""
    sim = Sim(lab, "-v", faults="after event 10 tcp.reset\n")
    code, process = lab.run("tail", *sim.flags(), "-vv", "-n", "20", TOPIC)
    expect_code(code, 0, process)
    expect_said(process, "connecting -> authenticating",
                "subscribing -> streaming", "streaming -> backing off")
    expect(len(process.records()) == 20, "data only")


@point
def reconnect_off(lab):
    """--reconnect off: a lost stream is 5"""
    sim = Sim(lab, faults="after event 10 tcp.reset\n")
    code, process = lab.run("tail", *sim.flags(), "--reconnect", "off", TOPIC)
    expect_code(code, 5, process)
    # A reset may overtake what the client has not read yet.
    expect(0 < len(process.records()) <= 10, "what came is printed")


@point
def quiet(lab):
    """-q says errors only"""
    sim = Sim(lab, faults="after event 10 tcp.reset\n")
    code, process = lab.run("tail", *sim.flags(), "-q", "-n", "20", TOPIC)
    expect_code(code, 0, process)
    expect(process.err == b"", "silence")


# --- configuration -----------------------------------------------------------


@point
def profile(lab):
    """flag, environment, profile: in this order; exposed files are told"""
    sim = Sim(lab)
    text = ('[default]\nclient_credentials = "%s"\nclient_secret = "%s"\n'
            '[wrong]\nclient_credentials = "%s"\nclient_secret = "nope"\n'
            % (CLIENT_ID, SECRET, CLIENT_ID))
    path = lab.write("home/.gc/config.toml", text)
    try:
        run = lambda *args, env=lab.bare: lab.run(
            "tail", *sim.flags(), "-n1", *args, TOPIC, env=env)
        code, process = run()
        expect_code(code, 0, process)
        expect(process.err == b"", "no warning")
        code, process = run("-p", "wrong")
        expect_code(code, 3, process)
        code, process = run("-p", "wrong", env=lab.env)
        expect_code(code, 0, process)  # the environment wins
        wrong = dict(lab.bare, GENESYSCLOUD_OAUTHCLIENT_SECRET="wrong")
        code, process = run(env=wrong)
        expect_code(code, 3, process)
        code, process = run("--client-secret-file", lab.secret_file, env=wrong)
        expect_code(code, 0, process)  # the flag wins
        os.chmod(path, stat.S_IRUSR | stat.S_IRGRP)
        code, process = run()
        expect_code(code, 0, process)
        expect_said(process, "warning: .*config.toml can be read by others")
    finally:
        os.remove(path)


@point
def gateway(lab):
    """GENESYSCLOUD_GATEWAY_* stand in for both URLs"""
    sim = Sim(lab)
    env = lab.environment(GENESYSCLOUD_GATEWAY_HOST="127.0.0.1",
                          GENESYSCLOUD_GATEWAY_PORT=str(sim.port),
                          SSL_CERT_FILE=sim.ca)
    code, process = lab.run("tail", "-n1", TOPIC, env=env)
    expect_code(code, 0, process)


@point
def doctor(lab):
    """doctor walks all steps; 0"""
    sim = Sim(lab, "--heartbeat", "1s")
    code, process = lab.run("doctor", *sim.flags(), TOPIC)
    expect_code(code, 0, process)
    for name in ("dns login", "tcp login", "tls login", "resume login", "plan",
                 "token", "channel", "socket", "topics", "answer"):
        expect(re.search(r"^ok    %s .*\(\d+ ms\)$" % name,
                         process.out.decode(), re.M), "no line for " + name)
    expect("resumed the first one's session" in process.out.decode(),
           "the second handshake")
    code, process = lab.run("doctor", *sim.flags())
    expect_code(code, 0, process)


@point
def status_line(lab):
    """--status on prints a line even without a terminal"""
    sim = Sim(lab)
    process = lab.start("tail", *sim.flags(), "--status", "on", TOPIC)
    wait_until(lambda: b"topics |" in process.err, "a status line is there")


@point
def terminal(lab):
    """on a terminal: pretty, coloured, and a status line"""
    # 2.4 s: four ticks of the status line, which lets one go by where a write
    # of events is under way.
    sim = Sim(lab)
    master, slave = pty.openpty()
    popen = subprocess.Popen(
        [lab.gcn, "tail", *sim.flags(), "-n", "120", TOPIC],
        env=lab.environment(TERM="xterm"), stdin=slave, stdout=slave,
        stderr=slave)
    os.close(slave)
    text = b""
    try:
        while True:
            piece = os.read(master, 65536)
            if not piece:
                break
            text += piece
    except OSError:
        pass  # the other side has closed
    os.close(master)
    expect_code(popen.wait(20), 0, None)
    expect(text.count(b"\033[36mv2.users.") == 120, "coloured lines")
    expect(b"1/1 topics" in text, "status line")
    expect(b"gaps" not in text.split(b"\033[K")[-1],
           "the status line is taken away")
    lab.terminal_text = text


# --- the streams are kept ----------------------------------------------------


def rotates(lab, process, cause):
    """It has rotated, proven, without a gap, and events go on in order."""
    wait_until(lambda: process.records("rotated"), "it rotates")
    told = process.records("rotated")[0]
    expect(told["proven"] and cause in told["cause"], str(told))
    expect(told["overlapMs"] > 0 and told["connectionIndex"] == 0, str(told))
    before = len(process.records("event"))
    wait_until(lambda: len(process.records("event")) > before, "events go on")
    expect(not process.records("gap"), "no gap")
    ids = [r["correlationId"] for r in process.records("event")]
    expect(len(set(ids)) == len(ids), "each event once")
    expect_said(process, "rotated: .*nothing missed, \\d+ duplicates? dropped")


@point
def rotate_signal(lab):
    """USR1 replaces the channel: proven, no gap, each event once"""
    sim = Sim(lab)
    process = lab.start("tail", *sim.flags(), "--meta", TOPIC)
    wait_until(lambda: process.records("event"), "events are there")
    process.send(signal.SIGUSR1)
    rotates(lab, process, "")
    expect(process.records("event")[-1]["channel"] == 2, "a new channel")


@point
def rotate_after(lab):
    """--rotate-after replaces a channel of that age"""
    sim = Sim(lab)
    process = lab.start("tail", *sim.flags(), "--meta", "--rotate-after", "1s",
                        TOPIC)
    rotates(lab, process, "due")


@point
def socket_closing(lab):
    """an announced close is moved out of the way of, in time"""
    sim = Sim(lab, faults="after event 10 ws.closing 6s\n")
    process = lab.start("tail", *sim.flags(), "--meta", "--rotate-spread",
                        "100ms", TOPIC)
    rotates(lab, process, "announced")
    expect(not process.records("reconnecting"), "nothing was lost")


@point
def pretty_rotation(lab):
    """-o pretty --meta says ROTATED, and standard error does not repeat it"""
    sim = Sim(lab)
    process = lab.start("tail", *sim.flags(), "--meta", "-o", "pretty",
                        "--rotate-after", "1s", TOPIC)
    wait_until(lambda: b"  ROTATED  " in process.out, "it rotates")
    expect(re.search(r"  ROTATED  .*, nothing missed, \d+ duplicates? dropped",
                     process.out.decode()), "its words")
    expect(b"nothing missed" not in process.err, "once")


@point
def pings(lab):
    """--ping keeps a stream that answers, and ends one that does not"""
    sim = Sim(lab)
    code, process = lab.run("tail", *sim.flags(), "--ping", "100ms", "-n", "60",
                            TOPIC)
    expect_code(code, 0, process)
    expect(process.err == b"", "all is well")


@point
def many_topics(lab):
    """thousands of topics are spread over connections, each told"""
    names = os.path.join(lab.dir, "names")
    sim = Sim(lab, "--topics", "2100", "--topics-out", names, rate="100/s")
    process = lab.start("tail", *sim.flags(), "--meta", "-T", names)
    wait_until(lambda: len(process.records("open")) >= 3, "three streams")
    expect(sorted(r["connectionIndex"] for r in process.records("open")) ==
           [0, 1, 2], "each its own")
    verdicts = process.records("subscribed")
    expect(len({r["topic"] for r in verdicts}) == 2100, "every topic")
    expect({r["verdict"] for r in verdicts} == {"permitted"}, "permitted")
    process.send(signal.SIGUSR2)
    wait_until(lambda: b"}\n" in process.err, "statistics are there")
    stats = json.loads(process.error().strip().split("\n")[-1])
    expect(stats["connections"] == 3 and stats["topics"] == 2100, str(stats))
    code, process = lab.run("tail", *sim.flags(), "--connections", "2", "-T",
                            names)
    expect_code(code, 2, process)
    expect_said(process, "2100 topics are more", "gcn topics --plan",
                "--connections")


@point
def plan(lab):
    """topics --plan: which connection, which name, what has no place; 0 or 4"""
    user = TOPIC.rsplit(".", 1)[0]
    path = lab.write("plan", "%s.presence\n%s.routingStatus\n%s\n"
                     % (user, user, OTHER))
    code, process = lab.run("topics", "--plan", path, env=lab.bare)
    expect_code(code, 0, process)
    lines = process.lines()
    expect(len(lines) == 4 and lines[0].startswith(" 0  " + TOPIC), lines[0])
    expect("as %s?" % user in lines[0], "a shared name")
    expect(lines[3] == "3 topics by 2 names on 1 connection, 0 refused",
           lines[3])
    script = "seq -f 'v2.users.%05g.presence' 2100 | \"$GCN\" topics --plan - "
    code, process = lab.shell(script + "--connections 2 --json", env=lab.bare)
    expect_code(code, 4, process)
    rows = [json.loads(line) for line in process.lines()]
    placed = [r for r in rows[:-1] if r["refused"] is None]
    expect(len(rows) == 2101 and rows[-1]["topics"] == len(placed), "totals")
    expect({r["connection"] for r in placed} == {0, 1}, "two connections")
    refused = [r for r in rows[:-1] if r["refused"] is not None]
    expect(len(refused) == rows[-1]["refused"] > 0, "refusals")
    expect({r["refused"] for r in refused} == {"no room"}, "why")
    for args in ([], ["--plan"], ["--plan", "/nonexistent/x"], [TOPIC],
                 ["--plan", path, "--connections", "0"]):
        code, process = lab.run("topics", *args)
        expect_code(code, 2, process)
        expect_said(process, "gcn topics: error: ")


# --- files beside the data ---------------------------------------------------


@point
def record(lab):
    """--record is written at USR2 and at the end, and replays the same"""
    sim = Sim(lab, faults="after event 20 tcp.reset\n")
    path = os.path.join(lab.dir, "flight")
    process = lab.start("tail", *sim.flags(), "--record", path, TOPIC)
    wait_until(lambda: b"streaming again" in process.err, "it has seen a loss")
    expect(not os.path.exists(path), "not before it is asked for")
    process.send(signal.SIGUSR2)
    wait_until(lambda: os.path.exists(path), "USR2")
    first = os.path.getsize(path)
    process.send(signal.SIGTERM)
    expect_code(process.wait(), 143, process)
    expect(os.path.getsize(path) > first, "with the goodbye")
    code, process = lab.run("replay", path)
    expect_code(code, 0, process)
    text = process.out.decode()
    expect("STREAMING -> BACKING_OFF" in text and "-> CLOSED" in text, text)
    with open(path, "rb") as file:
        expect(TOPIC.encode() not in file.read(), "no topic in it")


@point
def record_refusal(lab):
    """a refusal leaves a flight record behind"""
    sim = Sim(lab)
    path = os.path.join(lab.dir, "refusal")
    env = dict(lab.env, GENESYSCLOUD_OAUTHCLIENT_SECRET="wrong")
    code, process = lab.run("tail", *sim.flags(), "--record", path, TOPIC,
                            env=env)
    expect_code(code, 3, process)
    code, process = lab.run("replay", path)
    expect_code(code, 0, process)
    expect("REFUSED" in process.out.decode(), "the refusal")


@point
def metrics(lab):
    """--metrics is written again and again, whole, and at the end"""
    sim = Sim(lab)
    path = os.path.join(lab.dir, "metrics")

    def total():
        with open(path) as file:
            text = file.read()
        expect(text.endswith("# EOF\n"), "whole")
        return int(re.search(r"^gcn_events_received_total (\d+)", text,
                             re.M).group(1))

    process = lab.start("tail", *sim.flags(), "--metrics", path,
                        "--metrics-interval", "50ms", "-n", "100", TOPIC)
    wait_until(lambda: os.path.exists(path) and total() > 0, "it is written")
    first = total()
    wait_until(lambda: total() > first, "it is written again")
    expect_code(process.wait(), 0, process)
    expect(total() == 100, "at the end: %d" % total())
    expect([f for f in os.listdir(lab.dir) if f.startswith("metrics.")] == [],
           "nothing is left behind")
    code, process = lab.run("tail", *sim.flags(), "--metrics",
                            "/nonexistent/x", "--metrics-interval", "20ms",
                            "-n", "20", TOPIC)
    expect_code(code, 0, process)
    expect(process.error().count("--metrics /nonexistent/x") == 1, "said once")


@point
def stats_interval(lab):
    """--stats-interval: to standard error; with --meta -o json into the data"""
    sim = Sim(lab)
    flags = [*sim.flags(), "--stats-interval", "100ms", "-n", "40", TOPIC]
    code, process = lab.run("tail", *flags)
    expect_code(code, 0, process)
    lines = [json.loads(line) for line in process.error().split("\n") if line]
    expect(len(lines) >= 2, "several")
    for line in lines:
        expect(line["type"] == "stats", line["type"])
        for key in ("connections", "rotations", "duplicates", "renewals",
                    "tlsResumed", "tokenLifeMs", "audits", "sleeps"):
            expect(isinstance(line[key], int), key)
    expect({r["type"] for r in process.records()} == {"event"}, "data only")
    code, process = lab.run("tail", "--meta", *flags)
    expect_code(code, 0, process)
    expect(process.err == b"", "not twice")
    expect(len(process.records("stats")) >= 2, "among the data")


@point
def log_formats(lab):
    """--log-format json and logfmt: every line of standard error is one"""
    for form, check in (("json", lambda line: expect(
                            {"msg", "event"} & set(json.loads(line)), line)),
                        ("logfmt", lambda line: expect(re.fullmatch(
                            r'time=\S+Z level=(warn|info|debug) '
                            r'(msg="(\\.|[^"\\])*"|event=.*)', line), line))):
        sim = Sim(lab, faults="after event 10 tcp.reset\n")
        code, process = lab.run("tail", *sim.flags(), "--log-format", form,
                                "--status", "on", "-v", "-n", "40", TOPIC)
        expect_code(code, 0, process)
        lines = [line for line in process.error().split("\n") if line]
        expect(len(lines) >= 4, "%d lines" % len(lines))
        for line in lines:
            check(line)
        expect("next attempt in" in process.error(), "the loss")


# --- proxies and certificates ------------------------------------------------


@point
def proxy(lab):
    """--proxy, https_proxy and --no-proxy: all through it, or nothing"""
    sim = Sim(lab)
    with Proxy() as way:
        run = lambda *args, env=None: lab.run(
            "tail", *sim.flags(), "-n3", *args, TOPIC, env=env)
        code, process = run("--proxy", way.url())
        expect_code(code, 0, process)
        expect(way.tunnels and set(way.tunnels) == {"127.0.0.1:%d" % sim.port},
               "tunnels: %s" % way.tunnels)
        count = len(way.tunnels)
        code, process = run("--proxy", way.url(), "--no-proxy", "127.0.0.0/8")
        expect_code(code, 0, process)
        env = lab.environment(https_proxy=way.url())
        code, process = run("--proxy", "", env=env)
        expect_code(code, 0, process)
        expect(len(way.tunnels) == count, "directly")
        code, process = run(env=env)
        expect_code(code, 0, process)
        host, port = way.address()
        env = lab.environment(GENESYSCLOUD_PROXY_HOST=host,
                              GENESYSCLOUD_PROXY_PORT=str(port))
        half = len(way.tunnels)
        expect(half > count, "by https_proxy")
        code, process = run(env=env)
        expect_code(code, 0, process)
        expect(len(way.tunnels) > half, "by GENESYSCLOUD_PROXY_HOST")
        code, process = lab.run("doctor", *sim.flags(), "--proxy", way.url())
        expect_code(code, 0, process)
        expect(re.search(r"^ok    proxy login +proxy 127.0.0.1: a tunnel to",
                         process.out.decode(), re.M), "doctor's line")


@point
def proxy_login(lab):
    """a proxy that wants a login: said, not retried for ever, password kept"""
    sim = Sim(lab)
    with Proxy(login="user:swordfish") as way:
        host, port = way.address()
        right = "http://user:swordfish@%s:%d" % (host, port)
        code, process = lab.run("tail", *sim.flags(), "-n3", TOPIC,
                                env=lab.environment(https_proxy=right))
        expect_code(code, 0, process)
        wrong = "http://user:sailfish@%s:%d" % (host, port)
        for command in ("tail", "doctor"):
            code, process = lab.run(command, *sim.flags(), "-vv"
                                    if command == "tail" else "--", TOPIC,
                                    env=lab.environment(https_proxy=wrong))
            expect_code(code, 3 if command == "tail" else 1, process)
            text = process.error() + process.out.decode()
            expect("proxy" in text and "login" in text, "it is said")
            expect("sailfish" not in text, "the password is not")
    for args in (["--proxy", "http://u:p@127.0.0.1:1"],
                 ["--proxy", "ftp://127.0.0.1:1"], ["--proxy", "http://"]):
        code, process = lab.run("tail", *args, TOPIC)
        expect_code(code, 2, process)
        expect_said(process, "proxy")


@point
def client_certificate(lab):
    """a client certificate without its key, or with no key, is 2"""
    sim = Sim(lab)
    no_key = lab.write("no-key", "this is no key\n")
    for args in (["--client-cert", sim.ca], ["--client-key", no_key],
                 ["--client-cert", sim.ca, "--client-key", no_key]):
        for command in ("tail", "doctor"):
            code, process = lab.run(command, *sim.flags(), *args, TOPIC)
            expect_code(code, 2, process)
            expect_said(process, "error: --client-(cert|key)")


# --- grants ------------------------------------------------------------------


@point
def refresh_grant(lab):
    """a refresh token that the service replaces is kept, for its owner only"""
    sim = Sim(lab, "--refresh-token", "first-refresh-token")
    path = lab.write("refresh", "first-refresh-token\n")
    flags = [*sim.flags(), "--grant", "refresh-token", "--refresh-token-file",
             path]
    for _ in range(2):
        with open(path) as file:
            before = file.read()
        code, process = lab.run("tail", *flags, "-n2", TOPIC)
        expect_code(code, 0, process)
        with open(path) as file:
            after = file.read()
        expect(after != before and after.strip(), "it was replaced")
        expect(stat.S_IMODE(os.stat(path).st_mode) == 0o600, "its mode")
        expect(after.strip() not in process.error() + process.out.decode(),
               "it is not said")
    code, process = lab.run("doctor", *flags)
    expect_code(code, 0, process)
    with open(path) as file:
        expect(file.read() != after, "doctor keeps it too")
    lab.write("refresh", "first-refresh-token\n")
    code, process = lab.run("tail", *flags, "-n2", TOPIC)
    expect_code(code, 3, process)


@point
def assertion_grants(lab):
    """--grant saml2 and jwt send the assertion"""
    sim = Sim(lab)
    saml = lab.write("saml", "PHNhbWw+PC9z\nYW1sPg==\n")
    jwt = lab.write("jwt", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJtZSJ9.c2ln\n")
    for args in (["--grant", "saml2", "--org-name", "org", "--assertion-file",
                  saml], ["--grant", "jwt", "--assertion-file", jwt]):
        code, process = lab.run("tail", *sim.flags(), *args, "-n2", TOPIC)
        expect_code(code, 0, process)


@point
def secret_file_is_read_again(lab):
    """a secret that was changed in its file is used at the next token request"""
    faults = ("after event 30 secret.rotate the-new-secret then token.expire "
              "then channel.expire\n")
    sim = Sim(lab, faults=faults)
    path = lab.write("changing", SECRET + "\n")
    env = dict(lab.bare, GENESYSCLOUD_OAUTHCLIENT_ID=CLIENT_ID)
    process = lab.start("tail", *sim.flags(), "--client-secret-file", path,
                        "--meta", TOPIC, env=env)
    wait_until(lambda: process.records("event"), "events are there")
    lab.write("changing", "the-new-secret\n")
    wait_until(lambda: len(process.records("open")) >= 2, "it streams again")
    before = len(process.records("event"))
    wait_until(lambda: len(process.records("event")) > before, "events go on")
    expect("the-new-secret" not in process.error(), "it is not said")


@point
def wrong_secret_file(lab):
    """a wrong secret in a file is 3 at once too"""
    sim = Sim(lab)
    path = lab.write("wrong", "not-the-secret\n")
    began = time.monotonic()
    code, process = lab.run("tail", *sim.flags(), "--client-secret-file", path,
                            TOPIC)
    expect_code(code, 3, process)
    expect_said(process, "client id or its secret")
    expect(time.monotonic() - began < 10, "no waiting")


@point
def renewal(lab):
    """-v tells a renewal of the token in the background"""
    sim = Sim(lab, "--token-life", "75s")
    process = lab.start("tail", *sim.flags(), "-v", TOPIC)
    wait_until(lambda: b"renewed in the background" in process.err,
               "it is renewed", patience=60)


# --- the end -----------------------------------------------------------------


@point
def secrets(lab):
    """no secret and no token in any output of any run"""
    texts = [p.out + p.err for p in lab.processes]
    texts.append(getattr(lab, "terminal_text", b""))
    expect(len(texts) > 50 or tap_is_partial, "the runs are there")
    for text in texts:
        expect(SECRET.encode() not in text, "the secret")
        expect(not re.search(rb"[Bb]earer ", text), "a bearer token")
        expect(not re.search(rb"Basic [A-Za-z0-9+/]", text), "credentials")
        expect(not re.search(rb"access_token", text), "an access token")
        expect(not re.search(rb"streaming-\d+-\w{20}", text), "a channel id")


def main():
    global tap_is_partial
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    only = sys.argv[2] if len(sys.argv) > 2 else None
    tap_is_partial = only is not None
    lab = Lab(os.path.abspath(sys.argv[1]))
    try:
        failed = tap.run(lab, only)
    finally:
        lab.clean_up()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
