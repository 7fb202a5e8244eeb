/* SPDX-License-Identifier: MIT */
/*
 * What the programs of this directory share: lives by the thousand, chosen by
 * the environment, and one test case for each invariant at the end.
 *
 *   GCN_DST_SEEDS=100000      so many lives of each kind
 *   GCN_DST_FIRST=2001        ... from this seed on
 *   GCN_DST_SEED=4711         one life, told line by line on stderr
 *   GCN_DST_SCRIPT=FILE       one life led by a script (shrink.h), likewise
 *   GCN_DST_DAYS=30           each that long, at a slower tempo
 *   GCN_DST_CALM=1            planned rotations only
 *   GCN_DST_RESETS=1          streams that are reset only
 *   GCN_DST_MANNERS=1         one 429 or one long outage, judged by the service
 *   GCN_DST_DRIFT=1           topics that vanish from channels only
 *   GCN_DST_IMPATIENT=1       a close in the middle of it, and cut short
 *   GCN_DST_SPARE=1           a connection is kept warm beside the streams
 *   GCN_DST_STREAM=1          the stream dialect
 *   GCN_DST_EXPIRY=1          ... with tokens of 30 s and resets, nothing else
 *
 * A failing life is reduced to the least script that fails in the same way,
 * which is printed.
 */
#ifndef GCN_TEST_DST_LIVES_H
#define GCN_TEST_DST_LIVES_H

#include "check.h"
#include "world.h"

uint64_t lives_from_environment(const char* name, uint64_t otherwise);
/* Certain lives were asked for, and no others. */
bool lives_chosen(void);
/* Lives those that were chosen; does nothing if none were. */
void lives_live_chosen(void);
/* Seeds from `first` on; `how` is what has to be set to live one of them. */
void lives_live(const struct world_plan* plan, const char* how, uint64_t first,
                uint64_t seeds);
/* The same life twice, for so many seeds. */
void lives_live_twice(const struct world_plan* plan, uint64_t seeds);
/* The same life with its bytes cut and whole.  Without what depends on how many
 * pieces there are: stalls, pauses and a driver that yields. */
void lives_live_cut(const struct world_plan* plan, uint64_t seeds);
/* The body of a test case for an invariant: it was looked at, and held. */
void lives_hold(void** state);
void lives_begin(struct CMUnitTest* test, unsigned rule, const char* text);
/* Every kind of fault, and nearly all pairs of them, were met in one life. */
void lives_check_faults(bool stream);

#endif
