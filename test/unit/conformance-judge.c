/* SPDX-License-Identifier: MIT */
/*
 * What a server would say of the client: its frames against the row.
 *
 * The parser below is the peer's own and shares nothing with the client's.
 */
#include "conformance-raw.h"

#include "base/err.h"

#define USUAL_HEAD                                                             \
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"                 \
  "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n"

static void put(struct gcn__buf* to, const void* data, size_t size) {
  assert_int_equal(gcn__buf_append(to, data, size), 0);
}

static const char* head_of(const struct conf_row* row) {
  return row->head == NULL ? USUAL_HEAD : row->head;
}

size_t conf_head_size(const struct conf_row* row) {
  size_t size = 0;
  for (const char* at = head_of(row); *at != '\0'; at++) {
    if (*at != '%') {
      size++;
      continue;
    }
    at++;
    size += *at == 's' ? GCN__WS_ACCEPT_SIZE : GCN__WS_ACCEPT_SIZE - 1;
  }
  return size;
}

void conf_stream(const struct conf_row* row, struct gcn__span request,
                 struct gcn__buf* to) {
  static const char name[] = "\r\nSec-WebSocket-Key: ";
  char text[4096];
  char accept[GCN__WS_ACCEPT_SIZE + 1];
  assert_true(request.size < sizeof text);
  memcpy(text, request.data, request.size);
  text[request.size] = '\0';
  assert_non_null(strstr(text, "\r\n\r\n"));
  const char* key = strstr(text, name);
  assert_non_null(key);
  key += sizeof name - 1;
  gcn__ws_make_accept(gcn__span(key, strcspn(key, "\r")), accept);
  assert_int_equal(strlen(accept), GCN__WS_ACCEPT_SIZE);
  for (const char* at = head_of(row); *at != '\0'; at++) {
    if (*at != '%') {
      put(to, at, 1);
      continue;
    }
    at++;
    put(to, accept, *at == 's' ? strlen(accept) : strlen(accept) - 1);
  }
  if (gcn__buf_size(&row->in) > 0)
    put(to, gcn__buf_span(&row->in).data, gcn__buf_size(&row->in));
}

struct frame {
  unsigned opcode;
  char payload[GCN__WS_CONTROL_SIZE_MAX];
  size_t size;
};

/* False at the end.  A client has nothing to say here but small, masked, whole
 * control frames. */
static bool next_frame(struct gcn__span* rest, struct frame* frame) {
  if (rest->size == 0) return false;
  assert_true(rest->size >= 6);
  unsigned first = (unsigned char)rest->data[0];
  unsigned second = (unsigned char)rest->data[1];
  assert_int_equal(first & 0xf0, 0x80);
  assert_int_equal(second & 0x80, 0x80);
  frame->opcode = first & 0x0f;
  frame->size = second & 0x7f;
  assert_true(frame->opcode == 8 || frame->opcode == 10);
  assert_true(frame->size <= 125 && rest->size >= 6 + frame->size);
  const char* mask = rest->data + 2;
  assert_memory_not_equal(mask, "\0\0\0\0", 4);
  for (size_t i = 0; i < frame->size; i++)
    frame->payload[i] = (char)(rest->data[6 + i] ^ mask[i % 4]);
  *rest = gcn__span_skip(*rest, 6 + frame->size);
  return true;
}

static bool is_mark(const struct frame* frame) {
  return frame->opcode == 10 && frame->size == sizeof CONF_MARK - 1 &&
         memcmp(frame->payload, CONF_MARK, frame->size) == 0;
}

void conf_put_mark(struct gcn__buf* to) {
  conf_put_frame(to, 0x89, GCN__SPAN(CONF_MARK));
}

bool conf_has_pong(struct gcn__span frames, struct gcn__span payload) {
  struct frame frame = {.size = 0};
  /* Half a frame may be on its way. */
  while (frames.size >= 6 &&
         frames.size >= 6 + ((unsigned char)frames.data[1] & 0x7fu)) {
    if (!next_frame(&frames, &frame) || frame.opcode != 10) continue;
    if (gcn__span_equal(gcn__span(frame.payload, frame.size), payload))
      return true;
  }
  return false;
}

