// SPDX-License-Identifier: MIT

// The counting, and the line of JSON; the same as common/tally.c.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

var version = "unknown" // set by the linker

type tally struct {
	plan                       *plan
	total                      int64
	events, bytes              int64
	cpuStart, cpuOpen, cpuLast int64
	rssBase                    int64
	roundTrips                 []time.Duration // of one connection
}

func newTally(p *plan) *tally {
	return &tally{plan: p, total: p.count * int64(p.connections)}
}

func cpuUs() int64 {
	var used syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return (used.Utime.Nano() + used.Stime.Nano()) / 1000
}

// A line of /proc/self/status; VmHWM and not ru_maxrss, which remembers the
// process that called exec.
func memoryKib(name string) int64 {
	text, err := os.ReadFile("/proc/self/status")
	check(err)
	_, rest, _ := strings.Cut(string(text), name)
	var size int64
	_, err = fmt.Fscan(strings.NewReader(rest), &size)
	check(err)
	return size
}

func (t *tally) start() {
	t.rssBase = memoryKib("VmRSS:")
	t.cpuStart = cpuUs()
}

func (t *tally) open() { t.cpuOpen = cpuUs() }

func (t *tally) event(data []byte, sent time.Time) {
	if t.plan.mode == "pingpong" {
		t.roundTrips = append(t.roundTrips, time.Since(sent))
	}
	atomic.AddInt64(&t.bytes, int64(len(data)))
	if atomic.AddInt64(&t.events, 1) == t.total {
		t.cpuLast = cpuUs()
	}
}

func (t *tally) percentile(share float64) float64 {
	at := int(share * float64(len(t.roundTrips)-1))
	return float64(t.roundTrips[at].Nanoseconds()) / 1000
}

func (t *tally) leave() {
	line := map[string]interface{}{
		"peer": "gorilla", "version": version, "events": t.events,
		"events_open": 0, "bytes": t.bytes, "cpu_us": t.cpuLast - t.cpuOpen,
		"startup_cpu_us": t.cpuOpen, "connect_cpu_us": t.cpuOpen - t.cpuStart,
		"maxrss_kib": memoryKib("VmHWM:"),
	}
	if t.plan.mode == "idle" {
		line["cpu_us"] = 0
		line["rss_base_kib"] = t.rssBase
		line["rss_kib"] = memoryKib("VmRSS:")
	}
	if len(t.roundTrips) > 0 {
		sort.Slice(t.roundTrips, func(i, j int) bool {
			return t.roundTrips[i] < t.roundTrips[j]
		})
		line["p50_us"] = t.percentile(0.5)
		line["p99_us"] = t.percentile(0.99)
		line["p999_us"] = t.percentile(0.999)
	}
	text, err := json.Marshal(line)
	check(err)
	fmt.Println(string(text))
}
