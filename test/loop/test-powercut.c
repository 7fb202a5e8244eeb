/* SPDX-License-Identifier: MIT */
/*
 * The power goes at every boundary of every save, and whatever the disk makes
 * of that: what is loaded next is the checkpoint that was reported last, or one
 * that was under way since.  Never none, never an older one, never garbage.
 */
#include "disk.h"
#include "harness.h"

#include "codec/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  SNAPSHOT_COUNT_MAX = 80,
  STATE_COUNT_MAX = 200000,
  TEXT_SIZE_MAX = 800,
  CALL_COUNT_MAX = 20, /* more than there are in a save */
};

/* A moment at which the power may go. */
struct snapshot {
  struct disk disk;
  uint64_t reported; /* the last one that was; 0: none */
  uint64_t newest;   /* the last one that was begun */
};

/* A disk to begin with, after a power cut or before any. */
struct start {
  struct disk disk;
  unsigned depth;
};

struct story {
  uv_loop_t* loop;
  struct disk_drive drive;
  struct gcn__store store;
  uint64_t reported;
  uint64_t newest;
  struct snapshot snapshots[SNAPSHOT_COUNT_MAX];
  size_t snapshot_count;
  /* Hashes of the states that were looked at, and of the starts. */
  uint64_t seen[STATE_COUNT_MAX];
  size_t seen_count;
  uint64_t cut_count; /* with those that were alike */
  struct start starts[2000];
  size_t start_count;
  size_t violations;
  bool damaged; /* generation 0 of the disk to begin with */
};

struct answer {
  struct gcn__store_request request;
  bool done;
  int status;
  enum gcn__checkpoint_fault fault;
  uint64_t serial;
};

static void on_done(struct gcn__store_request* request, int status,
                    struct gcn__span bytes) {
  struct answer* answer = request->ctx;
  struct gcn__checkpoint_read* read;
  assert_false(answer->done);
  answer->done = true;
  answer->status = status;
  if (status != 0 || bytes.data == NULL) return;
  answer->fault = gcn__checkpoint_read(bytes, &gcn__mem_libc, &read);
  if (read != NULL) answer->serial = read->checkpoint.serial;
  gcn__checkpoint_free(read);
}

static void ask(struct answer* answer) {
  *answer = (struct answer){.request = {on_done, answer}};
}

static void on_gone(void* ctx) {
  *(bool*)ctx = true;
}

static void open_store(struct story* story, const struct disk* disk) {
  story->drive = (struct disk_drive){.disk = *disk};
  disk_mount(story->loop, &story->drive);
  assert_int_equal(gcn__filestore_new_with(story->loop, &gcn__mem_libc,
                                           DISK_PATH, &disk_api, &story->store),
                   0);
}

static void close_store(struct story* story) {
  bool gone = false;
  assert_int_equal(story->drive.open_count, 0);
  story->store.close(story->store.self, on_gone, &gone);
  harness_until(story->loop, &gone);
}

static void load(struct story* story, unsigned generation,
                 struct answer* answer) {
  ask(answer);
  int error =
      story->store.load(story->store.self, generation, &answer->request);
  assert_int_equal(error, 0);
  harness_until(story->loop, &answer->done);
}

/* A text of three writes, whose bytes depend on the serial throughout. */
static void write_text(uint64_t serial, struct gcn__buf* out) {
  struct gcn__key keys[4];
  for (size_t i = 0; i < 8; i++)
    keys[i / 2].words[i % 2] = serial * 0x9e3779b97f4a7c15u + i;
  struct gcn__checkpoint_lane lane = {.handled = keys, .handled_count = 4};
  struct gcn__checkpoint checkpoint = {
      .serial = serial, .lanes = &lane, .lane_count = 1};
  gcn__buf_init(out, &gcn__mem_libc, TEXT_SIZE_MAX);
  assert_int_equal(gcn__checkpoint_write(&checkpoint, out), 0);
  assert_true(gcn__buf_size(out) > 2 * DISK_WRITE_SIZE_MAX);
}

static int save(struct story* story) {
  struct gcn__buf text;
  struct answer answer;
  story->newest++;
  write_text(story->newest, &text);
  ask(&answer);
  int error = story->store.save(story->store.self, gcn__buf_span(&text), NULL,
                                &answer.request);
  if (error == 0) harness_until(story->loop, &answer.done);
  if (error == 0) error = answer.status;
  if (error == 0) story->reported = story->newest;
  gcn__buf_deinit(&text);
  return error;
}

static void take_snapshot(void* ctx, const struct disk* disk) {
  struct story* story = ctx;
  assert_true(story->snapshot_count < SNAPSHOT_COUNT_MAX);
  story->snapshots[story->snapshot_count++] =
      (struct snapshot){*disk, story->reported, story->newest};
}

static uint64_t hash(uint64_t seed, const void* data, size_t size) {
  const unsigned char* bytes = data;
  for (size_t i = 0; i < size; i++)
    seed = (seed ^ bytes[i]) * 0x100000001b3u;
  return seed;
}

