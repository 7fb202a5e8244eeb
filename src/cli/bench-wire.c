/* SPDX-License-Identifier: MIT */
/*
 * Frames, counted.
 */
#include "cli/bench-wire.h"

#include <stdio.h>

enum { PLAIN_SIZE = 16384, OUT_SIZE_MAX = 1 << 20, TEXT = 0x81 };

struct gcn__simtls_config*
gcn__bench_wire_config(const struct gcn__bench_plan* plan, bool* good) {
  *good = true;
  if (!plan->secure) return NULL;
  const struct gcn__simtls_options options = {
      .tls12 = plan->tls12, .resume = !plan->full, .ca_pem = plan->ca_pem};
  struct gcn__simtls_config* config = gcn__simtls_config_new(&options);
  *good = config != NULL;
  return config;
}

static int put(struct gcn__buf* out, const char* name, const char* value) {
  return gcn__http_write_header(out, name, gcn__span_str(value));
}

static int write_request(const struct gcn__bench_wire* wire,
                         struct gcn__buf* out) {
  char host[32];
  snprintf(host, sizeof host, "127.0.0.1:%u", (unsigned)wire->plan->port);
  int error =
      gcn__http_write_request(out, "GET", gcn__span_str(wire->plan->path));
  if (error == 0) error = put(out, "Host", host);
  if (error == 0) error = put(out, "Upgrade", "websocket");
  if (error == 0) error = put(out, "Connection", "Upgrade");
  if (error == 0) error = put(out, "Sec-WebSocket-Version", "13");
  if (error == 0) {
    error = put(out, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
  }
  return error == 0 ? gcn__http_write_end(out, GCN__SPAN(""), true) : error;
}

static void ask(struct gcn__bench_wire* wire) {
  struct gcn__buf request;
  wire->asked = true;
  gcn__buf_init(&request, &gcn__mem_libc, PLAIN_SIZE);
  int error = write_request(wire, &request);
  struct gcn__span bytes = gcn__buf_span(&request);
  if (error == 0) {
    error = wire->tls != NULL
                ? gcn__simtls_write(wire->tls, bytes)
                : gcn__buf_append(&wire->out, bytes.data, bytes.size);
  }
  gcn__buf_deinit(&request);
  if (error != 0) wire->failed = true;
}

bool gcn__bench_wire_init(struct gcn__bench_wire* wire,
                          const struct gcn__bench_plan* plan,
                          struct gcn__bench_meter* meter,
                          struct gcn__simtls_config* config) {
  *wire = (struct gcn__bench_wire){.plan = plan, .meter = meter};
  gcn__buf_init(&wire->out, &gcn__mem_libc, OUT_SIZE_MAX);
  wire->http = gcn__http_new(&gcn__mem_libc, GCN__HTTP_RESPONSES,
                             &gcn__http_limits_default);
  if (wire->http == NULL) return false;
  gcn__http_next(wire->http, false, true);
  if (config != NULL) {
    wire->tls = gcn__simtls_new(config, "127.0.0.1", &wire->out);
    if (wire->tls == NULL) return false;
  }
  gcn__bench_wire_take(wire, GCN__SPAN(""));
  return !wire->failed;
}

void gcn__bench_wire_deinit(struct gcn__bench_wire* wire) {
  gcn__simtls_free(wire->tls);
  gcn__http_free(wire->http);
  gcn__buf_deinit(&wire->out);
}

static void end_frame(struct gcn__bench_wire* wire) {
  if (!wire->counting) return;
  wire->counting = false;
  wire->meter->events++;
}

static void take_header(struct gcn__bench_wire* wire, struct gcn__span* bytes) {
  if (!gcn__frame_walk_header(&wire->walk, bytes)) return;
  wire->counting = wire->walk.header[0] == TEXT;
  if (wire->counting) wire->meter->bytes += wire->walk.rest;
}

static void count_frames(struct gcn__bench_wire* wire, struct gcn__span bytes) {
  struct gcn__frame_walk* walk = &wire->walk;
  while (bytes.size > 0) {
    if (walk->rest == 0) take_header(wire, &bytes);
    (void)gcn__frame_walk_payload(walk, &bytes);
    if (walk->rest == 0 && walk->header_size == 0) end_frame(wire);
  }
}

static void take_plain(struct gcn__bench_wire* wire, struct gcn__span bytes) {
  if (!wire->open) {
    int got = gcn__http_read(wire->http, &bytes);
    if (got == GCN__HTTP_MORE) return;
    wire->failed = got < 0 || gcn__http_status(wire->http) != 101;
    if (wire->failed) return;
    gcn__http_free(wire->http);
    wire->http = NULL;
    wire->open = true;
    wire->meter->opened++;
  }
  count_frames(wire, bytes);
}

void gcn__bench_wire_take(struct gcn__bench_wire* wire,
                          struct gcn__span bytes) {
  char plain[PLAIN_SIZE];
  if (wire->tls == NULL) {
    if (!wire->asked) ask(wire);
    if (bytes.size > 0) take_plain(wire, bytes);
    return;
  }
  do {
    int size = gcn__simtls_read(wire->tls, &bytes, plain, sizeof plain);
    if (size < 0) wire->failed = true;
    if (!wire->asked && gcn__simtls_open(wire->tls)) ask(wire);
    if (size <= 0) return;
    take_plain(wire, gcn__span(plain, (size_t)size));
  } while (!wire->failed);
}
