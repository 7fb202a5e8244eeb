// SPDX-License-Identifier: MIT

// gorilla/websocket as in its own examples: one goroutine for each connection,
// ReadMessage in a loop. It checks no UTF-8.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"log"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

const window = 16 // connections opened at a time

var ping = []byte(`{"message":"ping"}`)

type plan struct {
	url, mode   string
	count       int64
	connections int
	dialer      websocket.Dialer
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func arguments() *plan {
	if len(os.Args) != 6 {
		log.Fatal("usage: PEER URL CA COUNT CONNECTIONS MODE")
	}
	count, err := strconv.ParseInt(os.Args[3], 10, 64)
	check(err)
	connections, err := strconv.Atoi(os.Args[4])
	check(err)
	p := &plan{url: os.Args[1], mode: os.Args[5], count: count,
		connections: connections}
	if os.Args[2] != "-" {
		pem, err := os.ReadFile(os.Args[2])
		check(err)
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			log.Fatal("no CA")
		}
		p.dialer.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	return p
}

// All connections, window of them at a time.
func dial(p *plan, t *tally) []*websocket.Conn {
	conns := make([]*websocket.Conn, p.connections)
	var next int64 = -1
	var group sync.WaitGroup
	for i := 0; i < window; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				i := atomic.AddInt64(&next, 1)
				if i >= int64(p.connections) {
					return
				}
				conn, _, err := p.dialer.Dial(p.url, nil)
				check(err)
				conns[i] = conn
			}
		}()
	}
	group.Wait()
	t.open()
	return conns
}

func read(p *plan, t *tally, conn *websocket.Conn) {
	for n := int64(0); n < p.count; n++ {
		var sent time.Time
		if p.mode == "pingpong" {
			sent = time.Now()
			check(conn.WriteMessage(websocket.TextMessage, ping))
		}
		_, data, err := conn.ReadMessage()
		check(err)
		if p.mode == "json" {
			var event map[string]interface{}
			check(json.Unmarshal(data, &event))
		}
		t.event(data, sent)
	}
}

func main() {
	log.SetFlags(0)
	p := arguments()
	t := newTally(p)
	t.start()
	conns := dial(p, t)
	if p.mode == "idle" {
		for _, conn := range conns {
			go conn.ReadMessage()
		}
		time.Sleep(200 * time.Millisecond)
	} else {
		var group sync.WaitGroup
		for _, conn := range conns {
			group.Add(1)
			go func(conn *websocket.Conn) {
				defer group.Done()
				read(p, t, conn)
			}(conn)
		}
		group.Wait()
	}
	t.leave()
}