static uint64_t hash_disk(uint64_t seed, const struct disk* disk) {
  for (int i = 0; i < DISK_NAME_COUNT; i++) {
    int file = disk->names[i];
    seed = hash(seed, &i, sizeof i);
    if (file == DISK_NO_FILE) continue;
    seed = hash(seed, &file, sizeof file);
    seed = hash(seed, disk->files[file].bytes, disk->files[file].size);
  }
  return seed;
}

/* True the first time. */
static bool is_new(struct story* story, uint64_t state) {
  for (size_t i = 0; i < story->seen_count; i++) {
    if (story->seen[i] == state) return false;
  }
  assert_true(story->seen_count < STATE_COUNT_MAX);
  story->seen[story->seen_count++] = state;
  return true;
}

static bool is_good(const struct answer* answer) {
  return answer->status == 0 && answer->fault == GCN__CHECKPOINT_GOOD;
}

/* Is this what may be loaded after the power went then? */
static bool is_kept(const struct snapshot* then, const struct answer* last,
                    const struct answer* before) {
  bool nothing_yet = then->reported == 0;
  if (last->status == UV_ENOENT) {
    return nothing_yet && before->status == UV_ENOENT;
  }
  if (!is_good(last)) return false;
  if (last->serial < then->reported || last->serial > then->newest) {
    return false;
  }
  if (before->status == UV_ENOENT) return true;
  return is_good(before) && before->serial < last->serial;
}

/* ... and where the last one was damaged, the one before serves. */
static bool is_saved(const struct snapshot* then, const struct answer* last,
                     const struct answer* before) {
  if (is_good(last)) return is_kept(then, last, before);
  return is_good(before) && before->serial >= then->reported;
}

/* What a half-written draft holds does not matter to what follows. */
static void remember_start(struct story* story, const struct disk* disk,
                           unsigned depth) {
  struct disk bare = *disk;
  int draft = bare.names[DISK_DRAFT];
  if (draft != DISK_NO_FILE) bare.files[draft].size = 0;
  if (!is_new(story, hash_disk(77, &bare))) return;
  assert_true(story->start_count < 2000);
  story->starts[story->start_count++] = (struct start){*disk, depth};
}

static void check_cut(struct story* story, const struct snapshot* then,
                      const struct disk* after, unsigned depth) {
  struct answer last;
  struct answer before;
  uint64_t state = hash(1, &then->reported, sizeof then->reported);
  state = hash(state, &then->newest, sizeof then->newest);
  if (!is_new(story, hash_disk(state, after))) return;
  open_store(story, after);
  load(story, 0, &last);
  load(story, 1, &before);
  close_store(story);
  bool good = story->damaged ? is_saved(then, &last, &before)
                             : is_kept(then, &last, &before);
  if (good) {
    remember_start(story, after, depth);
    return;
  }
  story->violations++;
}

static void check_snapshots(struct story* story, unsigned depth) {
  for (size_t i = 0; i < story->snapshot_count; i++) {
    const struct snapshot* then = &story->snapshots[i];
    uint64_t count = disk_cut_count(&then->disk);
    story->cut_count += count;
    for (uint64_t k = 0; k < count; k++) {
      struct disk after;
      disk_cut(&then->disk, k, &after);
      check_cut(story, then, &after, depth);
    }
  }
  story->snapshot_count = 0;
}

/* After a restart: what is there now must not be lost any more. */
static void begin(struct story* story, const struct disk* disk) {
  struct answer answer;
  open_store(story, disk);
  load(story, 0, &answer);
  story->reported = story->newest = is_good(&answer) ? answer.serial : 0;
  story->drive.call_count = 0;
  story->drive.watch = take_snapshot;
  story->drive.watch_ctx = story;
  take_snapshot(story, disk);
}

static void end(struct story* story, unsigned depth) {
  take_snapshot(story, &story->drive.disk);
  story->drive.watch = NULL;
  close_store(story);
  check_snapshots(story, depth);
}

static void play(struct story* story, const struct start* start) {
  begin(story, &start->disk);
  for (int i = 0; i < 2; i++)
    assert_int_equal(save(story), 0);
  end(story, start->depth + 1);
}

/* A save that goes wrong at its n-th call, and the one that makes it good. */
static bool play_fault(struct story* story, const struct start* start,
                       enum disk_fault fault, unsigned at) {
  begin(story, &start->disk);
  story->drive.fault = fault;
  story->drive.fault_at = at;
  save(story);
  bool struck = story->drive.call_count >= at;
  assert_int_equal(story->drive.open_count, 0);
  story->drive.fault_at = 0;
  assert_int_equal(save(story), 0);
  assert_true(story->reported == story->newest);
  end(story, start->depth + 1);
  return struck;
}

static void play_faults(struct story* story, const struct start* start) {
  for (int fault = DISK_FAILS; fault <= DISK_DOES_AND_FAILS; fault++) {
    for (unsigned at = 1; at < CALL_COUNT_MAX; at++) {
      if (!play_fault(story, start, (enum disk_fault)fault, at)) break;
      assert_true(at + 1 < CALL_COUNT_MAX);
    }
  }
}

