/* SPDX-License-Identifier: MIT */
/*
 * Strings and containers by their bits; for lexers that have a scan.
 *
 * Each moves past what it has found.  False is no verdict: then nothing has
 * moved, and the bytes have to be read.
 */
#ifndef GCN_CODEC_LEX_FIND_H
#define GCN_CODEC_LEX_FIND_H

#include "codec/lex.h"

bool gcn__lex_find_string(struct gcn__lex* lex, struct gcn__lex_string* string);
/* `lex` is at an opening bracket. */
bool gcn__lex_find_container(struct gcn__lex* lex, unsigned depth_max,
                             enum gcn__scrutiny scrutiny);

#endif
