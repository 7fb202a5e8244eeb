/* SPDX-License-Identifier: MIT */
/*
 * The HTTP writer: what it writes, what it refuses, and that a refusal or a
 * full buffer leaves the text as it was.
 */
#include "base/err.h"
#include "base/rng.h"
#include "check.h"
#include "codec/http.h"
#include "mem-probe.h"

static void assert_text(const struct gcn__buf* buf, const char* text) {
  struct gcn__span span = gcn__buf_span(buf);
  assert_int_equal(span.size, strlen(text));
  assert_memory_equal(span.data, text, span.size);
}

static struct gcn__buf make_buf(size_t size_max) {
  struct gcn__buf buf;
  gcn__buf_init(&buf, &gcn__mem_libc, size_max);
  return buf;
}

static void test_request(void** state) {
  (void)state;
  struct gcn__buf out = make_buf(4096);
  assert_int_equal(gcn__http_write_request(&out, "PUT", GCN__SPAN("/a?b")), 0);
  assert_int_equal(gcn__http_write_header(&out, "Host", GCN__SPAN("h:1")), 0);
  assert_int_equal(gcn__http_write_header(&out, "X", GCN__SPAN("")), 0);
  assert_int_equal(gcn__http_write_end(&out, GCN__SPAN("body\r\n"), false), 0);
  assert_text(&out, "PUT /a?b HTTP/1.1\r\nHost: h:1\r\nX: \r\n"
                    "Content-Length: 6\r\n\r\nbody\r\n");
  gcn__buf_deinit(&out);
}

static void test_targets(void** state) {
  (void)state;
  struct gcn__buf out = make_buf(4096);
  assert_int_equal(gcn__http_write_request(&out, "GET", GCN__SPAN("?q")), 0);
  assert_text(&out, "GET /?q HTTP/1.1\r\n");
  gcn__buf_clear(&out);
  assert_int_equal(gcn__http_write_request(&out, "CONNECT", GCN__SPAN("h:443")),
                   0);
  assert_text(&out, "CONNECT h:443 HTTP/1.1\r\n");
  gcn__buf_deinit(&out);
}

