/* SPDX-License-Identifier: MIT */
/*
 * Our reader against wslay's event layer; see ws-oracle.h.
 */
#include "ws-oracle.h"

#include "base/buf.h"
#include "codec/utf8.h"
#include "codec/ws.h"

#include <stdio.h>
#include <stdlib.h>
#include <wslay/wslay.h>

enum {
  TOLD_SIZE_MAX = 1 << 25,
  MESSAGE_SIZE_MAX = 1 << 16,
  READ_SIZE = 4096, /* of the event layer */
  GOES_ON = 0,
  CLOSED = 1, /* by the server, and we were told */
};

struct reading {
  struct gcn__span in;
  struct gcn__buf told;
  unsigned verdict;    /* GOES_ON, CLOSED, or the close code of a failure */
  bool close_known;    /* told by the event layer, too */
  bool half;           /* a close of one byte was told as one without a code */
  size_t before_close; /* bytes told in front of it */
};

static void check(bool good) {
  if (good) return;
  fputs("ws-oracle: out of memory\n", stderr);
  abort();
}

static void tell(struct reading* reading, unsigned opcode, unsigned code,
                 struct gcn__span payload) {
  if (opcode == GCN__WS_CLOSE) {
    reading->verdict = CLOSED;
    reading->half = code == GCN__WS_CLOSE_NO_STATUS && payload.size == 1;
    reading->before_close = gcn__buf_size(&reading->told);
  }
  check(gcn__buf_printf(&reading->told, "\n%x %u %zu ", opcode, code,
                        payload.size) == 0);
  check(gcn__buf_append(&reading->told, payload.data, payload.size) == 0);
}

static bool knows_code(unsigned code) {
  if (code == GCN__WS_CLOSE_NO_STATUS) return true;
  bool reserved = code >= 1004 && code <= 1006;
  return (code >= 1000 && code <= 1011 && !reserved) ||
         (code >= 3000 && code <= 4999);
}

/* Whole, or a byte at a time behind what the reader has left; either way in
 * place where that is possible. */
static void read_ours(struct reading* reading, bool bytewise) {
  const struct gcn__ws_limits limits = {MESSAGE_SIZE_MAX, 1024};
  struct gcn__ws* ws =
      gcn__ws_new(&gcn__mem_libc, GCN__WS_CLIENT, &limits, NULL);
  size_t size = reading->in.size;
  char* bytes = malloc(size + 1);
  check(ws != NULL && bytes != NULL);
  memcpy(bytes, reading->in.data, size);
  struct gcn__ws_lent in = {bytes, bytewise ? 0 : size, size + 14};
  int result = GCN__WS_MORE;
  while (result >= 0) {
    struct gcn__ws_message message;
    result = gcn__ws_read_in_place(ws, &in, &message);
    bool text = result == GCN__WS_MESSAGE && message.opcode == GCN__WS_TEXT;
    if (text && !gcn__utf8_valid(gcn__span(message.data, message.size)))
      result = gcn__ws_reject_text(ws, &message);
    if (result == GCN__WS_MESSAGE) {
      tell(reading, message.opcode, message.code,
           gcn__span(message.data, message.size));
      reading->close_known = message.code_legal && knows_code(message.code);
    }
    if (result != GCN__WS_MORE) continue;
    if (in.data + in.size == bytes + size) break;
    in.size++;
  }
  if (result < 0) reading->verdict = gcn__ws_error_code(ws);
  free(bytes);
  gcn__ws_free(ws);
}

static ssize_t give(wslay_event_context_ptr ctx, uint8_t* to, size_t size,
                    int flags, void* user) {
  struct reading* reading = user;
  (void)flags;
  if (reading->in.size == 0) {
    wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
    return -1;
  }
  if (size > reading->in.size) size = reading->in.size;
  memcpy(to, reading->in.data, size);
  reading->in = gcn__span_skip(reading->in, size);
  return (ssize_t)size;
}

static ssize_t swallow(wslay_event_context_ptr ctx, const uint8_t* data,
                       size_t size, int flags, void* user) {
  (void)ctx;
  (void)data;
  (void)flags;
  (void)user;
  return (ssize_t)size;
}

static int mask(wslay_event_context_ptr ctx, uint8_t* to, size_t size,
                void* user) {
  (void)ctx;
  (void)user;
  memset(to, 1, size);
  return 0;
}

static void take(wslay_event_context_ptr ctx,
                 const struct wslay_event_on_msg_recv_arg* message,
                 void* user) {
  (void)ctx;
  const char* data = (const char*)message->msg;
  struct gcn__span payload =
      gcn__span(data == NULL ? "" : data, message->msg_length);
  bool close = message->opcode == WSLAY_CONNECTION_CLOSE;
  unsigned code = close ? message->status_code : 0;
  if (close && payload.size >= 2) payload = gcn__span_skip(payload, 2);
  if (close && code == 0) code = GCN__WS_CLOSE_NO_STATUS;
  tell(user, message->opcode, code, payload);
}

/* `late`: one byte more, because it looks at a header only together with the
 * first byte of the payload. */
