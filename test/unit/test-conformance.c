/* SPDX-License-Identifier: MIT */
/*
 * Every row of the conformance table in memory: over the codec and over the
 * engine, in one piece, cut at every byte, byte by byte and in random pieces,
 * behind another message and in one piece with the 101.
 */
#include "conformance-stage.h"

#include "base/err.h"
#include "base/rng.h"

enum {
  SHORT_SIZE = 200,    /* up to here every cut is tried */
  STEPPED_SIZE = 6000, /* so many bytes come one by one, the rest in pieces */
  ENTIRE = 0,          /* ways to cut: one piece, ... */
  BYTEWISE = 1,        /* ... bytes; others: seeds */
};

/* The size of the next piece. */
static size_t cut_piece(struct gcn__rng* rng, unsigned way, size_t done,
                        size_t rest) {
  if (way == ENTIRE) return rest;
  if (way == BYTEWISE && done < STEPPED_SIZE) return 1;
  uint64_t most = gcn__rng_below(rng, 3) == 0 ? 9000 : 20;
  size_t size = (size_t)gcn__rng_between(rng, 1, most);
  return size < rest ? size : rest;
}

/* --- the codec ------------------------------------------------------------ */

struct codec {
  struct gcn__ws* ws;
  struct gcn__buf told;
  int result;
};

static void codec_begin(struct codec* codec) {
  codec->ws = gcn__ws_new(&gcn__mem_libc, GCN__WS_CLIENT, NULL, NULL);
  assert_non_null(codec->ws);
  gcn__buf_init(&codec->told, &gcn__mem_libc, CONF_SIZE_MAX);
  codec->result = 0;
}

static void codec_feed(struct codec* codec, struct gcn__span in) {
  struct gcn__ws_message message;
  if (codec->result < 0) return;
  codec->result = gcn__ws_read(codec->ws, &in, &message);
  while (codec->result == GCN__WS_MESSAGE) {
    conf_record(&codec->told, message.opcode, message.code, message.code_legal,
                gcn__span(message.data, message.size));
    codec->result = gcn__ws_read(codec->ws, &in, &message);
  }
  if (codec->result == GCN__WS_MORE) assert_int_equal(in.size, 0);
}

static void codec_end(struct codec* codec, const struct conf_row* row,
                      const char* how, struct gcn__span told) {
  conf_assert_same(row, how, gcn__buf_span(&codec->told), told);
  bool limit = row->code == 1008 || row->code == 1009;
  int wanted = row->end != CONF_FAILS ? 0 : limit ? GCN_EMSGSIZE : GCN_EWS;
  if (codec->result != wanted)
    fail_msg("%s, %s: result %d", row->name, how, codec->result);
  if (wanted != 0) assert_int_equal(gcn__ws_error_code(codec->ws), row->code);
  assert_int_equal(gcn__ws_partial(codec->ws), row->end == CONF_PARTIAL);
  gcn__buf_deinit(&codec->told);
  gcn__ws_free(codec->ws);
}

static void codec_in_pieces(const struct conf_row* row, unsigned way) {
  struct gcn__span rest = gcn__buf_span(&row->in);
  struct codec codec;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, way);
  codec_begin(&codec);
  for (size_t done = 0; rest.size > 0;) {
    size_t size = cut_piece(&rng, way, done, rest.size);
    codec_feed(&codec, gcn__span(rest.data, size));
    rest = gcn__span_skip(rest, size);
    done += size;
  }
  codec_end(&codec, row, "codec, in pieces", gcn__buf_span(&row->told));
}

static void codec_cut_at(const struct conf_row* row, size_t at) {
  struct gcn__span in = gcn__buf_span(&row->in);
  struct codec codec;
  codec_begin(&codec);
  codec_feed(&codec, gcn__span(in.data, at));
  codec_feed(&codec, gcn__span_skip(in, at));
  codec_end(&codec, row, "codec, in two", gcn__buf_span(&row->told));
}