static void test_status(void** state) {
  (void)state;
  struct gcn__buf out = make_buf(4096);
  assert_int_equal(gcn__http_write_status(&out, 101), 0);
  assert_int_equal(gcn__http_write_end(&out, GCN__SPAN(""), true), 0);
  assert_text(&out, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
  gcn__buf_clear(&out);
  assert_int_equal(gcn__http_write_status(&out, 200), 0);
  assert_int_equal(gcn__http_write_end(&out, GCN__SPAN(""), false), 0);
  assert_text(&out, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  gcn__buf_clear(&out);
  assert_int_equal(gcn__http_write_status(&out, 999), 0);
  assert_text(&out, "HTTP/1.1 999 Unknown\r\n");
  assert_int_equal(gcn__http_write_status(&out, 99), GCN__EINVAL);
  assert_int_equal(gcn__http_write_status(&out, 1000), GCN__EINVAL);
  assert_text(&out, "HTTP/1.1 999 Unknown\r\n");
  gcn__buf_deinit(&out);
}

/* Every byte, at the front, inside and at the end, of each kind of text. */
static void test_injection(void** state) {
  (void)state;
  struct gcn__buf out = make_buf(4096);
  for (int value = 0; value < 256; value++) {
    char byte = (char)value;
    bool visible = value > ' ' && value < 0x7f;
    char texts[][4] = {
        {byte, 'a', 'b', 0}, {'a', byte, 'b', 0}, {'a', 'b', byte, 0}};
    for (int i = 0; i < 3; i++) {
      struct gcn__span span = gcn__span(texts[i], 3);
      bool fits = visible || (value == ' ' && i == 1);
      int want = fits ? 0 : GCN__EINVAL;
      assert_int_equal(gcn__http_write_header(&out, "A", span), want);
      want = visible ? 0 : GCN__EINVAL;
      assert_int_equal(gcn__http_write_request(&out, "A", span), want);
      if (!visible || value == ':') {
        /* A NUL ends the name; what is left of it must be a token. */
        int as_name = value == 0 && i > 0 ? 0 : GCN__EINVAL;
        assert_int_equal(gcn__http_write_header(&out, texts[i], GCN__SPAN("")),
                         as_name);
        assert_int_equal(
            gcn__http_write_request(&out, texts[i], GCN__SPAN("/")), as_name);
      }
      gcn__buf_clear(&out);
    }
  }
  gcn__buf_deinit(&out);
}

static void test_refusals_append_nothing(void** state) {
  (void)state;
  struct gcn__buf out = make_buf(4096);
  struct gcn__span evil = GCN__SPAN("x\r\nEvil: 1");
  assert_int_equal(gcn__http_write_request(&out, "GET", evil), GCN__EINVAL);
  assert_int_equal(gcn__http_write_request(&out, "GET /x", GCN__SPAN("/")),
                   GCN__EINVAL);
  assert_int_equal(gcn__http_write_request(&out, "", GCN__SPAN("/")),
                   GCN__EINVAL);
  assert_int_equal(gcn__http_write_request(&out, "GET", GCN__SPAN("")),
                   GCN__EINVAL);
  assert_int_equal(gcn__http_write_header(&out, "A", evil), GCN__EINVAL);
  assert_int_equal(gcn__http_write_header(&out, "A: b\r\nC", GCN__SPAN("d")),
                   GCN__EINVAL);
  assert_int_equal(gcn__http_write_header(&out, "", GCN__SPAN("d")),
                   GCN__EINVAL);
  assert_int_equal(gcn__buf_size(&out), 0);
  gcn__buf_deinit(&out);
}

static int write_each(struct gcn__buf* out, int which) {
  switch (which) {
  case 0: return gcn__http_write_request(out, "GET", GCN__SPAN("/"));
  case 1: return gcn__http_write_status(out, 200);
  case 2: return gcn__http_write_header(out, "Name", GCN__SPAN("value"));
  default: return gcn__http_write_end(out, GCN__SPAN("body"), false);
  }
}

static void test_limit(void** state) {
  (void)state;
  static const size_t sizes[] = {16, 17, 13, 25};
  for (int which = 0; which < 4; which++) {
    for (size_t room = 0; room <= sizes[which]; room++) {
      struct gcn__buf out = make_buf(3 + room);
      assert_int_equal(gcn__buf_append(&out, "abc", 3), 0);
      bool fits = room == sizes[which];
      assert_int_equal(write_each(&out, which), fits ? 0 : GCN_ELIMIT);
      assert_int_equal(gcn__buf_size(&out), fits ? 3 + room : 3);
      gcn__buf_deinit(&out);
    }
  }
}

static void test_no_memory(void** state) {
  (void)state;
  for (int which = 0; which < 4; which++) {
    struct mem_probe probe = {.fail_at = 1};
    struct gcn__mem mem = mem_probe_mem(&probe);
    struct gcn__buf out;
    gcn__buf_init(&out, &mem, 4096);
    assert_int_equal(write_each(&out, which), GCN__ENOMEM);
    assert_int_equal(gcn__buf_size(&out), 0);
    assert_int_equal(write_each(&out, which), 0);
    gcn__buf_deinit(&out);
    assert_int_equal(probe.live_size, 0);
  }
}

static void test_reasons(void** state) {
  (void)state;
  assert_string_equal(gcn__http_reason(200), "OK");
  assert_string_equal(gcn__http_reason(404), "Not Found");
  assert_string_equal(gcn__http_reason(429), "Too Many Requests");
  assert_string_equal(gcn__http_reason(0), "Unknown");
  assert_string_equal(gcn__http_reason(599), "Unknown");
}

/* What we write, we read back. */
static void test_round_trip(void** state) {
  (void)state;
  struct gcn__buf out = make_buf(4096);
  assert_int_equal(gcn__http_write_request(&out, "POST", GCN__SPAN("/t")), 0);
  assert_int_equal(gcn__http_write_header(&out, "A", GCN__SPAN("b  c")), 0);
  assert_int_equal(gcn__http_write_end(&out, GCN__SPAN("x=y"), false), 0);
  struct gcn__http* http = gcn__http_new(&gcn__mem_libc, GCN__HTTP_REQUESTS,
                                         &gcn__http_limits_default);
  struct gcn__span in = gcn__buf_span(&out);
  assert_int_equal(gcn__http_read(http, &in), GCN__HTTP_DONE);
  assert_int_equal(in.size, 0);
  assert_true(gcn__span_is(gcn__http_method(http), "POST"));
  assert_true(gcn__span_is(gcn__http_target(http), "/t"));
  assert_true(gcn__span_is(gcn__http_header(http, "a", NULL), "b  c"));
  assert_true(gcn__span_is(gcn__http_body(http), "x=y"));
  gcn__http_free(http);
  gcn__buf_deinit(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_request),
      cmocka_unit_test(test_targets),
      cmocka_unit_test(test_status),
      cmocka_unit_test(test_injection),
      cmocka_unit_test(test_refusals_append_nothing),
      cmocka_unit_test(test_limit),
      cmocka_unit_test(test_no_memory),
      cmocka_unit_test(test_reasons),
      cmocka_unit_test(test_round_trip),
  };
  return cmocka_run_group_tests_name("http-write", tests, NULL, NULL);
}
