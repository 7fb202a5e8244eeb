/* SPDX-License-Identifier: MIT */
/*
 * The TLS codec as a byte filter: handshake, data, ends and attacks that need
 * no certificate of their own.
 */
#include "codec/tls.h"

#include "base/err.h"
#include "codec/tls-config.h"
#include "tls-pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum {
  LARGE_SIZE = 1 << 20,
  HEADER_SIZE = 5,
};

static struct gcn__pki* pki;
static struct site site;

static int set_up(void** state) {
  (void)state;
  pki = gcn__pki_new();
  if (pki == NULL) {
    return -1;
  }
  site_init(&site, pki, NULL, GCN__PKI_SOUND);
  return 0;
}

static int tear_down(void** state) {
  (void)state;
  site_deinit(&site);
  gcn__pki_free(pki);
  return 0;
}

static void assert_plain(const struct end* end, const char* want) {
  const struct gcn__span got = gcn__buf_span(&end->plain);
  assert_int_equal(got.size, strlen(want));
  assert_memory_equal(got.data, want, got.size);
}

static void exchange(struct pair* pair) {
  assert_int_equal(gcn__tls_write(pair->client.tls, GCN__SPAN("ping")), 0);
  assert_int_equal(gcn__tls_write(pair->server.tls, GCN__SPAN("pong")), 0);
  pair_pump(pair);
  assert_plain(&pair->server, "ping");
  assert_plain(&pair->client, "pong");
}

/* Wherever it is cut; and only until the rest has come. */
static void half_a_record_is_told_from_none(void** state) {
  (void)state;
  for (size_t cut = 1;; cut++) {
    struct pair pair;
    pair_open(&pair, &site, WHOLE);
    assert_false(gcn__tls_partial(pair.client.tls));
    assert_int_equal(gcn__tls_write(pair.server.tls, GCN__SPAN("pong")), 0);
    struct gcn__span record = gcn__buf_span(&pair.server.out);
    bool cuts = cut < record.size;
    if (cuts) {
      struct gcn__span rest = {record.data + cut, record.size - cut};
      (void)end_feed(&pair.client, gcn__span(record.data, cut));
      assert_true(gcn__tls_partial(pair.client.tls));
      (void)end_feed(&pair.client, rest);
      assert_plain(&pair.client, "pong");
      assert_false(gcn__tls_partial(pair.client.tls));
    }
    pair_deinit(&pair);
    if (!cuts) break;
  }
}

static void shakes_hands_in_any_cut(void** state) {
  (void)state;
  for (int cut = WHOLE; cut < CUT_COUNT; cut++) {
    struct pair pair;
    pair_open(&pair, &site, (enum cut)cut);
    assert_string_equal(gcn__tls_version(pair.client.tls), "TLSv1.3");
    assert_string_equal(gcn__tls_suite(pair.client.tls),
                        gcn__tls_aes_is_fast()
                            ? "TLS1-3-AES-128-GCM-SHA256"
                            : "TLS1-3-CHACHA20-POLY1305-SHA256");
    assert_string_equal(gcn__tls_suite(pair.server.tls),
                        gcn__tls_suite(pair.client.tls));
    exchange(&pair);
    pair_deinit(&pair);
  }
}

static void speaks_tls_1_2(void** state) {
  (void)state;
  struct gcn__tls_config* old = client_config(gcn__pki_ca(pki), true);
  for (int cut = WHOLE; cut < CUT_COUNT; cut++) {
    struct pair pair;
    pair_init(&pair, old, site.server, HOST);
    pair.cut = (enum cut)cut;
    pair_pump(&pair);
    assert_int_equal(gcn__tls_state(pair.client.tls), GCN__TLS_OPEN);
    assert_string_equal(gcn__tls_version(pair.client.tls), "TLSv1.2");
    assert_string_equal(gcn__tls_suite(pair.client.tls),
                        gcn__tls_aes_is_fast()
                            ? "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256"
                            : "TLS-ECDHE-ECDSA-WITH-CHACHA20-POLY1305-SHA256");
    exchange(&pair);
    pair_deinit(&pair);
  }
  gcn__tls_config_release(old);
}

