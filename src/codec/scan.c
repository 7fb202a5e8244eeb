/* SPDX-License-Identifier: MIT */
/*
 * The windows, and a look at what is rare: escapes, control characters, and
 * characters that are not ASCII.
 *
 * Here the text is looked at itself, not the copy of its last block: an escape
 * or a character may go on in the next block.
 */
#include "codec/scan.h"

#include "base/assert.h"
#include "codec/utf8.h"

/* The bits from `index` on; index may be 64 or more. */
static uint64_t from_bit(size_t index) {
  return index < 64 ? ~UINT64_C(0) << index : 0;
}

static unsigned lowest(uint64_t bits) {
  return (unsigned)__builtin_ctzll(bits);
}

/* What stands behind an odd number of backslashes. */
static uint64_t find_escaped(struct gcn__scan* scan, uint64_t slashes) {
  uint64_t escaped = scan->in_escape;
  slashes &= ~escaped;
  scan->in_escape = 0;
  while (slashes != 0) {
    unsigned index = lowest(slashes);
    if (index == 63) scan->in_escape = 1;
    uint64_t next = index == 63 ? 0 : UINT64_C(2) << index;
    escaped |= next;
    slashes &= ~next & (slashes - 1);
  }
  return escaped;
}

static bool is_hex(char c) {
  char lower = gcn__ascii_lower(c);
  return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f');
}

/* `at` is behind the backslash. */
static bool is_escape(const char* at, const char* end) {
  if (at >= end) return false;
  switch (*at) {
  case '"':
  case '\\':
  case '/':
  case 'b':
  case 'f':
  case 'n':
  case 'r':
  case 't': return true;
  case 'u': break;
  default: return false;
  }
  if (end - at < 5) return false;
  return is_hex(at[1]) && is_hex(at[2]) && is_hex(at[3]) && is_hex(at[4]);
}

/* A lead is followed by as many continuation bytes as it says, and there are no
 * others.  What is not as plain as that is looked at byte by byte. */
void gcn__scan_judge_wide(struct gcn__scan* scan, const char* at,
                          const struct gcn__scan_wide* wide) {
  const uint64_t edge = UINT64_C(3) << 62; /* may go on in the next block */
  uint64_t high = wide->high;
  if (scan->utf8_from > at) high &= from_bit((size_t)(scan->utf8_from - at));
  uint64_t leads = high & wide->leads;
  uint64_t plain = leads & ~wide->special & ~edge;
  uint64_t due = plain << 1 | (plain & wide->longer) << 2;
  for (uint64_t rest = leads & ~plain; rest != 0; rest &= rest - 1) {
    unsigned index = lowest(rest);
    size_t size = gcn__utf8_character(at + index, scan->text_end);
    if (size == 0) scan->utf8 = false;
    due |= ((UINT64_C(1) << size) - 1) << index & ~(UINT64_C(1) << index);
    if (index + size > GCN__SCAN_BLOCK_SIZE)
      scan->utf8_from = at + index + size;
  }
  if (due != (high & ~wide->leads)) scan->utf8 = false;
}

void gcn__scan_judge_edge(struct gcn__scan* scan, const char* at) {
  const char* edge = at + GCN__SCAN_BLOCK_SIZE;
  const char* lead = edge - 1;
  while ((unsigned char)*lead < 0xc0 && lead > edge - 3)
    lead--;
  size_t size = gcn__utf8_character(lead, scan->text_end);
  if (size == 0) scan->utf8 = false;
  if (size > (size_t)(edge - lead)) scan->utf8_from = lead + size;
}

uint64_t gcn__scan_judge_rare(struct gcn__scan* scan, const char* at,
                              const struct gcn__scan_rare* rare,
                              uint64_t quotes) {
  uint64_t escaped = find_escaped(scan, rare->slashes);
  quotes &= ~escaped;
  uint64_t inside = gcn__scan_prefix_xor(quotes) ^ scan->in_string;
  bool good = (rare->controls & inside) == 0 && (rare->slashes & ~inside) == 0;
  scan->slashed |= (rare->slashes | escaped) != 0;
  for (; escaped != 0; escaped &= escaped - 1)
    good &= is_escape(at + lowest(escaped), scan->text_end);
  scan->sound &= good;
  return quotes;
}

void gcn__scan_begin(struct gcn__scan* scan, struct gcn__span text) {
  scan->begin = text.data;
  scan->size = 0;
  scan->next = text.data;
  scan->text = text.data;
  scan->text_end = text.data + text.size;
  scan->way = gcn__scan_choice();
  scan->window_size = GCN__SCAN_BLOCKS_MAX * GCN__SCAN_BLOCK_SIZE;
  scan->in_string = 0;
  scan->in_escape = 0;
  scan->utf8_from = text.data;
  scan->utf8 = true;
  scan->sound = scan->way != NULL;
  scan->slashed = false;
}

/* The last `size` bytes of the text.  What is before them comes along, if there
 * is enough: then all sizes are fixed. */
static void copy_rest(struct gcn__scan* scan, size_t size) {
  enum { SIZE = GCN__SCAN_BLOCK_SIZE };
  bool much = scan->text_end - scan->text >= SIZE;
  if (much) memcpy(scan->last, scan->text_end - SIZE, SIZE);
  char* end = scan->last + (much ? SIZE : size);
  if (!much) memcpy(scan->last, scan->text_end - size, size);
  memset(end, ' ', SIZE);
  scan->rest = end - size;
}

bool gcn__scan_advance(struct gcn__scan* scan) {
  size_t left = (size_t)(scan->text_end - scan->next);
  if (left == 0 || !scan->sound) return false;
  size_t size = left < scan->window_size ? left : scan->window_size;
  size_t whole = size / GCN__SCAN_BLOCK_SIZE;
  size_t rest = size % GCN__SCAN_BLOCK_SIZE;
  scan->begin = scan->next;
  scan->next += size;
  if (whole > 0) scan->way->find(scan, scan->begin, 0, whole);
  if (rest > 0) {
    copy_rest(scan, rest);
    scan->way->find(scan, scan->rest, whole, 1);
  }
  scan->size = scan->sound ? size : 0;
  return scan->sound;
}

bool gcn__scan_reach(struct gcn__scan* scan, const char* at) {
  GCN__ASSERT(at < scan->text_end);
  while (at >= scan->next) {
    if (!gcn__scan_advance(scan)) return false;
  }
  return at >= scan->begin && scan->sound;
}

bool gcn__scan_utf8(const struct gcn__scan* scan) {
  if (!scan->utf8) return false;
  const char* from = scan->next;
  if (scan->utf8_from > from) from = scan->utf8_from;
  if (from == scan->text_end) return true;
  return gcn__utf8_valid(gcn__span(from, (size_t)(scan->text_end - from)));
}
