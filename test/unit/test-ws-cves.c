/* SPDX-License-Identifier: MIT */
/*
 * What other WebSocket clients were broken by, each as a case of its own, by
 * the ids of the catalogue (FAULTS.md §9.6).  The texts say which client it
 * was and what went wrong there; the cases, what happens here.
 */
#include "conformance-stage.h"
#include "tls-pair.h"

#include "base/err.h"
#include "codec/http.h"

#include <stdio.h>
#include <stdlib.h>

enum { MIB = 1 << 20 };

static struct conf_stage stage;

static int begin(void** state) {
  (void)state;
  conf_stage_init(&stage);
  conf_stage_open(&stage);
  return 0;
}

static int end(void** state) {
  (void)state;
  conf_stage_deinit(&stage);
  return 0;
}

/* The client said this, and nothing else, and has gone. */
static void assert_gone(unsigned code) {
  const struct conf_row row = {.end = CONF_FAILS, .code = code};
  assert_true(stage.dropped);
  conf_assert_frames(&row, gcn__buf_span(&stage.sent), CONF_PONGS_SOME);
}

static void assert_nothing_handed(void) {
  assert_int_equal(gcn__buf_size(&stage.raw.handed), 0);
  assert_int_equal(stage.engine->counters.garbage, 0);
}

static void tiny_fragments(void** state) {
  (void)state;
  size_t before = stage.probe.live_size;
  conf_stage_frame(&stage, 0x02, GCN__SPAN("x"));
  for (int i = 0; i < 1000000 && !stage.dropped; i++)
    conf_stage_frame(&stage, 0x00, GCN__SPAN("x"));
  assert_gone(1008);
  assert_true(stage.probe.peak_size < before + 16384);
}

static void fragment_count(void** state) {
  (void)state;
  conf_stage_frame(&stage, 0x01, GCN__SPAN(""));
  for (int i = 0; i < 1023; i++)
    conf_stage_frame(&stage, 0x00, GCN__SPAN(""));
  assert_false(stage.dropped);
  conf_stage_frame(&stage, 0x00, GCN__SPAN(""));
  assert_gone(1008);
}

static void cumulative_size(void** state) {
  (void)state;
  char* part = calloc(1, MIB / 4);
  assert_non_null(part);
  conf_stage_frame(&stage, 0x02, gcn__span(part, MIB / 4));
  for (int i = 0; i < 3; i++)
    conf_stage_frame(&stage, 0x00, gcn__span(part, MIB / 4));
  assert_false(stage.dropped);
  conf_stage_frame(&stage, 0x00, gcn__span(part, 1));
  assert_gone(1009);
  assert_nothing_handed();
  free(part);
}

/* Nothing is offered, so nothing is inflated: the bit alone is a breach. */
static void compressed_frame(void** state) {
  (void)state;
  struct conf_stage asked;
  conf_stage_init(&asked);
  conf_stage_start(&asked);
  gcn__buf_append(&asked.sent, "", 1);
  assert_null(strstr(gcn__buf_span(&asked.sent).data, "Extensions"));
  conf_stage_deinit(&asked);
  conf_stage_frame(&stage, 0xc1, GCN__SPAN("\xaa\x56\x4a\x01\x00"));
  assert_gone(1002);
  assert_nothing_handed();
}

/* False: the upgrade was refused for good. */
static bool opens_with(const char* header) {
  struct conf_stage other;
  struct gcn__buf head;
  struct gcn__buf answer;
  gcn__buf_init(&head, &gcn__mem_libc, CONF_SIZE_MAX);
  gcn__buf_init(&answer, &gcn__mem_libc, CONF_SIZE_MAX);
  gcn__buf_append_str(&head, "HTTP/1.1 101 \r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: %s\r\n");
  gcn__buf_append_str(&head, header);
  gcn__buf_append(&head, "\r\n", 3);
  const struct conf_row row = {.head = gcn__buf_span(&head).data};
  conf_stage_init(&other);
  conf_stage_start(&other);
  conf_stream(&row, gcn__buf_span(&other.sent), &answer);
  conf_stage_feed(&other, gcn__buf_span(&answer));
  bool open = gcn__engine_state(other.engine) == GCN__STATE_STREAMING;
  assert_int_equal(other.dropped, !open);
  conf_stage_deinit(&other);
  gcn__buf_deinit(&head);
  gcn__buf_deinit(&answer);
  return open;
}

