/* SPDX-License-Identifier: MIT */
/*
 * Which dialect is spoken, and how: the options of every subcommand that
 * subscribes to something.
 *
 * They may come in any order and decide how topics are read, so they are looked
 * for before the other arguments.  What a preset leaves out and another option
 * asks for is taken from the preset that has it.
 */
#ifndef GCN_CLI_DIALECT_H
#define GCN_CLI_DIALECT_H

#include <stdbool.h>

#include "cli/args.h"
#include "gcnotify.h"

enum { GCN__DIALECT_TEXT_SIZE = 192 };

#define GCN__DIALECT_ARG_MAP(X)                                                \
  X(DIALECT, dialect, "dialect")                                               \
  X(PRESET, preset, "preset")                                                  \
  X(TOKEN_IN, token_in, "token-in")                                            \
  X(SUBSCRIPTIONS_IN, subscriptions_in, "subscriptions-in")                    \
  X(STREAM_PATH, stream_path, "stream-path")                                   \
  X(BATCH_SIZE, batch_size, "batch-size")                                      \
  X(MAX_LATENCY, max_latency, "max-latency")

/* What the flags said; NULL: not given. */
struct gcn__dialect_flags {
#define GCN__DIALECT_FIELD(id, field, name) const char* field;
  GCN__DIALECT_ARG_MAP(GCN__DIALECT_FIELD)
#undef GCN__DIALECT_FIELD
};

enum {
  GCN__DIALECT_ARG_FIRST = 2000,
#define GCN__DIALECT_ID(id, field, name) GCN__DIALECT_ARG_##id,
  GCN__DIALECT_ARG_MAP(GCN__DIALECT_ID)
#undef GCN__DIALECT_ID
      GCN__DIALECT_ARG_LAST
};

/* Rows for a table of options. */
#define GCN__DIALECT_ROW(id, field, name)                                      \
  {0, true, GCN__DIALECT_ARG_##id, name},
#define GCN__DIALECT_ARGS GCN__DIALECT_ARG_MAP(GCN__DIALECT_ROW)

struct gcn__dialect {
  gcn_dialect_t dialect;
  gcn_stream_t stream; /* if it is STREAM */
};

/* Takes those options out of a whole command line; what else is wrong with it
 * is left for the caller's own pass. */
void gcn__dialect_scan(struct gcn__dialect_flags* flags, int argc, char** argv,
                       const struct gcn__arg* table, size_t count);
/* False: `problem` says what is wrong.  The flags' texts have to stay. */
bool gcn__dialect_choose(struct gcn__dialect* dialect,
                         const struct gcn__dialect_flags* flags,
                         char problem[GCN__DIALECT_TEXT_SIZE]);
/* `dialect` has to stay as long as the options. */
void gcn__dialect_apply(const struct gcn__dialect* dialect,
                        gcn_options_t* options);

#endif
