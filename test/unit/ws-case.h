/* SPDX-License-Identifier: MIT */
/*
 * WebSocket byte streams in, readable transcripts out.
 *
 * A transcript has a line per message ("TEXT 5 hello", "CLOSE 1001 legal bye")
 * and a last one: "END", "PARTIAL", or the error ("EWS 1002").  Long or
 * unprintable payloads appear as a hash.  A case is checked whole, byte by
 * byte, and in random cuts; every piece lies in a block of exactly its size,
 * so that a sanitizer sees a read beyond it.
 */
#ifndef GCN_TEST_WS_CASE_H
#define GCN_TEST_WS_CASE_H

#include "codec/ws.h"

struct ws_case {
  const char* name;
  struct gcn__span in;
  const char* out;
};

#define WS_CASE(name, bytes, out)                                              \
  { name, {bytes, sizeof(bytes) - 1}, out }

/* Appends a frame with the shortest length; masked if `key` is not NULL. */
void ws_put_frame(struct gcn__buf* to, unsigned char first,
                  struct gcn__span payload, const char* key);
/* Appends the frames of `in`, which are unmasked, with masks; whatever is no
 * whole header stays as it is. */
void ws_put_masked(struct gcn__buf* to, struct gcn__span in);

/* Reads `in` cut into pieces: whole for seed 0, byte by byte for 1, at random
 * for others.  The transcript is NUL-terminated in `out`. */
void ws_transcribe(enum gcn__ws_role role, const struct gcn__ws_limits* limits,
                   struct gcn__span in, unsigned seed, struct gcn__buf* out);
/* Checks every cut of one stream; prints what differs and fails the test. */
void ws_check(enum gcn__ws_role role, const struct gcn__ws_limits* limits,
              const struct ws_case* row);
/* The same for a client, and masked for a server. */
void ws_check_both(const struct ws_case* row);

#endif
