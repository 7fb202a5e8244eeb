/* SPDX-License-Identifier: MIT */
/*
 * Small pieces of text for people and programs: times, durations, numbers, and
 * foreign text made harmless for a terminal.
 *
 * It reads no clock.
 */
#ifndef GCN_CLI_TEXT_H
#define GCN_CLI_TEXT_H

#include "base/buf.h"
#include "base/span.h"

enum { GCN__TEXT_TIME_SIZE = 32, GCN__TEXT_AGE_SIZE = 48 };

/* "2031-04-03T08:15:20.114Z" */
void gcn__text_time_utc(char out[GCN__TEXT_TIME_SIZE], int64_t unix_ms);
/* "08:15:20.114" in the local zone. */
void gcn__text_time_local(char out[GCN__TEXT_TIME_SIZE], int64_t unix_ms);
/* "340 ms", "12.3 s", "4 min 05 s", "2 h 03 min" */
void gcn__text_age(char out[GCN__TEXT_AGE_SIZE], uint64_t age_ms);

/* "30s", "10m", "250ms", "2h", "1d", and "30" for seconds. */
bool gcn__text_duration(const char* text, uint64_t* duration_ms);
/* Decimal digits only. */
bool gcn__text_number(const char* text, uint64_t* number);

/* Appends `text` so that no terminal acts on it: control characters, DEL and
 * the C1 range become "\u00XX".  0, GCN_ELIMIT, GCN__ENOMEM. */
int gcn__text_clean(struct gcn__buf* out, struct gcn__span text);
/* Appends `text` with the ids of channels in it made unreadable: who has one
 * can open its stream.  0, GCN_ELIMIT, GCN__ENOMEM. */
int gcn__text_mask_channels(struct gcn__buf* out, struct gcn__span text);
/* Appends `text` with line breaks turned into spaces: between the tokens of a
 * JSON text they mean the same, and inside its strings they cannot stand. */
int gcn__text_one_line(struct gcn__buf* out, struct gcn__span text);

#endif
