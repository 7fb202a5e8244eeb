/* SPDX-License-Identifier: MIT */
/*
 * Effects and sent bytes in words.
 */
#ifndef GCN_TEST_PRINT_H
#define GCN_TEST_PRINT_H

#include "engine/effect.h"

#include <stdio.h>

void print_effect(FILE* out, const char* wire,
                  const struct gcn__effect* effect);
/* So many verdicts more of the same kind. */
void print_more(FILE* out, enum gcn__verdict verdict, unsigned count);
/* Whole HTTP requests or whole client frames. */
void print_sent(FILE* out, const char* wire, struct gcn__span bytes);

#endif
