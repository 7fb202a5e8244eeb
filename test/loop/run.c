/* SPDX-License-Identifier: MIT */
/*
 * What the user is told of checkpoints is checked where it is told.
 */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char run_folder[64];
char run_path[96];
char run_before_path[112];

int run_setup(void** state) {
  snprintf(run_folder, sizeof run_folder, "/tmp/gcn-checkpoint-XXXXXX");
  assert_non_null(mkdtemp(run_folder));
  snprintf(run_path, sizeof run_path, "%s/position", run_folder);
  snprintf(run_before_path, sizeof run_before_path, "%s.1", run_path);
  return harness_setup(state);
}

int run_teardown(void** state) {
  char name[112];
  unlink(run_path);
  unlink(run_before_path);
  snprintf(name, sizeof name, "%s.tmp", run_path);
  unlink(name);
  assert_int_equal(rmdir(run_folder), 0);
  return harness_teardown(state);
}

static void on_checkpoint(gcn_client_t* client, const gcn_failure_t* failure) {
  struct run* run = gcn_client_data(client);
  assert_false(run->user.calling);
  assert_false(run->user.closing);
  assert_int_equal(failure->op, GCN_OP_CHECKPOINT);
  assert_int_equal(failure->layer, GCN_LAYER_CLIENT);
  run->told++;
  run->error = failure->error;
  snprintf(run->text, sizeof run->text, "%s", failure->text);
}

static void on_durable(gcn_client_t* client, uint64_t sequence) {
  struct run* run = gcn_client_data(client);
  assert_false(run->user.calling);
  assert_false(run->user.closing);
  assert_true(sequence > run->durable);
  assert_true(sequence <= run->user.last_sequence);
  run->durable = sequence;
  run->any_durable = true;
}

void run_prepare(struct run* run, const struct service* service) {
  memset(run, 0, sizeof *run);
  run->options = user_options(&run->user, service->url);
  run->options.checkpoint_path = run_path;
  run->options.checkpoint_ms = 1;
  run->options.checkpoint_cb = on_checkpoint;
  run->options.durable_cb = on_durable;
}

void run_stream(struct run* run, struct service* service) {
  service_stream_with(&run->user, service, &run->options);
}

void run_await_durable(struct run* run, uint64_t sequence) {
  while (run->durable < sequence)
    uv_run(run->user.loop, UV_RUN_ONCE);
}

void run_once(struct service* service, unsigned events) {
  struct run run;
  run_prepare(&run, service);
  run_stream(&run, service);
  for (unsigned i = 1; i <= events; i++) {
    service_emit_many(service, 1);
    run_await_durable(&run, i);
  }
  user_finish(&run.user);
  assert_int_equal(run.told, 0);
}

struct run_file run_load(const char* name) {
  struct run_file file = {NULL, 0};
  FILE* stream = fopen(name, "rb");
  if (stream == NULL) return file;
  file.bytes = malloc(65536);
  assert_non_null(file.bytes);
  file.size = fread(file.bytes, 1, 65536, stream);
  fclose(stream);
  return file;
}

void run_write(const char* name, const char* bytes, size_t size) {
  unlink(name);
  FILE* stream = fopen(name, "wb");
  assert_non_null(stream);
  assert_int_equal(fchmod(fileno(stream), 0600), 0);
  assert_int_equal(fwrite(bytes, 1, size, stream), size);
  fclose(stream);
}

struct gcn__checkpoint_read* run_read(void) {
  struct gcn__checkpoint_read* read = NULL;
  struct run_file file = run_load(run_path);
  assert_int_equal(gcn__checkpoint_read(gcn__span(file.bytes, file.size),
                                        &gcn__mem_libc, &read),
                   GCN__CHECKPOINT_GOOD);
  free(file.bytes);
  return read;
}
