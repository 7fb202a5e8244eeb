/* SPDX-License-Identifier: MIT */
/*
 * The byte rules of HTTP/1.1 framing (RFC 9112 §2.2, §3, §4, §5, §7.1).
 *
 * It knows neither llhttp nor limits.  The state is a few numbers, so the
 * answer depends on the bytes alone and not on how they arrived.
 */
#include "codec/http-guard.h"

#include <string.h>

void gcn__http_guard_begin(struct gcn__http_guard* guard,
                           enum gcn__http_line line) {
  *guard = (struct gcn__http_guard){.line = line};
}

static bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

static bool is_control(char byte) {
  unsigned char value = (unsigned char)byte;
  return value < 0x20 || value == 0x7f;
}

bool gcn__http_is_token_byte(char byte) {
  if (is_digit(byte) || (byte >= 'a' && byte <= 'z') ||
      (byte >= 'A' && byte <= 'Z')) {
    return true;
  }
  return byte != '\0' && strchr("!#$%&'*+-.^_`|~", byte) != NULL;
}

/* "HTTP/1.1 200" byte by byte: exactly three digits, and then a space or the
 * end.  llhttp also takes HTTP/2.0, and 8.1 takes two digits. */
static const char* check_status_byte(size_t index, char byte) {
  static const char pattern[] = "HTTP/1.# ###";
  if (index < sizeof pattern - 1) {
    char want = pattern[index];
    bool fits = want == '#' ? is_digit(byte) : byte == want;
    return fits ? NULL : "malformed status line";
  }
  if (index == sizeof pattern - 1 && byte != ' ') {
    return "malformed status line";
  }
  return is_control(byte) ? "control byte in the status line" : NULL;
}

static const char* check_request_byte(size_t index, char byte) {
  if (index == 0 && (byte < 'A' || byte > 'Z')) return "malformed request line";
  if (is_control(byte)) return "control byte in the request line";
  return (unsigned char)byte > 0x7f ? "non-ASCII byte in the request line"
                                    : NULL;
}

static const char* check_header_byte(struct gcn__http_guard* guard, char byte) {
  if (guard->named) {
    bool refused = is_control(byte) && byte != '\t';
    return refused ? "control byte in a header" : NULL;
  }
  if (guard->line_size == 0) {
    if (byte == ' ' || byte == '\t') return "folded header";
    if (byte == ':') return "header without a name";
  }
  guard->named = byte == ':';
  bool allowed = guard->named || gcn__http_is_token_byte(byte);
  return allowed ? NULL : "malformed header name";
}

static const char* check_byte(struct gcn__http_guard* guard, char byte) {
  switch (guard->line) {
  case GCN__HTTP_LINE_STATUS: return check_status_byte(guard->line_size, byte);
  case GCN__HTTP_LINE_REQUEST:
    return check_request_byte(guard->line_size, byte);
  case GCN__HTTP_LINE_HEADER: return check_header_byte(guard, byte);
  case GCN__HTTP_LINE_CHUNK_SIZE:
    return is_control(byte) ? "control byte in a chunk header" : NULL;
  case GCN__HTTP_LINE_CHUNK_END: break;
  }
  return "chunk longer than its size";
}

/* Where a line may end: a CR in any other place is a bare one. */
static const char* check_end(const struct gcn__http_guard* guard) {
  switch (guard->line) {
  case GCN__HTTP_LINE_STATUS:
    return guard->line_size < sizeof "HTTP/1.# ###" - 1
               ? "malformed status line"
               : NULL;
  case GCN__HTTP_LINE_REQUEST:
    return guard->line_size == 0 ? "malformed request line" : NULL;
  case GCN__HTTP_LINE_HEADER:
    return guard->line_size > 0 && !guard->named ? "header without a colon"
                                                 : NULL;
  case GCN__HTTP_LINE_CHUNK_SIZE:
    return guard->line_size == 0 ? "malformed chunk size" : NULL;
  case GCN__HTTP_LINE_CHUNK_END: break;
  }
  return NULL;
}

/* The line after this one, as far as the bytes alone can tell. */
static enum gcn__http_line next_line(enum gcn__http_line line) {
  switch (line) {
  case GCN__HTTP_LINE_STATUS:
  case GCN__HTTP_LINE_REQUEST:
  case GCN__HTTP_LINE_HEADER: return GCN__HTTP_LINE_HEADER;
  case GCN__HTTP_LINE_CHUNK_SIZE:
  case GCN__HTTP_LINE_CHUNK_END: break;
  }
  return GCN__HTTP_LINE_CHUNK_SIZE;
}

const char* gcn__http_guard_check(struct gcn__http_guard* guard, char byte) {
  if (guard->cr) {
    if (byte != '\n') return "CR without LF";
    gcn__http_guard_begin(guard, next_line(guard->line));
    return NULL;
  }
  if (byte == '\n') return "LF without CR";
  if (byte == '\r') {
    guard->cr = true;
    return check_end(guard);
  }
  const char* problem = check_byte(guard, byte);
  guard->line_size++;
  return problem;
}
