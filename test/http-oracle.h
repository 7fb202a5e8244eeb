/* SPDX-License-Identifier: MIT */
/*
 * A second reading of HTTP/1.1 answers, for comparison with the library's.
 *
 * Written from RFC 9112 and from the rules in codec/http.h, over a whole text
 * at once: no state machine, no parser of others, nothing shared with the
 * reader under test.  It keeps no limits of size, so it is for short texts.
 */
#ifndef GCN_TEST_HTTP_ORACLE_H
#define GCN_TEST_HTTP_ORACLE_H

#include "base/span.h"

enum { HTTP_ORACLE_BODY_SIZE = 4096 };

struct http_oracle {
  bool accepted;
  /* Accepted, but where parsers may differ: a chunk extension, a trailer with
   * the name of a framing header, or a tab around a header's value. */
  bool odd;
  unsigned status;
  bool keep_alive;
  size_t used; /* bytes of the text, up to the end of the answer */
  char body[HTTP_ORACLE_BODY_SIZE];
  size_t body_size;
};

/* The peer closes after the text; what is not complete by then is refused.
 * `head` and `upgrade` as in gcn__http_next. */
void http_oracle_read(struct gcn__span text, bool head, bool upgrade,
                      struct http_oracle* out);

#endif
