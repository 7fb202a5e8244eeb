/* SPDX-License-Identifier: MIT */
/*
 * The golden player for cases that a transcript has no words for: options of
 * the engine's that are functions or other objects, and facts about wires that
 * are not there.
 *
 * What happens is compared in the words of the transcripts.
 */
#ifndef GCN_TEST_ENGINE_STAGE_H
#define GCN_TEST_ENGINE_STAGE_H

#include "../golden/player.h"

/* Bytes of the peer's. */
void stage_hear(struct player* player, const char* wire, const char* bytes);
/* A whole answer: 200 with this body. */
void stage_answer(struct player* player, const char* wire, const char* body);
/* The upgrade is answered. */
void stage_upgrade(struct player* player, const char* wire);
/* One short text message of the service's. */
void stage_say(struct player* player, const char* wire, const char* text);

/* What happened since the last look must be just that, in its order; "" for
 * nothing. */
void stage_expect(struct player* player, const char* notes);
/* ... or hold this. */
void stage_expect_part(struct player* player, const char* part);
/* Looks away. */
void stage_forget(struct player* player);

/* Subscribes to "v2.a" and streams with the channels dialect. */
void stage_stream(struct player* player);

#endif
