/* SPDX-License-Identifier: MIT */
/*
 * The reader of HTTP/1.1 messages; the only file that includes llhttp.
 *
 * It knows no socket, no time and no policy.  Outside of bodies llhttp is fed
 * byte by byte, each byte after the guard has passed it, so no result can
 * depend on how the input was cut, and nothing is read beyond the message's
 * last byte.  llhttp says where a message ends; when guard and llhttp disagree
 * the message is refused.
 */
#include "codec/http.h"

#include "base/assert.h"
#include "base/err.h"
#include "codec/http-guard.h"
#include "codec/http-head.h"

#include <llhttp.h>

/* A size in hex and an extension or two; without a limit a peer could send a
 * chunk header without end. */
enum { CHUNK_LINE_SIZE_MAX = 256 };

const struct gcn__http_limits gcn__http_limits_default = {
    .header_size_max = 32 * 1024,
    .header_count_max = 100,
    .line_size_max = 8 * 1024,
    .body_size_max = 1024 * 1024,
    .interim_max = 8,
};

enum part {
  PART_FRAMING, /* start line, headers, chunk headers: byte by byte */
  PART_DATA,    /* `left` bytes of body or chunk */
  PART_TAIL,    /* body until the peer closes */
  PART_DONE,
};

struct gcn__http {
  const struct gcn__mem* mem;
  enum gcn__http_role role;
  struct gcn__http_limits limits;
  llhttp_t parser;
  struct gcn__http_guard guard;
  struct gcn__http_head head;
  struct gcn__buf body;
  enum part part;
  uint64_t left;
  size_t trailer_size;
  unsigned interim_count;
  unsigned status;
  bool no_body; /* the answer to a HEAD */
  bool upgrade; /* a 101 is an answer we asked for */
  bool begun;
  bool chunked;
  bool keep_alive;
  int error;
  const char* problem;
};

/* Keeps the first cause. */
static int fail(struct gcn__http* http, int error, const char* problem) {
  if (http->error != 0) return http->error;
  http->error = error;
  http->problem = problem;
  return error;
}

static int fail_append(struct gcn__http* http, int error, const char* problem) {
  if (error == GCN_ELIMIT) return fail(http, GCN_EMSGSIZE, problem);
  return fail(http, error, "out of memory");
}

/* RFC 9112 §6.1, §6.3: how a body may be framed.  llhttp would read a body
 * with any other coding until the end of the connection. */
static const char* check_framing(struct gcn__http* http) {
  const struct gcn__http_head* head = &http->head;
  size_t coding_count;
  size_t length_count;
  struct gcn__span coding =
      gcn__http_head_find(head, "transfer-encoding", &coding_count);
  gcn__http_head_find(head, "content-length", &length_count);
  if (length_count > 1) return "more than one Content-Length";
  if (coding_count == 0) return NULL;
  if (length_count > 0) return "both Content-Length and Transfer-Encoding";
  if (http->parser.http_minor == 0) return "Transfer-Encoding in HTTP/1.0";
  if (coding_count > 1 || !gcn__span_iis(coding, "chunked")) {
    return "a transfer coding other than chunked";
  }
  /* llhttp does not know the coding with a tab behind it, and would take the
   * chunks for the body. */
  bool understood = (http->parser.flags & F_CHUNKED) != 0;
  return understood ? NULL : "a transfer coding with white space behind it";
}

static bool announces_body(const struct gcn__http* http) {
  return (http->parser.flags & (F_CHUNKED | F_TRANSFER_ENCODING)) != 0 ||
         http->parser.content_length > 0;
}

static const char* check_response(struct gcn__http* http) {
  const struct gcn__http_head* head = &http->head;
  size_t count;
  struct gcn__span coding =
      gcn__http_head_find(head, "content-encoding", &count);
  if (http->status < 100 || http->status > 599) return "status out of range";
  if (count > 1 || (count == 1 && !gcn__span_iis(coding, "identity"))) {
    return "a content coding that was not asked for";
  }
  if (http->status >= 200) return NULL;
  if (http->parser.http_minor == 0) return "an interim answer in HTTP/1.0";
  if (http->status == 101 && !http->upgrade) {
    return "an upgrade that was not asked for";
  }
  return announces_body(http) ? "an interim answer with a body" : NULL;
}

/* "METHOD target HTTP/1.x" with single spaces; llhttp also knows other
 * protocols. */