static void says_nothing_before_the_end_of_the_handshake(void** state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, site.client, site.server, HOST);
  assert_int_equal(gcn__tls_state(pair.client.tls), GCN__TLS_HANDSHAKING);
  assert_string_equal(gcn__tls_version(pair.client.tls), "");
  assert_string_equal(gcn__tls_suite(pair.client.tls), "");
  assert_int_equal(gcn__tls_detail(pair.client.tls), 0);
  assert_false(gcn__tls_pending(pair.client.tls));
  assert_int_equal(gcn__tls_write(pair.client.tls, GCN__SPAN("early")),
                   GCN__EINVAL);
  gcn__tls_close(pair.client.tls);
  assert_int_equal(gcn__buf_size(&pair.client.out), 0);
  pair_deinit(&pair);
}

/* A handshake record of TLS 1.x, the host's name in clear, http/1.1 as the only
 * protocol. */
static void offers_sni_and_alpn(void** state) {
  (void)state;
  struct end end;
  end_init(&end, site.client, HOST);
  assert_int_equal(end_feed(&end, GCN__SPAN("")), 0);
  const struct gcn__span hello = gcn__buf_span(&end.out);
  assert_memory_equal(hello.data, "\x16\x03", 2);
  assert_non_null(memmem(hello.data, hello.size, HOST, strlen(HOST)));
  /* RFC 7301 §3.1: list size, name size, name. */
  assert_non_null(memmem(hello.data, hello.size, "\x00\x09\x08http/1.1", 11));
  end_deinit(&end);

  end_init(&end, site.client, "127.0.0.1");
  assert_int_equal(end_feed(&end, GCN__SPAN("")), 0);
  const struct gcn__span bare = gcn__buf_span(&end.out);
  assert_null(memmem(bare.data, bare.size, "127.0.0.1", 9));
  end_deinit(&end);
}

static void fill_pattern(char* data, size_t size, uint64_t seed) {
  struct gcn__rng rng;
  gcn__rng_seed(&rng, seed);
  for (size_t i = 0; i < size; i++) {
    data[i] = (char)gcn__rng_next(&rng);
  }
}

static void transfers_large_data(void** state) {
  (void)state;
  static char data[LARGE_SIZE];
  fill_pattern(data, sizeof(data), 1);
  const size_t steps[] = {1000, 16384, 4096};
  for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
    struct pair pair;
    pair_open(&pair, &site, i == 0 ? RANDOM : WHOLE);
    pair.client.step = steps[i];
    assert_int_equal(
        gcn__tls_write(pair.server.tls, gcn__span(data, sizeof(data))), 0);
    pair_pump(&pair);
    assert_int_equal(gcn__buf_size(&pair.client.plain), sizeof(data));
    assert_memory_equal(gcn__buf_span(&pair.client.plain).data, data,
                        sizeof(data));
    pair_deinit(&pair);
  }
}

/* FAILURES F13: two records in one segment, one of them larger than the
 * plaintext buffer, and then silence. */
static void delivers_all_without_new_input(void** state) {
  (void)state;
  struct pair pair;
  pair_open(&pair, &site, WHOLE);
  char large[3000];
  fill_pattern(large, sizeof(large), 2);
  assert_int_equal(gcn__tls_write(pair.server.tls, GCN__SPAN("first")), 0);
  assert_int_equal(
      gcn__tls_write(pair.server.tls, gcn__span(large, sizeof(large))), 0);

  struct gcn__span in = gcn__buf_span(&pair.server.out);
  char plain[1000];
  size_t used = 0;
  size_t total = 0;
  int rounds = 0;
  do {
    assert_int_equal(
        gcn__tls_read(pair.client.tls, &in, plain, sizeof(plain), &used), 0);
    total += used;
    rounds++;
    const bool more = gcn__tls_pending(pair.client.tls) || in.size > 0;
    assert_true(!more || used == sizeof(plain));
  } while (used == sizeof(plain));
  assert_int_equal(in.size, 0);
  assert_int_equal(total, 5 + sizeof(large));
  assert_int_equal(rounds, 4);
  pair_deinit(&pair);
}

static void keeps_what_a_full_buffer_leaves(void** state) {
  (void)state;
  struct pair pair;
  pair_open(&pair, &site, WHOLE);
  assert_int_equal(gcn__tls_write(pair.server.tls, GCN__SPAN("abcdef")), 0);
  struct gcn__span in = gcn__buf_span(&pair.server.out);
  char plain[4];
  size_t used = 0;
  assert_int_equal(gcn__tls_read(pair.client.tls, &in, plain, 4, &used), 0);
  assert_int_equal(used, 4);
  assert_int_equal(in.size, 0);
  assert_true(gcn__tls_pending(pair.client.tls));
  assert_int_equal(gcn__tls_read(pair.client.tls, &in, plain, 4, &used), 0);
  assert_int_equal(used, 2);
  assert_false(gcn__tls_pending(pair.client.tls));
  pair_deinit(&pair);
}

