/* SPDX-License-Identifier: MIT */
/*
 * The file store on a real file system: what it makes there, and what it
 * refuses to read.  What a power cut leaves is test-powercut.c's.
 */
#include "place.h"

#include "codec/checkpoint.h"
#include "loop/filestore.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BIG_SIZE = 24 * 1024 * 1024 };

/* A place, and what else may be in it. */
struct files {
  struct place place;
  char before[120];
  char draft[120];
};

static void open_store(struct place* place, const char* path,
                       const struct gcn__filestore_api* api) {
  int error = gcn__filestore_new_with(place->loop, &place->mem, path, api,
                                      &place->store);
  assert_int_equal(error, 0);
}

static struct place* begin(struct files* files, uv_loop_t* loop) {
  struct place* place = &files->place;
  place_begin(place, loop);
  snprintf(files->before, sizeof files->before, "%s.1", place->path);
  snprintf(files->draft, sizeof files->draft, "%s.tmp", place->path);
  open_store(place, place->path, &gcn__filestore_system);
  return place;
}

/* Nothing but the two generations may be left behind. */
static void end(struct place* place) {
  static const char* const endings[] = {"", ".1", NULL};
  place_close(place);
  place_remove(place, endings);
}

static bool is_there(const char* path) {
  struct stat info;
  return lstat(path, &info) == 0;
}

static size_t open_files(void) {
  size_t count = 0;
  DIR* folder = opendir("/proc/self/fd");
  assert_non_null(folder);
  while (readdir(folder) != NULL)
    count++;
  closedir(folder);
  return count;
}

static void test_nothing_stored(void** state) {
  struct files files;
  struct place* place = begin(&files, *state);
  assert_int_equal(place_load(place, 0), UV_ENOENT);
  assert_int_equal(place_load(place, 1), UV_ENOENT);
  assert_int_equal(place_load(place, 2), UV_EINVAL);
  assert_false(is_there(place->path));
  end(place);
}

static void test_two_generations(void** state) {
  struct files files;
  struct place* place = begin(&files, *state);
  assert_int_equal(place_save(place, "one"), 0);
  place_assert_load(place, 0, "one");
  assert_int_equal(place_load(place, 1), UV_ENOENT);
  assert_int_equal(place_save(place, "two"), 0);
  place_assert_load(place, 1, "one");
  place_assert_load(place, 0, "two");
  assert_int_equal(place_save(place, "three"), 0);
  place_assert_load(place, 1, "two");
  place_assert_load(place, 0, "three");
  end(place);
}

static void test_they_survive_the_store(void** state) {
  struct files files;
  struct place* place = begin(&files, *state);
  assert_int_equal(place_save(place, "one"), 0);
  assert_int_equal(place_save(place, "two"), 0);
  place_close(place);
  open_store(place, place->path, &gcn__filestore_system);
  place_assert_load(place, 0, "two");
  place_assert_load(place, 1, "one");
  end(place);
}

static void test_files_are_the_owners_alone(void** state) {
  struct files files;
  struct place* place = begin(&files, *state);
  mode_t mask = umask(0);
  assert_int_equal(place_save(place, "one"), 0);
  assert_int_equal(place_save(place, "two"), 0);
  umask(mask);
  assert_int_equal(place_mode(place->path), 0600);
  assert_int_equal(place_mode(files.before), 0600);
  assert_false(is_there(files.draft));
  end(place);
}

static int refuse_to_rename(uv_loop_t* loop, uv_fs_t* fs, const char* from,
                            const char* to, uv_fs_cb done) {
  (void)loop;
  (void)fs;
  (void)from;
  (void)to;
  (void)done;
  return UV_ENOMEM;
}

/* Who loads the one before has found the last one to be no good. */
static void test_damage_does_not_push_out_the_good_one(void** state) {
  struct files files;
  struct gcn__filestore_api api = gcn__filestore_system;
  struct place* place = begin(&files, *state);
  place_close(place);
  open_store(place, place->path, &api);
  place_put(place->path, "damaged", 0600);
  place_put(files.before, "one", 0600);
  place_assert_load(place, 0, "damaged");
  place_assert_load(place, 1, "one");
  api.rename = refuse_to_rename;
  assert_int_equal(place_save(place, "two"), UV_ENOMEM);
  api.rename = gcn__filestore_system.rename;
  assert_int_equal(place_save(place, "two"), 0);
  place_assert_load(place, 1, "one");
  place_assert_load(place, 0, "two");
  assert_int_equal(place_save(place, "three"), 0);
  place_assert_load(place, 1, "two"); /* once only */
  place_assert_load(place, 0, "three");
  place_close(place);
  /* As the client does it: no load in between. */
  open_store(place, place->path, &gcn__filestore_system);
  place_assert_load(place, 1, "two");
  assert_int_equal(place_save(place, "four"), 0);
  assert_int_equal(place_save(place, "five"), 0);
  place_assert_load(place, 0, "five");
  place_assert_load(place, 1, "four");
  end(place);
}

