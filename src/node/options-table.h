/* SPDX-License-Identifier: MIT */
/*
 * Which members options have, of which type, and where they go.
 */
#ifndef GCN_NODE_OPTIONS_TABLE_H
#define GCN_NODE_OPTIONS_TABLE_H

#include "node/options.h"

enum gcn__option_type {
  GCN__OPTION_TEXT,
  GCN__OPTION_TEXT_OR_NULL,
  GCN__OPTION_COUNT, /* uint64_t */
  GCN__OPTION_FLAG,  /* int */
  GCN__OPTION_CHOICE /* an enum whose values are the places in `choices` */
};

struct gcn__option {
  const char* name;
  enum gcn__option_type type;
  size_t offset;              /* in struct gcn__jsoptions */
  const char* const* choices; /* NULL at the end */
};

/* NULL: there is none of this name.  `stream`: of the object in "stream". */
const struct gcn__option* gcn__option_find(const char* name, bool stream);

#endif
