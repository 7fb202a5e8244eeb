/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints against arbitrary bytes, once as they are and once with the line
 * that proves the first of them, so that the members are reached.
 *
 * What is accepted keeps the bounds, and what is written of it is accepted and
 * written again as the very same bytes.
 */
#include "codec/checkpoint.h"
#include "codec/digest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

static void require(bool holds) {
  if (!holds) abort();
}

static void check_lane(const struct gcn__checkpoint_lane* lane) {
  require(lane->lane < GCN__CHECKPOINT_LANE_COUNT_MAX);
  require(lane->position.size <= GCN__CHECKPOINT_POSITION_SIZE_MAX);
  require(lane->channel_id.size <= GCN__CHECKPOINT_ID_SIZE_MAX);
  require(lane->connect_uri.size <= GCN__CHECKPOINT_URI_SIZE_MAX);
  require(lane->handled_count <= GCN__CHECKPOINT_HANDLED_COUNT_MAX);
}

static struct gcn__checkpoint_read* read_text(struct gcn__span text) {
  struct gcn__checkpoint_read* read;
  enum gcn__checkpoint_fault fault =
      gcn__checkpoint_read(text, &gcn__mem_libc, &read);
  require((fault == GCN__CHECKPOINT_GOOD) == (read != NULL));
  if (read == NULL) return NULL;
  require(read->checkpoint.lane_count <= GCN__CHECKPOINT_LANE_COUNT_MAX);
  for (size_t i = 0; i < read->checkpoint.lane_count; i++)
    check_lane(&read->checkpoint.lanes[i]);
  return read;
}

static void write_text(const struct gcn__checkpoint* checkpoint,
                       struct gcn__buf* out) {
  gcn__buf_init(out, &gcn__mem_libc, GCN__CHECKPOINT_SIZE_MAX);
  require(gcn__checkpoint_write(checkpoint, out) == 0);
}

static void check_text(struct gcn__span text) {
  struct gcn__buf first;
  struct gcn__buf second;
  struct gcn__checkpoint_read* read = read_text(text);
  if (read == NULL) return;
  write_text(&read->checkpoint, &first);
  struct gcn__checkpoint_read* again = read_text(gcn__buf_span(&first));
  require(again != NULL);
  write_text(&again->checkpoint, &second);
  require(gcn__span_equal(gcn__buf_span(&first), gcn__buf_span(&second)));
  gcn__checkpoint_free(read);
  gcn__checkpoint_free(again);
  gcn__buf_deinit(&first);
  gcn__buf_deinit(&second);
}

static void check_proven(struct gcn__span line) {
  unsigned char digest[GCN__SHA256_SIZE];
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, GCN__CHECKPOINT_SIZE_MAX);
  require(gcn__buf_append(&out, line.data, line.size) == 0);
  require(gcn__buf_append_str(&out, "\n") == 0);
  require(gcn__sha256(gcn__buf_span(&out), digest));
  require(gcn__buf_append_str(&out, "sha256 ") == 0);
  for (size_t i = 0; i < sizeof digest; i++)
    require(gcn__buf_printf(&out, "%02x", digest[i]) == 0);
  require(gcn__buf_append_str(&out, "\n") == 0);
  check_text(gcn__buf_span(&out));
  gcn__buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct gcn__span text = gcn__span(data, size);
  const char* end = size == 0 ? NULL : memchr(data, '\n', size);
  check_text(text);
  if (end != NULL) text.size = (size_t)(end - text.data);
  if (size > 0) check_proven(text);
  return 0;
}
