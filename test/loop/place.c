/* SPDX-License-Identifier: MIT */
/*
 * Every call asserts what holds for all stores: one answer, and that later.
 */
#include "place.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOBODY = 65534 };

void place_begin(struct place* place, uv_loop_t* loop) {
  const char* root = getenv("TMPDIR");
  memset(place, 0, sizeof *place);
  place->loop = loop;
  place->mem = mem_spy_mem(&place->spy);
  snprintf(place->directory, sizeof place->directory, "%.40s/gcn-XXXXXX",
           root == NULL ? "/tmp" : root);
  assert_non_null(mkdtemp(place->directory));
  snprintf(place->path, sizeof place->path, "%s/state", place->directory);
}

static void on_gone(void* ctx) {
  *(bool*)ctx = true;
}

void place_close(struct place* place) {
  bool gone = false;
  place->store.close(place->store.self, on_gone, &gone);
  assert_false(gone);
  harness_until(place->loop, &gone);
  assert_int_equal(place->spy.probe.live_size, 0);
}

void place_remove(struct place* place, const char* const* endings) {
  char path[120];
  for (; *endings != NULL; endings++) {
    snprintf(path, sizeof path, "%s%s", place->path, *endings);
    remove(path);
  }
  assert_int_equal(rmdir(place->directory), 0);
}

static void on_done(struct gcn__store_request* request, int status,
                    struct gcn__span bytes) {
  struct answer* answer = request->ctx;
  assert_false(answer->done);
  answer->done = true;
  answer->status = status;
  answer->any = bytes.data != NULL;
  answer->size = bytes.size;
  size_t size = bytes.size < sizeof answer->text ? bytes.size : 63;
  if (size > 0) memcpy(answer->text, bytes.data, size);
}

int place_load_answer(struct place* place, unsigned generation,
                      struct answer* answer) {
  *answer = (struct answer){.request = {on_done, answer}};
  int error =
      place->store.load(place->store.self, generation, &answer->request);
  assert_false(answer->done);
  if (error != 0) return error;
  harness_until(place->loop, &answer->done);
  assert_int_equal(answer->any, answer->status == 0);
  return answer->status;
}

int place_load(struct place* place, unsigned generation) {
  struct answer answer;
  return place_load_answer(place, generation, &answer);
}

void place_assert_load(struct place* place, unsigned generation,
                       const char* want) {
  struct answer answer;
  assert_int_equal(place_load_answer(place, generation, &answer), 0);
  assert_int_equal(answer.size, strlen(want));
  assert_string_equal(answer.text, want);
}

int place_save_acks(struct place* place, struct gcn__span bytes,
                    const struct gcn__store_acks* acks) {
  struct answer answer = {.request = {on_done, &answer}};
  int error =
      place->store.save(place->store.self, bytes, acks, &answer.request);
  assert_false(answer.done);
  if (error != 0) return error;
  harness_until(place->loop, &answer.done);
  assert_false(answer.any);
  return answer.status;
}

int place_save(struct place* place, const char* text) {
  return place_save_acks(place, gcn__span_str(text), NULL);
}

struct comparison {
  struct gcn__span want;
  bool done;
};

static void on_passed(struct gcn__store_request* request, int status,
                      struct gcn__span bytes) {
  struct comparison* comparison = request->ctx;
  assert_int_equal(status, 0);
  assert_true(gcn__span_equal(bytes, comparison->want));
  comparison->done = true;
}

void place_pass_through(struct place* place, size_t size) {
  char* bytes = malloc(size);
  assert_non_null(bytes);
  for (size_t i = 0; i < size; i++)
    bytes[i] = (char)(i / 1021 % 251);
  struct comparison comparison = {.want = gcn__span(bytes, size)};
  struct gcn__store_request request = {on_passed, &comparison};
  assert_int_equal(place_save_acks(place, comparison.want, NULL), 0);
  assert_int_equal(place->store.load(place->store.self, 0, &request), 0);
  harness_until(place->loop, &comparison.done);
  free(bytes);
}

void place_put(const char* path, const char* text, mode_t mode) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), strlen(text));
  assert_int_equal(fchmod(fd, mode), 0);
  close(fd);
}

unsigned place_mode(const char* path) {
  struct stat info;
  assert_int_equal(lstat(path, &info), 0);
  assert_true(S_ISREG(info.st_mode));
  return info.st_mode & 07777;
}

void place_leave_root(struct place* place) {
  if (geteuid() != 0) return;
  assert_int_equal(chown(place->directory, NOBODY, NOBODY), 0);
  assert_int_equal(seteuid(NOBODY), 0);
}

void place_be_root_again(void) {
  if (getuid() == 0) assert_int_equal(seteuid(0), 0);
}
