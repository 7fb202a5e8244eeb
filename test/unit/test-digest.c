/* SPDX-License-Identifier: MIT */
/*
 * Digests and base64 against the vectors of FIPS 180 and RFC 4648.
 */
#include "base/err.h"
#include "base/rng.h"
#include "check.h"
#include "codec/digest.h"
#include "mem-probe.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_hex(const unsigned char* digest, size_t size,
                       const char* want) {
  char text[2 * GCN__SHA256_SIZE + 1];
  for (size_t i = 0; i < size; i++)
    snprintf(text + 2 * i, 3, "%02x", digest[i]);
  assert_string_equal(text, want);
}

static void test_sha1(void** state) {
  (void)state;
  unsigned char digest[GCN__SHA1_SIZE];
  assert_true(gcn__sha1(GCN__SPAN("abc"), digest));
  assert_hex(digest, sizeof digest, "a9993e364706816aba3e25717850c26c9cd0d89d");
  assert_true(gcn__sha1(gcn__span(NULL, 0), digest));
  assert_hex(digest, sizeof digest, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

static void test_sha256(void** state) {
  (void)state;
  unsigned char digest[GCN__SHA256_SIZE];
  assert_true(gcn__sha256(GCN__SPAN("abc"), digest));
  assert_hex(
      digest, sizeof digest,
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert_true(gcn__sha256(gcn__span(NULL, 0), digest));
  assert_hex(
      digest, sizeof digest,
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_sha256_parts(void** state) {
  (void)state;
  static const char flat[] = "\x03\0\0\0\0\0\0\0abc\0\0\0\0\0\0\0\0"
                             "\x01\0\0\0\0\0\0\0d";
  const struct gcn__span parts[] = {
      GCN__SPAN("abc"), {NULL, 0}, GCN__SPAN("d")};
  const struct gcn__span others[] = {GCN__SPAN("ab"), GCN__SPAN("c"),
                                     GCN__SPAN("d")};
  unsigned char digest[GCN__SHA256_SIZE];
  unsigned char want[GCN__SHA256_SIZE];
  assert_true(gcn__sha256_parts(parts, COUNT(parts), digest));
  assert_true(gcn__sha256(gcn__span(flat, sizeof flat - 1), want));
  assert_memory_equal(digest, want, sizeof want);
  assert_true(gcn__sha256_parts(others, COUNT(others), digest));
  assert_memory_not_equal(digest, want, sizeof want);
}

static void test_short_hash(void** state) {
  (void)state;
  char text[GCN__SHORT_HASH_SIZE + 1];
  gcn__short_hash(GCN__SPAN("abc"), text);
  assert_string_equal(text, "ba7816bf");
  gcn__short_hash(gcn__span(NULL, 0), text);
  assert_string_equal(text, "e3b0c442");
}

static void assert_text(const struct gcn__buf* buf, const char* text) {
  struct gcn__span span = gcn__buf_span(buf);
  assert_int_equal(span.size, strlen(text));
  assert_memory_equal(span.data, text, span.size);
}

/* RFC 4648 §10, and all of the alphabet. */
static const char* const vectors[][2] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xff\xef\xfe", "/+/+"},
};

static void test_base64_vectors(void** state) {
  (void)state;
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 1000);
  for (size_t i = 0; i < COUNT(vectors); i++) {
    const char* plain = vectors[i][0];
    const char* text = vectors[i][1];
    assert_int_equal(gcn__base64_encode(&out, gcn__span_str(plain)), 0);
    assert_text(&out, text);
    gcn__buf_clear(&out);
    assert_int_equal(gcn__base64_decode(&out, gcn__span_str(text)), 0);
    assert_text(&out, plain);
    gcn__buf_clear(&out);
  }
  gcn__buf_deinit(&out);
}

static void test_base64_round_trip(void** state) {
  (void)state;
  char plain[500];
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 3);
  for (size_t i = 0; i < sizeof plain; i++)
    plain[i] = (char)gcn__rng_next(&rng);
  for (size_t size = 0; size <= sizeof plain; size++) {
    struct gcn__buf text;
    struct gcn__buf back;
    size_t text_size = (size + 2) / 3 * 4;
    /* Exactly the room that is needed; not one byte for a NUL. */
    gcn__buf_init(&text, &gcn__mem_libc, text_size);
    gcn__buf_init(&back, &gcn__mem_libc, size);
    assert_int_equal(gcn__base64_encode(&text, gcn__span(plain, size)), 0);
    assert_int_equal(gcn__buf_size(&text), text_size);
    assert_int_equal(gcn__base64_decode(&back, gcn__buf_span(&text)), 0);
    assert_int_equal(gcn__buf_size(&back), size);
    assert_memory_equal(gcn__buf_span(&back).data, plain, size);
    gcn__buf_deinit(&text);
    gcn__buf_deinit(&back);
  }
}

static const char* const broken[] = {
    "Z",        "Zg",      "Zg=",      "Zm9",  "====",   "Z===",
    "=",        "==",      "Zg==Zg==", "Zg=Z", "Zm9v\n", "Zm9v\r\n",
    "Zm\r\n9v", " Zm9v",   "Zm9v ",    "Zm9-", "Zm9_",   "Zm9v=",
    "Zm9v====", "Zm9\xff", "Zm!v",     "=m9v",
};

static void test_base64_broken(void** state) {
  (void)state;
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 1000);
  assert_int_equal(gcn__buf_append(&out, "abc", 3), 0);
  for (size_t i = 0; i < COUNT(broken); i++) {
    int result = gcn__base64_decode(&out, gcn__span_str(broken[i]));
    if (result != GCN__EINVAL) fail_msg("\"%s\": %d", broken[i], result);
    assert_text(&out, "abc");
  }
  assert_int_equal(gcn__base64_decode(&out, gcn__span("Zm\0v", 4)),
                   GCN__EINVAL);
  gcn__buf_deinit(&out);
}

static void test_base64_limits(void** state) {
  (void)state;
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 7);
  assert_int_equal(gcn__base64_encode(&out, GCN__SPAN("foob")), GCN_ELIMIT);
  assert_int_equal(gcn__buf_size(&out), 0);
  gcn__buf_deinit(&out);
  gcn__buf_init(&out, &gcn__mem_libc, 3);
  assert_int_equal(gcn__base64_decode(&out, GCN__SPAN("Zm9vYg==")), GCN_ELIMIT);
  assert_int_equal(gcn__buf_size(&out), 0);
  gcn__buf_deinit(&out);
}

static void test_base64_no_memory(void** state) {
  (void)state;
  struct mem_probe probe = {.fail_at = 1, .fail_on = 1};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct gcn__buf out;
  gcn__buf_init(&out, &mem, 100);
  assert_int_equal(gcn__base64_encode(&out, GCN__SPAN("foob")), GCN__ENOMEM);
  assert_int_equal(gcn__base64_decode(&out, GCN__SPAN("Zm9v")), GCN__ENOMEM);
  assert_int_equal(gcn__buf_size(&out), 0);
  gcn__buf_deinit(&out);
  assert_int_equal(probe.live_size, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sha1),
      cmocka_unit_test(test_sha256),
      cmocka_unit_test(test_sha256_parts),
      cmocka_unit_test(test_short_hash),
      cmocka_unit_test(test_base64_vectors),
      cmocka_unit_test(test_base64_round_trip),
      cmocka_unit_test(test_base64_broken),
      cmocka_unit_test(test_base64_limits),
      cmocka_unit_test(test_base64_no_memory),
  };
  return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
