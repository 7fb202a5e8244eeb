/* SPDX-License-Identifier: MIT */
/*
 * A wire through a proxy: where the link goes, what the proxy hears, and that
 * names and certificates stay the origin's.
 */
#include "base/err.h"
#include "check.h"
#include "engine/wire.h"
#include "mem-probe.h"
#include "tls-pair.h"

#include <stdio.h>

#define PLAIN  "http://127.0.0.1:8090/x"
#define SECURE "https://localhost:8443/x"
#define VIA_HTTP                                                               \
  "CONNECT 127.0.0.1:8090 HTTP/1.1\r\nHost: 127.0.0.1:8090\r\n"                \
  "Proxy-Authorization: Basic dTpw\r\n\r\n"
#define ESTABLISHED "HTTP/1.1 200 Connection established\r\n\r\n"

static struct gcn__pki* pki;
static struct site site;

static int set_up(void** state) {
  (void)state;
  pki = gcn__pki_new();
  assert_non_null(pki);
  site_init(&site, pki, NULL, GCN__PKI_SOUND);
  return 0;
}

static int tear_down(void** state) {
  (void)state;
  site_deinit(&site);
  gcn__pki_free(pki);
  return 0;
}

struct setup {
  struct gcn__spares spares;
  struct gcn__mem mem;
  struct gcn__proxy proxy;
  struct gcn__wire wire;
};

/* A wire that dials; 0 or GCN__ENOMEM. */
static int begin(struct setup* setup, const struct gcn__mem* mem,
                 const char* proxy, const char* url_text) {
  const char* problem = "";
  struct gcn__url url;
  setup->mem = *mem;
  gcn__spares_init(&setup->spares, &setup->mem);
  gcn__wire_init(&setup->wire, &setup->mem, &setup->spares);
  gcn__proxy_init(&setup->proxy, &setup->mem);
  assert_null(gcn__url_parse(&url, gcn__span_str(url_text)));
  int error = gcn__proxy_parse(&setup->proxy, gcn__span_str(proxy), &problem);
  gcn__wire_aim_via(&setup->wire, &url, &setup->proxy);
  setup->wire.phase = GCN__WIRE_DIALLING;
  return error;
}

static void end(struct setup* setup) {
  gcn__wire_deinit(&setup->wire);
  gcn__proxy_deinit(&setup->proxy);
  gcn__spares_deinit(&setup->spares);
}

static int link_up(struct setup* setup) {
  return gcn__wire_linked(&setup->wire, &setup->mem, site.client);
}

static int hear(struct setup* setup, struct gcn__span bytes) {
  setup->wire.borrowed = bytes;
  return gcn__wire_tunnel(&setup->wire, &setup->mem, site.client);
}

static void assert_sent(struct gcn__wire* wire, struct gcn__span want) {
  struct gcn__span got = gcn__buf_span(&wire->out);
  assert_int_equal(got.size, want.size);
  assert_memory_equal(got.data, want.data, want.size);
  gcn__buf_consume(&wire->out, got.size);
}

static void test_direct(void** state) {
  (void)state;
  struct gcn__wire wire;
  struct gcn__url url;
  const struct gcn__proxy none = {.kind = GCN__PROXY_NONE};
  assert_null(gcn__url_parse(&url, gcn__span_str(PLAIN)));
  struct gcn__spares spares;
  gcn__spares_init(&spares, &gcn__mem_libc);
  gcn__wire_init(&wire, &gcn__mem_libc, &spares);
  for (int i = 0; i < 2; i++) {
    if (i == 0) gcn__wire_aim(&wire, &url);
    if (i == 1) gcn__wire_aim_via(&wire, &url, &none);
    assert_string_equal(gcn__wire_link_host(&wire), "127.0.0.1");
    assert_int_equal(gcn__wire_link_port(&wire), 8090);
    wire.phase = GCN__WIRE_DIALLING;
    assert_int_equal(gcn__wire_linked(&wire, &gcn__mem_libc, NULL), 0);
    assert_int_equal(wire.phase, GCN__WIRE_READY);
    assert_int_equal(gcn__buf_size(&wire.out), 0);
    gcn__wire_reset(&wire);
  }
  gcn__wire_deinit(&wire);
  assert_int_equal(spares.count, 0); /* without TLS nothing is decrypted */
}

