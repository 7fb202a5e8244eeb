/* SPDX-License-Identifier: MIT */
/*
 * The topics that a command line names, one by one and by files, each once;
 * with the stream dialect these are subscriptions.
 *
 * Names are compared without regard to ASCII case, as the service does.  It
 * asks nobody whether a topic exists.
 */
#ifndef GCN_CLI_TOPIC_LIST_H
#define GCN_CLI_TOPIC_LIST_H

#include "base/mem.h"
#include "base/span.h"
#include "cli/console.h"
#include "gcnotify.h"

/* All zeros is an empty list. */
struct gcn__topic_list {
  bool stream; /* say so before anything is added */
  char** names;
  size_t count;
  size_t room;       /* items at `names` */
  size_t* slots;     /* open addressing: position + 1, 0 is empty */
  size_t slot_count; /* a power of two, or 0 */
};

void gcn__topic_list_deinit(struct gcn__topic_list* list);
/* NULL, also if it is there already; or why it is refused. */
const char* gcn__topic_list_add(struct gcn__topic_list* list,
                                struct gcn__span topic);
/* Adds a file's topics, one per line; '#' begins a comment, "-" is standard
 * input.  False: what is wrong has been said, and `flag` names the option. */
bool gcn__topic_list_read(struct gcn__topic_list* list, const char* path,
                          const char* flag, struct gcn__console* console);
/* The same for a file of subscriptions in JSON: an array of objects, or one
 * object after another. */
bool gcn__topic_list_read_json(struct gcn__topic_list* list, const char* path,
                               const char* flag, struct gcn__console* console);

#endif
