/* SPDX-License-Identifier: MIT */
/*
 * Where the strings and brackets of a JSON text are, whether what is in a
 * container is JSON, and whether all is UTF-8, in one pass: 64 bytes at a time
 * become bits, some blocks ahead of the lexer.
 *
 * Bits are right as long as the text before them is JSON; `sound` is cleared by
 * whatever makes bits alone not enough to judge a text: a string with a control
 * character or a wrong escape, or a backslash outside of one.  Who finds it
 * cleared reads byte by byte, and so finds the fault, too.  No byte outside of
 * the text is looked at.
 */
#ifndef GCN_CODEC_SCAN_H
#define GCN_CODEC_SCAN_H

#include "base/span.h"
#include "codec/scan-way.h"

enum { GCN__SCAN_BLOCKS_MAX = 16 };

struct gcn__scan {
  const char* begin; /* of the window */
  size_t size;       /* of the window; 0 if the text is not sound */
  const char* next;  /* where the next window begins */
  const char* text;
  const char* text_end;
  const struct gcn__scan_way* way;
  size_t window_size; /* whole blocks; at most GCN__SCAN_BLOCKS_MAX */
  /* At the window's end: within a string (all bits), behind a backslash. */
  uint64_t in_string;
  uint64_t in_escape;
  const char* utf8_from; /* behind a character that is not whole in a block */
  bool utf8;             /* no fault in what was looked at */
  bool sound;
  bool slashed; /* there was a backslash */
  struct gcn__scan_block blocks[GCN__SCAN_BLOCKS_MAX];
  const char* rest; /* of the text, if less than a block: filled with space */
  char last[2 * GCN__SCAN_BLOCK_SIZE]; /* where that is */
};

/* `text` must stay where it is, and as it is where it was not yet looked at.
 * There is no window before the first move. */
void gcn__scan_begin(struct gcn__scan* scan, struct gcn__span text);
/* To the next window.  False at the end of the text, and if it is not sound. */
bool gcn__scan_advance(struct gcn__scan* scan);
/* To the window that has `at`, which is in the text.  False if there is none,
 * or it is behind already, or the text is not sound. */
bool gcn__scan_reach(struct gcn__scan* scan, const char* at);
/* Whether all of the text is valid UTF-8, its unread rest included. */
bool gcn__scan_utf8(const struct gcn__scan* scan);
/* For the ways: judges what most blocks have nothing of, in the block at `at`.
 * The second is for a character that the block ends in, where all before it was
 * judged.  The last returns those of `quotes` that are not escaped; `in_string`
 * is of where the block begins. */
void gcn__scan_judge_wide(struct gcn__scan* scan, const char* at,
                          const struct gcn__scan_wide* wide);
void gcn__scan_judge_edge(struct gcn__scan* scan, const char* at);
uint64_t gcn__scan_judge_rare(struct gcn__scan* scan, const char* at,
                              const struct gcn__scan_rare* rare,
                              uint64_t quotes);

/* False where scan_reach would say so; quicker where the window has it. */
static inline bool gcn__scan_has(struct gcn__scan* scan, const char* at) {
  return (size_t)(at - scan->begin) < scan->size || gcn__scan_reach(scan, at);
}

/* Bit n: whether an odd number of bits up to n is set. */
static inline uint64_t gcn__scan_prefix_xor(uint64_t bits) {
  bits ^= bits << 1;
  bits ^= bits << 2;
  bits ^= bits << 4;
  bits ^= bits << 8;
  bits ^= bits << 16;
  return bits ^ bits << 32;
}

#endif