/* The power went between the two renames. */
static void test_only_the_one_before(void** state) {
  struct files files;
  struct place* place = begin(&files, *state);
  assert_int_equal(place_save(place, "one"), 0);
  assert_int_equal(rename(place->path, files.before), 0);
  place_assert_load(place, 0, "one");
  assert_int_equal(place_load(place, 1), UV_ENOENT);
  assert_int_equal(place_save(place, "two"), 0);
  place_assert_load(place, 0, "two");
  place_assert_load(place, 1, "one");
  end(place);
}

static void test_a_draft_left_by_a_crash(void** state) {
  struct files files;
  struct place* place = begin(&files, *state);
  assert_int_equal(place_save(place, "one"), 0);
  place_put(files.draft, "half of something longer", 0444);
  place_assert_load(place, 0, "one");
  assert_int_equal(place_save(place, "two"), 0);
  place_assert_load(place, 0, "two");
  assert_int_equal(place_mode(place->path), 0600);
  assert_false(is_there(files.draft));
  end(place);
}

static void test_modes_are_refused(void** state) {
  static const mode_t modes[] = {0640, 0620, 0610, 0604, 0602, 0601, 0644};
  struct files files;
  struct place* place = begin(&files, *state);
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    place_put(place->path, "one", modes[i]);
    place_put(files.before, "zero", modes[i]);
    assert_int_equal(place_load(place, 0), UV_EPERM);
    assert_int_equal(place_load(place, 1), UV_EPERM);
  }
  assert_int_equal(chmod(place->path, 0400), 0);
  place_assert_load(place, 0, "one");
  end(place);
}

/* A file system where files are somebody else's. */
static uv_fs_cb stat_done;
static uint64_t owner;

static void on_stat(uv_fs_t* fs) {
  fs->statbuf.st_uid = owner;
  stat_done(fs);
}

static int stat_of_another(uv_loop_t* loop, uv_fs_t* fs, uv_file file,
                           uv_fs_cb done) {
  stat_done = done;
  return uv_fs_fstat(loop, fs, file, on_stat);
}

static void test_owners_are_refused(void** state) {
  struct gcn__filestore_api api = gcn__filestore_system;
  struct files files;
  struct place* place = begin(&files, *state);
  assert_int_equal(place_save(place, "one"), 0);
  place_close(place);
  api.fstat = stat_of_another;
  open_store(place, place->path, &api);
  owner = geteuid() + 1u;
  assert_int_equal(place_load(place, 0), UV_EPERM);
  owner = geteuid();
  place_assert_load(place, 0, "one");
  owner = 0;
  place_assert_load(place, 0, "one");
  end(place);
}

static void test_links_are_refused(void** state) {
  struct files files;
  char victim[100];
  struct place* place = begin(&files, *state);
  snprintf(victim, sizeof victim, "%s/victim", place->directory);
  place_put(victim, "precious", 0600);
  assert_int_equal(symlink(victim, place->path), 0);
  assert_int_equal(place_load(place, 0), UV_ELOOP);
  /* There is something, if no checkpoint: this one is not the last. */
  place_put(files.before, "one", 0600);
  place_assert_load(place, 1, "one");
  /* A link in the draft's place is not written through. */
  assert_int_equal(symlink(victim, files.draft), 0);
  assert_int_equal(place_save(place, "two"), 0);
  place_assert_load(place, 0, "two");
  char text[20] = "";
  int fd = open(victim, O_RDONLY | O_CLOEXEC);
  assert_int_equal(read(fd, text, sizeof text), 8);
  close(fd);
  assert_string_equal(text, "precious");
  assert_int_equal(unlink(victim), 0);
  end(place);
}

static void test_what_is_no_file_is_refused(void** state) {
  struct files files;
  struct place* place = begin(&files, *state);
  assert_int_equal(mkdir(place->path, 0700), 0);
  assert_int_equal(place_load(place, 0), UV_EISDIR);
  assert_int_equal(rmdir(place->path), 0);
  assert_int_equal(mkfifo(place->path, 0600), 0);
  assert_int_equal(place_load(place, 0), UV_EINVAL);
  assert_int_equal(unlink(place->path), 0);
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  snprintf(name.sun_path, sizeof name.sun_path, "%s", place->path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (const struct sockaddr*)&name, sizeof name), 0);
  assert_int_equal(place_load(place, 0), UV_EINVAL);
  close(fd);
  end(place);
}

