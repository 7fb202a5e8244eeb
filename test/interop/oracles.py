#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our readers against those of others: what we accept, they read alike.

    oracles.py READS [NODE]

GCN_ORACLE_CHANGED says how many texts are made.

READS is the program of reads.c. Ours are the stricter ones, so only what they
accept is compared: answers with Python's http.client (status and body), URLs
with Node's URL (scheme, host and port), over rows that were chosen and over
many that were changed at random.
"""

import http.client
import io
import ipaddress
import json
import os
import random
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'api'))
import tap  # noqa: E402

CHANGED = int(os.environ.get('GCN_ORACLE_CHANGED', '20000'))

OK = b'HTTP/1.1 200 OK\r\n'
CHUNKED = b'Transfer-Encoding: chunked\r\n'
ANSWERS = [
    OK + b'Content-Length: 2\r\n\r\nhi',
    OK + b'Content-Length: 0\r\n\r\n',
    OK + b'\r\nuntil the end',
    OK + CHUNKED + b'\r\n2\r\nhi\r\n3;a=b\r\n ho\r\n0\r\n\r\n',
    OK + CHUNKED + b'\r\nA\r\n0123456789\r\n0\r\nA: b\r\nC: d\r\n\r\n',
    OK + b'Connection: close\r\nContent-Length: 2\r\n\r\nhi',
    OK + b'Content-Encoding: identity\r\nContent-Length:\t2 \r\n\r\nhi',
    b'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi',
    b'HTTP/1.1 100 Continue\r\n\r\n' + OK + b'Content-Length: 2\r\n\r\nhi',
    b'HTTP/1.1 204 No Content\r\n\r\n',
    b'HTTP/1.1 304 .\r\nContent-Length: 5\r\n\r\n',
    b'HTTP/1.1 429 .\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}',
    b'HTTP/1.1 599\r\nX-Y_z: \xe9\r\nContent-Length: 2\r\n\r\nhi',
]
ANSWER_PIECES = [
    b'\r\n', b'\r', b'\n', b' ', b'\t', b':', b';', b',', b'0', b'1', b'-',
    b'+', b'0x', b'\x00', b'\x7f', b'\xff', b'Content-Length: 2\r\n',
    b'Content-Length: 3\r\n', CHUNKED, b'chunked', b'Connection: close\r\n',
    b'Transfer-Encoding: identity\r\n', b' folded\r\n', b'a: b\r\n', b'ffff',
    b'HTTP/1.0', b'204', OK]

URLS = [
    b'wss://h', b'WSS://H.Example.COM/c', b'https://api.mypurecloud.de:443',
    b'http://127.0.0.1:9000/a/b?c=d', b'wss://[::1]:8443/x',
    b'wss://[2001:DB8::A]/', b'wss://[::ffff:127.0.0.1]/', b'ws://a-b.c_d.e1',
    b'wss://xn--nxasmq6b', b'wss://1.example', b'wss://0x1.example',
    b'wss://evil?.good', b'wss://h/@good', b'wss://h//evil', b'wss://1a:1',
    b'wss://h/%2e%2e/%00/%0d%0a', b'wss://[1:2:3:4:5:6:1.2.3.4]',
    b'wss://0xg', b'wss://255.255.255.255', b'wss://h:65535/a:b']
URL_PIECES = [
    b'.', b'..', b':', b'@', b'/', b'\\', b'?', b'#', b'%', b'%2e', b'%00',
    b'[', b']', b'0', b'0x', b'127', b'256', b'-', b'_', b'xn--', b'::', b'1',
    b'ffff', b'\t', b' ', b'\n', b'\x00', b'\xc3\xa9', b'|', b'^', b'*', b',',
    b'&', b"'", b'good.com', b'wss://', b':443', b':80', b'a', b'Z']


def changed(chance, rows, pieces):
    """A row with some pieces put in, taken out or put in place of others."""
    text = bytearray(chance.choice(rows))
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(text))
        size = chance.choice((0, 0, 1, 1, 2, 6))
        text[at:at + size] = chance.choice(pieces + [b''])
    return bytes(text)


def texts(rows, pieces):
    chance = random.Random(2026)
    return rows + [changed(chance, rows, pieces) for _ in range(CHANGED)]


def ours(program, kind, questions):
    """The answers of reads.c; None where it says no."""
    lines = ''.join(f'{kind} {q.hex()}\n' for q in questions)
    done = subprocess.run([program], input=lines, text=True, check=False,
                          stdout=subprocess.PIPE)
    answers = done.stdout.splitlines()
    if done.returncode != 0 or len(answers) != len(questions):
        raise tap.Failure(f'{program}: exit status {done.returncode}, '
                          f'{len(answers)} answers')
    return [None if a == 'no' else a.split(' ') for a in answers]


def unhex(text):
    return b'' if text == '-' else bytes.fromhex(text)


class Wire:
    """What http.client takes for a socket."""

    def __init__(self, text):
        self.text = text

    def makefile(self, _mode):
        return io.BytesIO(self.text)


PADDED_CODING = re.compile(rb'transfer-encoding:[^\r]*[ \t]\r', re.I)


def read_answer(text):
    """Status and body; of what can't be read, the error's name."""
    response = http.client.HTTPResponse(Wire(text), method='GET')
    status = None
    try:
        response.begin()
        status = response.status
        return status, response.read()
    except (http.client.HTTPException, ValueError) as error:
        return status, type(error).__name__


def reads_answers(program):
    questions = texts(ANSWERS, ANSWER_PIECES)
    accepted = 0
    for question, answer in zip(questions, ours(program, 'http', questions)):
        if answer is None:
            continue
        accepted += 1
        want = int(answer[0]), unhex(answer[1])
        got = read_answer(question)
        if got[0] in range(101, 200):
            continue  # Python reads over no interim answer but 100
        if PADDED_CODING.search(question):
            continue  # Python keeps white space behind a value (RFC 9110 5.5)
        # These have no body, whatever they announce; Python reads one.
        bodyless = want[0] in (204, 304)
        if got[0] != want[0] or not (bodyless or got == want):
            raise tap.Failure(f'{question!r}: ours {want}, theirs {got}')
    if not len(ANSWERS) <= accepted < len(questions):
        raise tap.Failure(f'{accepted} of {len(questions)} were accepted')


NODE = '''
const rl = require('readline').createInterface({input: process.stdin});
rl.on('line', (line) => {
  let out = null;
  try {
    const url = new URL(Buffer.from(line, 'hex').toString('utf8'));
    out = [url.protocol, url.hostname, url.port, url.username];
  } catch (error) { /* null */ }
  console.log(JSON.stringify(out));
});
'''
PORTS = {'http': 80, 'https': 443, 'ws': 80, 'wss': 443}


def same_host(mine, theirs):
    if not theirs.startswith('['):
        return mine == theirs
    return ipaddress.ip_address(mine) == ipaddress.ip_address(theirs[1:-1])


def reads_urls(program, node):
    questions = texts(URLS, URL_PIECES)
    done = subprocess.run([node, '-e', NODE], text=True, check=False,
                          input=''.join(q.hex() + '\n' for q in questions),
                          stdout=subprocess.PIPE)
    theirs = [json.loads(line) for line in done.stdout.splitlines()]
    if len(theirs) != len(questions):
        raise tap.Failure(f'node: {len(theirs)} answers')
    accepted = 0
    for question, answer, their in zip(
            questions, ours(program, 'url', questions), theirs):
        if answer is None:
            continue
        accepted += 1
        if their is None and b'xn--' in question.lower():
            continue  # no Punycode: a host for us, which nobody has
        scheme, host, port = answer[0], answer[1], int(answer[2])
        good = their is not None and their[0] == scheme + ':' and \
            same_host(host, their[1]) and their[3] == '' and \
            int(their[2] or PORTS[scheme]) == port
        if not good:
            raise tap.Failure(f'{question!r}: ours {answer}, theirs {their}')
    if not len(URLS) <= accepted < len(questions):
        raise tap.Failure(f'{accepted} of {len(questions)} were accepted')


def main():
    program, *node = sys.argv[1:]
    cases = [('answers are read as by http.client', reads_answers, program)]
    if node:
        cases.append(('URLs have the host that Node sees', reads_urls, program,
                      node[0]))
    tap.run(cases)


if __name__ == '__main__':
    main()