static void ends_with_close_notify(void** state) {
  (void)state;
  struct pair pair;
  pair_open(&pair, &site, WHOLE);
  assert_int_equal(gcn__tls_write(pair.server.tls, GCN__SPAN("last")), 0);
  gcn__tls_close(pair.server.tls);
  const size_t size = gcn__buf_size(&pair.server.out);
  gcn__tls_close(pair.server.tls);
  assert_int_equal(gcn__buf_size(&pair.server.out), size);
  assert_int_equal(gcn__tls_write(pair.server.tls, GCN__SPAN("late")),
                   GCN__EINVAL);
  /* What follows close_notify is nobody's. */
  assert_int_equal(gcn__buf_append_str(&pair.server.out, "trailing"), 0);

  struct gcn__span in = gcn__buf_span(&pair.server.out);
  char plain[16];
  size_t used = 0;
  assert_int_equal(
      gcn__tls_read(pair.client.tls, &in, plain, sizeof(plain), &used),
      GCN__EOF);
  assert_int_equal(used, 4);
  assert_int_equal(in.size, 0);
  assert_int_equal(gcn__tls_state(pair.client.tls), GCN__TLS_CLOSED);
  assert_int_equal(
      gcn__tls_read(pair.client.tls, &in, plain, sizeof(plain), &used),
      GCN__EOF);
  assert_int_equal(gcn__tls_end(pair.client.tls), GCN__EOF);
  assert_int_equal(gcn__tls_write(pair.client.tls, GCN__SPAN("x")), GCN__EOF);
  assert_string_equal(gcn__tls_version(pair.client.tls), "TLSv1.3");
  gcn__tls_close(pair.client.tls);
  assert_int_equal(end_feed(&pair.server, gcn__buf_span(&pair.client.out)),
                   GCN__EOF);
  pair_deinit(&pair);
}

static void tells_a_cut_from_a_close(void** state) {
  (void)state;
  struct pair pair;
  pair_open(&pair, &site, WHOLE);
  pair.client.rc = gcn__tls_end(pair.client.tls);
  assert_failed(&pair.client, GCN_ETLS, "without TLS close_notify");
  pair_deinit(&pair);

  pair_init(&pair, site.client, site.server, HOST);
  assert_int_equal(end_feed(&pair.client, GCN__SPAN("")), 0);
  pair.client.rc = gcn__tls_end(pair.client.tls);
  assert_failed(&pair.client, GCN_ETLS, "before the server answered");
  pair_deinit(&pair);
}

/* The server's first flight, for a client that has sent its hello. */
static void take_flight(struct pair* pair) {
  pair_init(pair, site.client, site.server, HOST);
  assert_int_equal(end_feed(&pair->client, GCN__SPAN("")), 0);
  carry(pair, &pair->client, &pair->server);
  assert_true(gcn__buf_size(&pair->server.out) > 500);
}

static void survives_truncation_at_every_byte(void** state) {
  (void)state;
  struct pair pair;
  take_flight(&pair);
  const size_t size = gcn__buf_size(&pair.server.out);
  pair_deinit(&pair);
  for (size_t cut = 0; cut < size; cut += 13) {
    take_flight(&pair);
    const struct gcn__span flight = gcn__buf_span(&pair.server.out);
    /* A signature's length varies by some bytes from flight to flight. */
    const size_t fed = cut < flight.size ? cut : flight.size - 1;
    assert_int_equal(end_feed(&pair.client, gcn__span(flight.data, fed)), 0);
    assert_int_equal(gcn__tls_state(pair.client.tls), GCN__TLS_HANDSHAKING);
    pair.client.rc = gcn__tls_end(pair.client.tls);
    assert_failed(&pair.client, GCN_ETLS,
                  cut == 0 ? "before the server answered"
                           : "ended during the TLS handshake");
    pair_deinit(&pair);
  }
}

