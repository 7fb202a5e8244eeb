/* SPDX-License-Identifier: MIT */
/*
 * See profile.h.  One pass per question: files are small and asked rarely.
 */
#include "cli/profile.h"

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

static struct gcn__span trim(struct gcn__span text) {
  while (text.size > 0 && is_blank(text.data[0])) {
    text = gcn__span_skip(text, 1);
  }
  while (text.size > 0 && is_blank(text.data[text.size - 1]))
    text.size--;
  return text;
}

static struct gcn__span take_line(struct gcn__span* text) {
  const char* end = memchr(text->data, '\n', text->size);
  size_t size = end == NULL ? text->size : (size_t)(end - text->data);
  struct gcn__span line = gcn__span(text->data, size);
  *text = gcn__span_skip(*text, end == NULL ? size : size + 1);
  return trim(line);
}

static bool append(struct gcn__buf* out, char c) {
  return out == NULL || gcn__buf_append(out, &c, 1) == 0;
}

static bool append_escape(struct gcn__buf* out, char letter) {
  switch (letter) {
  case 'n': return append(out, '\n');
  case 't': return append(out, '\t');
  case 'r': return append(out, '\r');
  case '"': return append(out, '"');
  case '\\': return append(out, '\\');
  default: return false; /* of TOML, but not of credentials */
  }
}

/* Only white space or a comment may follow a value. */
static bool is_end(struct gcn__span rest) {
  rest = trim(rest);
  return rest.size == 0 || rest.data[0] == '#';
}

static bool read_quoted(struct gcn__span text, struct gcn__buf* out) {
  char quote = text.data[0];
  text = gcn__span_skip(text, 1);
  while (text.size > 0 && text.data[0] != quote) {
    bool escaped = quote == '"' && text.data[0] == '\\' && text.size > 1;
    bool good =
        escaped ? append_escape(out, text.data[1]) : append(out, text.data[0]);
    if (!good) return false;
    text = gcn__span_skip(text, escaped ? 2 : 1);
  }
  return text.size > 0 && is_end(gcn__span_skip(text, 1));
}

/* `out` may be NULL: the value is only checked. */
static bool read_value(struct gcn__span text, struct gcn__buf* out) {
  text = trim(text);
  if (text.size == 0) return false;
  if (text.data[0] == '"' || text.data[0] == '\'') {
    return read_quoted(text, out);
  }
  size_t size = 0;
  while (size < text.size && text.data[size] != '#' &&
         !is_blank(text.data[size])) {
    if (!append(out, text.data[size++])) return false;
  }
  return size > 0 && is_end(gcn__span_skip(text, size));
}

static struct gcn__span unquote(struct gcn__span name) {
  name = trim(name);
  if (name.size < 2 || name.data[0] != name.data[name.size - 1]) return name;
  if (name.data[0] != '"' && name.data[0] != '\'') return name;
  return gcn__span(name.data + 1, name.size - 2);
}

/* "[name]" to "name"; absent if the line is not closed. */
static struct gcn__span section_of(struct gcn__span line) {
  const char* end = memchr(line.data, ']', line.size);
  if (end == NULL) return gcn__span(NULL, 0);
  size_t size = (size_t)(end - line.data);
  if (!is_end(gcn__span_skip(line, size + 1))) return gcn__span(NULL, 0);
  return unquote(gcn__span(line.data + 1, size - 1));
}

enum gcn__profile_found gcn__profile_find(struct gcn__span text,
                                          const char* section, const char* key,
                                          struct gcn__buf* value,
                                          unsigned* line) {
  bool inside = false;
  bool seen = false;
  for (*line = 1; text.size > 0; ++*line) {
    struct gcn__span at = take_line(&text);
    if (at.size == 0 || at.data[0] == '#') continue;
    if (at.data[0] == '[') {
      struct gcn__span name = section_of(at);
      if (name.data == NULL) return GCN__PROFILE_BROKEN;
      inside = gcn__span_iis(name, section);
      seen = seen || inside;
      continue;
    }
    const char* equals = memchr(at.data, '=', at.size);
    if (equals == NULL) return GCN__PROFILE_BROKEN;
    size_t size = (size_t)(equals - at.data);
    struct gcn__span name = unquote(gcn__span(at.data, size));
    bool wanted = inside && gcn__span_iis(name, key);
    if (!read_value(gcn__span_skip(at, size + 1), wanted ? value : NULL)) {
      return GCN__PROFILE_BROKEN;
    }
    if (wanted) return GCN__PROFILE_VALUE;
  }
  return seen ? GCN__PROFILE_NO_KEY : GCN__PROFILE_NO_SECTION;
}