/* The answer comes in two turns; a loopback host goes through, too. */
static void test_plain_via_http(void** state) {
  (void)state;
  struct setup setup;
  struct gcn__wire* wire = &setup.wire;
  begin(&setup, &gcn__mem_libc, "http://u:p@proxy.example:3128", PLAIN);
  assert_string_equal(gcn__wire_link_host(wire), "proxy.example");
  assert_int_equal(gcn__wire_link_port(wire), 3128);
  assert_string_equal(wire->host, "127.0.0.1");
  assert_int_equal(link_up(&setup), 0);
  assert_int_equal(wire->phase, GCN__WIRE_TUNNELLING);
  assert_sent(wire, GCN__SPAN(VIA_HTTP));
  struct gcn__span answer = GCN__SPAN(ESTABLISHED);
  assert_int_equal(hear(&setup, gcn__span(answer.data, 20)), 0);
  assert_int_equal(gcn__wire_settle(wire), 0);
  assert_int_equal(wire->phase, GCN__WIRE_TUNNELLING);
  assert_int_equal(hear(&setup, gcn__span_skip(answer, 20)), 1);
  assert_int_equal(wire->phase, GCN__WIRE_READY);
  assert_null(wire->tunnel);
  assert_int_equal(gcn__wire_write(wire, GCN__SPAN("GET")), 0);
  assert_sent(wire, GCN__SPAN("GET"));
  struct gcn__span bytes;
  wire->borrowed = GCN__SPAN("HTTP");
  assert_int_equal(gcn__wire_peek(wire, &bytes), 1);
  assert_true(gcn__span_is(bytes, "HTTP"));
  end(&setup);
}

/* Kept and borrowed bytes are two pieces of one answer. */
static void test_answer_in_two_pieces(void** state) {
  (void)state;
  struct setup setup;
  struct gcn__span answer = GCN__SPAN(ESTABLISHED);
  begin(&setup, &gcn__mem_libc, "http://u:p@proxy", PLAIN);
  assert_int_equal(link_up(&setup), 0);
  setup.wire.borrowed = gcn__span(answer.data, 9);
  assert_int_equal(gcn__wire_settle(&setup.wire), 0);
  assert_int_equal(hear(&setup, gcn__span_skip(answer, 9)), 1);
  assert_int_equal(setup.wire.phase, GCN__WIRE_READY);
  end(&setup);
}

/* Both ends of the TLS handshake, the wire's through the tunnel. */
static void shake(struct setup* setup, struct end* server) {
  struct gcn__wire* wire = &setup->wire;
  for (int i = 0; i < 8 && wire->phase == GCN__WIRE_SHAKING; i++) {
    assert_int_equal(end_feed(server, gcn__buf_span(&wire->out)), 0);
    gcn__buf_clear(&wire->out);
    wire->borrowed = gcn__buf_span(&server->out);
    assert_true(gcn__wire_shake(wire) >= 0);
    assert_int_equal(wire->borrowed.size, 0);
    gcn__buf_clear(&server->out);
  }
  assert_int_equal(wire->phase, GCN__WIRE_READY);
}

static void test_secure_via_socks(void** state) {
  (void)state;
  struct setup setup;
  struct end server;
  struct gcn__wire* wire = &setup.wire;
  begin(&setup, &gcn__mem_libc, "socks5://user:pass@10.0.0.1", SECURE);
  assert_string_equal(gcn__wire_link_host(wire), "10.0.0.1");
  assert_int_equal(gcn__wire_link_port(wire), 1080);
  assert_int_equal(link_up(&setup), 0);
  assert_sent(wire, GCN__SPAN("\x05\x02\x00\x02"));
  assert_int_equal(hear(&setup, GCN__SPAN("\x05\x02")), 0);
  assert_sent(wire, GCN__SPAN("\x01\x04user\x04pass"));
  assert_int_equal(hear(&setup, GCN__SPAN("\x01\x00")), 0);
  assert_sent(wire, GCN__SPAN("\x05\x01\x00\x03\x09localhost\x20\xfb"));
  assert_null(wire->tls);
  assert_int_equal(
      hear(&setup, GCN__SPAN("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")), 1);
  assert_int_equal(wire->phase, GCN__WIRE_SHAKING);
  end_init(&server, site.server, NULL);
  shake(&setup, &server);
  assert_int_equal(gcn__wire_write(wire, GCN__SPAN("hello")), 0);
  assert_int_equal(end_feed(&server, gcn__buf_span(&wire->out)), 0);
  assert_true(gcn__span_is(gcn__buf_span(&server.plain), "hello"));
  end_deinit(&server);
  end(&setup);
}