static void survives_a_flipped_bit_anywhere(void** state) {
  (void)state;
  struct pair pair;
  take_flight(&pair);
  const size_t size = gcn__buf_size(&pair.server.out);
  pair_deinit(&pair);
  for (size_t at = 0; at + 200 < size; at += 17) {
    take_flight(&pair);
    pair.server.out.data[pair.server.out.begin + at] ^= 0x40;
    end_feed(&pair.client, gcn__buf_span(&pair.server.out));
    assert_int_not_equal(gcn__tls_state(pair.client.tls), GCN__TLS_OPEN);
    pair_deinit(&pair);
  }
}

static void notices_a_damaged_record(void** state) {
  (void)state;
  struct pair pair;
  pair_open(&pair, &site, WHOLE);
  assert_int_equal(gcn__tls_write(pair.server.tls, GCN__SPAN("good")), 0);
  assert_int_equal(gcn__tls_write(pair.server.tls, GCN__SPAN("bad")), 0);
  pair.server.out.data[pair.server.out.end - 1] ^= 1;
  carry(&pair, &pair.server, &pair.client);
  assert_plain(&pair.client, "good");
  assert_failed(&pair.client, GCN_ETLS, "damaged");
  /* The peer is told: its end fails with our alert. */
  carry(&pair, &pair.client, &pair.server);
  assert_failed(&pair.server, GCN_ETLS, "alert 20, bad_record_mac");
  pair_deinit(&pair);
}

struct answer {
  struct gcn__span bytes;
  const char* text;
};

/* What a client gets from something that is no TLS server. */
static void names_what_answers_instead(void** state) {
  (void)state;
  const struct answer answers[] = {
      {GCN__SPAN("HTTP/1.1 400 Bad Request\r\n\r\n"), "plain HTTP, not TLS"},
      {GCN__SPAN("SSH-2.0-OpenSSH_9.2p1\r\n"), "plain text, not TLS"},
      {GCN__SPAN("220 mail ESMTP\r\n"), "plain text, not TLS"},
      {GCN__SPAN("\x00\x00\x12\x04\x00\x00\x00\x00\x00"), "malformed TLS"},
      {GCN__SPAN("\x16\x03\x03\xff\xff garbage"), "oversize TLS record"},
      {GCN__SPAN("\x15\x03\x03\x00\x02\x02\x28"),
       "alert 40, handshake_failure"},
      {GCN__SPAN("\x15\x03\x03\x00\x02\x02\x46"), "alert 70, protocol_version"},
      {GCN__SPAN("\x15\x03\x03\x00\x02\x02\x70"), "alert 112, unrecognized"},
      {GCN__SPAN("\x15\x03\x03\x00\x02\x02\x63"), "with alert 99"},
      {GCN__SPAN("\x15\x03\x03\x00\x02\x01\x00"),
       "closed the connection during"},
      {GCN__SPAN("\x17\x03\x03\x00\x01\x00"), "does not belong there"},
  };
  for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
    for (int cut = WHOLE; cut < CUT_COUNT; cut++) {
      struct pair pair;
      pair_init(&pair, site.client, site.server, HOST);
      pair.cut = (enum cut)cut;
      assert_int_equal(end_feed(&pair.client, GCN__SPAN("")), 0);
      assert_int_equal(gcn__buf_append(&pair.server.out, answers[i].bytes.data,
                                       answers[i].bytes.size),
                       0);
      carry(&pair, &pair.server, &pair.client);
      assert_failed(&pair.client, GCN_ETLS, answers[i].text);
      assert_int_not_equal(gcn__tls_detail(pair.client.tls), 0);
      pair_deinit(&pair);
    }
  }
}

static void append_record(struct gcn__buf* out, size_t size, const char* start,
                          size_t start_size) {
  static char body[16384];
  memset(body, 0, sizeof(body));
  memcpy(body, start, start_size);
  const char header[HEADER_SIZE] = {0x16, 0x03, 0x03, (char)(size >> 8),
                                    (char)size};
  assert_int_equal(gcn__buf_append(out, header, sizeof(header)), 0);
  assert_int_equal(gcn__buf_append(out, body, size), 0);
}

