/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints: there and back, and every way to be none.
 */
#include "base/err.h"
#include "base/rng.h"
#include "check.h"
#include "codec/checkpoint.h"
#include "codec/digest.h"
#include "mem-spy.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { TEXT_SIZE_MAX = 64 * 1024 * 1024 };

static const struct gcn__key keys[] = {
    {{1, 2}},
    {{0xfedcba9876543210, 0x0123456789abcdef}},
    {{0, 1}},
};

static const struct gcn__checkpoint_lane lanes[] = {
    {.lane = 17,
     .topics = "topics of lane.",
     .position = {"id-1", 4},
     .good_unix_ms = 1700000000123,
     .channel_id = {"streaming-5-x", 13},
     .connect_uri = {"wss://streaming.example/channels/streaming-5-x", 46},
     .channel_until_unix_ms = 1700086400000,
     .identity = "who it belongs t",
     .handled = keys,
     .handled_count = 3},
    {.lane = 0, .position = {"", 0}, .is_time = true, .good_unix_ms = -5},
    {.lane = 3, .position = {"a\0\xff\"", 4}},
    {.lane = 4, .position = {"\xc3\xa9\"\\\n", 5}, .channel_id = {"", 0}},
};

static const struct gcn__checkpoint sample = {
    .serial = 17,
    .owner = "owner's digest \xff",
    .salt = "\x00\x01\x02\x03",
    .clean = true,
    .saved_unix_ms = 1700000001000,
    .lanes = lanes,
    .lane_count = COUNT(lanes),
};

static const struct gcn__checkpoint small = {.serial = 1, .lanes = NULL};

/* The text of a checkpoint in a buffer that the caller gives back. */
static struct gcn__span text_of(const struct gcn__checkpoint* checkpoint,
                                struct gcn__buf* out) {
  gcn__buf_init(out, &gcn__mem_libc, TEXT_SIZE_MAX);
  assert_int_equal(gcn__checkpoint_write(checkpoint, out), 0);
  return gcn__buf_span(out);
}

static void assert_span(struct gcn__span got, struct gcn__span want) {
  assert_int_equal(got.data == NULL, want.data == NULL);
  assert_true(gcn__span_equal(got, want));
}

static void assert_lane(const struct gcn__checkpoint_lane* got,
                        const struct gcn__checkpoint_lane* want) {
  assert_int_equal(got->lane, want->lane);
  assert_memory_equal(got->topics, want->topics, sizeof want->topics);
  assert_span(got->position, want->position);
  assert_int_equal(got->is_time, want->is_time);
  assert_true(got->good_unix_ms == want->good_unix_ms);
  assert_span(got->channel_id, want->channel_id);
  assert_span(got->connect_uri, want->connect_uri);
  assert_true(got->channel_until_unix_ms == want->channel_until_unix_ms);
  assert_memory_equal(got->identity, want->identity, sizeof want->identity);
  assert_int_equal(got->handled_count, want->handled_count);
  for (size_t i = 0; i < want->handled_count; i++)
    assert_true(gcn__key_same(&got->handled[i], &want->handled[i]));
}

static void assert_same(const struct gcn__checkpoint* got,
                        const struct gcn__checkpoint* want) {
  assert_true(got->serial == want->serial);
  assert_memory_equal(got->owner, want->owner, sizeof want->owner);
  assert_memory_equal(got->salt, want->salt, sizeof want->salt);
  assert_int_equal(got->clean, want->clean);
  assert_true(got->saved_unix_ms == want->saved_unix_ms);
  assert_int_equal(got->lane_count, want->lane_count);
  for (size_t i = 0; i < want->lane_count; i++)
    assert_lane(&got->lanes[i], &want->lanes[i]);
}

static void assert_round_trip(const struct gcn__checkpoint* checkpoint) {
  struct gcn__buf out;
  struct gcn__checkpoint_read* read;
  struct gcn__span text = text_of(checkpoint, &out);
  assert_int_equal(gcn__checkpoint_read(text, &gcn__mem_libc, &read),
                   GCN__CHECKPOINT_GOOD);
  assert_same(&read->checkpoint, checkpoint);
  gcn__checkpoint_free(read);
  gcn__buf_deinit(&out);
}