static const char* check_request(struct gcn__http* http) {
  struct gcn__span line = gcn__http_head_start_line(&http->head);
  static const char version[] = " HTTP/1.";
  size_t tail_size = sizeof version; /* with the minor version's digit */
  size_t space_count = 0;
  for (size_t i = 0; i < line.size; i++)
    space_count += line.data[i] == ' ';
  if (space_count != 2 || line.size < tail_size ||
      memcmp(line.data + line.size - tail_size, version, tail_size - 1) != 0) {
    return "malformed request line";
  }
  return NULL;
}

static bool is_bodyless(const struct gcn__http* http) {
  if (http->role == GCN__HTTP_REQUESTS) return false;
  return http->no_body || http->status < 200 || http->status == 204 ||
         http->status == 304;
}

static int check_head(struct gcn__http* http) {
  int error = gcn__http_head_index(&http->head);
  if (error != 0) return fail_append(http, error, "too many headers");
  const llhttp_t* parser = &http->parser;
  if (parser->http_major != 1 || parser->http_minor > 1) {
    return fail(http, GCN_EHTTP, "an HTTP version that we do not speak");
  }
  const char* problem = check_framing(http);
  if (problem == NULL) {
    problem = http->role == GCN__HTTP_RESPONSES ? check_response(http)
                                                : check_request(http);
  }
  return problem == NULL ? 0 : fail(http, GCN_EHTTP, problem);
}

/* What follows the headers.  If it is nothing, llhttp says so at once with
 * on_message_complete. */
static int begin_body(struct gcn__http* http) {
  const llhttp_t* parser = &http->parser;
  http->chunked = (parser->flags & F_CHUNKED) != 0;
  if (http->chunked) {
    gcn__http_guard_begin(&http->guard, GCN__HTTP_LINE_CHUNK_SIZE);
    return 0;
  }
  if ((parser->flags & F_CONTENT_LENGTH) == 0) {
    http->part = PART_TAIL;
    return 0;
  }
  http->part = PART_DATA;
  http->left = parser->content_length;
  if (http->left > http->limits.body_size_max) {
    return fail(http, GCN_EMSGSIZE, "body over the limit");
  }
  return 0;
}

static int on_headers_complete(llhttp_t* parser) {
  enum { GOES_ON = 0, HAS_NO_BODY = 1, REFUSED = -1 };
  struct gcn__http* http = parser->data;
  http->status = parser->status_code;
  if (check_head(http) != 0) return REFUSED;
  if (is_bodyless(http)) return HAS_NO_BODY;
  return begin_body(http) == 0 ? GOES_ON : REFUSED;
}

static int on_chunk_header(llhttp_t* parser) {
  struct gcn__http* http = parser->data;
  http->left = parser->content_length;
  if (http->left == 0) {
    gcn__http_guard_begin(&http->guard, GCN__HTTP_LINE_HEADER);
    return 0;
  }
  size_t room = http->limits.body_size_max - gcn__buf_size(&http->body);
  if (http->left > room) {
    fail(http, GCN_EMSGSIZE, "body over the limit");
    return -1;
  }
  http->part = PART_DATA;
  return 0;
}

static int on_body(llhttp_t* parser, const char* data, size_t size) {
  struct gcn__http* http = parser->data;
  int error = gcn__buf_append(&http->body, data, size);
  if (error != 0) {
    fail_append(http, error, "body over the limit");
    return -1;
  }
  if (http->part == PART_DATA) http->left -= size;
  return 0;
}

/* Both "close" and "keep-alive" mean close.  A 204 that announces a body has
 * none (RFC 9112 §6.3), but its sender may think otherwise. */
static int on_message_complete(llhttp_t* parser) {
  struct gcn__http* http = parser->data;
  http->part = PART_DONE;
  http->keep_alive =
      llhttp_should_keep_alive(parser) != 0 && http->status != 101 &&
      !gcn__http_head_has_token(&http->head, "connection", "close") &&
      !(http->status == 204 && announces_body(http));
  return 0;
}

