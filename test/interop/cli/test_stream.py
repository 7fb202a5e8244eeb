#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gcn tail with the stream dialect and with checkpoints, against the simulator:
what comes, what comes again, what is refused.  One TAP point per promise.

usage: test_stream.py GCN [NAME]   (NAME: only points whose name contains it)
"""

import json
import os
import sys

sys.dont_write_bytecode = True
from harness import (SECRET, TOPIC, Lab, Sim, Tap, expect, expect_code,
                     run_points, signal, wait_until)  # noqa: E402

tap = Tap()
point = tap.point

SUBSCRIPTION = "routing.queueEvents@queue-1"
# Small batches, so that positions come often.
STREAM = ["--preset", "guide", "--max-latency", "100ms", "-o", "json"]


def expect_said(process, *words):
    for word in words:
        expect(word in process.error(), "not said: " + word)


def ids(process):
    """Those of the complete lines."""
    return [record["id"] for record in process.records("event")]


def wait_for_events(process, count):
    wait_until(lambda: process.out.count(b"\n") >= count or
               process.popen.poll() is not None, "%d events came" % count)
    expect(process.popen.poll() is None, "it ended: " + process.error())


def expect_whole(witness, parts, repeated_max):
    """The parts together have every event that the witness saw from their first
    to their last one; in each of them none comes twice."""
    for part in parts:
        expect(len(set(part)) == len(part), "twice in one run")
    seen = [one for part in parts for one in part]
    begin, end = witness.index(seen[0]), witness.index(parts[-1][-1])
    missing = [one for one in witness[begin:end + 1] if one not in set(seen)]
    expect(not missing, "%d events are missing: %s" %
           (len(missing), missing[:5]))
    repeated = len(seen) - len(set(seen))
    expect(repeated <= repeated_max, "%d events came again" % repeated)


class Course:
    """A simulator, a tail that sees everything, and a checkpoint."""

    def __init__(self, lab):
        self.lab = lab
        self.sim = Sim(lab, tls=False, rate="200/s")
        self.path = os.path.join(self.sim.dir, "checkpoint")
        self.witness = self.start(checkpoint=False)
        wait_for_events(self.witness, 1)

    def start(self, *flags, checkpoint=True):
        keep = ["--checkpoint", self.path] if checkpoint else []
        return self.lab.start("tail", *self.sim.flags(), *STREAM, *keep, *flags,
                              SUBSCRIPTION)

    def run(self, number, count=60):
        """Until `count` events have come, then the signal; what came."""
        process = self.start()
        wait_for_events(process, count)
        wait_until(self.has_position, "a position is kept")
        process.send(number)
        code = process.wait()
        wanted = -number if number == signal.SIGKILL else 128 + number
        expect_code(code, wanted, process)
        return ids(process)

    def has_position(self):
        """The service names one with each batch, not with each event."""
        try:
            with open(self.path) as file:
                return '"position":' in file.read()
        except FileNotFoundError:
            return False

    def seen(self, last):
        wait_until(lambda: last in ids(self.witness), "the witness saw it")
        return ids(self.witness)


# --- without a service -------------------------------------------------------


@point
def wrong_words(lab):
    """a wrong preset, place or subscription is 2, and says what is right"""
    for args, words in (
            (["--preset", "guides", "a.b"], ["guide|rest|sdk|message|ticket"]),
            (["--dialect", "both", "a.b"], ["channels|stream"]),
            (["--token-in", "query", TOPIC], ["add --dialect stream"]),
            (["--preset", "sdk", "--token-in", "body", "a.b"],
             ["query|header"]),
            (["--dialect", "stream", "a b"], ["not printable ASCII"]),
            (["--dialect", "stream", "a?b"], ["EVENT[@RESOURCE]"]),
            (["--dialect", "stream", "a@b?c=%2"], ["subscription 'a@b?c=%2'"]),
            (["--dialect", "stream"], ["no subscription is named"]),
            (["--on-full", "drop", TOPIC], ["wait|drop-oldest|keep-latest"])):
        code, process = lab.run("tail", *args)
        expect_code(code, 2, process)
        expect_said(process, "gcn tail: error: ", *words)


@point
def wrong_file(lab):
    """a wrong file of subscriptions is 2, with its line"""
    good = '{"event":"a.b"}'
    for text, line in (("[%s,\n\n {}]" % good, 3), (good + "\nx\n", 2),
                       ('[{"event":"a"}\n', 2), ('{"event":5}', 1),
                       ('\n{"event":"a","filters":[]}', 2)):
        path = lab.write("subscriptions", text)
        code, process = lab.run("tail", "--dialect", "stream",
                                "--subscriptions", path)
        expect_code(code, 2, process)
        expect_said(process, "%s:%d: " % (path, line))
    code, process = lab.run("tail", "--subscriptions", path)
    expect_code(code, 2, process)
    expect_said(process, "add --dialect stream")


@point
def plan(lab):
    """topics --plan spreads subscriptions by the length of the URL"""
    names = ["routing.queueEvents@%036d?eventType=QUEUE_ADD" % i
             for i in range(80)]
    path = lab.write("plan", "\n".join(names) + "\n")
    code, process = lab.run("topics", "--plan", path, "--json", "--dialect",
                            "stream")
    expect_code(code, 0, process)
    records = [json.loads(line) for line in process.lines()]
    expect([r["name"] for r in records[:-1]] == names, "names")
    expect(records[-1]["topics"] == 80, "all of them")
    expect(records[-1]["connections"] > 1, "on several connections")


# --- streams -----------------------------------------------------------------


@point
def presets(lab):
    """events flow with each preset, with all they have"""
    sim = Sim(lab, tls=True)
    for preset in ("guide", "rest", "sdk", "message", "ticket", "thread-c"):
        code, process = lab.run("tail", *sim.flags(), "--preset", preset,
                                "--max-latency", "100ms", "-o", "json", "-n",
                                "5", SUBSCRIPTION)
        expect_code(code, 0, process)
        events = process.records("event")
        expect(len(events) == 5, "five of them")
        for event in events:
            expect(event["topic"] == "routing.queueEvents", "topic")
            expect(event["resourceId"] == "queue-1", "resource")
            expect(event["id"] and event["eventType"] and event["eventTime"],
                   "id, type and time")


@point
def places(lab):
    """the token goes where it is told to, and is never shown"""
    sim = Sim(lab, tls=False)
    for flags in (["--token-in", "header"], ["--token-in", "query"]):
        code, process = lab.run("tail", *sim.flags(), "--dialect", "stream",
                                "--max-latency", "100ms", "-vv", "-n", "2",
                                *flags, SUBSCRIPTION)
        expect_code(code, 0, process)
        expect("access_token=" not in process.error(), "a URL was shown")


@point
def subscriptions_file(lab):
    """subscriptions in JSON, with a filter, and --match by type"""
    sim = Sim(lab, tls=False)
    path = lab.write("subscriptions", json.dumps([
        {"event": "routing.queueEvents", "resourceId": "queue-1",
         "filters": {"eventType": ["QUEUE_ADD", "QUEUE_REMOVE"]}}]))
    code, process = lab.run("tail", *sim.flags(), *STREAM, "--subscriptions",
                            path, "--match", "eventType == QUEUE_ADD", "-n",
                            "5")
    expect_code(code, 0, process)
    kinds = {event["eventType"] for event in process.records("event")}
    expect(kinds == {"QUEUE_ADD"}, "types %s" % kinds)


@point
def doctor(lab):
    """doctor walks the way of a preset"""
    sim = Sim(lab, tls=True)
    for preset in ("guide", "rest"):
        code, process = lab.run("doctor", *sim.flags(), "--preset", preset,
                                SUBSCRIPTION)
        expect_code(code, 0, process)
        text = process.out.decode()
        expect("the stream dialect needs none" in text, "no channel")
        expect("1 of 1 are permitted" in text, "the subscription")


@point
def rejected(lab):
    """a deleted subscription is named, the other one flows; strict: 4"""
    sim = Sim(lab, tls=False, faults="subscription.delete *queue-2*\n")
    wait_until(lambda: "subscription.delete" in sim.error(), "it is deleted")
    both = [SUBSCRIPTION, "routing.queueEvents@queue-2"]
    code, process = lab.run("tail", *sim.flags(), *STREAM, "-n", "3", *both)
    expect_code(code, 0, process)
    expect_said(process, "topic %s was rejected" % both[1])
    code, process = lab.run("tail", *sim.flags(), *STREAM, "--strict-topics",
                            *both)
    expect_code(code, 4, process)


@point
def dropped(lab):
    """--on-full drop-oldest: a reader that stops costs a gap, not the stream"""
    sim = Sim(lab, tls=False, rate="5000/s")
    process = lab.start("tail", *sim.flags(), *STREAM, "--meta", "--on-full",
                        "drop-oldest", SUBSCRIPTION, read=False)
    wait_until(lambda: "were dropped" in process.error(), "something is")
    process.read_out()
    wait_until(lambda: process.records("gap"), "the gap is among the data")
    process.send(signal.SIGTERM)
    expect_code(process.wait(), 128 + signal.SIGTERM, process)
    expect(process.records("gap")[0]["certainty"] == "dropped", "certainty")
    numbers = [e["body"]["sequence"] for e in process.records("event")]
    expect(numbers == sorted(set(numbers)), "the order")


# --- checkpoints -------------------------------------------------------------


@point
def goes_on(lab):
    """after Ctrl-C nothing is lost and nothing comes again"""
    course = Course(lab)
    parts = [course.run(signal.SIGINT) for _ in range(3)]
    expect_whole(course.seen(parts[-1][-1]), parts, 0)


@point
def killed(lab):
    """after KILL nothing is lost, and only the last moments come again"""
    course = Course(lab)
    parts = [course.run(signal.SIGKILL, 40 + 7 * i) for i in range(6)]
    parts.append(course.run(signal.SIGTERM))
    expect_whole(course.seen(parts[-1][-1]), parts, 150)


@point
def private(lab):
    """the checkpoint is for its owner only, and shows no secret"""
    course = Course(lab)
    course.run(signal.SIGINT)
    for path in (course.path, course.path + ".1"):
        expect(os.stat(path).st_mode & 0o777 == 0o600, "mode of " + path)
        with open(path) as file:
            text = file.read()
        expect(SECRET not in text and "access_token" not in text, "a secret")


@point
def another_client(lab):
    """the checkpoint of another client id is refused with 2 and kept"""
    course = Course(lab)
    course.run(signal.SIGINT)
    with open(course.path, "rb") as file:
        before = file.read()
    process = course.start("--client-id", "another-client")
    code = process.wait()
    expect_code(code, 2, process)
    expect_said(process, "--checkpoint " + course.path)
    with open(course.path, "rb") as file:
        expect(file.read() == before, "it was changed")


@point
def corrupt(lab):
    """a checkpoint damaged in both generations is refused with 2"""
    course = Course(lab)
    course.run(signal.SIGINT)
    for path in (course.path, course.path + ".1"):
        with open(path, "r+b") as file:
            file.seek(30)
            file.write(b"\x00\x00\x00")
    process = course.start("--meta")
    code = process.wait()
    expect_code(code, 2, process)
    expect_said(process, "--checkpoint " + course.path, course.path + ".1")
    expect(not ids(process), "no event without a position")


@point
def damaged_once(lab):
    """damaged in the last generation: the one before is used, nothing lost"""
    course = Course(lab)
    first = course.run(signal.SIGINT)
    with open(course.path, "r+b") as file:
        file.truncate(os.path.getsize(course.path) // 2)
    process = course.start()
    wait_for_events(process, 60)
    process.send(signal.SIGINT)
    expect_code(process.wait(), 128 + signal.SIGINT, process)
    expect_said(process, "warning: --checkpoint " + course.path)
    second = ids(process)
    expect_whole(course.seen(second[-1]), [first, second], 150)


@point
def readable_by_others(lab):
    """a checkpoint that others may read is refused with 2"""
    course = Course(lab)
    course.run(signal.SIGINT)
    os.chmod(course.path, 0o644)
    process = course.start()
    code = process.wait()
    expect_code(code, 2, process)
    expect_said(process, "--checkpoint " + course.path)


@point
def channels(lab):
    """the channels dialect goes on, too: the channel is taken up again"""
    sim = Sim(lab, tls=False)
    path = os.path.join(sim.dir, "checkpoint")
    seen = []
    for _ in range(2):
        process = lab.start("tail", *sim.flags(), "--checkpoint", path, "-o",
                            "json", TOPIC)
        wait_for_events(process, 10)
        process.send(signal.SIGTERM)
        expect_code(process.wait(), 128 + signal.SIGTERM, process)
        seen += [e["correlationId"] for e in process.records("event")]
    expect(len(seen) >= 20 and len(set(seen)) == len(seen), "each once")
    sim.send(signal.SIGTERM)
    sim.wait()
    expect_said(sim, "channels: 1,")


def main():
    lab = Lab(os.path.abspath(sys.argv[1]))
    return run_points(tap, lab, sys.argv[2] if len(sys.argv) > 2 else None)


if __name__ == "__main__":
    sys.exit(main())