static void window_bits(void** state) {
  (void)state;
  static const char* const bits[] = {"7", "8", "15", "16", "-1", "99999999999"};
  assert_true(opens_with(""));
  for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
    char header[128];
    snprintf(header, sizeof header,
             "Sec-WebSocket-Extensions: permessage-deflate; "
             "server_max_window_bits=%s\r\n",
             bits[i]);
    assert_false(opens_with(header));
  }
}

static void feed_header(unsigned first, uint64_t size) {
  char head[10] = {(char)first, 127};
  for (int i = 0; i < 8; i++)
    head[2 + i] = (char)(size >> 8 * (7 - i));
  conf_stage_feed(&stage, gcn__span(head, sizeof head));
}

static void length_of_64_bits(void** state) {
  (void)state;
  size_t before = stage.probe.live_size;
  feed_header(0x82, (UINT64_C(1) << 63) - 1);
  assert_gone(1009);
  assert_true(stage.probe.peak_size < before + 4096);
}

static void line_breaks_in_a_request(void** state) {
  (void)state;
  static const char* const values[] = {"a\r\nX: y", "a\nb", "a\rb", "\r\n"};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    struct gcn__buf out;
    gcn__buf_init(&out, &gcn__mem_libc, 4096);
    struct gcn__span value = gcn__span_str(values[i]);
    assert_int_equal(gcn__http_write_header(&out, "X", value), GCN__EINVAL);
    assert_int_equal(gcn__http_write_request(&out, "GET", value), GCN__EINVAL);
    assert_int_equal(gcn__buf_size(&out), 0);
    gcn__buf_deinit(&out);
  }
}

/* A length in front of what is no body: two readers would disagree on where
 * the frames begin. */
static void answer_with_two_lengths(void** state) {
  (void)state;
  assert_false(opens_with("Content-Length: 5\r\ncontent-length: 0\r\n"));
  assert_false(opens_with("Transfer-Encoding: chunked\r\n"
                          "Content-Length: 5\r\n"));
}

/* A close frame holds the code and the reason and not a byte more. */
static void memory_in_a_close(void** state) {
  (void)state;
  struct gcn__ws* ws = gcn__ws_new(&gcn__mem_libc, GCN__WS_SERVER, NULL, NULL);
  for (size_t size = 0; size < 200; size++) {
    char reason[200];
    memset(reason, 'r', sizeof reason);
    struct gcn__buf out;
    gcn__buf_init(&out, &gcn__mem_libc, 4096);
    assert_int_equal(
        gcn__ws_write_close(ws, &out, 1000, gcn__span(reason, size)), 0);
    size_t kept = size < 123 ? size : 123;
    assert_int_equal(gcn__buf_size(&out), 4 + kept);
    const char* bytes = gcn__buf_span(&out).data;
    assert_int_equal((unsigned char)bytes[1], 2 + kept);
    assert_memory_equal(bytes + 2, "\x03\xe8", 2);
    assert_memory_equal(bytes + 4, reason, kept);
    gcn__buf_deinit(&out);
  }
  gcn__ws_free(ws);
}

/* Past 2^53 a double rounds; the limit holds for each of these. */
static void length_beyond_a_double(void** state) {
  (void)state;
  static const uint64_t sizes[] = {(UINT64_C(1) << 53) + 1, UINT64_C(1) << 56,
                                   (UINT64_C(1) << 32) + 5};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    feed_header(0x81, sizes[i]);
    assert_gone(1009);
    assert_nothing_handed();
    conf_stage_deinit(&stage);
    begin(NULL);
  }
}

