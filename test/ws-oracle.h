/* SPDX-License-Identifier: MIT */
/*
 * Two readings of one WebSocket stream by a client: ours, and that of wslay's
 * event layer, which shares nothing with ours but the parser of headers.
 *
 * They have to agree on every message and on how the stream ends, but for a
 * few points where the event layer is known to be wrong or to have no rule:
 *
 *   codes    it knows no close codes 1012 to 1014, refuses those that may not
 *            be on the wire instead of telling them, and says 1002 to both
 *   reasons  it judges the reason of a close in the pieces of its own reads,
 *            so a reason that lies across two of them is misjudged either way,
 *            and one that is not whole yet is refused; ours is judged whole
 *   halves   it takes a close of one byte for one without a code
 *   numbers  it does not limit the fragments of a message
 *   bare     it fails a bad length or a control frame in fragments without a
 *            code of its own; taken for 1002
 *   order    of two breaches in one header it names the other one
 *   late     it looks at a header only with the first byte of the payload
 */
#ifndef GCN_TEST_WS_ORACLE_H
#define GCN_TEST_WS_ORACLE_H

#include "base/span.h"

/* NULL: they agree, or their difference is one of the above; else what they
 * differ in.  Prints both readings then. */
const char* ws_oracle_compare(struct gcn__span in);

#endif
