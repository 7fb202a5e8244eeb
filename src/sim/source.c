/* SPDX-License-Identifier: MIT */
/*
 * Answers and events of the bench's source.
 *
 * A body is filled with participants as long as one fits, and a note of plain
 * text makes up the rest, so that every size is met to the byte.
 */
#include "sim/source.h"

#include "base/err.h"
#include "codec/ws.h"

#include <stdio.h>

enum {
  PARTICIPANT_SIZE_MAX = 400,
  TAIL_SIZE = 160,
  HOST_SIZE_MAX = 255,
  CHANNEL_DIGITS_MAX = 9,
};

#define TOPIC  "v2.users.5b1e9c1e-0000-4000-8000-000000000001.conversations"
#define PREFIX "/api/v2/notifications/channels"

const char gcn__source_topic[] = TOPIC;

size_t gcn__source_size(size_t size, uint64_t index) {
  static const size_t mix[] = {813, 5161, 512, 2048, 1290, 8192, 3251};
  if (size != GCN__SOURCE_MIX) return size;
  return mix[index % (sizeof mix / sizeof mix[0])];
}

static int add_participant(struct gcn__buf* out, unsigned number) {
  return gcn__buf_printf(
      out,
      "{\"id\":\"%08x-3c1d-4f1e-9b7e-6a5d2f0c8e41\",\"connectedTime\":"
      "\"2031-05-17T09:%02u:12.345Z\",\"name\":\"J\xc3\xbcrgen M\xc3\xb8ller "
      "%u\",\"purpose\":\"agent\",\"wrapupRequired\":false,\"calls\":[{"
      "\"state\":\"connected\",\"direction\":\"inbound\",\"muted\":false,"
      "\"held\":false,\"segments\":[{\"start\":%u,\"mos\":4.%02u}]}]},",
      number * 2654435761u, number % 60, number, number * 1000, number % 100);
}

/* `size` bytes of a string's inside. */
static int add_note(struct gcn__buf* out, size_t size) {
  static const char words[] = "available again after a short break, ";
  int error = 0;
  while (size > 0 && error == 0) {
    size_t part = size < sizeof words - 1 ? size : sizeof words - 1;
    error = gcn__buf_append(out, words, part);
    size -= part;
  }
  return error;
}

int gcn__source_members(struct gcn__buf* out, size_t begin, size_t size,
                        const char* end) {
  int error = gcn__buf_append_str(out, "\"participants\":[");
  unsigned number = 1;
  while (error == 0 &&
         gcn__buf_size(out) - begin + PARTICIPANT_SIZE_MAX + TAIL_SIZE < size) {
    error = add_participant(out, number++);
  }
  if (error == 0) error = gcn__buf_append_str(out, "null],\"note\":\"");
  if (error != 0) return error;
  size_t used = gcn__buf_size(out) - begin + strlen(end);
  if (used > size) return GCN__EINVAL;
  error = add_note(out, size - used);
  return error == 0 ? gcn__buf_append_str(out, end) : error;
}

int gcn__source_event(struct gcn__buf* out, size_t size) {
  size_t begin = gcn__buf_size(out);
  int error = gcn__buf_append_str(out, "{\"topicName\":\"" TOPIC
                                       "\",\"version\":\"2\",\"eventBody\":{");
  if (error != 0) return error;
  return gcn__source_members(out, begin, size,
                             "\"},\"metadata\":{\"CorrelationId\":"
                             "\"00000000-0000-4000-8000-000000000000\"}}");
}

static int append_frames(struct gcn__source_frames* frames, struct gcn__ws* ws,
                         struct gcn__buf* event, size_t size) {
  for (size_t i = 0; i < frames->count; i++) {
    gcn__buf_clear(event);
    int error = gcn__source_event(event, gcn__source_size(size, i));
    if (error == 0) {
      error =
          gcn__ws_write(ws, &frames->bytes, GCN__WS_TEXT, gcn__buf_span(event));
    }
    if (error != 0) return error;
    frames->ends[i] = gcn__buf_size(&frames->bytes);
  }
  return 0;
}

int gcn__source_frames_make(struct gcn__source_frames* frames, size_t size,
                            size_t count) {
  enum { ROUND = 7 };
  const struct gcn__mem* mem = &gcn__mem_libc;
  struct gcn__buf event;
  gcn__buf_init(&event, mem, GCN__SOURCE_SIZE_MAX);
  gcn__buf_init(&frames->bytes, mem, UINT32_C(1) << 30);
  frames->count = (count + ROUND - 1) / ROUND * ROUND;
  frames->ends = gcn__alloc(mem, frames->count * sizeof *frames->ends);
  struct gcn__ws* ws = gcn__ws_new(mem, GCN__WS_SERVER, NULL, NULL);
  int error = frames->ends == NULL || ws == NULL
                  ? GCN__ENOMEM
                  : append_frames(frames, ws, &event, size);
  gcn__ws_free(ws);
  gcn__buf_deinit(&event);
  if (error != 0) gcn__source_frames_free(frames);
  return error;
}

