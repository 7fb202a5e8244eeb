/* SPDX-License-Identifier: MIT */
/*
 * The conformance table: what a server may do to a WebSocket client, row by
 * row, and what the client must make of it.
 *
 * The rows follow RFC 6455; most are generated, so that each rule is tried at
 * every length, opcode or byte that it could be got wrong at.  A row knows
 * nothing of who runs it: test-conformance.c does so in memory, and
 * loop/test-conformance*.c over sockets.  There is one verdict per row, no
 * lenient one.
 */
#ifndef GCN_TEST_CONFORMANCE_H
#define GCN_TEST_CONFORMANCE_H

#include "check.h"

#include "codec/ws.h"

enum {
  CONF_NAME_SIZE = 96,
  CONF_ROWS_MIN = 320, /* what the table was asked to hold */
  CONF_SIZE_MAX = 1 << 23,
};

enum conf_end {
  CONF_STAYS,   /* the stream is as good as before */
  CONF_PARTIAL, /* ... but the last message is incomplete */
  CONF_CLOSES,  /* the server said goodbye: `code` is the client's answer */
  CONF_FAILS,   /* the client says `code` and goes */
  CONF_REFUSED, /* the upgrade is not accepted: nothing is sent, `error` told */
};

struct conf_row {
  char name[CONF_NAME_SIZE]; /* "C1-1.1.1 text of 0 bytes" */
  size_t number;             /* in the table, from 1 */
  const char* head;          /* the answer to the upgrade, "%s" where the
                                Accept belongs; NULL: the usual one */
  struct gcn__buf in;        /* what the server sends behind it */
  struct gcn__buf told;      /* records of all messages that the codec tells */
  struct gcn__buf handed;    /* ... of those that a dialect is handed: neither
                                pings nor binary messages */
  struct gcn__buf pings;     /* payloads, each behind its size in one byte */
  size_t ping_count;
  size_t binary_count;
  enum conf_end end;
  unsigned code;
  int error;
};

struct conf_table {
  struct conf_row* rows;
  size_t count;
  size_t capacity;
  char group[16];
  unsigned number; /* of the last row of the group */
};

/* All of it. */
void conf_init(struct conf_table* table);
void conf_deinit(struct conf_table* table);
/* As cases of `test`, one per row, with the row as their state. */
int conf_run(const char* group, const struct conf_table* table,
             CMUnitTestFunction test);

/* A message as it is told, appended to `to`. */
void conf_record(struct gcn__buf* to, enum gcn__ws_opcode opcode, unsigned code,
                 bool legal, struct gcn__span payload);
void conf_put_frame(struct gcn__buf* to, unsigned char first,
                    struct gcn__span payload);
void conf_assert_same(const struct conf_row* row, const char* how,
                      struct gcn__span got, struct gcn__span wanted);

/* For the files that fill the table. */
void conf_group(struct conf_table* table, const char* group);
void conf_row(struct conf_table* table, const char* format, ...)
    __attribute__((format(printf, 2, 3)));
struct conf_row* conf_last(struct conf_table* table);
void conf_bytes(struct conf_table* table, const void* data, size_t size);
/* A frame with the shortest length; `first` is FIN, reserved bits, opcode. */
void conf_frame(struct conf_table* table, unsigned first, const void* data,
                size_t size);
void conf_tell(struct conf_table* table, enum gcn__ws_opcode opcode,
               const void* data, size_t size);
/* A message in one frame, and that it is told. */
void conf_message(struct conf_table* table, enum gcn__ws_opcode opcode,
                  const void* data, size_t size);
/* The last row ends so. */
void conf_fails(struct conf_table* table, unsigned code);
void conf_partial(struct conf_table* table);
/* A close frame with this code and reason, answered with `answer`. */
void conf_closes(struct conf_table* table, unsigned code, bool legal,
                 struct gcn__span reason, unsigned answer);

void conf_add_frames(struct conf_table* table);    /* 1-5, 8 */
void conf_add_fragments(struct conf_table* table); /* 5 */
void conf_add_text(struct conf_table* table);      /* 6 */
void conf_add_closes(struct conf_table* table);    /* 7 */
void conf_add_limits(struct conf_table* table);    /* 9, 10 */
void conf_add_upgrades(struct conf_table* table);  /* 11 */

#endif
