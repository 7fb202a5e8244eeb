/* SPDX-License-Identifier: MIT */
/*
 * `gcn replay` as a user sees it: its output, what it says about files that are
 * no flight record, and its exit codes.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "codec/json.h"
#include "core/recorder.h"

enum { DUMP_SIZE_MAX = 1 << 20, TEXT_SIZE = 1 << 16 };

static const struct gcn__settings settings = {
    GCN__SETTINGS_MAP(GCN__SETTINGS_DEFAULT_FIELD)};

struct fixture {
  char path[64];
  char out[TEXT_SIZE];
  char err[TEXT_SIZE];
  struct gcn__recorder recorder;
  struct gcn__buf dump;
};

static int set_up(void** state) {
  static struct fixture fixture;
  struct fixture* f = &fixture;
  snprintf(f->path, sizeof f->path, "/tmp/gcn-replay-XXXXXX");
  int fd = mkstemp(f->path);
  if (fd < 0) return -1;
  close(fd);
  gcn__recorder_init(&f->recorder, &gcn__mem_libc, GCN__RECORDER_SIZE,
                     &settings);
  gcn__buf_init(&f->dump, &gcn__mem_libc, DUMP_SIZE_MAX);
  *state = f;
  return 0;
}

static int tear_down(void** state) {
  struct fixture* f = *state;
  unlink(f->path);
  gcn__recorder_deinit(&f->recorder);
  gcn__buf_deinit(&f->dump);
  return 0;
}

/* A life that this version would live the same way. */
static void record_life(struct fixture* f) {
  static const enum gcn__input inputs[] = {
      GCN__INPUT_START,     GCN__INPUT_LINKED, GCN__INPUT_TOKEN,
      GCN__INPUT_CONFIRMED, GCN__INPUT_EVENT,  GCN__INPUT_EVENT,
      GCN__INPUT_WEATHER,
  };
  struct gcn__rng rng;
  struct gcn__session session;
  gcn__rng_seed(&rng, 1);
  gcn__session_init(&session, &settings, &rng);
  for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
    uint64_t now_ms = 10000 + 100 * i;
    struct gcn__step step = gcn__session_input(&session, inputs[i], now_ms);
    struct gcn__record record =
        gcn__record_of_step(&session, inputs[i], &step, now_ms);
    if (inputs[i] == GCN__INPUT_WEATHER) {
      record.error = -ECONNRESET;
      record.http_status = 502;
      record.close_code = 1006;
      record.delay_ms = 340;
    }
    gcn__recorder_note(&f->recorder, &record);
  }
}

static void record_other(struct fixture* f) {
  struct gcn__record record = {
      .at_ms = 20000,
      .slot = 1,
      .entered = true,
      .input = GCN__INPUT_START,
      .from = GCN__STATE_IDLE,
      .to = GCN__STATE_STREAMING,
  };
  gcn__recorder_note(&f->recorder, &record);
}

