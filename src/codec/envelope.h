/* SPDX-License-Identifier: MIT */
/*
 * The event envelope, scanned in one validating pass without a DOM.
 *
 *   {"topicName":"...","version":"2","eventBody":{...},
 *    "metadata":{"CorrelationId":"..."}}            PROTOCOL §4.2
 *
 * Keys come in any order; unknown ones are skipped.  The body is handed on as
 * its raw bytes.  The whole text is checked against the JSON grammar, with
 * nesting up to 32 and without recursion.  The text must already be valid
 * UTF-8, and an object.  A key that we take out and that occurs twice is
 * refused, and so is a lone surrogate or U+0000 in a string that we decode.
 * With shallow scrutiny a body that is an array or object is less closely
 * looked at: its strings, and how many brackets open and close, which is where
 * it ends; of inner ones not even whether they are square or curly.
 *
 * In what is not ours the scanner is more lenient than jansson, because it
 * passes the bytes on unread: duplicate keys, lone surrogates, \u0000, and
 * numbers too big for a machine are the business of the body's reader.
 */
#ifndef GCN_CODEC_ENVELOPE_H
#define GCN_CODEC_ENVELOPE_H

#include "base/span.h"
#include "codec/scrutiny.h"

enum { GCN__ENVELOPE_DEPTH_MAX = 32 };

struct gcn__envelope {
  /* Absent (data == NULL) where the message lacks the member or it is of
   * another type. */
  struct gcn__span topic;          /* "topicName", decoded */
  struct gcn__span version;        /* string content, or a number's text */
  struct gcn__span body;           /* raw JSON value of "eventBody" */
  struct gcn__span correlation_id; /* "metadata"."CorrelationId", decoded */
  struct gcn__span result;         /* in-socket answers, PROTOCOL §3.5; string
                                      content, or a number's text */
};

/* Strings with escapes are decoded in place inside `text` (topic, version,
 * correlation id, result), which never makes them longer; the body's bytes are
 * left alone.  Spans point into `text`.
 *
 * Returns 0 or GCN_EPROTO; `offset` (may be NULL) is then where, and `text` is
 * unchanged. */
int gcn__envelope_scan(char* text, size_t size, enum gcn__scrutiny scrutiny,
                       struct gcn__envelope* envelope, size_t* offset);
/* The same for bytes of which nobody knows yet whether they are UTF-8.  `utf8`
 * is set to whether they are, all of them, also where they are no envelope; if
 * they are not, that is GCN_EPROTO, too. */
int gcn__envelope_scan_bytes(char* bytes, size_t size,
                             enum gcn__scrutiny scrutiny,
                             struct gcn__envelope* envelope, bool* utf8);
/* The string "message" of a body as it is on the wire, the last one if it has
 * several.  Absent if that is no string, or the body has none or, shallowly
 * looked at, turns out to be no object. */
struct gcn__span gcn__envelope_message(struct gcn__span body);

#endif
