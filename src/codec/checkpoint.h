/* SPDX-License-Identifier: MIT */
/*
 * A checkpoint as text: what a client stores, so that a restart goes on where
 * the last run stopped.
 *
 *   {"gcnotify-checkpoint":1,"serial":17,...}\n
 *   sha256 <64 hex digits of the line above, its newline included>\n
 *
 * One JSON object on one line, and a line that proves it whole.  It holds
 * capabilities (channel ids, connectUris): whoever stores it keeps it from
 * others, and nothing of it is ever logged.
 *
 * Every version of the format begins with that member and ends with that line:
 * a checkpoint is judged whole before it is judged too new.  Members that this
 * version does not know are passed over, so that what is merely additional
 * needs no new version.
 */
#ifndef GCN_CODEC_CHECKPOINT_H
#define GCN_CODEC_CHECKPOINT_H

#include "base/buf.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/span.h"

enum {
  GCN__CHECKPOINT_VERSION = 1,
  GCN__CHECKPOINT_LANE_COUNT_MAX = 18,
  GCN__CHECKPOINT_HANDLED_COUNT_MAX = 65536, /* per lane */
  GCN__CHECKPOINT_SIZE_MAX = 64 * 1024 * 1024,
  GCN__CHECKPOINT_DIGEST_SIZE = 16,
  GCN__CHECKPOINT_POSITION_SIZE_MAX = 1024,
  GCN__CHECKPOINT_ID_SIZE_MAX = 255,
  GCN__CHECKPOINT_URI_SIZE_MAX = 8192,
};

/* Serials and times are numbers of JSON: below 2^53 either way. */
#define GCN__CHECKPOINT_NUMBER_MAX (((int64_t)1 << 53) - 1)

struct gcn__checkpoint_lane {
  unsigned lane; /* below LANE_COUNT_MAX; no two are the same */
  unsigned char topics[GCN__CHECKPOINT_DIGEST_SIZE]; /* of the lane's set */
  struct gcn__span position; /* any bytes; absent: none */
  bool is_time;
  int64_t good_unix_ms; /* known good until then; 0: not known */
  /* The channel, if one may be taken up again; secret.  UTF-8 without NUL. */
  struct gcn__span channel_id; /* absent: none */
  struct gcn__span connect_uri;
  int64_t channel_until_unix_ms;
  unsigned char identity[GCN__CHECKPOINT_DIGEST_SIZE]; /* of its client id */
  const struct gcn__key* handled;                      /* beyond the position */
  size_t handled_count;
};

struct gcn__checkpoint {
  uint64_t serial; /* grows with every one that is stored */
  /* Digest of what it belongs to: API host, client id, dialect. */
  unsigned char owner[GCN__CHECKPOINT_DIGEST_SIZE];
  unsigned char salt[GCN__CHECKPOINT_DIGEST_SIZE]; /* of the keys */
  bool clean; /* stored when the client was closed in order */
  int64_t saved_unix_ms;
  const struct gcn__checkpoint_lane* lanes;
  size_t lane_count;
};

/* Appends the text.  0; GCN_ELIMIT (the buffer's limit, or one of those above);
 * GCN__EINVAL (a lane twice, or a capability that is not UTF-8); GCN__ENOMEM.
 * An error may have appended a part. */
int gcn__checkpoint_write(const struct gcn__checkpoint* checkpoint,
                          struct gcn__buf* out);

enum gcn__checkpoint_fault {
  GCN__CHECKPOINT_GOOD,
  GCN__CHECKPOINT_EMPTY,     /* no byte of it: nothing was ever stored */
  GCN__CHECKPOINT_TRUNCATED, /* begins well and ends too soon */
  GCN__CHECKPOINT_CORRUPT,   /* the digest does not match, or a member is not
                                what it should be */
  GCN__CHECKPOINT_NOT_OURS,  /* no checkpoint at all */
  GCN__CHECKPOINT_NEWER,     /* of a later format */
  GCN__CHECKPOINT_NO_MEMORY,
};

/* What was read, in one block with all it points to. */
struct gcn__checkpoint_read {
  struct gcn__checkpoint checkpoint;
  const struct gcn__mem* mem;
  size_t size; /* of the block */
};

/* GOOD, and `*read` is to be freed; or why not, and it is NULL.  What is GOOD
 * keeps every bound above. */
enum gcn__checkpoint_fault
gcn__checkpoint_read(struct gcn__span text, const struct gcn__mem* mem,
                     struct gcn__checkpoint_read** read);
/* Wipes it.  NULL is fine. */
void gcn__checkpoint_free(struct gcn__checkpoint_read* read);
/* A constant sentence for the user; "" for GOOD. */
const char* gcn__checkpoint_fault_text(enum gcn__checkpoint_fault fault);

#endif