static void write_file(struct fixture* f, const char* data, size_t size) {
  FILE* file = fopen(f->path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

static void dump(struct fixture* f, int64_t unix_ms) {
  gcn__buf_clear(&f->dump);
  int error = gcn__recorder_dump(&f->recorder, 30000, unix_ms, &f->dump);
  assert_int_equal(error, 0);
  struct gcn__span text = gcn__buf_span(&f->dump);
  write_file(f, text.data, text.size);
}

/* Sends a standard stream into a file of its own. */
static int redirect(FILE* stream, FILE** into) {
  fflush(stream);
  int kept = dup(fileno(stream));
  *into = tmpfile();
  assert_non_null(*into);
  assert_true(dup2(fileno(*into), fileno(stream)) >= 0);
  return kept;
}

static void restore(FILE* stream, int kept, FILE* from, char* text) {
  fflush(stream);
  assert_true(dup2(kept, fileno(stream)) >= 0);
  close(kept);
  rewind(from);
  size_t size = fread(text, 1, TEXT_SIZE - 1, from);
  text[size] = '\0';
  fclose(from);
}

static int run(struct fixture* f, const char* first, const char* second) {
  char name[] = "replay";
  char one[128];
  char two[128];
  snprintf(one, sizeof one, "%s", first == NULL ? "" : first);
  snprintf(two, sizeof two, "%s", second == NULL ? "" : second);
  char* argv[] = {name, one, two, NULL};
  FILE* out;
  FILE* err;
  int kept_out = redirect(stdout, &out);
  int kept_err = redirect(stderr, &err);
  int argc = first == NULL ? 1 : second == NULL ? 2 : 3;
  int code = gcn__cli_replay(argc, argv);
  restore(stderr, kept_err, err, f->err);
  restore(stdout, kept_out, out, f->out);
  return code;
}

static void the_same_is_0(void** state) {
  struct fixture* f = *state;
  record_life(f);
  dump(f, 0);
  assert_int_equal(run(f, f->path, NULL), 0);
  assert_string_equal(f->err, "");
  assert_non_null(strstr(f->out, "10.000 s  #0  START: IDLE -> CONNECTING"));
  assert_non_null(strstr(f->out, "EVENT: STREAMING = STREAMING"));
  assert_non_null(strstr(f->out, ", 2 times in 100 ms\n"));
  assert_non_null(strstr(f->out, "waits 340 ms, ECONNRESET (-104), HTTP 502, "
                                 "close code 1006\n"));
  assert_null(strstr(f->out, "DIFFERS"));
  assert_non_null(strstr(f->out, "\n6 records: this version does the same\n"));
}

static void times_are_the_walls_if_known(void** state) {
  struct fixture* f = *state;
  record_life(f);
  dump(f, INT64_C(1933056920114));
  assert_int_equal(run(f, f->path, NULL), 0);
  /* Dumped at 30.000 s; the first record is of 10.000 s. */
  assert_non_null(strstr(f->out, "2031-04-04T08:15:00.114Z  #0  START"));
}

static void a_difference_is_1(void** state) {
  struct fixture* f = *state;
  record_life(f);
  record_other(f);
  dump(f, 0);
  assert_int_equal(run(f, f->path, NULL), 1);
  assert_non_null(strstr(f->out, "DIFFERS: another state: recorded STREAMING, "
                                 "this version CONNECTING\n"));
  assert_non_null(strstr(f->out, "DIFFERS: other verbs: recorded none, this "
                                 "version DIAL\n"));
  assert_non_null(strstr(f->out, "7 records: this version differs in 1\n"));
}

static void check_prints_the_verdict_only(void** state) {
  struct fixture* f = *state;
  record_life(f);
  dump(f, 0);
  assert_int_equal(run(f, "--check", f->path), 0);
  assert_string_equal(f->out, "6 records: this version does the same\n");
  record_other(f);
  dump(f, 0);
  assert_int_equal(run(f, f->path, "--check"), 1);
  assert_string_equal(f->out, "7 records: this version differs in 1\n");
}

static void overwritten_inputs_are_told(void** state) {
  struct fixture* f = *state;
  gcn__recorder_deinit(&f->recorder);
  gcn__recorder_init(&f->recorder, &gcn__mem_libc, GCN__RECORD_SIZE_MAX,
                     &settings);
  for (int i = 0; i < 20; i++)
    record_life(f);
  dump(f, 0);
  run(f, "--check", f->path);
  assert_non_null(strstr(f->out, " earlier inputs were overwritten\n"));
}

static void json_is_one_object_per_line(void** state) {
  struct fixture* f = *state;
  record_life(f);
  record_other(f);
  dump(f, 0);
  assert_int_equal(run(f, "--json", f->path), 1);
  assert_string_equal(f->err, "");
  unsigned count = 0;
  const char* line = f->out;
  while (*line != '\0') {
    const char* end = strchr(line, '\n');
    assert_non_null(end);
    const char* why;
    struct gcn__json* root =
        gcn__json_parse(gcn__span(line, (size_t)(end - line)), &why);
    assert_non_null(root);
    const struct gcn__json* differences = gcn__json_get(root, "differences");
    const struct gcn__json* now = gcn__json_get(root, "now");
    bool other = gcn__span_is(gcn__json_member(root, "to"), "STREAMING") &&
                 gcn__span_is(gcn__json_member(root, "input"), "START");
    assert_int_equal(gcn__json_count(differences), other ? 2 : 0);
    if (other) {
      assert_true(gcn__span_is(gcn__json_member(now, "to"), "CONNECTING"));
      assert_true(
          gcn__span_is(gcn__json_string(gcn__json_at(differences, 0)), "TO"));
    }
    gcn__json_free(root, false);
    line = end + 1;
    count++;
  }
  assert_int_equal(count, 7);
  assert_non_null(strstr(f->out, "\"error\":-104,\"error_name\":\"ECONNRESET\","
                                 "\"http_status\":502,\"close_code\":1006"));
}

static void other_files_are_2_and_say_why(void** state) {
  struct fixture* f = *state;
  record_life(f);
  dump(f, 0);
  struct gcn__span whole = gcn__buf_span(&f->dump);
  write_file(f, whole.data, whole.size - 5);
  assert_int_equal(run(f, f->path, NULL), 2);
  assert_non_null(strstr(f->err, ": it is cut off\n"));
  f->dump.data[f->dump.begin + whole.size - 6] ^= 1;
  write_file(f, whole.data, whole.size);
  assert_int_equal(run(f, f->path, NULL), 2);
  assert_non_null(strstr(f->err, "checksum"));
  write_file(f, "hello, world\n", 13);
  assert_int_equal(run(f, f->path, "--check"), 2);
  assert_non_null(strstr(f->err, "gcn replay: error: "));
  assert_non_null(strstr(f->err, ": it is no flight record\n"));
  assert_string_equal(f->out, "");
  assert_int_equal(run(f, "/nowhere/at-all", NULL), 2);
  assert_non_null(strstr(f->err, "no such file or directory"));
  assert_int_equal(run(f, "/", NULL), 2);
  assert_non_null(strstr(f->err, "directory"));
}

static void wrong_usage_is_2(void** state) {
  struct fixture* f = *state;
  assert_int_equal(run(f, NULL, NULL), 2);
  assert_non_null(strstr(f->err, "no file is named"));
  assert_int_equal(run(f, "a", "b"), 2);
  assert_non_null(strstr(f->err, "more than one file"));
  assert_int_equal(run(f, "--frobnicate", "a"), 2);
  assert_non_null(strstr(f->err, "unknown option '--frobnicate'"));
  assert_int_equal(run(f, "--json", "--check"), 2);
  assert_non_null(strstr(f->err, "gcn replay --help"));
  assert_int_equal(run(f, "--help", NULL), 0);
  assert_non_null(strstr(f->out, "Usage: gcn replay"));
  assert_string_equal(f->err, "");
}

static void an_output_that_fails_is_1(void** state) {
  struct fixture* f = *state;
  record_life(f);
  dump(f, 0);
  int full = open("/dev/full", O_WRONLY);
  assert_true(full >= 0);
  fflush(stdout);
  int kept = dup(STDOUT_FILENO);
  dup2(full, STDOUT_FILENO);
  FILE* err;
  int kept_err = redirect(stderr, &err);
  char name[] = "replay";
  char* argv[] = {name, f->path, NULL};
  int code = gcn__cli_replay(2, argv);
  restore(stderr, kept_err, err, f->err);
  dup2(kept, STDOUT_FILENO);
  close(kept);
  close(full);
  clearerr(stdout);
  assert_int_equal(code, 1);
  assert_non_null(strstr(f->err, "standard output cannot be written"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(the_same_is_0),
      CASE(times_are_the_walls_if_known),
      CASE(a_difference_is_1),
      CASE(check_prints_the_verdict_only),
      CASE(overwritten_inputs_are_told),
      CASE(json_is_one_object_per_line),
      CASE(other_files_are_2_and_say_why),
      CASE(wrong_usage_is_2),
      CASE(an_output_that_fails_is_1),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
