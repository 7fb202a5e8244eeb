/* SPDX-License-Identifier: MIT */
/*
 * A line of a fault script as words, and the numbers in them.
 *
 * Words are separated by blanks; double quotes keep blanks together, with \",
 * \\ and \n inside; '#' at the start of a word begins a comment.
 */
#ifndef GCN_SIM_SCRIPT_WORDS_H
#define GCN_SIM_SCRIPT_WORDS_H

#include "base/span.h"
#include "sim/script.h"

enum { GCN__SCRIPT_WORDS_MAX = 128 };

struct gcn__script_line {
  const char* name; /* the script's */
  unsigned number;
  struct gcn__span words[GCN__SCRIPT_WORDS_MAX]; /* as written */
  size_t count;
  size_t at;   /* the next one */
  char* error; /* GCN__SCRIPT_TEXT_SIZE bytes */
};

/* Cuts `text` into words.  0 or GCN__EINVAL (then `error` is set). */
int gcn__script_line_cut(struct gcn__script_line* line, struct gcn__span text);
/* Takes the next word if it is `word`. */
bool gcn__script_line_take(struct gcn__script_line* line, const char* word);
/* The next word, absent at the end of the line. */
struct gcn__span gcn__script_line_peek(const struct gcn__script_line* line);
struct gcn__span gcn__script_line_next(struct gcn__script_line* line);
/* Writes "NAME:3: 'word': expected ..." about the next word.  Always
 * GCN__EINVAL. */
int gcn__script_line_fail(struct gcn__script_line* line, const char* expected);
/* About the word just taken. */
int gcn__script_line_fail_back(struct gcn__script_line* line,
                               const char* expected);

/* "0.1%" is 1,000 parts per million; at most 100%. */
bool gcn__script_percent(struct gcn__span text, uint64_t* ppm);
/* The word without its quotes and escapes, as a new string; NULL if memory is
 * short. */
char* gcn__script_text(const struct gcn__mem* mem, struct gcn__span word);

#endif