static const llhttp_settings_t settings = {
    .on_headers_complete = on_headers_complete,
    .on_chunk_header = on_chunk_header,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

static void begin_message(struct gcn__http* http) {
  bool responses = http->role == GCN__HTTP_RESPONSES;
  llhttp_init(&http->parser, responses ? HTTP_RESPONSE : HTTP_REQUEST,
              &settings);
  GCN__ASSERT(http->parser.lenient_flags == 0);
  http->parser.data = http;
  gcn__http_guard_begin(&http->guard, responses ? GCN__HTTP_LINE_STATUS
                                                : GCN__HTTP_LINE_REQUEST);
  gcn__http_head_clear(&http->head);
  gcn__buf_clear(&http->body);
  http->part = PART_FRAMING;
  http->left = 0;
  http->trailer_size = 0;
  http->status = 0;
  http->chunked = false;
  http->keep_alive = false;
}

struct gcn__http* gcn__http_new(const struct gcn__mem* mem,
                                enum gcn__http_role role,
                                const struct gcn__http_limits* limits) {
  struct gcn__http* http = gcn__alloc_zero(mem, sizeof *http);
  if (http == NULL) return NULL;
  http->mem = mem;
  http->role = role;
  http->limits = *limits;
  gcn__http_head_init(&http->head, mem, limits->header_size_max,
                      limits->header_count_max);
  gcn__buf_init(&http->body, mem, limits->body_size_max);
  http->body.secret = true; /* an answer may hold a token */
  begin_message(http);
  return http;
}

void gcn__http_free(struct gcn__http* http) {
  if (http == NULL) return;
  gcn__http_head_deinit(&http->head);
  gcn__buf_deinit(&http->body);
  gcn__free(http->mem, http, sizeof *http);
}

void gcn__http_next(struct gcn__http* http, bool head, bool upgrade) {
  begin_message(http);
  http->begun = false;
  http->interim_count = 0;
  http->no_body = head;
  http->upgrade = upgrade;
}

/* llhttp's reasons are constant texts. */
static int feed(struct gcn__http* http, const char* data, size_t size) {
  llhttp_errno_t error = llhttp_execute(&http->parser, data, size);
  if (http->error != 0) return http->error;
  if (error == HPE_OK) return 0;
  if (error == HPE_PAUSED_UPGRADE && http->part == PART_DONE) return 0;
  const char* reason = llhttp_get_error_reason(&http->parser);
  return fail(http, GCN_EHTTP, reason == NULL ? "malformed message" : reason);
}

static int check_line_size(struct gcn__http* http) {
  const struct gcn__http_guard* guard = &http->guard;
  if (guard->line == GCN__HTTP_LINE_HEADER &&
      guard->line_size > http->limits.line_size_max) {
    return fail(http, GCN_EMSGSIZE, "header line over the limit");
  }
  if (guard->line == GCN__HTTP_LINE_CHUNK_SIZE &&
      guard->line_size > CHUNK_LINE_SIZE_MAX) {
    return fail(http, GCN_EMSGSIZE, "chunk header over the limit");
  }
  return 0;
}

/* Keeps a byte of the head.  Trailers are not kept, but they count. */
static int keep(struct gcn__http* http, char byte) {
  static const char problem[] = "headers over the limit";
  struct gcn__buf* raw = &http->head.raw;
  if (!http->chunked) {
    int error = gcn__buf_append(raw, &byte, 1);
    return error == 0 ? 0 : fail_append(http, error, problem);
  }
  http->trailer_size++;
  if (http->trailer_size > raw->size_max - gcn__buf_size(raw)) {
    return fail(http, GCN_EMSGSIZE, problem);
  }
  return 0;
}

static int read_framing(struct gcn__http* http, char byte) {
  struct gcn__http_guard* guard = &http->guard;
  bool in_chunk = guard->line == GCN__HTTP_LINE_CHUNK_SIZE ||
                  guard->line == GCN__HTTP_LINE_CHUNK_END;
  bool last = guard->line == GCN__HTTP_LINE_HEADER && guard->cr &&
              guard->line_size == 0;
  const char* problem = gcn__http_guard_check(guard, byte);
  if (problem != NULL) return fail(http, GCN_EHTTP, problem);
  int error = check_line_size(http);
  if (error == 0 && !in_chunk) error = keep(http, byte);
  if (error == 0) error = feed(http, &byte, 1);
  if (error != 0) return error;
  if (last && http->part == PART_FRAMING &&
      guard->line == GCN__HTTP_LINE_HEADER) {
    return fail(http, GCN_EHTTP, "headers without an end");
  }
  return 0;
}

static int read_data(struct gcn__http* http, const char* data, size_t size) {
  uint64_t left = http->left - size;
  int error = feed(http, data, size);
  if (error != 0) return error;
  if (http->left != left) return fail(http, GCN_EHTTP, "body without an end");
  if (left > 0 || http->part == PART_DONE) return 0;
  if (!http->chunked) return fail(http, GCN_EHTTP, "body without an end");
  gcn__http_guard_begin(&http->guard, GCN__HTTP_LINE_CHUNK_END);
  http->part = PART_FRAMING;
  return 0;
}

/* Reads at least one byte and returns how many in `used`. */
static int read_part(struct gcn__http* http, struct gcn__span in,
                     size_t* used) {
  if (http->part == PART_FRAMING) {
    *used = 1;
    return read_framing(http, in.data[0]);
  }
  *used = in.size;
  if (http->part == PART_TAIL) return feed(http, in.data, in.size);
  if (http->left < in.size) *used = (size_t)http->left;
  return read_data(http, in.data, *used);
}

static bool is_interim(const struct gcn__http* http) {
  return http->role == GCN__HTTP_RESPONSES && http->part == PART_DONE &&
         http->status < 200 && http->status != 101;
}

static int skip_interim(struct gcn__http* http) {
  if (http->interim_count == http->limits.interim_max) {
    return fail(http, GCN_EMSGSIZE, "too many interim answers");
  }
  http->interim_count++;
  begin_message(http);
  return 0;
}

int gcn__http_read(struct gcn__http* http, struct gcn__span* in) {
  if (http->error != 0) return http->error;
  while (http->part != PART_DONE && in->size > 0) {
    size_t used;
    http->begun = true;
    int error = read_part(http, *in, &used);
    if (error != 0) return error;
    *in = gcn__span_skip(*in, used);
    if (!is_interim(http)) continue;
    error = skip_interim(http);
    if (error != 0) return error;
  }
  return http->part == PART_DONE ? GCN__HTTP_DONE : GCN__HTTP_MORE;
}

int gcn__http_eof(struct gcn__http* http) {
  if (http->error != 0) return http->error;
  if (http->part == PART_TAIL) llhttp_finish(&http->parser);
  if (http->part == PART_DONE) return GCN__HTTP_DONE;
  return fail(http, GCN_EHTTP,
              http->begun ? "closed inside a message"
                          : "closed before a message");
}

const char* gcn__http_error(const struct gcn__http* http) {
  return http->error == 0 ? "" : http->problem;
}

bool gcn__http_begun(const struct gcn__http* http) {
  return http->begun;
}

unsigned gcn__http_status(const struct gcn__http* http) {
  return http->status;
}

/* The word of the request line between the `index`-th space and the next. */
static struct gcn__span request_word(const struct gcn__http* http,
                                     unsigned index) {
  struct gcn__span line = gcn__http_head_start_line(&http->head);
  size_t begin = 0;
  size_t end = 0;
  while (end < line.size) {
    if (line.data[end] == ' ') {
      if (index-- == 0) break;
      begin = end + 1;
    }
    end++;
  }
  return gcn__span(line.data + begin, end - begin);
}

struct gcn__span gcn__http_method(const struct gcn__http* http) {
  return request_word(http, 0);
}

struct gcn__span gcn__http_target(const struct gcn__http* http) {
  return request_word(http, 1);
}

struct gcn__span gcn__http_body(const struct gcn__http* http) {
  return gcn__buf_span(&http->body);
}

size_t gcn__http_header_count(const struct gcn__http* http) {
  return gcn__http_head_count(&http->head);
}

struct gcn__span gcn__http_header_name(const struct gcn__http* http,
                                       size_t index) {
  return gcn__http_head_name(&http->head, index);
}

struct gcn__span gcn__http_header_value(const struct gcn__http* http,
                                        size_t index) {
  return gcn__http_head_value(&http->head, index);
}

struct gcn__span gcn__http_header(const struct gcn__http* http,
                                  const char* name, size_t* count) {
  return gcn__http_head_find(&http->head, name, count);
}

bool gcn__http_keep_alive(const struct gcn__http* http) {
  return http->keep_alive;
}

bool gcn__http_has_token(const struct gcn__http* http, const char* name,
                         const char* token) {
  return gcn__http_head_has_token(&http->head, name, token);
}
