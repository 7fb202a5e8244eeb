/* SPDX-License-Identifier: MIT */
/*
 * See dialect.h.
 */
#include "cli/dialect.h"

#include "cli/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static bool
fail(char problem[GCN__DIALECT_TEXT_SIZE], const char* format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(problem, GCN__DIALECT_TEXT_SIZE, format, args);
  va_end(args);
  return false;
}

static void take(struct gcn__dialect_flags* flags, int id, const char* value) {
  switch (id) {
#define CASE(name, field, text)                                                \
  case GCN__DIALECT_ARG_##name: flags->field = value; break;
    GCN__DIALECT_ARG_MAP(CASE)
#undef CASE
  default: break;
  }
}

void gcn__dialect_scan(struct gcn__dialect_flags* flags, int argc, char** argv,
                       const struct gcn__arg* table, size_t count) {
  struct gcn__args args;
  int id;
  *flags = (struct gcn__dialect_flags){0};
  gcn__args_init(&args, argc, argv, table, count);
  while ((id = gcn__args_next(&args)) != GCN__ARGS_END) {
    if (id == GCN__ARGS_BAD) return;
    take(flags, id, args.value);
  }
}

/* The first flag that is of no use without the stream dialect; NULL: none. */
static const char* stream_flag(const struct gcn__dialect_flags* flags) {
  const struct {
    const char* name;
    const char* value;
  } rows[] = {
      {"preset", flags->preset},
      {"token-in", flags->token_in},
      {"subscriptions-in", flags->subscriptions_in},
      {"stream-path", flags->stream_path},
      {"batch-size", flags->batch_size},
      {"max-latency", flags->max_latency},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (rows[i].value != NULL) return rows[i].name;
  }
  return NULL;
}

static bool choose_dialect(struct gcn__dialect* dialect,
                           const struct gcn__dialect_flags* flags,
                           char* problem) {
  const char* name = flags->dialect;
  bool stream =
      name == NULL ? flags->preset != NULL : strcmp(name, "stream") == 0;
  dialect->dialect = stream ? GCN_DIALECT_STREAM : GCN_DIALECT_CHANNELS;
  if (!stream && name != NULL && strcmp(name, "channels") != 0) {
    return fail(problem, "--dialect '%.40s' has to be channels|stream", name);
  }
  const char* flag = stream_flag(flags);
  if (stream || flag == NULL) return true;
  return fail(problem, "--%s is of the stream dialect: add --dialect stream%s",
              flag, name == NULL ? "" : " in place of channels");
}

static bool choose_preset(gcn_stream_t* stream, const char* name,
                          char* problem) {
  gcn_preset_t preset = name == NULL ? GCN_PRESET_GUIDE : gcn_preset_find(name);
  if (preset == GCN_PRESET_COUNT) {
    return fail(problem,
                "--preset '%.40s' has to be guide|rest|sdk|message|ticket, or "
                "thread-a|thread-b|thread-c|thread-d",
                name);
  }
  gcn_stream_init(stream, preset);
  return true;
}

static bool choose_token(gcn_stream_t* stream, const char* word,
                         char* problem) {
  gcn_stream_t guide;
  if (word == NULL) return true;
  bool header = strcmp(word, "header") == 0;
  if (!header && strcmp(word, "query") != 0) {
    return fail(problem, "--token-in '%.40s' has to be query|header", word);
  }
  gcn_stream_init(&guide, GCN_PRESET_GUIDE);
  stream->token_in = header ? GCN_TOKEN_IN_HEADER : GCN_TOKEN_IN_QUERY;
  if (stream->token_param == NULL) stream->token_param = guide.token_param;
  return true;
}

static bool choose_place(gcn_stream_t* stream, const char* word,
                         char* problem) {
  static const char* const words[] = {
      [GCN_SUBSCRIPTIONS_IN_QUERY] = "query",
      [GCN_SUBSCRIPTIONS_IN_MESSAGE] = "message",
      [GCN_SUBSCRIPTIONS_IN_POST] = "post",
  };
  gcn_stream_t guide;
  gcn_stream_t rest;
  size_t place = 0;
  if (word == NULL) return true;
  while (place < 3 && strcmp(words[place], word) != 0)
    place++;
  if (place == 3) {
    return fail(problem,
                "--subscriptions-in '%.40s' has to be query|message|post",
                word);
  }
  gcn_stream_init(&guide, GCN_PRESET_GUIDE);
  gcn_stream_init(&rest, GCN_PRESET_REST);
  stream->subscriptions_in = (gcn_subscriptions_in_t)place;
  if (stream->subscriptions_param == NULL) {
    stream->subscriptions_param = guide.subscriptions_param;
  }
  if (place == GCN_SUBSCRIPTIONS_IN_POST &&
      stream->subscriptions_path == NULL) {
    stream->subscriptions_path = rest.subscriptions_path;
  }
  return true;
}

static bool choose_batches(gcn_stream_t* stream,
                           const struct gcn__dialect_flags* flags,
                           char* problem) {
  gcn_stream_t guide;
  gcn_stream_init(&guide, GCN_PRESET_GUIDE);
  const char* size = flags->batch_size;
  const char* latency = flags->max_latency;
  if (size != NULL && (!gcn__text_number(size, &stream->batch_count_max) ||
                       stream->batch_count_max == 0)) {
    return fail(problem, "--batch-size '%.40s' has to be a number above 0",
                size);
  }
  if (latency != NULL && (!gcn__text_duration(latency, &stream->latency_ms) ||
                          stream->latency_ms == 0)) {
    return fail(problem,
                "--max-latency '%.40s' has to be a duration like 5s or 500ms",
                latency);
  }
  if (size != NULL && stream->batch_param == NULL) {
    stream->batch_param = guide.batch_param;
  }
  if (latency != NULL && stream->latency_param == NULL) {
    stream->latency_param = guide.latency_param;
  }
  return true;
}

static bool choose_path(gcn_stream_t* stream, const char* path, char* problem) {
  if (path == NULL) return true;
  if (path[0] != '/') {
    return fail(problem, "--stream-path '%.40s' has to begin with a slash",
                path);
  }
  stream->path = path;
  return true;
}

bool gcn__dialect_choose(struct gcn__dialect* dialect,
                         const struct gcn__dialect_flags* flags,
                         char problem[GCN__DIALECT_TEXT_SIZE]) {
  *dialect = (struct gcn__dialect){0};
  problem[0] = '\0';
  if (!choose_dialect(dialect, flags, problem)) return false;
  if (dialect->dialect != GCN_DIALECT_STREAM) return true;
  gcn_stream_t* stream = &dialect->stream;
  return choose_preset(stream, flags->preset, problem) &&
         choose_token(stream, flags->token_in, problem) &&
         choose_place(stream, flags->subscriptions_in, problem) &&
         choose_path(stream, flags->stream_path, problem) &&
         choose_batches(stream, flags, problem);
}

void gcn__dialect_apply(const struct gcn__dialect* dialect,
                        gcn_options_t* options) {
  options->dialect = dialect->dialect;
  if (dialect->dialect == GCN_DIALECT_STREAM) {
    options->stream = &dialect->stream;
  }
}