void gcn__source_frames_free(struct gcn__source_frames* frames) {
  gcn__free(&gcn__mem_libc, frames->ends, frames->count * sizeof *frames->ends);
  gcn__buf_deinit(&frames->bytes);
  *frames = (struct gcn__source_frames){0};
}

struct gcn__span gcn__source_frames_at(const struct gcn__source_frames* frames,
                                       uint64_t index, uint64_t* count) {
  size_t first = (size_t)(index % frames->count);
  size_t last = frames->count;
  if (*count < last - first) last = first + (size_t)*count;
  size_t begin = first == 0 ? 0 : frames->ends[first - 1];
  *count = last - first;
  return gcn__span(gcn__buf_span(&frames->bytes).data + begin,
                   frames->ends[last - 1] - begin);
}

/* The number that follows `prefix` in `target`; 0: it is not there. */
static uint64_t channel_in(struct gcn__span target, const char* prefix) {
  if (!gcn__span_starts(target, prefix)) return 0;
  struct gcn__span rest = gcn__span_skip(target, strlen(prefix));
  uint64_t channel = 0;
  for (size_t i = 0; i < rest.size && i < CHANNEL_DIGITS_MAX; i++) {
    if (rest.data[i] < '0' || rest.data[i] > '9') break;
    channel = channel * 10 + (uint64_t)(rest.data[i] - '0');
  }
  return channel <= GCN__SOURCE_CHANNELS_MAX ? channel : 0;
}

static int put(struct gcn__buf* out, const char* name, const char* value) {
  return gcn__http_write_header(out, name, gcn__span_str(value));
}

static int upgrade(const struct gcn__http* http, struct gcn__buf* out) {
  char accept[GCN__WS_ACCEPT_SIZE + 1];
  gcn__ws_make_accept(gcn__http_header(http, "Sec-WebSocket-Key", NULL),
                      accept);
  int error = gcn__http_write_status(out, 101);
  if (error == 0) error = put(out, "Upgrade", "websocket");
  if (error == 0) error = put(out, "Connection", "Upgrade");
  if (error == 0) error = put(out, "Sec-WebSocket-Accept", accept);
  return error == 0 ? gcn__http_write_end(out, GCN__SPAN(""), true) : error;
}

/* Nobody keeps a connection that is done with for 10,000 others to pay. */
static int answer(struct gcn__buf* out, const char* body, bool last) {
  int error = gcn__http_write_status(out, 200);
  if (error == 0) error = put(out, "Content-Type", "application/json");
  if (error == 0 && last) error = put(out, "Connection", "close");
  if (error != 0) return error;
  return gcn__http_write_end(out, gcn__span_str(body), false);
}

static int make_channel(const struct gcn__http* http,
                        struct gcn__source_reply* reply, struct gcn__buf* out) {
  char body[2 * HOST_SIZE_MAX];
  struct gcn__span host = gcn__http_header(http, "Host", NULL);
  int host_size = host.size < HOST_SIZE_MAX ? (int)host.size : HOST_SIZE_MAX;
  reply->channel = reply->channel_id++;
  snprintf(body, sizeof body,
           "{\"id\":\"%llu\",\"connectUri\":\"%s://%.*s/channels/%llu\","
           "\"expires\":\"2099-01-01T00:00:00Z\"}",
           (unsigned long long)reply->channel, reply->secure ? "wss" : "ws",
           host_size, host.data == NULL ? "" : host.data,
           (unsigned long long)reply->channel);
  return answer(out, body, false);
}

int gcn__source_answer(const struct gcn__http* http,
                       struct gcn__source_reply* reply, struct gcn__buf* out) {
  struct gcn__span target = gcn__http_target(http);
  reply->did = GCN__SOURCE_ANSWERED;
  reply->channel = 0;
  if (gcn__http_has_token(http, "Upgrade", "websocket")) {
    reply->did = GCN__SOURCE_UPGRADED;
    reply->channel = channel_in(target, "/channels/");
    return upgrade(http, out);
  }
  if (gcn__span_is(target, "/oauth/token")) {
    return answer(out,
                  "{\"access_token\":\"bench\",\"token_type\":\"bearer\","
                  "\"expires_in\":86399}",
                  true);
  }
  bool post = gcn__span_is(gcn__http_method(http), "POST");
  reply->channel = channel_in(target, PREFIX "/");
  if (reply->channel == 0 && post) return make_channel(http, reply, out);
  reply->did = GCN__SOURCE_SUBSCRIBED;
  return answer(
      out, "{\"entities\":[{\"id\":\"" TOPIC "\",\"state\":\"Permitted\"}]}",
      true);
}
