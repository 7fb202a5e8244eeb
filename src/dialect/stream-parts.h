/* SPDX-License-Identifier: MIT */
/*
 * What the files of the stream dialect share: the words of the one object that
 * FORM_NAMED sends, which the writer writes and the shape has to measure.
 *
 *   {"name":SESSION,"subscriptions":[...],"endpoint":PATH,
 *    "scope":"notification:write"}
 */
#ifndef GCN_DIALECT_STREAM_PARTS_H
#define GCN_DIALECT_STREAM_PARTS_H

#include "dialect/stream.h"

#define GCN__NAMED_NAME     "\"name\":"
#define GCN__NAMED_ENDPOINT ",\"endpoint\":"
#define GCN__NAMED_SCOPE    ",\"scope\":\"notification:write\""
/* Of the upgrade, if the subscriptions were POSTed: PROTOCOL §6.2, thread A. */
#define GCN__ID_PARAM       "subscriptionId"

/* Letters, digits and what URLs and JSON both take as it is: such a text is as
 * long in JSON as it was. */
bool gcn__stream_is_plain(const char* text);

/* An array of strings or of objects with a text in them; each in turn. */
struct gcn__span gcn__stream_error_at(const struct gcn__json* errors,
                                      size_t index);

#endif
