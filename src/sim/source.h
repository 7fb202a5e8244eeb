/* SPDX-License-Identifier: MIT */
/*
 * What the source of "gcn bench" says: its few fixed answers to the API, and
 * events of any size, prepared as frames.
 *
 * It is no simulator: it checks nothing, forgets everything and says yes.  It
 * knows neither sockets nor a clock.
 */
#ifndef GCN_SIM_SOURCE_H
#define GCN_SIM_SOURCE_H

#include "base/buf.h"
#include "codec/http.h"

enum {
  GCN__SOURCE_MIX = 1,        /* as a size: as of a contact centre's day */
  GCN__SOURCE_SIZE_MIN = 256, /* below it an event's frame does not fit */
  GCN__SOURCE_SIZE_MAX = 1 << 20,
  GCN__SOURCE_CHANNELS_MAX = 1 << 17,
};

extern const char gcn__source_topic[];

/* The size of the index-th event of a row of that size: of a mix, 512 to 8192
 * bytes in a fixed disorder. */
size_t gcn__source_size(size_t size, uint64_t index);
/* Appends one event of exactly `size` bytes: mostly structure, mostly ASCII,
 * some two-byte UTF-8, the same bytes each time.  0, GCN_ELIMIT, GCN__ENOMEM;
 * GCN__EINVAL: such a size cannot be made. */
int gcn__source_event(struct gcn__buf* out, size_t size);
/* Appends the members of a body, and `end`, so that there are `size` bytes from
 * `begin` on.  Returns as above. */
int gcn__source_members(struct gcn__buf* out, size_t begin, size_t size,
                        const char* end);

/* Frames of as many events as make up one round of sizes, over and over. */
struct gcn__source_frames {
  struct gcn__buf bytes;
  size_t* ends; /* where each frame ends */
  size_t count;
};

/* At least `count` events.  0 or as above. */
int gcn__source_frames_make(struct gcn__source_frames* frames, size_t size,
                            size_t count);
void gcn__source_frames_free(struct gcn__source_frames* frames);
/* The frames from the index-th event (of an endless sequence) on, `count` of
 * them, or fewer: what lies in one piece.  `*count` is how many. */
struct gcn__span gcn__source_frames_at(const struct gcn__source_frames* frames,
                                       uint64_t index, uint64_t* count);

enum gcn__source_did {
  GCN__SOURCE_ANSWERED,
  GCN__SOURCE_SUBSCRIBED, /* and its channel's events may begin */
  GCN__SOURCE_UPGRADED,
};

struct gcn__source_reply {
  enum gcn__source_did did;
  uint64_t channel;    /* from 1; 0: none of ours was named */
  uint64_t channel_id; /* of the next channel; counted up when one is made */
  bool secure;         /* connectUri begins with wss */
};

/* Appends the answer to the request held by `http`.  0 or an error of the
 * buffer. */
int gcn__source_answer(const struct gcn__http* http,
                       struct gcn__source_reply* reply, struct gcn__buf* out);

#endif