static enum gcn__checkpoint_fault fault_of(struct gcn__span text) {
  struct gcn__checkpoint_read* read;
  enum gcn__checkpoint_fault fault =
      gcn__checkpoint_read(text, &gcn__mem_libc, &read);
  assert_int_equal(read == NULL, fault != GCN__CHECKPOINT_GOOD);
  gcn__checkpoint_free(read);
  return fault;
}

/* Puts the line that proves `line` behind it. */
static enum gcn__checkpoint_fault fault_of_line(const char* line) {
  unsigned char digest[GCN__SHA256_SIZE];
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, TEXT_SIZE_MAX);
  assert_int_equal(gcn__buf_printf(&out, "%s\n", line), 0);
  assert_true(gcn__sha256(gcn__buf_span(&out), digest));
  assert_int_equal(gcn__buf_append_str(&out, "sha256 "), 0);
  for (size_t i = 0; i < sizeof digest; i++)
    assert_int_equal(gcn__buf_printf(&out, "%02x", digest[i]), 0);
  assert_int_equal(gcn__buf_append_str(&out, "\n"), 0);
  enum gcn__checkpoint_fault fault = fault_of(gcn__buf_span(&out));
  gcn__buf_deinit(&out);
  return fault;
}

static void test_round_trips(void** state) {
  (void)state;
  assert_round_trip(&sample);
  assert_round_trip(&small);
  struct gcn__checkpoint extreme = {
      .serial = (uint64_t)GCN__CHECKPOINT_NUMBER_MAX,
      .saved_unix_ms = -GCN__CHECKPOINT_NUMBER_MAX};
  assert_round_trip(&extreme);
  extreme.saved_unix_ms = GCN__CHECKPOINT_NUMBER_MAX;
  assert_round_trip(&extreme);
}

static void fill(struct gcn__rng* rng, char* bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    bytes[i] = (char)gcn__rng_next(rng);
}

static void test_random_positions(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 4);
  for (size_t i = 0; i < 1000; i++) {
    char bytes[GCN__CHECKPOINT_POSITION_SIZE_MAX];
    fill(&rng, bytes, sizeof bytes);
    /* Half of them ASCII, control characters and all. */
    for (size_t k = 0; i % 2 == 0 && k < sizeof bytes; k++)
      bytes[k] &= 0x7f;
    struct gcn__checkpoint_lane lane = {
        .position = gcn__span(bytes, i < 100 ? i : sizeof bytes)};
    struct gcn__checkpoint one = {.lanes = &lane, .lane_count = 1};
    assert_round_trip(&one);
  }
}

/* All of everything that the bounds allow, and one more of each. */
static void test_bounds(void** state) {
  (void)state;
  static struct gcn__key many[GCN__CHECKPOINT_HANDLED_COUNT_MAX + 1];
  static char text[GCN__CHECKPOINT_URI_SIZE_MAX + 1];
  struct gcn__checkpoint_lane full[GCN__CHECKPOINT_LANE_COUNT_MAX + 1];
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 5);
  fill(&rng, (char*)many, sizeof many);
  memset(text, '\x01', sizeof text); /* six bytes each */
  memset(full, 0, sizeof full);
  for (unsigned i = 0; i < COUNT(full); i++) {
    full[i].lane = i;
    full[i].position = gcn__span(text, GCN__CHECKPOINT_POSITION_SIZE_MAX);
    full[i].channel_id = gcn__span(text, GCN__CHECKPOINT_ID_SIZE_MAX);
    full[i].connect_uri = gcn__span(text, GCN__CHECKPOINT_URI_SIZE_MAX);
    full[i].handled = many;
    full[i].handled_count = GCN__CHECKPOINT_HANDLED_COUNT_MAX;
  }
  struct gcn__checkpoint all = {.lanes = full,
                                .lane_count = GCN__CHECKPOINT_LANE_COUNT_MAX};
  assert_round_trip(&all);
}

