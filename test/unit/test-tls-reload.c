/* SPDX-License-Identifier: MIT */
/*
 * Files that change under a configuration: the next handshake has the new ones,
 * connections keep the old ones, and bad ones are told about once.
 */
#include "codec/tls.h"

#include "base/err.h"
#include "codec/tls-config.h"
#include "tls-pair.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
  PATH_SIZE = 64,
  LOOK_MS = 1000,
  START_MS = 5000,
};

enum file { CA, CERT, KEY, FILE_COUNT };

/* Two authorities, each with a site and a client's certificate. */
static struct gcn__pki* pkis[2];
static struct site sites[2];
static char certs[2][GCN__PKI_PEM_SIZE_MAX];
static char keys[2][GCN__PKI_PEM_SIZE_MAX];
static char folder[PATH_SIZE];
static char paths[FILE_COUNT][PATH_SIZE + 8];

/* As told to the configuration at hand. */
static struct gcn__tls_config* client;
static uint64_t now_ms;
static char why[GCN__TLS_TEXT_SIZE];

static int set_up(void** state) {
  (void)state;
  snprintf(folder, sizeof(folder), "/tmp/gcn-tls-XXXXXX");
  if (mkdtemp(folder) == NULL) {
    return -1;
  }
  snprintf(paths[CA], sizeof(paths[CA]), "%s/ca", folder);
  snprintf(paths[CERT], sizeof(paths[CERT]), "%s/cert", folder);
  snprintf(paths[KEY], sizeof(paths[KEY]), "%s/key", folder);
  for (int i = 0; i < 2; i++) {
    pkis[i] = gcn__pki_new();
    if (pkis[i] == NULL) {
      return -1;
    }
    site_init(&sites[i], pkis[i], NULL, GCN__PKI_SOUND);
    gcn__pki_issue(pkis[i], &localhost_names, GCN__PKI_CLIENT_ONLY, certs[i],
                   keys[i]);
  }
  return 0;
}

static int tear_down(void** state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    site_deinit(&sites[i]);
    gcn__pki_free(pkis[i]);
  }
  return rmdir(folder);
}

/* As careful deployments do it: another file under the same name, so that it
 * is seen whatever the file system's clock is worth. */
static void put(enum file file, const char* text) {
  char fresh[PATH_SIZE + 16];
  snprintf(fresh, sizeof(fresh), "%s.new", paths[file]);
  FILE* out = fopen(fresh, "w");
  assert_non_null(out);
  assert_true(fputs(text, out) >= 0);
  assert_int_equal(fclose(out), 0);
  assert_int_equal(rename(fresh, paths[file]), 0);
}

static void begin_with(const struct gcn__mem* mem, bool own, bool old) {
  put(CA, gcn__pki_ca(pkis[0]));
  put(CERT, certs[0]);
  put(KEY, keys[0]);
  const struct gcn__tls_client_options options = {
      .ca_path = paths[CA],
      .client_cert_path = own ? paths[CERT] : NULL,
      .client_key_path = own ? paths[KEY] : NULL,
      .tls12_only = old,
  };
  assert_int_equal(gcn__tls_config_client(mem, &options, &client, why), 0);
  now_ms = START_MS;
  assert_int_equal(gcn__tls_config_refresh(client, now_ms, why), 0);
}

static void begin(bool own, bool old) {
  begin_with(&gcn__mem_libc, own, old);
}

static void end(void) {
  gcn__tls_config_release(client);
  client = NULL;
  for (int i = 0; i < FILE_COUNT; i++) {
    unlink(paths[i]);
  }
}

/* A second later. */
static int look(void) {
  now_ms += LOOK_MS;
  return gcn__tls_config_refresh(client, now_ms, why);
}

static void assert_says(const char* text) {
  if (strstr(why, text) == NULL) {
    fail_msg("\"%s\" is not in \"%s\"", text, why);
  }
}

/* A handshake with the site of that authority, and a word each way. */
static bool visit(int which) {
  struct pair pair;
  pair_init(&pair, client, sites[which].server, HOST);
  pair_pump(&pair);
  if (gcn__tls_state(pair.client.tls) != GCN__TLS_OPEN) {
    assert_failed(&pair.client, GCN_ETLSVERIFY, "not trusted");
    pair_deinit(&pair);
    return false;
  }
  assert_int_equal(gcn__tls_write(pair.server.tls, GCN__SPAN("x")), 0);
  pair_pump(&pair);
  assert_int_equal(gcn__buf_size(&pair.client.plain), 1);
  pair_deinit(&pair);
  return true;
}

