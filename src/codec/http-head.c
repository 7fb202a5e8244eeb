/* SPDX-License-Identifier: MIT */
/*
 * The table of headers.
 *
 * It knows nothing of llhttp: the lines are found a second time, by the CR LFs
 * that the guard has proven to be there.  Raw bytes may hold cookies or
 * tokens, so they are wiped when they go.
 */
#include "codec/http-head.h"

#include "base/assert.h"

struct range {
  size_t begin;
  size_t size;
};

struct entry {
  struct range name;
  struct range value;
};

void gcn__http_head_init(struct gcn__http_head* head,
                         const struct gcn__mem* mem, size_t size_max,
                         size_t count_max) {
  size_t table_max = SIZE_MAX / sizeof(struct entry);
  if (count_max > table_max) count_max = table_max;
  gcn__buf_init(&head->raw, mem, size_max);
  gcn__buf_init(&head->table, mem, count_max * sizeof(struct entry));
  head->raw.secret = true;
}

void gcn__http_head_deinit(struct gcn__http_head* head) {
  gcn__buf_deinit(&head->raw);
  gcn__buf_deinit(&head->table);
}

void gcn__http_head_clear(struct gcn__http_head* head) {
  gcn__buf_clear(&head->raw);
  gcn__buf_clear(&head->table);
}

/* The line at `begin`, up to its CR. */
static struct gcn__span line_at(const struct gcn__http_head* head,
                                size_t begin) {
  struct gcn__span rest = gcn__span_skip(gcn__buf_span(&head->raw), begin);
  const char* cr = rest.size == 0 ? NULL : memchr(rest.data, '\r', rest.size);
  return gcn__span(rest.data, cr == NULL ? 0 : (size_t)(cr - rest.data));
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

/* The positions in `text` without the white space around it. */
static struct range trim(struct gcn__span text, struct range range) {
  size_t end = range.begin + range.size;
  while (end > range.begin && is_blank(text.data[end - 1]))
    end--;
  while (range.begin < end && is_blank(text.data[range.begin]))
    range.begin++;
  range.size = end - range.begin;
  return range;
}

int gcn__http_head_index(struct gcn__http_head* head) {
  struct gcn__span raw = gcn__buf_span(&head->raw);
  size_t begin = line_at(head, 0).size + 2;
  while (begin < raw.size) {
    struct gcn__span line = line_at(head, begin);
    if (line.size == 0) break;
    const char* colon = memchr(line.data, ':', line.size);
    GCN__ASSERT(colon != NULL);
    size_t name_size = colon == NULL ? 0 : (size_t)(colon - line.data);
    struct range value = {begin + name_size + 1, line.size - name_size - 1};
    struct entry entry = {
        .name = {begin, name_size},
        .value = trim(raw, value),
    };
    int error = gcn__buf_append(&head->table, &entry, sizeof entry);
    if (error != 0) return error;
    begin += line.size + 2;
  }
  return 0;
}

struct gcn__span gcn__http_head_start_line(const struct gcn__http_head* head) {
  return line_at(head, 0);
}

size_t gcn__http_head_count(const struct gcn__http_head* head) {
  return gcn__buf_size(&head->table) / sizeof(struct entry);
}

static struct entry entry_at(const struct gcn__http_head* head, size_t index) {
  GCN__ASSERT(index < gcn__http_head_count(head));
  struct entry entry;
  struct gcn__span table = gcn__buf_span(&head->table);
  memcpy(&entry, table.data + index * sizeof entry, sizeof entry);
  return entry;
}

static struct gcn__span view(const struct gcn__http_head* head,
                             struct range range) {
  return gcn__span(gcn__buf_span(&head->raw).data + range.begin, range.size);
}

struct gcn__span gcn__http_head_name(const struct gcn__http_head* head,
                                     size_t index) {
  return view(head, entry_at(head, index).name);
}

struct gcn__span gcn__http_head_value(const struct gcn__http_head* head,
                                      size_t index) {
  return view(head, entry_at(head, index).value);
}

struct gcn__span gcn__http_head_find(const struct gcn__http_head* head,
                                     const char* name, size_t* count) {
  struct gcn__span found = {NULL, 0};
  size_t seen = 0;
  for (size_t i = 0; i < gcn__http_head_count(head); i++) {
    if (!gcn__span_iis(gcn__http_head_name(head, i), name)) continue;
    if (seen++ == 0) found = gcn__http_head_value(head, i);
  }
  if (count != NULL) *count = seen;
  return found;
}

/* Quoted strings need no care: no header whose tokens we look for has them,
 * and a comma in one only makes pieces that are no token. */
static bool list_has(struct gcn__span list, const char* token) {
  size_t begin = 0;
  for (size_t i = 0; i <= list.size; i++) {
    if (i < list.size && list.data[i] != ',') continue;
    struct range item = trim(list, (struct range){begin, i - begin});
    struct gcn__span text = gcn__span(list.data + item.begin, item.size);
    if (gcn__span_iis(text, token)) return true;
    begin = i + 1;
  }
  return false;
}

bool gcn__http_head_has_token(const struct gcn__http_head* head,
                              const char* name, const char* token) {
  for (size_t i = 0; i < gcn__http_head_count(head); i++) {
    if (!gcn__span_iis(gcn__http_head_name(head, i), name)) continue;
    if (list_has(gcn__http_head_value(head, i), token)) return true;
  }
  return false;
}
