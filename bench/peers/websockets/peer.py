#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Python's websockets on asyncio: `async for message in connection`.

Compression off; messages are str, so UTF-8 is checked.
"""

import asyncio
import json
import os
import resource
import ssl
import sys
import time

import websockets
import websockets.version

WINDOW = 16  # connections opened at a time
SETTLE_SECONDS = 0.2
PING = '{"message":"ping"}'


def cpu_us():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return round((used.ru_utime + used.ru_stime) * 1e6)


def memory_kib(name):
    """VmHWM and not ru_maxrss, which remembers who called exec."""
    with open('/proc/self/status') as status:
        return next(int(line.split()[1]) for line in status
                    if line.startswith(name))


class Peer:
    def __init__(self, url, ca, count, connections, mode):
        self.url, self.mode, self.connections = url, mode, connections
        self.count = count
        self.total = count * connections
        self.tls = None if ca == '-' else ssl.create_default_context(cafile=ca)
        self.events = self.bytes = self.cpu_last = 0
        self.round_trips = []

    async def dial(self, window):
        async with window:
            return await websockets.connect(
                self.url, ssl=self.tls, compression=None, max_size=None)

    def received(self, message):
        if self.mode == 'json':
            json.loads(message)
        self.events += 1
        self.bytes += len(message)  # characters
        if self.events == self.total:
            self.cpu_last = cpu_us()

    async def read(self, connection):
        async for message in connection:
            self.received(message)

    async def pingpong(self, connection):
        for _ in range(self.count):
            sent = time.perf_counter_ns()
            await connection.send(PING)
            message = await connection.recv()
            self.round_trips.append((time.perf_counter_ns() - sent) / 1000)
            self.received(message)

    async def run(self):
        window = asyncio.Semaphore(WINDOW)
        self.rss_base = memory_kib('VmRSS:')
        self.cpu_start = cpu_us()
        opened = await asyncio.gather(
            *[self.dial(window) for _ in range(self.connections)])
        self.cpu_open = cpu_us()
        if self.mode == 'idle':
            await asyncio.sleep(SETTLE_SECONDS)
            self.leave()
        work = self.pingpong if self.mode == 'pingpong' else self.read
        await asyncio.gather(*[work(connection) for connection in opened])
        self.leave()

    def leave(self):
        line = {
            'peer': 'websockets',
            'version': f'{websockets.version.version}, '
                       f'Python {sys.version.split()[0]}',
            'events': self.events, 'events_open': 0, 'bytes': self.bytes,
            'cpu_us': max(self.cpu_last - self.cpu_open, 0),
            'startup_cpu_us': self.cpu_open,
            'connect_cpu_us': self.cpu_open - self.cpu_start,
            'maxrss_kib': memory_kib('VmHWM:'),
        }
        if self.mode == 'idle':
            line['rss_base_kib'] = self.rss_base
            line['rss_kib'] = memory_kib('VmRSS:')
        if self.round_trips:
            trips = sorted(self.round_trips)
            for name, share in (('p50_us', 0.5), ('p99_us', 0.99),
                                ('p999_us', 0.999)):
                line[name] = trips[int(share * (len(trips) - 1))]
        print(json.dumps(line), flush=True)
        idle = self.mode == 'idle'
        os._exit(0 if idle or self.events == self.total else 1)


def main():
    url, ca, count, connections, mode = sys.argv[1:]
    asyncio.run(Peer(url, ca, int(count), int(connections), mode).run())


main()
