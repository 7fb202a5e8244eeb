/* SPDX-License-Identifier: MIT */
/*
 * Sec-WebSocket-Key and Sec-WebSocket-Accept.
 */
#include "base/err.h"
#include "codec/ws.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static int fill_counting(void* ctx, void* data, size_t size) {
  unsigned char* next = ctx;
  for (size_t i = 0; i < size; i++)
    ((unsigned char*)data)[i] = (*next)++;
  return 0;
}

static int fill_nothing(void* ctx, void* data, size_t size) {
  (void)ctx;
  (void)data;
  (void)size;
  return GCN_EENTROPY;
}

static void test_key(void** state) {
  (void)state;
  unsigned char next = 1;
  const struct gcn__entropy entropy = {fill_counting, &next};
  char key[GCN__WS_KEY_SIZE + 1];
  assert_int_equal(gcn__ws_make_key(&entropy, key), 0);
  /* The example of RFC 6455 §4.1: the bytes 1 to 16. */
  assert_string_equal(key, "AQIDBAUGBwgJCgsMDQ4PEA==");
  char other[GCN__WS_KEY_SIZE + 1];
  assert_int_equal(gcn__ws_make_key(&entropy, other), 0);
  assert_string_equal(other, "ERITFBUWFxgZGhscHR4fIA==");
}

static void test_key_without_entropy(void** state) {
  (void)state;
  const struct gcn__entropy entropy = {fill_nothing, NULL};
  char key[GCN__WS_KEY_SIZE + 1] = "old";
  assert_int_equal(gcn__ws_make_key(&entropy, key), GCN_EENTROPY);
  assert_string_equal(key, "");
}

static void test_accept(void** state) {
  (void)state;
  char accept[GCN__WS_ACCEPT_SIZE + 1];
  /* RFC 6455 §1.3 */
  gcn__ws_make_accept(GCN__SPAN("dGhlIHNhbXBsZSBub25jZQ=="), accept);
  assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  gcn__ws_make_accept(GCN__SPAN("AQIDBAUGBwgJCgsMDQ4PEA=="), accept);
  assert_string_equal(accept, "C/0nmHhBztSRGR1CwL6Tf4ZjwpY=");
}

static void test_accept_of_another_size(void** state) {
  (void)state;
  char accept[GCN__WS_ACCEPT_SIZE + 1] = "old";
  gcn__ws_make_accept(GCN__SPAN("dGhlIHNhbXBsZSBub25jZQ="), accept);
  assert_string_equal(accept, "");
  gcn__ws_make_accept(GCN__SPAN("dGhlIHNhbXBsZSBub25jZQ==="), accept);
  assert_string_equal(accept, "");
  gcn__ws_make_accept((struct gcn__span){NULL, 0}, accept);
  assert_string_equal(accept, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_key),
      cmocka_unit_test(test_key_without_entropy),
      cmocka_unit_test(test_accept),
      cmocka_unit_test(test_accept_of_another_size),
  };
  return cmocka_run_group_tests_name("ws-handshake", tests, NULL, NULL);
}
