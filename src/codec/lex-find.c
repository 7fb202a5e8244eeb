/* SPDX-License-Identifier: MIT */
/*
 * From quote to quote by the bits of one block and the next; what is behind a
 * container the scan says.
 *
 * The scan has seen the insides of strings.  Invariant: whatever is accepted
 * here the lexer accepts byte by byte, with the same end.
 */
#include "codec/lex-find.h"

bool gcn__lex_find_string(struct gcn__lex* lex,
                          struct gcn__lex_string* string) {
  struct gcn__scan* scan = lex->scan;
  if (lex->at == lex->end || *lex->at != '"') return false;
  if (!gcn__scan_has(scan, lex->at)) return false;
  size_t offset = (size_t)(lex->at - scan->begin);
  const char* at = lex->at - offset % GCN__SCAN_BLOCK_SIZE;
  const struct gcn__scan_block* block =
      &scan->blocks[offset / GCN__SCAN_BLOCK_SIZE];
  uint64_t quotes = block->quotes & ~UINT64_C(1)
                                        << offset % GCN__SCAN_BLOCK_SIZE;
  while (quotes == 0) {
    block++;
    at += GCN__SCAN_BLOCK_SIZE;
    if (at >= scan->next) {
      if (!gcn__scan_advance(scan)) return false;
      block = scan->blocks;
    }
    quotes = block->quotes;
  }
  const char* begin = lex->at + 1;
  const char* quote = at + __builtin_ctzll(quotes);
  size_t size = (size_t)(quote - begin);
  string->raw = gcn__span(begin, size);
  string->escaped = scan->slashed && memchr(begin, '\\', size) != NULL;
  lex->at = quote + 1;
  return true;
}

bool gcn__lex_find_container(struct gcn__lex* lex, unsigned depth_max,
                             enum gcn__scrutiny scrutiny) {
  struct gcn__scan* scan = lex->scan;
  if (!gcn__scan_has(scan, lex->at)) return false;
  bool shallow = scrutiny == GCN__SCRUTINY_SHALLOW;
  const char* end = shallow ? scan->way->skip(scan, lex->at, depth_max)
                            : scan->way->check(scan, lex->at, depth_max);
  if (end == NULL) return false;
  lex->at = end;
  return true;
}
