/* SPDX-License-Identifier: MIT */
/*
 * The writer of HTTP/1.1 messages.
 *
 * It knows nothing of llhttp.  Each call appends all of its text or nothing,
 * and no byte of a name, a value or a target can end its line.
 */
#include "codec/http.h"

#include "base/assert.h"
#include "base/err.h"
#include "codec/http-guard.h"
#include "codec/reserve.h"

#include <stdio.h>

enum { PIECE_COUNT_MAX = 6 };

/* What one call appends. */
struct pieces {
  struct gcn__span items[PIECE_COUNT_MAX];
  size_t count;
};

static void add(struct pieces* pieces, struct gcn__span item) {
  GCN__ASSERT(pieces->count < PIECE_COUNT_MAX);
  pieces->items[pieces->count++] = item;
}

static int append(struct gcn__buf* out, const struct pieces* pieces) {
  size_t size = 0;
  for (size_t i = 0; i < pieces->count; i++) {
    size_t item_size = pieces->items[i].size;
    if (item_size > SIZE_MAX - size) return GCN_ELIMIT;
    size += item_size;
  }
  char* to;
  int error = gcn__codec_reserve(out, size, &to);
  if (error != 0) return error;
  for (size_t i = 0; i < pieces->count; i++) {
    struct gcn__span item = pieces->items[i];
    if (item.size > 0) memcpy(to, item.data, item.size);
    to += item.size;
  }
  gcn__buf_commit(out, size);
  return 0;
}

static bool is_token(struct gcn__span text) {
  for (size_t i = 0; i < text.size; i++) {
    if (!gcn__http_is_token_byte(text.data[i])) return false;
  }
  return text.size > 0;
}

/* Visible ASCII and what `also` says. */
static bool is_visible(struct gcn__span text, char also) {
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    if ((c < '!' || c > '~') && c != also) return false;
  }
  return true;
}

int gcn__http_write_request(struct gcn__buf* out, const char* method,
                            struct gcn__span target) {
  struct gcn__span name = gcn__span_str(method);
  if (!is_token(name)) return GCN__EINVAL;
  if (target.size == 0 || !is_visible(target, '!')) return GCN__EINVAL;
  bool rootless = target.data[0] == '?';
  struct pieces pieces = {.count = 0};
  add(&pieces, name);
  add(&pieces, rootless ? GCN__SPAN(" /") : GCN__SPAN(" "));
  add(&pieces, target);
  add(&pieces, GCN__SPAN(" HTTP/1.1\r\n"));
  return append(out, &pieces);
}

int gcn__http_write_status(struct gcn__buf* out, unsigned status) {
  if (status < 100 || status > 999) return GCN__EINVAL;
  char code[4];
  snprintf(code, sizeof code, "%u", status);
  struct pieces pieces = {.count = 0};
  add(&pieces, GCN__SPAN("HTTP/1.1 "));
  add(&pieces, gcn__span_str(code));
  add(&pieces, GCN__SPAN(" "));
  add(&pieces, gcn__span_str(gcn__http_reason(status)));
  add(&pieces, GCN__SPAN("\r\n"));
  return append(out, &pieces);
}

/* A reader would drop white space at the ends, so it is no part of a value. */
static bool is_value(struct gcn__span value) {
  if (value.size == 0) return true;
  if (value.data[0] == ' ' || value.data[value.size - 1] == ' ') return false;
  return is_visible(value, ' ');
}

int gcn__http_write_header(struct gcn__buf* out, const char* name,
                           struct gcn__span value) {
  struct gcn__span name_span = gcn__span_str(name);
  if (!is_token(name_span) || !is_value(value)) return GCN__EINVAL;
  struct pieces pieces = {.count = 0};
  add(&pieces, name_span);
  add(&pieces, GCN__SPAN(": "));
  add(&pieces, value);
  add(&pieces, GCN__SPAN("\r\n"));
  return append(out, &pieces);
}

int gcn__http_write_end(struct gcn__buf* out, struct gcn__span body,
                        bool no_length) {
  char length[sizeof "Content-Length: 18446744073709551615\r\n"] = "";
  if (!no_length) {
    snprintf(length, sizeof length, "Content-Length: %zu\r\n", body.size);
  }
  struct pieces pieces = {.count = 0};
  add(&pieces, gcn__span_str(length));
  add(&pieces, GCN__SPAN("\r\n"));
  add(&pieces, body);
  return append(out, &pieces);
}

struct reason {
  unsigned status;
  const char* text;
};

/* RFC 9110 §15, and RFC 6585 for 428, 429 and 431. */
static const struct reason reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char* gcn__http_reason(unsigned status) {
  for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
    if (reasons[i].status == status) return reasons[i].text;
  }
  return "Unknown";
}