static int compare(const void* a, const void* b) {
  uint32_t x = *(const uint32_t*)a;
  uint32_t y = *(const uint32_t*)b;
  return (x > y) - (x < y);
}

/* A million frames of the library's own generator: n²/2³³ pairs are alike by
 * chance, 116 of them. */
static void masks_are_fresh(void** state) {
  (void)state;
  enum { FRAMES = 1000000, CHANCE = 116, SIGMAS = 65 };
  uint32_t* masks = calloc(FRAMES, sizeof *masks);
  struct gcn__pki* pki = gcn__pki_new();
  struct site site;
  struct gcn__buf out;
  assert_non_null(masks);
  site_init(&site, pki, NULL, GCN__PKI_SOUND);
  struct gcn__entropy entropy = gcn__tls_config_entropy(site.client);
  struct gcn__ws* ws =
      gcn__ws_new(&gcn__mem_libc, GCN__WS_CLIENT, NULL, &entropy);
  gcn__buf_init(&out, &gcn__mem_libc, 4096);
  unsigned in_a_row = 0;
  for (size_t i = 0; i < FRAMES; i++) {
    gcn__buf_clear(&out);
    assert_int_equal(gcn__ws_write(ws, &out, GCN__WS_PING, GCN__SPAN("")), 0);
    memcpy(&masks[i], gcn__buf_span(&out).data + 2, 4);
    if (i > 0 && masks[i] == masks[i - 1]) in_a_row++;
  }
  assert_true(in_a_row <= 1);
  qsort(masks, FRAMES, sizeof *masks, compare);
  unsigned pairs = 0;
  for (size_t i = 1; i < FRAMES; i++)
    pairs += masks[i] == masks[i - 1];
  assert_in_range(pairs, CHANCE - SIGMAS, CHANCE + SIGMAS);
  gcn__ws_free(ws);
  gcn__buf_deinit(&out);
  site_deinit(&site);
  gcn__pki_free(pki);
  free(masks);
}

/* Nothing to read, nothing in a frame, nothing in a message: each call ends
 * and the engine comes to rest. */
static void endless_loop(void** state) {
  (void)state;
  for (int i = 0; i < 1000; i++) {
    conf_stage_frame(&stage, 0x89, GCN__SPAN(""));
    conf_stage_frame(&stage, 0x01, GCN__SPAN(""));
    conf_stage_frame(&stage, 0x80, GCN__SPAN(""));
    assert_false(gcn__engine_busy(stage.engine));
    assert_true(gcn__engine_deadline(stage.engine) > stage.now_ms);
    gcn__engine_woken(stage.engine, stage.now_ms);
    struct gcn__effect effect;
    assert_false(gcn__engine_next(stage.engine, &effect));
  }
  assert_false(stage.dropped);
}

static void deflated_bomb(void** state) {
  (void)state;
  char* zeros = calloc(1, MIB);
  assert_non_null(zeros);
  size_t before = stage.probe.live_size;
  conf_stage_frame(&stage, 0xc2, gcn__span(zeros, MIB));
  assert_gone(1002);
  assert_true(stage.probe.peak_size < before + 4096);
  free(zeros);
}

static void host_is_checked(void** state) {
  (void)state;
  struct gcn__pki* pki = gcn__pki_new();
  struct site site;
  struct pair pair;
  site_init(&site, pki, NULL, GCN__PKI_SOUND);
  pair_init(&pair, site.client, site.server, "another.test");
  pair_pump(&pair);
  assert_failed(&pair.client, GCN_ETLSVERIFY, "not for host");
  pair_deinit(&pair);
  site_deinit(&site);
  gcn__pki_free(pki);
}

static void size_has_a_limit(void** state) {
  (void)state;
  assert_int_equal(gcn__ws_limits_default.message_size_max, MIB);
  feed_header(0x81, MIB + 1);
  assert_gone(1009);
}

static void size_of_a_frame_has_a_limit(void** state) {
  (void)state;
  feed_header(0x02, UINT64_C(1) << 31);
  assert_gone(1009);
  assert_nothing_handed();
}