struct gcn__span conf_last_ping(const struct conf_row* row) {
  struct gcn__span rest = gcn__buf_span(&row->pings);
  struct gcn__span last = {NULL, 0};
  while (rest.size > 0) {
    last = gcn__span(rest.data + 1, (unsigned char)rest.data[0]);
    rest = gcn__span_skip(rest, 1 + last.size);
  }
  return last;
}

/* The place behind the ping that this answers; NULL if there is none. */
static const char* find_ping(const char* at, const char* end,
                             const struct frame* pong) {
  while (at < end) {
    size_t size = (unsigned char)*at++;
    bool same = size == pong->size && memcmp(at, pong->payload, size) == 0;
    at += size;
    if (same) return at;
  }
  return NULL;
}

/* Returns how many pongs stand at the front of `rest`. */
static size_t take_pongs(const struct conf_row* row, struct gcn__span* rest,
                         struct frame* behind) {
  struct gcn__span pings = gcn__buf_span(&row->pings);
  const char* at = pings.data;
  const char* end = pings.data + pings.size;
  size_t count = 0;
  behind->opcode = 0;
  while (next_frame(rest, behind)) {
    if (behind->opcode != 10 || is_mark(behind)) break;
    at = find_ping(at, end, behind);
    if (at == NULL) fail_msg("%s: a pong to no ping, or too late", row->name);
    behind->opcode = 0;
    count++;
  }
  /* Whatever is left out, the newest is answered. */
  if (row->ping_count > 0 && at != end)
    fail_msg("%s: the last ping is not answered", row->name);
  return count;
}

void conf_assert_frames(const struct conf_row* row, struct gcn__span frames,
                        enum conf_pongs pongs) {
  struct frame behind;
  size_t count = take_pongs(row, &frames, &behind);
  size_t pings = row->ping_count;
  if (pongs == CONF_PONGS_ALL) assert_int_equal(count, pings);
  if (pongs == CONF_PONGS_NEWEST) assert_int_equal(count, pings > 0);
  if (row->end == CONF_STAYS) {
    if (!is_mark(&behind)) fail_msg("%s: the stream is gone", row->name);
  } else if (row->end == CONF_PARTIAL || row->end == CONF_REFUSED) {
    if (behind.opcode != 0) fail_msg("%s: something was sent", row->name);
  } else {
    if (behind.opcode != 8) fail_msg("%s: no close frame", row->name);
    assert_int_equal(behind.size, 2);
    unsigned code = (unsigned)(unsigned char)behind.payload[0] << 8 |
                    (unsigned char)behind.payload[1];
    if (code != row->code)
      fail_msg("%s: close %u, not %u", row->name, code, row->code);
  }
  if (frames.size > 0) fail_msg("%s: more was sent behind it", row->name);
}

static int wanted_error(const struct conf_row* row) {
  if (row->end == CONF_REFUSED) return row->error;
  if (row->end == CONF_CLOSES) return GCN_EPEERCLOSE;
  bool limit = row->code == 1008 || row->code == 1009;
  return limit ? GCN_EMSGSIZE : GCN_EWS;
}

void conf_assert_engine(const struct conf_row* row, const struct conf_raw* raw,
                        const struct gcn__engine* engine) {
  conf_assert_same(row, "handed", gcn__buf_span(&raw->handed),
                   gcn__buf_span(&row->handed));
  assert_int_equal(engine->counters.garbage, row->binary_count);
  assert_int_equal(engine->counters.nevers, 0);
  const struct gcn__conn* conn = engine->conns[0];
  assert_non_null(conn);
  if (row->end == CONF_STAYS) {
    assert_int_equal(conn->session.state, GCN__STATE_STREAMING);
    return;
  }
  assert_int_equal(conn->session.state, GCN__STATE_BACKING_OFF);
  if (row->end == CONF_PARTIAL) return;
  if (conn->failure.error != wanted_error(row))
    fail_msg("%s: error %d, not %d: %s", row->name, conn->failure.error,
             wanted_error(row), conn->failure.text);
}