/* What stands behind the answer in the same read cannot be the target's. */
static void test_injected_bytes(void** state) {
  (void)state;
  static const char* const urls[] = {PLAIN, SECURE};
  for (size_t i = 0; i < 2; i++) {
    struct setup setup;
    begin(&setup, &gcn__mem_libc, "http://proxy", urls[i]);
    assert_int_equal(link_up(&setup), 0);
    assert_int_equal(hear(&setup, GCN__SPAN(ESTABLISHED "\x16")), GCN_EPROXY);
    assert_int_equal(setup.wire.phase, GCN__WIRE_TUNNELLING);
    assert_string_equal(
        gcn__tunnel_error(setup.wire.tunnel),
        "bytes came behind its answer before the host was spoken to");
    end(&setup);
  }
}

static void test_refusal(void** state) {
  (void)state;
  struct setup setup;
  struct gcn__url url;
  begin(&setup, &gcn__mem_libc, "http://u:p@proxy", PLAIN);
  assert_int_equal(link_up(&setup), 0);
  assert_int_equal(hear(&setup, GCN__SPAN("HTTP/1.1 407 .\r\n\r\n")),
                   GCN_EPROXYAUTH);
  assert_int_equal(gcn__tunnel_status(setup.wire.tunnel), 407);
  gcn__wire_reset(&setup.wire);
  assert_null(setup.wire.tunnel);
  assert_null(setup.wire.proxy);
  assert_null(gcn__url_parse(&url, gcn__span_str(PLAIN)));
  gcn__wire_aim(&setup.wire, &url);
  assert_int_equal(gcn__buf_size(&setup.wire.out), 0);
  assert_string_equal(gcn__wire_link_host(&setup.wire), "127.0.0.1");
  end(&setup);
}

/* A proxy that closes breaks its word; a link that breaks speaks for itself. */
static void test_ends(void** state) {
  (void)state;
  static const struct {
    int end_error;
    int want;
  } rows[] = {{GCN__EOF, GCN_EPROXY}, {GCN__ECONNRESET, 0}};
  for (size_t i = 0; i < 2; i++) {
    struct setup setup;
    begin(&setup, &gcn__mem_libc, "http://proxy", PLAIN);
    assert_int_equal(link_up(&setup), 0);
    setup.wire.ended = true;
    setup.wire.end_error = rows[i].end_error;
    assert_int_equal(hear(&setup, GCN__SPAN("HTTP/1.1 200")), rows[i].want);
    end(&setup);
  }
}

/* From the dial to READY, the whole dialogue in one read. */
static int live(struct setup* setup, const struct gcn__mem* mem) {
  int result = begin(setup, mem, "socks5://u:p@proxy", PLAIN);
  if (result == 0) result = link_up(setup);
  if (result != 0) return result;
  return hear(setup, GCN__SPAN("\x05\x02\x01\x00\x05\x00\x00\x01"
                               "\x00\x00\x00\x00\x00\x00"));
}

static void test_no_memory(void** state) {
  (void)state;
  size_t n = 0;
  bool failed = true;
  while (failed) {
    struct mem_probe probe = {.fail_at = ++n};
    struct gcn__mem mem = mem_probe_mem(&probe);
    struct setup setup;
    int result = live(&setup, &mem);
    failed = probe.count >= n;
    assert_int_equal(result, failed ? GCN__ENOMEM : 1);
    end(&setup);
    assert_int_equal(probe.live_size, 0);
  }
  assert_true(n > 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_direct),
      cmocka_unit_test(test_plain_via_http),
      cmocka_unit_test(test_answer_in_two_pieces),
      cmocka_unit_test(test_secure_via_socks),
      cmocka_unit_test(test_injected_bytes),
      cmocka_unit_test(test_refusal),
      cmocka_unit_test(test_ends),
      cmocka_unit_test(test_no_memory),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
