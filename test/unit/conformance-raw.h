/* SPDX-License-Identifier: MIT */
/*
 * A dialect without a service: one upgrade, and every message is written down.
 *
 * It takes the place of the two real ones in the engine's own seam, so that
 * the WebSocket part of the engine is seen as it is: with it an attempt is one
 * connection, and no message has to be JSON.
 */
#ifndef GCN_TEST_CONFORMANCE_RAW_H
#define GCN_TEST_CONFORMANCE_RAW_H

#include "conformance.h"

#include "engine/internal.h"

struct conf_raw {
  struct gcn__buf handed; /* records, as in struct conf_row */
};

void conf_raw_init(struct conf_raw* raw);
void conf_raw_deinit(struct conf_raw* raw);
/* Before the engine's start. */
void conf_raw_adopt(struct conf_raw* raw, struct gcn__engine* engine);

/* What both kinds of runner need of a row. */

/* The whole of what the server sends: the answer to the request in `request`,
 * and what stands behind it. */
void conf_stream(const struct conf_row* row, struct gcn__span request,
                 struct gcn__buf* to);
/* How many bytes of that are the answer to the upgrade. */
size_t conf_head_size(const struct conf_row* row);

enum conf_pongs {
  CONF_PONGS_SOME,   /* the newest ping of each turn is answered */
  CONF_PONGS_ALL,    /* each was a turn of its own */
  CONF_PONGS_NEWEST, /* all came in one turn */
};

#define CONF_MARK "the end of the row"
/* A ping behind a row that leaves the stream as it was. */
void conf_put_mark(struct gcn__buf* to);
/* True if the client's frames hold the answer to a ping of this payload. */
bool conf_has_pong(struct gcn__span frames, struct gcn__span payload);
/* The row's last ping; absent if it has none. */
struct gcn__span conf_last_ping(const struct conf_row* row);

/* Asserts that the client sent what the row wants: `frames` is all of it behind
 * the request. */
void conf_assert_frames(const struct conf_row* row, struct gcn__span frames,
                        enum conf_pongs pongs);
/* ... that the dialect was handed what it should be, and that the engine says
 * why the stream ended. */
void conf_assert_engine(const struct conf_row* row, const struct conf_raw* raw,
                        const struct gcn__engine* engine);

#endif