static int write_error(const struct gcn__checkpoint_lane* lane, size_t count) {
  struct gcn__checkpoint checkpoint = {.lanes = lane, .lane_count = count};
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, TEXT_SIZE_MAX);
  int error = gcn__checkpoint_write(&checkpoint, &out);
  if (error != 0) assert_int_equal(gcn__buf_size(&out), 0);
  gcn__buf_deinit(&out);
  return error;
}

static void test_what_is_not_written(void** state) {
  (void)state;
  static char text[GCN__CHECKPOINT_URI_SIZE_MAX + 1];
  memset(text, 'x', sizeof text);
  const struct gcn__checkpoint_lane beyond[] = {
      {.lane = GCN__CHECKPOINT_LANE_COUNT_MAX},
      {.position = {text, GCN__CHECKPOINT_POSITION_SIZE_MAX + 1}},
      {.channel_id = {text, GCN__CHECKPOINT_ID_SIZE_MAX + 1}},
      {.connect_uri = {text, GCN__CHECKPOINT_URI_SIZE_MAX + 1}},
      {.handled = keys, .handled_count = GCN__CHECKPOINT_HANDLED_COUNT_MAX + 1},
      {.good_unix_ms = GCN__CHECKPOINT_NUMBER_MAX + 1},
      {.channel_until_unix_ms = INT64_MIN},
  };
  for (size_t i = 0; i < COUNT(beyond); i++)
    assert_int_equal(write_error(&beyond[i], 1), GCN_ELIMIT);
  const struct gcn__checkpoint_lane no_text[] = {
      {.channel_id = {"a\0b", 3}},
      {.channel_id = {"\xff", 1}},
      {.connect_uri = {"a\0b", 3}},
      {.connect_uri = {"\xc3", 1}},
  };
  for (size_t i = 0; i < COUNT(no_text); i++)
    assert_int_equal(write_error(&no_text[i], 1), GCN__EINVAL);
  const struct gcn__checkpoint_lane twice[] = {{.lane = 2}, {.lane = 2}};
  assert_int_equal(write_error(twice, 2), GCN__EINVAL);
  assert_int_equal(write_error(lanes, GCN__CHECKPOINT_LANE_COUNT_MAX + 1),
                   GCN_ELIMIT);
  struct gcn__checkpoint late = {.serial = UINT64_MAX};
  struct gcn__buf out = {.mem = &gcn__mem_libc, .size_max = 1000};
  assert_int_equal(gcn__checkpoint_write(&late, &out), GCN_ELIMIT);
}

/* The digest line stays what it is in every version, so this one too. */
static void test_the_text_is_as_documented(void** state) {
  (void)state;
  struct gcn__checkpoint_lane lane = {.lane = 1,
                                      .position = GCN__SPAN("id"),
                                      .handled = keys,
                                      .handled_count = 1};
  struct gcn__checkpoint one = {.serial = 17, .lanes = &lane, .lane_count = 1};
  struct gcn__buf out;
  struct gcn__span text = text_of(&one, &out);
#define ZEROS "\"00000000000000000000000000000000\""
  const char* want =
      "{\"gcnotify-checkpoint\":1,\"serial\":17,\"owner\":" ZEROS
      ",\"salt\":" ZEROS ",\"clean\":0,\"saved\":0,\"lanes\":[{\"lane\":1,"
      "\"topics\":" ZEROS ",\"position\":\"id\",\"time\":0,\"good\":0,"
      "\"until\":0,\"identity\":" ZEROS
      ",\"handled\":\"00000000000000010000000000000002\"}]}\nsha256 ";
  assert_true(gcn__span_starts(text, want));
  assert_int_equal(text.size, strlen(want) + 65);
  gcn__buf_deinit(&out);
}