/* What stands in front of a breach is told, what is in it never. */
static void payload_of_a_breach(void** state) {
  (void)state;
  struct gcn__buf wanted;
  gcn__buf_init(&wanted, &gcn__mem_libc, 4096);
  conf_record(&wanted, GCN__WS_TEXT, 0, false, GCN__SPAN("good"));
  conf_stage_feed(&stage, GCN__SPAN("\x81\x04good\x85\x03"
                                    "bad\x81\x04more"));
  assert_gone(1002);
  assert_true(gcn__span_equal(gcn__buf_span(&stage.raw.handed),
                              gcn__buf_span(&wanted)));
  gcn__buf_deinit(&wanted);
}

/* The payload that does not fit looks like frames; it is not read as such. */
static void rest_of_an_oversize_frame(void** state) {
  (void)state;
  feed_header(0x82, MIB + 1);
  for (int i = 0; i < 100; i++)
    conf_stage_feed(&stage, GCN__SPAN("\x89\x01p\x81\x04text\x88\x00"));
  assert_gone(1009);
  assert_nothing_handed();
}

/* A handshake that failed leaves nothing behind that a later call could trip
 * over: more bytes, the end, a stop, a new start. */
static void failed_handshake(void** state) {
  (void)state;
  struct conf_stage other;
  conf_stage_init(&other);
  conf_stage_start(&other);
  conf_stage_feed(&other, GCN__SPAN("HTTP/1.1 101 \r\n\r\n"));
  assert_true(other.dropped);
  gcn__engine_received(other.engine, other.wire, GCN__SPAN("\x81\x01x"), 1);
  conf_stage_cut(&other);
  other.opened = false;
  conf_stage_wait(&other, 1000000);
  assert_true(other.opened); /* it tries again */
  gcn__engine_command(other.engine, GCN__COMMAND_CLOSE, other.now_ms);
  other.opened = false;
  conf_stage_wait(&other, 1000);
  assert_int_equal(gcn__engine_state(other.engine), GCN__STATE_CLOSED);
  conf_stage_deinit(&other);
}

#define ROW(name, test)                                                        \
  { name, test, begin, end, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      ROW("S7-01 CVE-2026-48779 ws: tiny fragments", tiny_fragments),
      ROW("S7-02 CVE-2026-12151 undici: number of fragments", fragment_count),
      ROW("S7-03 CVE-2026-9675 undici: size of all fragments", cumulative_size),
      ROW("S7-04 CVE-2026-1526 undici: compressed bomb", compressed_frame),
      ROW("S7-05 CVE-2026-2229 undici: window bits", window_bits),
      ROW("S7-06 CVE-2026-1528 undici: length of 64 bits", length_of_64_bits),
      ROW("S7-07 CVE-2026-1527 undici: line breaks", line_breaks_in_a_request),
      ROW("S7-08 CVE-2026-1525 undici: two lengths", answer_with_two_lengths),
      ROW("S7-09 CVE-2026-45736 ws: memory in a close", memory_in_a_close),
      ROW("S7-10 CVE-2026-54466 websocket-driver: length",
          length_beyond_a_double),
      ROW("S7-12 CVE-2025-10148 curl: fixed mask", masks_are_fresh),
      ROW("S7-13 CVE-2025-5399 curl: endless loop", endless_loop),
      ROW("S7-14 CVE-2018-1000518 websockets: deflate", deflated_bomb),
      ROW("S7-15 CVE-2020-11050 Java-WebSocket: host name", host_is_checked),
      ROW("S7-16 CVE-2016-10542 ws: no size limit", size_has_a_limit),
      ROW("S7-17 CVE-2018-21035 Qt: no size limit",
          size_of_a_frame_has_a_limit),
      ROW("S7-18 facil.io 169: payload of a breach", payload_of_a_breach),
      ROW("S7-19 notnet 182: rest of an oversize frame",
          rest_of_an_oversize_frame),
      ROW("S7-20 libwebsockets: failed handshake", failed_handshake),
  };
  return cmocka_run_group_tests_name("ws-cves", tests, NULL, NULL);
}