static void test_sizes(void** state) {
  struct files files;
  struct answer answer;
  struct place* place = begin(&files, *state);
  place_put(place->path, "", 0600);
  assert_int_equal(place_load_answer(place, 0, &answer), 0);
  assert_int_equal(answer.size, 0);
  off_t size_max = GCN__CHECKPOINT_SIZE_MAX;
  assert_int_equal(truncate(place->path, size_max + 1), 0);
  assert_int_equal(place_load(place, 0), UV_EFBIG);
  assert_int_equal(
      place_save_acks(place, gcn__span("", (size_t)size_max + 1), NULL),
      UV_EFBIG);
  assert_int_equal(place_save_acks(place, gcn__span(NULL, 0), NULL), 0);
  assert_int_equal(place_load_answer(place, 0, &answer), 0);
  assert_int_equal(answer.size, 0);
  end(place);
}

static void test_a_big_one(void** state) {
  struct files files;
  struct place* place = begin(&files, *state);
  place_pass_through(place, BIG_SIZE);
  end(place);
}

static void test_no_directory(void** state) {
  struct files files;
  char path[120];
  struct place* place = begin(&files, *state);
  place_close(place);
  snprintf(path, sizeof path, "%s/none/state", place->directory);
  open_store(place, path, &gcn__filestore_system);
  assert_int_equal(place_save(place, "one"), UV_ENOENT);
  assert_int_equal(place_load(place, 0), UV_ENOTDIR);
  place_close(place);
  place_put(place->path, "a file", 0600);
  snprintf(path, sizeof path, "%s/state", place->path);
  open_store(place, path, &gcn__filestore_system);
  assert_int_equal(place_save(place, "one"), UV_ENOTDIR);
  assert_int_equal(place_load(place, 0), UV_ENOTDIR);
  end(place);
}

static void test_a_directory_that_is_read_only(void** state) {
  struct files files;
  struct answer answer;
  struct place* place = begin(&files, *state);
  place_leave_root(place);
  int first = place_save(place, "one");
  int mode = chmod(place->directory, 0500);
  int second = place_save(place, "two");
  int third = place_load_answer(place, 0, &answer);
  int mode_back = chmod(place->directory, 0700);
  place_be_root_again();
  assert_int_equal(mode, 0);
  assert_int_equal(mode_back, 0);
  assert_int_equal(first, 0);
  assert_int_equal(second, UV_EACCES);
  assert_int_equal(third, 0);
  assert_string_equal(answer.text, "one");
  end(place);
}

/* The kernel takes the first pages and refuses the rest, as a full disk does.
 */