/* A Certificate message of 24,000 bytes behind a true ServerHello. */
static void names_an_oversize_certificate(void** state) {
  (void)state;
  struct gcn__tls_config* old = client_config(gcn__pki_ca(pki), true);
  struct pair pair;
  pair_init(&pair, old, site.server, HOST);
  assert_int_equal(end_feed(&pair.client, GCN__SPAN("")), 0);
  carry(&pair, &pair.client, &pair.server);
  const struct gcn__span flight = gcn__buf_span(&pair.server.out);
  const size_t hello_size = HEADER_SIZE +
                            (size_t)(unsigned char)flight.data[3] * 256 +
                            (unsigned char)flight.data[4];
  assert_true(hello_size < flight.size);
  pair.server.out.end = pair.server.out.begin + hello_size;
  append_record(&pair.server.out, 12000, "\x0b\x00\x5d\xbc", 4);
  append_record(&pair.server.out, 12000, "", 0);
  carry(&pair, &pair.server, &pair.client);
  assert_failed(&pair.client, GCN_ETLS, "limited to 16 KiB");
  pair_deinit(&pair);
  gcn__tls_config_release(old);
}

static void refuses_garbage(void** state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 200; seed++) {
    char garbage[600];
    fill_pattern(garbage, sizeof(garbage), seed);
    /* Half of them look like a record at first sight. */
    if (seed % 2 == 0) {
      memcpy(garbage, "\x16\x03\x03\x01\x00", HEADER_SIZE);
    }
    struct end end;
    end_init(&end, site.client, HOST);
    assert_int_equal(end_feed(&end, GCN__SPAN("")), 0);
    assert_true(end_feed(&end, gcn__span(garbage, sizeof(garbage))) < 0);
    assert_failed(&end, GCN_ETLS, " ");
    end_deinit(&end);
  }
}

static void a_server_refuses_plain_http(void** state) {
  (void)state;
  struct end end;
  end_init(&end, site.server, NULL);
  end_feed(&end, GCN__SPAN("GET / HTTP/1.1\r\n\r\n"));
  assert_failed(&end, GCN_ETLS, "plain text, not TLS");
  end_deinit(&end);
}

/* Before the end of the handshake there is no plaintext to reset the count. */
static void refuses_a_flood_in_the_handshake(void** state) {
  (void)state;
  struct end end;
  end_init(&end, site.client, HOST);
  assert_int_equal(end_feed(&end, GCN__SPAN("")), 0);
  int records = 0;
  while (end.rc == 0 && records < 1000) {
    /* A warning: user_canceled. */
    end_feed(&end, GCN__SPAN("\x15\x03\x03\x00\x02\x01\x5a"));
    records++;
  }
  assert_in_range(records, 33, 100);
  assert_failed(&end, GCN_ETLS, "without any data");
  end_deinit(&end);
}

static void fails_when_the_output_is_full(void** state) {
  (void)state;
  struct pair pair;
  pair_open(&pair, &site, WHOLE);
  pair.client.out.size_max = 100;
  char data[200] = {0};
  pair.client.rc =
      gcn__tls_write(pair.client.tls, gcn__span(data, sizeof(data)));
  assert_failed(&pair.client, GCN_ELIMIT, "output is full");
  pair_deinit(&pair);
}

static void an_empty_write_sends_nothing(void** state) {
  (void)state;
  struct pair pair;
  pair_open(&pair, &site, WHOLE);
  const size_t before = gcn__buf_size(&pair.client.out);
  assert_int_equal(gcn__tls_write(pair.client.tls, GCN__SPAN("")), 0);
  assert_int_equal(gcn__buf_size(&pair.client.out), before);
  pair_deinit(&pair);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shakes_hands_in_any_cut),
      cmocka_unit_test(half_a_record_is_told_from_none),
      cmocka_unit_test(speaks_tls_1_2),
      cmocka_unit_test(says_nothing_before_the_end_of_the_handshake),
      cmocka_unit_test(offers_sni_and_alpn),
      cmocka_unit_test(transfers_large_data),
      cmocka_unit_test(delivers_all_without_new_input),
      cmocka_unit_test(keeps_what_a_full_buffer_leaves),
      cmocka_unit_test(ends_with_close_notify),
      cmocka_unit_test(tells_a_cut_from_a_close),
      cmocka_unit_test(survives_truncation_at_every_byte),
      cmocka_unit_test(survives_a_flipped_bit_anywhere),
      cmocka_unit_test(notices_a_damaged_record),
      cmocka_unit_test(names_what_answers_instead),
      cmocka_unit_test(names_an_oversize_certificate),
      cmocka_unit_test(refuses_garbage),
      cmocka_unit_test(a_server_refuses_plain_http),
      cmocka_unit_test(refuses_a_flood_in_the_handshake),
      cmocka_unit_test(fails_when_the_output_is_full),
      cmocka_unit_test(an_empty_write_sends_nothing),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