static void test_truncation_at_every_byte(void** state) {
  (void)state;
  struct gcn__buf out;
  struct gcn__span text = text_of(&sample, &out);
  assert_int_equal(fault_of(gcn__span(text.data, 0)), GCN__CHECKPOINT_EMPTY);
  for (size_t size = 1; size < text.size; size++) {
    /* A block of its own, so that a sanitizer sees one byte too many. */
    char* copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, text.data, size);
    assert_int_equal(fault_of(gcn__span(copy, size)),
                     GCN__CHECKPOINT_TRUNCATED);
    free(copy);
  }
  assert_int_equal(fault_of(text), GCN__CHECKPOINT_GOOD);
  gcn__buf_deinit(&out);
}

static void test_every_flipped_byte_is_noticed(void** state) {
  (void)state;
  struct gcn__buf out;
  struct gcn__span text = text_of(&small, &out);
  char* bytes = out.data + out.begin;
  for (size_t i = 0; i < text.size; i++) {
    char good = bytes[i];
    for (unsigned other = 0; other < 256; other++) {
      if ((char)other == good) continue;
      bytes[i] = (char)other;
      enum gcn__checkpoint_fault fault = fault_of(text);
      bool fits = fault == GCN__CHECKPOINT_CORRUPT ||
                  fault == GCN__CHECKPOINT_TRUNCATED ||
                  (fault == GCN__CHECKPOINT_NOT_OURS && i < 23);
      if (!fits) fail_msg("byte %zu as %u: fault %d", i, other, fault);
    }
    bytes[i] = good;
  }
  gcn__buf_deinit(&out);
}

static void test_not_ours(void** state) {
  (void)state;
  static const char* const texts[] = {
      "x",
      "hello, world\n",
      "{}",
      "{\"gcnotify-checkpoin\":1}\n",
      " {\"gcnotify-checkpoint\":1",
      "sha256 00\n",
      "\xef\xbb\xbf{",
      "\n",
  };
  for (size_t i = 0; i < COUNT(texts); i++)
    assert_int_equal(fault_of(gcn__span_str(texts[i])),
                     GCN__CHECKPOINT_NOT_OURS);
  /* What some file systems leave of a file that was never synced. */
  const char zeros[500] = {0};
  assert_int_equal(fault_of(gcn__span(zeros, sizeof zeros)),
                   GCN__CHECKPOINT_NOT_OURS);
  assert_int_equal(fault_of(gcn__span(NULL, 0)), GCN__CHECKPOINT_EMPTY);
}

static void test_more_behind_the_end(void** state) {
  (void)state;
  struct gcn__buf out;
  text_of(&small, &out);
  assert_int_equal(gcn__buf_append_str(&out, "\n"), 0);
  assert_int_equal(fault_of(gcn__buf_span(&out)), GCN__CHECKPOINT_CORRUPT);
  gcn__buf_deinit(&out);
}

static void test_versions(void** state) {
  (void)state;
  static const char* const newer[] = {
      "2", "9", "10", "11", "100000000000000000000000000000",
  };
  static const char* const no_version[] = {
      "0", "01", "-1", "1.0", "1e0", "\"1\"", "", "true", "2 ", "1x",
  };
  char line[200];
  for (size_t i = 0; i < COUNT(newer); i++) {
    snprintf(line, sizeof line, "{\"gcnotify-checkpoint\":%s,\"x\":[[]]}",
             newer[i]);
    assert_int_equal(fault_of_line(line), GCN__CHECKPOINT_NEWER);
    snprintf(line, sizeof line, "{\"gcnotify-checkpoint\":%s}", newer[i]);
    assert_int_equal(fault_of_line(line), GCN__CHECKPOINT_NEWER);
  }
  for (size_t i = 0; i < COUNT(no_version); i++) {
    snprintf(line, sizeof line, "{\"gcnotify-checkpoint\":%s,\"x\":1}",
             no_version[i]);
    assert_int_equal(fault_of_line(line), GCN__CHECKPOINT_CORRUPT);
  }
  /* Too new, but damaged: that comes first. */
  assert_int_equal(
      fault_of(GCN__SPAN("{\"gcnotify-checkpoint\":2}\nsha256 00")),
      GCN__CHECKPOINT_CORRUPT);
}

