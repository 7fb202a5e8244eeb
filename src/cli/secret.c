/* SPDX-License-Identifier: MIT */
/*
 * See secret.h.
 */
#include "cli/secret.h"

#include "base/err.h"
#include "cli/file.h"

#include <string.h>

enum {
  LINE_SIZE_MAX = 64 << 10,
  DOCUMENT_SIZE_MAX = 256 << 10, /* what surrounds an assertion may be more */
  URL_SIZE_MAX = 16 << 10,
};

static const struct gcn__mem* const mem = &gcn__mem_libc;

static struct gcn__span first_line(struct gcn__span text) {
  size_t size = 0;
  while (size < text.size && text.data[size] != '\n' &&
         text.data[size] != '\r') {
    size++;
  }
  return gcn__span(text.data, size);
}

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Shrinks the text of `buf` in place. */
static struct gcn__span squeeze(struct gcn__buf* buf) {
  size_t to = buf->begin;
  for (size_t from = buf->begin; from < buf->end; from++) {
    if (!is_space(buf->data[from])) buf->data[to++] = buf->data[from];
  }
  return gcn__span(buf->data + buf->begin, to - buf->begin);
}

int gcn__secret_read(const char* path, enum gcn__secret_form form, char** out,
                     bool* exposed) {
  bool line = form == GCN__SECRET_LINE;
  struct gcn__buf text;
  gcn__buf_init(&text, mem, (size_t)(line ? LINE_SIZE_MAX : DOCUMENT_SIZE_MAX));
  text.secret = true;
  int error = gcn__file_read(path, &text, exposed);
  if (error == 0 && gcn__buf_size(&text) == 0) error = GCN__EINVAL;
  if (error == 0) {
    struct gcn__span span =
        line ? first_line(gcn__buf_span(&text)) : squeeze(&text);
    *out = span.size == 0 ? NULL : gcn__str_copy_n(mem, span.data, span.size);
    if (*out == NULL) error = span.size == 0 ? GCN__EINVAL : GCN__ENOMEM;
  }
  gcn__buf_deinit(&text);
  return error;
}

bool gcn__secret_in_url(const char* url) {
  const char* scheme = strstr(url, "://");
  const char* begin = scheme == NULL ? url : scheme + 3;
  const char* at = strrchr(begin, '@');
  return at != NULL && memchr(begin, ':', (size_t)(at - begin)) != NULL;
}

static bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c) != NULL);
}

static int put_encoded(struct gcn__buf* url, const char* text) {
  int error = 0;
  for (; *text != '\0' && error == 0; text++) {
    error = is_plain(*text) ? gcn__buf_append(url, text, 1)
                            : gcn__buf_printf(url, "%%%02X",
                                              (unsigned)(unsigned char)*text);
  }
  return error;
}

static int put_login(struct gcn__buf* url,
                     const struct gcn__secret_proxy* proxy) {
  if (proxy->user == NULL) return 0;
  int error = put_encoded(url, proxy->user);
  if (error == 0) error = gcn__buf_append_str(url, ":");
  if (error == 0 && proxy->password != NULL) {
    error = put_encoded(url, proxy->password);
  }
  return error != 0 ? error : gcn__buf_append_str(url, "@");
}

char* gcn__secret_proxy_url(const struct gcn__secret_proxy* proxy) {
  const char* protocol = proxy->protocol == NULL ? "http" : proxy->protocol;
  struct gcn__buf url;
  gcn__buf_init(&url, mem, URL_SIZE_MAX);
  url.secret = true;
  int error = gcn__buf_printf(&url, "%s://", protocol);
  if (error == 0) error = put_login(&url, proxy);
  if (error == 0) {
    error = gcn__buf_printf(&url, "%s%s%s", proxy->host,
                            proxy->port == NULL ? "" : ":",
                            proxy->port == NULL ? "" : proxy->port);
  }
  struct gcn__span span = gcn__buf_span(&url);
  char* text = error == 0 ? gcn__str_copy_n(mem, span.data, span.size) : NULL;
  gcn__buf_deinit(&url);
  return text;
}