/* In one piece with what comes before and behind. */
static void codec_with_neighbours(const struct conf_row* row) {
  struct gcn__buf in;
  struct gcn__buf told;
  struct codec codec;
  struct gcn__span own = gcn__buf_span(&row->in);
  struct gcn__span own_told = gcn__buf_span(&row->told);
  gcn__buf_init(&in, &gcn__mem_libc, CONF_SIZE_MAX);
  gcn__buf_init(&told, &gcn__mem_libc, CONF_SIZE_MAX);
  conf_put_frame(&in, 0x82, GCN__SPAN("before"));
  conf_record(&told, GCN__WS_BINARY, 0, false, GCN__SPAN("before"));
  gcn__buf_append(&in, own.data, own.size);
  gcn__buf_append(&told, own_told.data, own_told.size);
  if (row->end != CONF_PARTIAL) conf_put_frame(&in, 0x81, GCN__SPAN("behind"));
  if (row->end == CONF_STAYS)
    conf_record(&told, GCN__WS_TEXT, 0, false, GCN__SPAN("behind"));
  codec_begin(&codec);
  codec_feed(&codec, gcn__buf_span(&in));
  codec_end(&codec, row, "codec, between two", gcn__buf_span(&told));
  gcn__buf_deinit(&in);
  gcn__buf_deinit(&told);
}

static void run_codec(const struct conf_row* row) {
  size_t size = gcn__buf_size(&row->in);
  for (unsigned way = ENTIRE; way < 5; way++)
    codec_in_pieces(row, way);
  codec_with_neighbours(row);
  if (size > SHORT_SIZE) return;
  for (size_t at = 1; at < size; at++)
    codec_cut_at(row, at);
}

/* --- the engine ----------------------------------------------------------- */

static void stage_begin(struct conf_stage* stage, const struct conf_row* row,
                        struct gcn__buf* stream) {
  gcn__buf_init(stream, &gcn__mem_libc, CONF_SIZE_MAX);
  conf_stage_init(stage);
  conf_stage_start(stage);
  conf_stream(row, gcn__buf_span(&stage->sent), stream);
  gcn__buf_clear(&stage->sent);
}

static void stage_end(struct conf_stage* stage, const struct conf_row* row,
                      enum conf_pongs pongs) {
  if (row->end == CONF_STAYS)
    conf_stage_frame(stage, 0x89, GCN__SPAN(CONF_MARK));
  if (row->end == CONF_PARTIAL) {
    conf_stage_cut(stage);
  } else {
    assert_int_equal(stage->dropped, row->end != CONF_STAYS);
  }
  conf_assert_frames(row, gcn__buf_span(&stage->sent), pongs);
  conf_assert_engine(row, &stage->raw, stage->engine);
  conf_stage_deinit(stage);
}

static void engine_in_pieces(const struct conf_row* row, unsigned way) {
  struct conf_stage stage;
  struct gcn__buf stream;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, way);
  stage_begin(&stage, row, &stream);
  struct gcn__span rest = gcn__buf_span(&stream);
  for (size_t done = 0; rest.size > 0;) {
    size_t size = cut_piece(&rng, way, done, rest.size);
    conf_stage_feed(&stage, gcn__span(rest.data, size));
    rest = gcn__span_skip(rest, size);
    done += size;
  }
  bool all = way == BYTEWISE && gcn__buf_size(&stream) <= STEPPED_SIZE;
  stage_end(&stage, row,
            way == ENTIRE ? CONF_PONGS_NEWEST
            : all         ? CONF_PONGS_ALL
                          : CONF_PONGS_SOME);
  gcn__buf_deinit(&stream);
}

static void engine_cut_at(const struct conf_row* row, size_t at) {
  struct conf_stage stage;
  struct gcn__buf stream;
  stage_begin(&stage, row, &stream);
  struct gcn__span all = gcn__buf_span(&stream);
  conf_stage_feed(&stage, gcn__span(all.data, at));
  conf_stage_feed(&stage, gcn__span_skip(all, at));
  stage_end(&stage, row, CONF_PONGS_SOME);
  gcn__buf_deinit(&stream);
}

static void run_engine(const struct conf_row* row) {
  size_t head = conf_head_size(row);
  size_t size = head + gcn__buf_size(&row->in);
  for (unsigned way = ENTIRE; way < 3; way++)
    engine_in_pieces(row, way);
  if (gcn__buf_size(&row->in) > SHORT_SIZE) return;
  /* The usual answer is cut elsewhere. */
  size_t from = row->head == NULL ? head - 4 : 1;
  for (size_t at = from; at < size; at++)
    engine_cut_at(row, at);
}

static void run_row(void** state) {
  const struct conf_row* row = *state;
  if (row->head == NULL) run_codec(row);
  run_engine(row);
}

int main(void) {
  struct conf_table table;
  conf_init(&table);
  int result = conf_run("conformance", &table, run_row);
  conf_deinit(&table);
  return result;
}