static void read_theirs(struct reading* reading, bool late) {
  static const struct wslay_event_callbacks callbacks = {
      .recv_callback = give,
      .send_callback = swallow,
      .genmask_callback = mask,
      .on_msg_recv_callback = take,
  };
  wslay_event_context_ptr ctx;
  check(wslay_event_context_client_init(&ctx, &callbacks, reading) == 0);
  wslay_event_config_set_max_recv_msg_length(ctx, MESSAGE_SIZE_MAX);
  int error = wslay_event_recv(ctx);
  if (error == 0 && late && wslay_event_get_read_enabled(ctx)) {
    reading->in = GCN__SPAN("\x00");
    error = wslay_event_recv(ctx);
  }
  bool reads = wslay_event_get_read_enabled(ctx) != 0;
  if (error == 0) wslay_event_send(ctx);
  unsigned sent = wslay_event_get_status_code_sent(ctx);
  bool failed = error != 0 || !reads;
  if (failed && reading->verdict != CLOSED)
    reading->verdict = error != 0 ? (unsigned)GCN__WS_CLOSE_PROTOCOL : sent;
  wslay_event_context_free(ctx);
}

/* Up to the close frame, or all of it. */
static struct gcn__span told_before(const struct reading* reading) {
  struct gcn__span told = gcn__buf_span(&reading->told);
  if (reading->verdict == CLOSED) told.size = reading->before_close;
  return told;
}

static bool is_limit(unsigned verdict) {
  return verdict == GCN__WS_CLOSE_TOO_BIG || verdict == GCN__WS_CLOSE_PROTOCOL;
}

/* Whether the stream ends inside a close frame; the frames before it are
 * good, and none is masked. */
static bool ends_in_close(struct gcn__span in) {
  while (in.size >= 2) {
    unsigned form = (unsigned char)in.data[1] & 0x7fu;
    size_t header = form == 127 ? 10 : form == 126 ? 4 : 2;
    if (in.size < header) return false;
    uint64_t size = form < 126 ? form : 0;
    for (size_t i = 2; i < header; i++)
      size = size << 8 | (unsigned char)in.data[i];
    if (size > in.size - header)
      return ((unsigned char)in.data[0] & 0x0f) == GCN__WS_CLOSE;
    in = gcn__span_skip(in, header + (size_t)size);
  }
  return false;
}

/* What stood in front of the difference is the same; whether that is one we
 * know of. */
static bool is_known(const struct reading* ours, const struct reading* theirs,
                     struct gcn__span in) {
  bool closed = ours->verdict == CLOSED || theirs->verdict == CLOSED;
  bool far = in.size > READ_SIZE;
  if (ours->verdict == CLOSED && !ours->close_known)
    return theirs->verdict == GCN__WS_CLOSE_PROTOCOL;
  if (ours->verdict == GOES_ON)
    return theirs->verdict == GCN__WS_CLOSE_INVALID && ends_in_close(in);
  if (theirs->half) return ours->verdict == GCN__WS_CLOSE_PROTOCOL;
  /* An unknown code goes before a bad reason there. */
  if (ours->verdict == GCN__WS_CLOSE_INVALID &&
      theirs->verdict == GCN__WS_CLOSE_PROTOCOL)
    return true;
  if (closed && far) return true;
  if (ours->verdict == GCN__WS_CLOSE_POLICY) return true;
  return is_limit(ours->verdict) && is_limit(theirs->verdict);
}

static void show(const char* whose, const struct reading* reading) {
  fprintf(stderr, "%s, verdict %u:%.*s\n", whose, reading->verdict,
          (int)gcn__buf_size(&reading->told),
          gcn__buf_span(&reading->told).data);
}

static const char* compare(const struct reading* ours,
                           const struct reading* theirs, struct gcn__span in) {
  struct gcn__span a = gcn__buf_span(&ours->told);
  struct gcn__span b = gcn__buf_span(&theirs->told);
  if (gcn__span_equal(a, b) && ours->verdict == theirs->verdict) return NULL;
  struct gcn__span mine = told_before(ours);
  struct gcn__span other = told_before(theirs);
  /* It reads on where we have a limit on fragments. */
  if (ours->verdict == GCN__WS_CLOSE_POLICY && other.size > mine.size)
    other.size = mine.size;
  if (!gcn__span_equal(mine, other)) return "the messages differ";
  if (is_known(ours, theirs, in)) return NULL;
  return "the ends differ";
}

static const char* compare_read(struct gcn__span in, bool bytewise) {
  struct reading ours = {.in = in};
  struct reading theirs = {.in = in};
  gcn__buf_init(&ours.told, &gcn__mem_libc, TOLD_SIZE_MAX);
  gcn__buf_init(&theirs.told, &gcn__mem_libc, TOLD_SIZE_MAX);
  read_ours(&ours, bytewise);
  read_theirs(&theirs, ours.verdict > CLOSED);
  const char* difference = compare(&ours, &theirs, in);
  if (difference != NULL) show(bytewise ? "ours, bytewise" : "ours", &ours);
  if (difference != NULL) show("theirs", &theirs);
  gcn__buf_deinit(&ours.told);
  gcn__buf_deinit(&theirs.told);
  return difference;
}

const char* ws_oracle_compare(struct gcn__span in) {
  const char* difference = compare_read(in, false);
  return difference != NULL ? difference : compare_read(in, true);
}