#define D32  "00112233445566778899aabbccddeeff"
#define HEAD "\"owner\":\"" D32 "\",\"salt\":\"" D32 "\""
#define TAIL "\"clean\":1,\"saved\":1"
#define LANE                                                                   \
  "\"topics\":\"" D32 "\",\"time\":0,\"good\":1,\"until\":2,\"identity\":"     \
  "\"" D32 "\""

static enum gcn__checkpoint_fault fault_of_members(const char* members) {
  char line[2000];
  int size =
      snprintf(line, sizeof line, "{\"gcnotify-checkpoint\":1,%s}", members);
  assert_true(size > 0 && (size_t)size < sizeof line);
  return fault_of_line(line);
}

static void test_unknown_members_are_passed_over(void** state) {
  (void)state;
  assert_int_equal(
      fault_of_members("\"new\":{\"a\":[1,null]},\"serial\":1," HEAD "," TAIL
                       ",\"lanes\":[{\"lane\":0," LANE
                       ",\"handled\":\"\",\"new\":2.5}]"),
      GCN__CHECKPOINT_GOOD);
}

static const char* const bad_members[] = {
    "\"serial\":1," HEAD "," TAIL, /* no lanes */
    "\"serial\":1," HEAD "," TAIL ",\"lanes\":{}",
    "\"serial\":1," HEAD "," TAIL ",\"lanes\":[1]",
    "\"serial\":1," HEAD ",\"lanes\":[]",
    "\"serial\":1," TAIL ",\"lanes\":[]",
    HEAD "," TAIL ",\"lanes\":[]",
    "\"serial\":-1," HEAD "," TAIL ",\"lanes\":[]",
    "\"serial\":1.5," HEAD "," TAIL ",\"lanes\":[]",
    "\"serial\":1e300," HEAD "," TAIL ",\"lanes\":[]",
    "\"serial\":9007199254740993," HEAD "," TAIL ",\"lanes\":[]",
    "\"serial\":\"1\"," HEAD "," TAIL ",\"lanes\":[]",
    "\"serial\":1,\"serial\":1," HEAD "," TAIL ",\"lanes\":[]",
    "\"serial\":1," HEAD ",\"clean\":2,\"saved\":1,\"lanes\":[]",
    "\"serial\":1," HEAD ",\"clean\":true,\"saved\":1,\"lanes\":[]",
    "\"serial\":1,\"owner\":\"" D32 "\",\"salt\":\"0\"," TAIL ",\"lanes\":[]",
    "\"serial\":1,\"owner\":1,\"salt\":\"" D32 "\"," TAIL ",\"lanes\":[]",
};

static const char* const bad_lanes[] = {
    "",
    "{\"lane\":18," LANE ",\"handled\":\"\"}",
    "{\"lane\":-1," LANE ",\"handled\":\"\"}",
    "{" LANE ",\"handled\":\"\"}",
    "{\"lane\":0," LANE "}",
    "{\"lane\":0,\"handled\":\"\"}",
    "{\"lane\":0," LANE ",\"handled\":1}",
    "{\"lane\":0," LANE ",\"handled\":\"" D32 "0\"}",
    "{\"lane\":0," LANE ",\"handled\":\"00112233445566778899aabbccddeefF\"}",
    "{\"lane\":0," LANE ",\"handled\":\"\",\"position\":1}",
    "{\"lane\":0," LANE ",\"handled\":\"\",\"position\":null}",
    "{\"lane\":0," LANE ",\"handled\":\"\",\"position_hex\":\"0\"}",
    "{\"lane\":0," LANE ",\"handled\":\"\",\"position_hex\":\"0g\"}",
    "{\"lane\":0," LANE
    ",\"handled\":\"\",\"position_hex\":\"00\",\"position\":\"\"}",
    "{\"lane\":0," LANE ",\"handled\":\"\",\"channel\":[]}",
    "{\"lane\":0," LANE ",\"handled\":\"\",\"uri\":0}",
    "{\"lane\":0," LANE ",\"handled\":\"\"},{\"lane\":0," LANE
    ",\"handled\":\"\"}",
};