static void new_anchors_are_used_next_time(void** state) {
  (void)state;
  begin(false, false);
  assert_true(visit(0));
  assert_false(visit(1));
  put(CA, gcn__pki_ca(pkis[1]));
  assert_false(visit(1)); /* nobody has looked */
  assert_int_equal(look(), 1);
  assert_string_equal(why, "");
  assert_true(visit(1));
  assert_false(visit(0));
  assert_int_equal(look(), 0);
  end();
}

static void files_are_looked_at_once_a_second(void** state) {
  (void)state;
  begin(false, false);
  put(CA, gcn__pki_ca(pkis[1]));
  assert_int_equal(gcn__tls_config_refresh(client, now_ms + LOOK_MS - 1, why),
                   0);
  assert_false(visit(1));
  assert_int_equal(gcn__tls_config_refresh(client, now_ms + LOOK_MS, why), 1);
  assert_true(visit(1));
  end();
}

/* Its size, or only its time: both are seen without a new name. */
static void a_file_may_be_rewritten(void** state) {
  (void)state;
  begin(false, false);
  FILE* out = fopen(paths[CA], "a");
  assert_non_null(out);
  assert_true(fputs(gcn__pki_ca(pkis[1]), out) >= 0);
  assert_int_equal(fclose(out), 0);
  assert_int_equal(look(), 1);
  assert_true(visit(0));
  assert_true(visit(1));
  const struct timespec times[2] = {{.tv_sec = 1000000000},
                                    {.tv_sec = 1000000000}};
  assert_int_equal(utimensat(AT_FDCWD, paths[CA], times, 0), 0);
  assert_int_equal(look(), 1);
  assert_int_equal(look(), 0);
  end();
}

static void bad_anchors_change_nothing(void** state) {
  (void)state;
  begin(false, false);
  const struct {
    const char* text; /* NULL: no file */
    const char* complaint;
  } cases[] = {
      {"junk", "holds no certificate in PEM or DER form"},
      {NULL, "does not exist"},
      {"", "is empty"},
  };
  for (size_t i = 0; i < 3; i++) {
    if (cases[i].text == NULL) {
      assert_int_equal(unlink(paths[CA]), 0);
    } else {
      put(CA, cases[i].text);
    }
    assert_int_equal(look(), GCN_ECONFIG);
    assert_says(paths[CA]);
    assert_says(cases[i].complaint);
    for (int again = 0; again < 3; again++) {
      assert_int_equal(look(), 0);
      assert_string_equal(why, "");
    }
    assert_true(visit(0));
  }
  put(CA, gcn__pki_ca(pkis[1]));
  assert_int_equal(look(), 1);
  assert_true(visit(1));
  put(CA, "");
  assert_int_equal(look(), GCN_ECONFIG); /* told anew after a good one */
  assert_says("is empty");
  end();
}

/* The very file that was there before, untouched, does as well: here it is its
 * folder that goes and comes back. */
static void a_problem_may_pass(void** state) {
  (void)state;
  begin(false, false);
  char aside[PATH_SIZE + 8];
  snprintf(aside, sizeof(aside), "%s-away", folder);
  assert_int_equal(rename(folder, aside), 0);
  assert_int_equal(look(), GCN_ECONFIG);
  assert_int_equal(rename(aside, folder), 0);
  assert_int_equal(look(), 1);
  assert_int_equal(look(), 0);
  assert_true(visit(0));
  end();
}

static void sessions_do_not_outlive_a_change(void** state) {
  (void)state;
  for (int old = 0; old < 2; old++) {
    begin(true, old == 1);
    for (int file = 0; file < FILE_COUNT; file++) {
      assert_true(visit(0));
      assert_int_equal(client->base->sessions.count, 1);
      const char* const texts[] = {gcn__pki_ca(pkis[0]), certs[0], keys[0]};
      put((enum file)file, texts[file]);
      assert_int_equal(look(), 1);
      assert_int_equal(client->base->sessions.count, 0);
    }
    /* A bad file is no change. */
    assert_true(visit(0));
    put(CA, "junk");
    assert_int_equal(look(), GCN_ECONFIG);
    assert_int_equal(client->base->sessions.count, 1);
    end();
  }
}