static void test_no_room(void** state) {
  static char bytes[100000];
  struct files files;
  struct rlimit limit;
  struct place* place = begin(&files, *state);
  assert_int_equal(place_save(place, "one"), 0);
  size_t file_count = open_files();
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const struct rlimit tight = {8192, limit.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
  int error = place_save_acks(place, gcn__span(bytes, sizeof bytes), NULL);
  int restored = setrlimit(RLIMIT_FSIZE, &limit);
  signal(SIGXFSZ, SIG_DFL);
  assert_int_equal(restored, 0);
  assert_int_equal(error, UV_EFBIG);
  assert_int_equal(open_files(), file_count);
  assert_false(is_there(files.draft));
  place_assert_load(place, 0, "one");
  assert_int_equal(place_save_acks(place, gcn__span(bytes, sizeof bytes), NULL),
                   0);
  place_assert_load(place, 1, "one");
  end(place);
}

static void test_a_relative_path(void** state) {
  struct files files;
  char back[4096];
  struct place* place = begin(&files, *state);
  place_close(place);
  assert_non_null(getcwd(back, sizeof back));
  assert_int_equal(chdir(place->directory), 0);
  open_store(place, "state", &gcn__filestore_system);
  int error = place_save(place, "one");
  assert_int_equal(chdir(back), 0);
  assert_int_equal(error, 0);
  assert_int_equal(place_mode(place->path), 0600);
  end(place);
}

static void test_no_descriptor_stays_open(void** state) {
  struct files files;
  struct place* place = begin(&files, *state);
  assert_int_equal(place_save(place, "one"), 0);
  size_t file_count = open_files();
  for (int i = 0; i < 10; i++) {
    assert_int_equal(place_save(place, "more"), 0);
    place_assert_load(place, 0, "more");
    place_assert_load(place, 1, i == 0 ? "one" : "more");
    place_put(files.draft, "", 0600);
    assert_int_equal(chmod(files.before, 0644), 0);
    assert_int_equal(place_load(place, 1), UV_EPERM);
    assert_int_equal(chmod(files.before, 0600), 0);
  }
  assert_int_equal(open_files(), file_count);
  unlink(files.draft);
  end(place);
}

static void test_paths_that_are_none(void** state) {
  static char path[5000];
  struct gcn__store store;
  memset(path, 'x', sizeof path - 1);
  assert_int_equal(gcn__filestore_new(*state, &gcn__mem_libc, "", &store),
                   UV_EINVAL);
  assert_int_equal(gcn__filestore_new(*state, &gcn__mem_libc, "a/", &store),
                   UV_EINVAL);
  assert_int_equal(gcn__filestore_new(*state, &gcn__mem_libc, path, &store),
                   UV_EINVAL);
}

static void test_no_memory(void** state) {
  struct files files;
  struct place* place = begin(&files, *state);
  assert_int_equal(place_save(place, "one"), 0);
  place->spy.probe.fail_at = place->spy.probe.count + 1;
  assert_int_equal(place_load(place, 0), UV_ENOMEM);
  place_assert_load(place, 0, "one");
  int error = UV_ENOMEM;
  place_close(place);
  for (size_t n = 1; error != 0; n++) {
    place->spy.probe = (struct mem_probe){.fail_at = n};
    error = gcn__filestore_new(place->loop, &place->mem, place->path,
                               &place->store);
    assert_true(error == UV_ENOMEM || n > 4);
    assert_true(error == 0 || place->spy.probe.live_size == 0);
  }
  assert_int_equal(error, 0);
  end(place);
}

static void test_what_was_loaded_is_wiped(void** state) {
  struct files files;
  struct place* place = begin(&files, *state);
  place->spy.secret = "capability";
  assert_int_equal(place_save(place, "a capability"), 0);
  place_assert_load(place, 0, "a capability");
  end(place);
  assert_int_equal(place->spy.sighting_count, 0);
}

/* Saves from inside of `done`, as a client does that has more to say. */
struct chain {
  struct gcn__store_request request;
  struct place* place;
  unsigned left;
  bool done;
};

static void on_link(struct gcn__store_request* request, int status,
                    struct gcn__span bytes) {
  struct chain* chain = request->ctx;
  const struct gcn__store* store = &chain->place->store;
  (void)bytes;
  assert_int_equal(status, 0);
  chain->left--;
  chain->done = chain->left == 0;
  if (chain->done) return;
  int error = chain->left % 2 == 0
                  ? store->save(store->self, GCN__SPAN("again"), NULL, request)
                  : store->load(store->self, 0, request);
  assert_int_equal(error, 0);
}

static void test_asked_again_at_once(void** state) {
  struct files files;
  struct place* place = begin(&files, *state);
  struct chain chain = {
      .request = {on_link, &chain}, .place = place, .left = 9};
  assert_int_equal(place->store.save(place->store.self, GCN__SPAN("first"),
                                     NULL, &chain.request),
                   0);
  harness_until(place->loop, &chain.done);
  place_assert_load(place, 0, "again");
  end(place);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_nothing_stored),
      LOOP_TEST(test_two_generations),
      LOOP_TEST(test_they_survive_the_store),
      LOOP_TEST(test_files_are_the_owners_alone),
      LOOP_TEST(test_damage_does_not_push_out_the_good_one),
      LOOP_TEST(test_only_the_one_before),
      LOOP_TEST(test_a_draft_left_by_a_crash),
      LOOP_TEST(test_modes_are_refused),
      LOOP_TEST(test_owners_are_refused),
      LOOP_TEST(test_links_are_refused),
      LOOP_TEST(test_what_is_no_file_is_refused),
      LOOP_TEST(test_sizes),
      LOOP_TEST(test_a_big_one),
      LOOP_TEST(test_no_directory),
      LOOP_TEST(test_a_directory_that_is_read_only),
      LOOP_TEST(test_no_room),
      LOOP_TEST(test_a_relative_path),
      LOOP_TEST(test_no_descriptor_stays_open),
      LOOP_TEST(test_paths_that_are_none),
      LOOP_TEST(test_no_memory),
      LOOP_TEST(test_what_was_loaded_is_wiped),
      LOOP_TEST(test_asked_again_at_once),
  };
  return cmocka_run_group_tests_name("filestore", tests, NULL, NULL);
}