static void test_members_that_are_wrong(void** state) {
  (void)state;
  char members[1500];
  for (size_t i = 0; i < COUNT(bad_members); i++) {
    if (fault_of_members(bad_members[i]) == GCN__CHECKPOINT_CORRUPT) continue;
    fail_msg("%s", bad_members[i]);
  }
  for (size_t i = 0; i < COUNT(bad_lanes); i++) {
    int size =
        snprintf(members, sizeof members,
                 "\"serial\":1," HEAD "," TAIL ",\"lanes\":[%s]", bad_lanes[i]);
    assert_true(size > 0 && (size_t)size < sizeof members);
    enum gcn__checkpoint_fault want =
        i == 0 ? GCN__CHECKPOINT_GOOD : GCN__CHECKPOINT_CORRUPT;
    if (fault_of_members(members) != want) fail_msg("%s", bad_lanes[i]);
  }
  assert_int_equal(fault_of_line("{\"gcnotify-checkpoint\":1,"),
                   GCN__CHECKPOINT_CORRUPT);
}

/* A text with one member of `size` bytes in a lane. */
static enum gcn__checkpoint_fault fault_of_size(const char* member, char c,
                                                size_t size) {
  struct gcn__buf line;
  gcn__buf_init(&line, &gcn__mem_libc, TEXT_SIZE_MAX);
  char* text = malloc(size + 1);
  assert_non_null(text);
  memset(text, c, size);
  text[size] = '\0';
  bool is_keys = strcmp(member, "handled") == 0;
  assert_int_equal(
      gcn__buf_printf(&line,
                      "{\"gcnotify-checkpoint\":1,\"serial\":1," HEAD "," TAIL
                      ",\"lanes\":[{\"lane\":0," LANE "%s,\"%s\":\"%s\"}]}",
                      is_keys ? "" : ",\"handled\":\"\"", member, text),
      0);
  free(text);
  assert_int_equal(gcn__buf_append(&line, "", 1), 0);
  enum gcn__checkpoint_fault fault = fault_of_line(gcn__buf_span(&line).data);
  gcn__buf_deinit(&line);
  return fault;
}

static void test_members_that_are_too_long(void** state) {
  (void)state;
  static const struct {
    const char* name;
    size_t size_max;
    size_t step;
  } rows[] = {
      {"position", GCN__CHECKPOINT_POSITION_SIZE_MAX, 1},
      {"position_hex", (size_t)2 * GCN__CHECKPOINT_POSITION_SIZE_MAX, 2},
      {"channel", GCN__CHECKPOINT_ID_SIZE_MAX, 1},
      {"uri", GCN__CHECKPOINT_URI_SIZE_MAX, 1},
      {"handled", (size_t)32 * GCN__CHECKPOINT_HANDLED_COUNT_MAX, 32},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    assert_int_equal(fault_of_size(rows[i].name, '1', rows[i].size_max),
                     GCN__CHECKPOINT_GOOD);
    assert_int_equal(
        fault_of_size(rows[i].name, '1', rows[i].size_max + rows[i].step),
        GCN__CHECKPOINT_CORRUPT);
  }
}

