/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.1 messages: a pull reader over llhttp and a request/response writer.
 *
 * The reader holds one message at a time, whole, inside fixed limits.  It is
 * strict: no lenient flag of llhttp is ever set, and it refuses on top of it
 * what llhttp lets pass (FAULTS §2.2).  After an error it refuses all input
 * until it is freed, and keeps the first cause.
 */
#ifndef GCN_CODEC_HTTP_H
#define GCN_CODEC_HTTP_H

#include "base/buf.h"
#include "base/mem.h"
#include "base/span.h"

enum gcn__http_role {
  GCN__HTTP_RESPONSES, /* a client reads these */
  GCN__HTTP_REQUESTS,  /* a server reads these */
};

struct gcn__http_limits {
  size_t header_size_max; /* start line and all headers, bytes */
  size_t header_count_max;
  size_t line_size_max; /* one header, without its CR LF */
  size_t body_size_max;
  unsigned interim_max; /* 1xx answers (but 101) skipped before the answer */
};

/* 32 KiB, 100, 8 KiB, 1 MiB, 8.  An interim answer has its own count of bytes
 * and headers; trailers are dropped, but their bytes count as headers. */
extern const struct gcn__http_limits gcn__http_limits_default;

enum gcn__http_progress {
  GCN__HTTP_MORE = 0, /* all input used, message not complete */
  GCN__HTTP_DONE = 1, /* a whole message is held */
};

struct gcn__http;

/* NULL if out of memory. */
struct gcn__http* gcn__http_new(const struct gcn__mem* mem,
                                enum gcn__http_role role,
                                const struct gcn__http_limits* limits);
void gcn__http_free(struct gcn__http* http);

/* Prepares for the next message on the same connection.  For responses:
 * `head` says that the request was a HEAD or a CONNECT (no body follows),
 * `upgrade` that it asked for one (only then is a 101 accepted).  Keeps memory.
 * Does not bring a reader back that has seen an error. */
void gcn__http_next(struct gcn__http* http, bool head, bool upgrade);

/* Reads from the front of `in` and advances it past what was used.  Stops at
 * the end of a message: what follows a 101 belongs to the WebSocket, and bytes
 * after any other response are for the caller to treat as an error.  With a
 * message held it reads nothing and returns DONE.
 *
 * Refused besides what is malformed: versions but 1.0 and 1.1, any transfer
 * coding but exactly `chunked`, more than one length, a content coding, bare CR
 * or LF, folded headers, an empty line before the message, an unasked 101.
 *
 * Returns a gcn__http_progress, or GCN_EHTTP (malformed or refused),
 * GCN_EMSGSIZE (a limit), GCN__ENOMEM. */
int gcn__http_read(struct gcn__http* http, struct gcn__span* in);

/* The peer closed.  DONE if that legally ends the body (a response with neither
 * a length nor chunks) or a message is held, else GCN_EHTTP. */
int gcn__http_eof(struct gcn__http* http);

/* What went wrong, a constant text without peer data; "" if nothing did. */
const char* gcn__http_error(const struct gcn__http* http);
/* True once the first byte of a message has been seen. */
bool gcn__http_begun(const struct gcn__http* http);

/* The message held; spans are views that live until next, free or read. */
unsigned gcn__http_status(const struct gcn__http* http);
struct gcn__span gcn__http_method(const struct gcn__http* http);
struct gcn__span gcn__http_target(const struct gcn__http* http);
struct gcn__span gcn__http_body(const struct gcn__http* http);
size_t gcn__http_header_count(const struct gcn__http* http);
struct gcn__span gcn__http_header_name(const struct gcn__http* http,
                                       size_t index);
struct gcn__span gcn__http_header_value(const struct gcn__http* http,
                                        size_t index);
/* Value of the only header of that name (ASCII case ignored); absent (data ==
 * NULL) if there is none.  With duplicates: the first one, and `count` (may be
 * NULL) tells how many. */
struct gcn__span gcn__http_header(const struct gcn__http* http,
                                  const char* name, size_t* count);
/* True if the connection may carry another message afterwards. */
bool gcn__http_keep_alive(const struct gcn__http* http);
/* True if the header `name` holds the token (comma-separated list, ASCII case
 * ignored). */
bool gcn__http_has_token(const struct gcn__http* http, const char* name,
                         const char* token);

/* Writing.  Start line, then headers, then the end with or without a body.
 * Methods and names must be tokens.  Values and targets with CR, LF, NUL, other
 * control bytes or bytes above 0x7e, values that begin or end with a space, and
 * targets with one anywhere or of no size are refused with GCN__EINVAL and
 * nothing is appended.  Others: 0, GCN_ELIMIT, GCN__ENOMEM. */

/* A target that begins with "?" gets the "/" it lacks (RFC 9112 §3.2.1). */
int gcn__http_write_request(struct gcn__buf* out, const char* method,
                            struct gcn__span target);
/* Status 100 to 999. */
int gcn__http_write_status(struct gcn__buf* out, unsigned status);
int gcn__http_write_header(struct gcn__buf* out, const char* name,
                           struct gcn__span value);
/* Adds Content-Length (unless `no_length`), the empty line and the body. */
int gcn__http_write_end(struct gcn__buf* out, struct gcn__span body,
                        bool no_length);
/* "OK", "Not Found", ...; "Unknown" for codes we have no phrase for. */
const char* gcn__http_reason(unsigned status);

/* Retry-After: delta-seconds or an HTTP-date in any of the three RFC 9110
 * §5.6.7 forms, relative to `wall_s` (seconds since 1970).  Milliseconds; -1 if
 * absent or not parseable (then treat it as absent).  A date in the past gives
 * 0.  Never overflows: at most 2^31 s. */
int64_t gcn__http_retry_after(struct gcn__span value, int64_t wall_s);
/* What the answer held asks for, or -1.  A date is relative to the answer's own
 * Date: no clock of ours, no skew; without one it says nothing.  Of several
 * headers the longest wait counts. */
int64_t gcn__http_asked_ms(const struct gcn__http* http);
/* Seconds since 1970, or -1; also for years before.  A two-digit year lies
 * between 1970 and 2069. */
int64_t gcn__http_date(struct gcn__span value);

#endif
