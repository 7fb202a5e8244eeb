/* SPDX-License-Identifier: MIT */
/*
 * The parts of gcn__config_make.  Private to the options files.
 *
 * Each looks at config->options, which is of full size, fills its part of the
 * config and returns 0, or GCN_ECONFIG with a sentence: the field, what is
 * wrong with it, the remedy.
 */
#ifndef GCN_CLIENT_OPTIONS_PARTS_H
#define GCN_CLIENT_OPTIONS_PARTS_H

#include "client/options.h"

/* Writes the sentence; returns GCN_ECONFIG. */
int gcn__config_refuse(char why[GCN__WHY_SIZE], const char* format, ...)
    __attribute__((format(printf, 2, 3)));
/* Copies a struct that begins with its size, as far as both sides know it; the
 * rest of `to` is zero.  `name` is what the user calls it. */
int gcn__config_take(void* to, size_t to_size, const void* from,
                     const char* name, char why[GCN__WHY_SIZE]);

/* options-stream.c.  The shape as the user has it, or the guide's for NULL.  0
 * or GCN_ECONFIG. */
int gcn__config_take_stream(const gcn_stream_t* from, struct gcn__shape* shape,
                            char why[GCN__WHY_SIZE]);
/* After the durations. */
int gcn__config_stream(struct gcn__config* config, char why[GCN__WHY_SIZE]);
/* options-delivery.c */
int gcn__config_delivery(struct gcn__config* config, char why[GCN__WHY_SIZE]);

#endif