static void test_no_memory(void** state) {
  (void)state;
  struct gcn__buf good;
  struct gcn__span text = text_of(&sample, &good);
  int error = GCN__ENOMEM;
  for (size_t n = 1; error != 0; n++) {
    struct mem_probe probe = {.fail_at = n};
    struct gcn__mem mem = mem_probe_mem(&probe);
    struct gcn__buf out;
    gcn__buf_init(&out, &mem, TEXT_SIZE_MAX);
    error = gcn__checkpoint_write(&sample, &out);
    assert_true(error == 0 || error == GCN__ENOMEM);
    if (error == 0) assert_span(gcn__buf_span(&out), text);
    gcn__buf_deinit(&out);
    assert_int_equal(probe.live_size, 0);
  }
  struct mem_probe probe = {.fail_at = 1, .fail_on = 1};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct gcn__checkpoint_read* read;
  assert_int_equal(gcn__checkpoint_read(text, &mem, &read),
                   GCN__CHECKPOINT_NO_MEMORY);
  assert_null(read);
  assert_int_equal(probe.count, 1);
  gcn__buf_deinit(&good);
}

static void test_no_room(void** state) {
  (void)state;
  struct gcn__buf out;
  size_t size = text_of(&sample, &out).size;
  gcn__buf_deinit(&out);
  for (size_t limit = 0; limit <= size; limit++) {
    gcn__buf_init(&out, &gcn__mem_libc, limit);
    assert_int_equal(gcn__checkpoint_write(&sample, &out),
                     limit < size ? GCN_ELIMIT : 0);
    gcn__buf_deinit(&out);
  }
}

/* What is in the buffer already is no part of what is proven. */
static void test_appends(void** state) {
  (void)state;
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, TEXT_SIZE_MAX);
  assert_int_equal(gcn__buf_append_str(&out, "before\n"), 0);
  assert_int_equal(gcn__checkpoint_write(&sample, &out), 0);
  gcn__buf_consume(&out, 7);
  assert_int_equal(fault_of(gcn__buf_span(&out)), GCN__CHECKPOINT_GOOD);
  gcn__buf_deinit(&out);
}

static void test_secrets_are_wiped(void** state) {
  (void)state;
  struct gcn__buf out;
  struct gcn__span text = text_of(&sample, &out);
  struct mem_spy spy = {.secret = "streaming-5-x"};
  struct gcn__mem mem = mem_spy_mem(&spy);
  struct gcn__checkpoint_read* read;
  assert_int_equal(gcn__checkpoint_read(text, &mem, &read),
                   GCN__CHECKPOINT_GOOD);
  assert_span(read->checkpoint.lanes[0].channel_id, lanes[0].channel_id);
  gcn__checkpoint_free(read);
  assert_int_equal(spy.probe.live_size, 0);
  assert_int_equal(spy.sighting_count, 0);
  gcn__buf_deinit(&out);
}

static void test_texts(void** state) {
  (void)state;
  assert_string_equal(gcn__checkpoint_fault_text(GCN__CHECKPOINT_GOOD), "");
  for (int i = GCN__CHECKPOINT_EMPTY; i <= GCN__CHECKPOINT_NO_MEMORY; i++) {
    const char* text =
        gcn__checkpoint_fault_text((enum gcn__checkpoint_fault)i);
    assert_true(strlen(text) > 5);
    for (int k = GCN__CHECKPOINT_GOOD; k < i; k++)
      assert_string_not_equal(
          text, gcn__checkpoint_fault_text((enum gcn__checkpoint_fault)k));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trips),
      cmocka_unit_test(test_random_positions),
      cmocka_unit_test(test_bounds),
      cmocka_unit_test(test_what_is_not_written),
      cmocka_unit_test(test_the_text_is_as_documented),
      cmocka_unit_test(test_truncation_at_every_byte),
      cmocka_unit_test(test_every_flipped_byte_is_noticed),
      cmocka_unit_test(test_not_ours),
      cmocka_unit_test(test_more_behind_the_end),
      cmocka_unit_test(test_versions),
      cmocka_unit_test(test_unknown_members_are_passed_over),
      cmocka_unit_test(test_members_that_are_wrong),
      cmocka_unit_test(test_members_that_are_too_long),
      cmocka_unit_test(test_no_memory),
      cmocka_unit_test(test_no_room),
      cmocka_unit_test(test_appends),
      cmocka_unit_test(test_secrets_are_wiped),
      cmocka_unit_test(test_texts),
  };
  return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