/* The handshake goes on with what it began with, and leaves nothing that a
 * later one, under other anchors, could resume. */
static void a_handshake_keeps_its_anchors(void** state) {
  (void)state;
  for (int old = 0; old < 2; old++) {
    begin(true, old == 1);
    struct pair pair;
    pair_init(&pair, client, sites[0].server, HOST);
    end_feed(&pair.client, GCN__SPAN(""));
    put(CA, gcn__pki_ca(pkis[1]));
    assert_int_equal(look(), 1);
    put(CERT, certs[1]);
    put(KEY, keys[1]);
    assert_int_equal(look(), 1);
    pair_pump(&pair);
    assert_int_equal(gcn__tls_state(pair.client.tls), GCN__TLS_OPEN);
    gcn__tls_config_release(client);
    assert_int_equal(gcn__tls_write(pair.server.tls, GCN__SPAN("x")), 0);
    pair_pump(&pair);
    assert_int_equal(gcn__buf_size(&pair.client.plain), 1);
    assert_int_equal(client->base->sessions.count,
                     0); /* the pair still holds it */
    pair_deinit(&pair);
    client = NULL;
    end();
  }
}

/* Certificate and key come one after the other; what is between is told, and
 * never used. */
static void a_pair_is_changed_in_two_steps(void** state) {
  (void)state;
  begin(true, false);
  mbedtls_x509_crt* own = &client->base->material->certificates;
  unsigned char before[32];
  memcpy(before, own->raw.p + own->raw.len - 32, sizeof(before));
  put(CERT, certs[1]);
  assert_int_equal(look(), GCN_ECONFIG);
  assert_says("client_key_path: the key '");
  assert_says("does not belong to the certificate");
  own = &client->base->material->certificates;
  assert_memory_equal(before, own->raw.p + own->raw.len - 32, sizeof(before));
  assert_true(visit(0));
  put(KEY, keys[1]);
  assert_int_equal(look(), 1);
  own = &client->base->material->certificates;
  assert_memory_not_equal(before, own->raw.p + own->raw.len - 32,
                          sizeof(before));
  end();
}

/* Nothing to watch, nothing to keep. */
static void texts_do_not_change(void** state) {
  (void)state;
  client = client_config(gcn__pki_ca(pkis[0]), false);
  assert_null(client->base->sources.ca_pem);
  now_ms = START_MS;
  assert_int_equal(look(), 0);
  assert_true(visit(0));
  gcn__tls_config_release(client);
  assert_int_equal(gcn__tls_config_refresh(sites[0].server, now_ms, why), 0);
}

/* The n-th allocation from now on fails. */
struct failing {
  int left;
  int live;
};

static void* failing_resize(void* ctx, void* ptr, size_t old_size,
                            size_t new_size) {
  struct failing* failing = ctx;
  if (new_size > 0 && failing->left-- == 0) {
    return NULL;
  }
  failing->live += (ptr == NULL) - (new_size == 0);
  return gcn__mem_libc.resize(NULL, ptr, old_size, new_size);
}

static void a_look_without_memory_is_made_up_for(void** state) {
  (void)state;
  struct failing failing = {.left = 1000};
  const struct gcn__mem mem = {failing_resize, &failing};
  begin_with(&mem, true, false);
  put(CA, gcn__pki_ca(pkis[1]));
  failing.left = 0;
  assert_int_equal(look(), GCN__ENOMEM);
  assert_string_equal(why, "out of memory");
  assert_true(visit(0));
  failing.left = 1000;
  assert_int_equal(look(), 1);
  assert_true(visit(1));
  end();
  assert_int_equal(failing.live, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(new_anchors_are_used_next_time),
      cmocka_unit_test(files_are_looked_at_once_a_second),
      cmocka_unit_test(a_file_may_be_rewritten),
      cmocka_unit_test(bad_anchors_change_nothing),
      cmocka_unit_test(a_problem_may_pass),
      cmocka_unit_test(sessions_do_not_outlive_a_change),
      cmocka_unit_test(a_handshake_keeps_its_anchors),
      cmocka_unit_test(a_pair_is_changed_in_two_steps),
      cmocka_unit_test(texts_do_not_change),
      cmocka_unit_test(a_look_without_memory_is_made_up_for),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
