/* SPDX-License-Identifier: MIT */
/*
 * Certificates that change on disk while a client lives.
 */
#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct stage {
  struct service service;
  struct secure secure;
  struct secure stranger;
  struct user user;
  char folder[64];
  char path[96];
};

/* As administrators do it: the new file takes the old one's place at once. */
static void put_file(const char* path, const char* text) {
  char other[128];
  snprintf(other, sizeof other, "%s.new", path);
  FILE* stream = fopen(other, "w");
  assert_non_null(stream);
  assert_true(fputs(text, stream) >= 0);
  assert_int_equal(fclose(stream), 0);
  assert_int_equal(rename(other, path), 0);
}

static gcn_options_t open_stage(struct stage* stage, uv_loop_t* loop) {
  struct gcn__sim_listen_options sim = service_options();
  memset(stage, 0, sizeof *stage);
  secure_open(&stage->secure);
  secure_open(&stage->stranger);
  sim.tls = stage->secure.tls;
  service_open(&stage->service, loop, &sim);
  snprintf(stage->folder, sizeof stage->folder, "/tmp/gcn-trust-XXXXXX");
  assert_non_null(mkdtemp(stage->folder));
  snprintf(stage->path, sizeof stage->path, "%s/ca.pem", stage->folder);
  gcn_options_t options = user_options(&stage->user, stage->service.url);
  options.ca_path = stage->path;
  return options;
}

static void close_stage(struct stage* stage) {
  user_finish(&stage->user);
  service_close(&stage->service);
  secure_close(&stage->secure);
  secure_close(&stage->stranger);
  unlink(stage->path);
  assert_int_equal(rmdir(stage->folder), 0);
}

static void test_repaired_anchors(void** state) {
  struct stage stage;
  gcn_options_t options = open_stage(&stage, *state);
  put_file(stage.path, gcn__pki_ca(stage.stranger.pki));
  service_begin_with(&stage.user, &stage.service, &options);
  harness_until(*state, &stage.user.backing_off);
  assert_int_equal(stage.user.failure, GCN_ETLSVERIFY);
  put_file(stage.path, gcn__pki_ca(stage.secure.pki));
  gcn_client_reconnect_now(stage.user.client);
  harness_until(*state, &stage.user.streaming); /* nobody was told */
  close_stage(&stage);
}

/* Files of no use change nothing, and that is said. */
static void test_spoilt_anchors(void** state) {
  struct stage stage;
  gcn_options_t options = open_stage(&stage, *state);
  put_file(stage.path, gcn__pki_ca(stage.secure.pki));
  service_stream_with(&stage.user, &stage.service, &options);
  put_file(stage.path, "no PEM at all\n");
  stage.user.log_wanted = stage.path;
  /* They are looked at once a second at most. */
  for (int i = 0; i < 4; i++) {
    service_live(&stage.service, 350);
    stage.user.streaming = false;
    service_do(&stage.service, "tcp.reset");
    harness_until(*state, &stage.user.streaming);
  }
  assert_true(stage.user.log_seen);
  close_stage(&stage);
}

/* Those that are withdrawn hold no longer, also not by an old session. */
static void test_withdrawn_anchors(void** state) {
  struct stage stage;
  gcn_options_t options = open_stage(&stage, *state);
  put_file(stage.path, gcn__pki_ca(stage.secure.pki));
  service_stream_with(&stage.user, &stage.service, &options);
  put_file(stage.path, gcn__pki_ca(stage.stranger.pki));
  for (int i = 0; i < 4; i++) {
    service_live(&stage.service, 350);
    service_do(&stage.service, "tcp.reset");
  }
  while (stage.user.failure != GCN_ETLSVERIFY)
    service_live(&stage.service, 10);
  close_stage(&stage);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_repaired_anchors),
      LOOP_TEST(test_spoilt_anchors),
      LOOP_TEST(test_withdrawn_anchors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