static struct story* new_story(uv_loop_t* loop) {
  struct story* story = calloc(1, sizeof *story);
  assert_non_null(story);
  story->loop = loop;
  disk_init(&story->starts[0].disk);
  story->start_count = 1;
  return story;
}

static void free_story(struct story* story) {
  disk_mount(story->loop, NULL);
  free(story);
}

/* Two saves from an empty directory, and from all that a power cut left of
 * those, and of these. */
static void test_cuts_in_saves(void** state) {
  struct story* story = new_story(*state);
  for (size_t i = 0; i < story->start_count; i++) {
    const struct start start = story->starts[i];
    if (start.depth < 3) play(story, &start);
  }
  assert_int_equal(story->violations, 0);
  assert_true(story->cut_count > 5000);
  assert_true(story->start_count > 20);
  free_story(story);
}

static void test_cuts_in_saves_that_fail(void** state) {
  struct story* story = new_story(*state);
  for (size_t i = 0; i < story->start_count; i++) {
    const struct start start = story->starts[i];
    if (start.depth < 2) play_faults(story, &start);
  }
  assert_int_equal(story->violations, 0);
  assert_true(story->cut_count > 1000000);
  free_story(story);
}

/* A disk that has lost a bit of the last generation. */
static void damage(struct story* story, struct disk* disk) {
  open_store(story, &story->starts[0].disk);
  for (int i = 0; i < 2; i++)
    assert_int_equal(save(story), 0);
  *disk = story->drive.disk;
  close_store(story);
  assert_int_equal(disk->change_count, 0);
  disk->files[disk->names[DISK_LAST]].bytes[100] ^= 1;
}

/* The saves after a load that had to fall back: until one of them is done the
 * generation that was loaded is all there is. */
static void test_cuts_after_a_damage(void** state) {
  struct story* story = new_story(*state);
  struct answer answer;
  struct disk disk;
  damage(story, &disk);
  for (unsigned fault_at = 0; fault_at < CALL_COUNT_MAX; fault_at++) {
    story->damaged = true;
    begin(story, &disk);
    story->drive.watch = NULL;
    story->snapshot_count = 0;
    assert_int_equal(story->reported, 0);
    load(story, 1, &answer);
    assert_true(is_good(&answer));
    story->reported = story->newest = answer.serial;
    story->drive.watch = take_snapshot;
    story->drive.call_count = 0;
    story->drive.fault = DISK_DOES_AND_FAILS;
    story->drive.fault_at = fault_at;
    save(story);
    story->drive.fault_at = 0;
    assert_int_equal(save(story), 0);
    end(story, 1);
  }
  assert_int_equal(story->violations, 0);
  assert_true(story->cut_count > 1000);
  free_story(story);
}

/* The test of the test: on a disk whose syncs do nothing, it has to see checks
 * fail. */
static void test_a_disk_that_lies_is_found_out(void** state) {
  for (int i = 0; i < 2; i++) {
    struct story* story = new_story(*state);
    begin(story, &story->starts[0].disk);
    story->drive.lies_of_files = i == 0;
    story->drive.lies_of_names = i == 1;
    assert_int_equal(save(story), 0);
    end(story, 1);
    assert_true(story->violations > 0);
    free_story(story);
  }
}

static bool fail_once(struct story* story, enum disk_fault fault, unsigned at) {
  struct answer answer;
  story->reported = story->newest = 0;
  open_store(story, &story->starts[0].disk);
  assert_int_equal(save(story), 0);
  story->drive.call_count = 0;
  story->drive.fault = fault;
  story->drive.fault_at = at;
  int error = save(story);
  bool struck = story->drive.call_count >= at;
  story->drive.fault_at = 0;
  int want = fault == DISK_REFUSES ? UV_ENOMEM : UV_EIO;
  assert_true(error == 0 || error == want);
  load(story, 0, &answer);
  assert_true(is_good(&answer));
  assert_true(answer.serial >= story->reported);
  assert_int_equal(story->drive.disk.names[DISK_DRAFT], DISK_NO_FILE);
  /* libuv refuses calls with a path only, so that no close is ever refused. */
  if (fault == DISK_REFUSES) story->drive.open_count = 0;
  close_store(story);
  return struck;
}

/* Without a power cut: the error is told, nothing stays open, no draft stays
 * behind, and what was saved last is there. */
static void test_every_call_fails_once(void** state) {
  struct story* story = new_story(*state);
  for (int fault = DISK_REFUSES; fault <= DISK_DOES_AND_FAILS; fault++) {
    unsigned at = 1;
    while (fail_once(story, (enum disk_fault)fault, at))
      at++;
    assert_true(at > 12 && at < CALL_COUNT_MAX);
  }
  free_story(story);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_cuts_in_saves),
      LOOP_TEST(test_cuts_in_saves_that_fail),
      LOOP_TEST(test_cuts_after_a_damage),
      LOOP_TEST(test_a_disk_that_lies_is_found_out),
      LOOP_TEST(test_every_call_fails_once),
  };
  return cmocka_run_group_tests_name("powercut", tests, NULL, NULL);
}
