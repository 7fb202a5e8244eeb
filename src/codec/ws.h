/* SPDX-License-Identifier: MIT */
/*
 * RFC 6455 messages over wslay's frame layer.
 *
 * Assembly, limits, UTF-8, close codes and control-frame rules are ours,
 * because wslay's event layer hides close codes and allocates what the peer
 * declares (FAULTS §2.1).  One call yields at most one message; nothing is
 * allocated from a length that the peer only announced.  After an error the
 * reader refuses all input and keeps the first cause.  After a close frame it
 * swallows whatever follows, RFC 6455 §5.5.1.
 *
 * A frame of the common form that lies whole in bytes of the caller's, which is
 * what nearly all of them do, can be read where it is (gcn__ws_read_in_place);
 * everything else is copied into an assembly buffer.
 *
 * wslay, which is needed for the latter and to write, keeps about 4 KiB per
 * reader in a block of the C library's malloc, made when it is needed first and
 * given back by gcn__ws_rest; all other memory comes through `mem`, and none
 * per message once the assembly buffer has grown to the size of the messages.
 */
#ifndef GCN_CODEC_WS_H
#define GCN_CODEC_WS_H

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/span.h"

enum {
  GCN__WS_KEY_SIZE = 24,          /* base64 of 16 bytes, RFC 6455 §4.1 */
  GCN__WS_ACCEPT_SIZE = 28,       /* base64 of a SHA-1, §4.2.2 */
  GCN__WS_CONTROL_SIZE_MAX = 125, /* §5.5 */
  GCN__WS_REASON_SIZE_MAX = 123,
};

enum gcn__ws_opcode {
  GCN__WS_CONTINUATION = 0x0,
  GCN__WS_TEXT = 0x1,
  GCN__WS_BINARY = 0x2,
  GCN__WS_CLOSE = 0x8,
  GCN__WS_PING = 0x9,
  GCN__WS_PONG = 0xa,
};

/* Close codes we send or interpret, RFC 6455 §7.4 and the IANA registry. */
enum gcn__ws_close {
  GCN__WS_CLOSE_NORMAL = 1000,
  GCN__WS_CLOSE_GOING_AWAY = 1001,
  GCN__WS_CLOSE_PROTOCOL = 1002,
  GCN__WS_CLOSE_UNSUPPORTED = 1003,
  GCN__WS_CLOSE_NO_STATUS = 1005, /* never on the wire */
  GCN__WS_CLOSE_ABNORMAL = 1006,  /* never on the wire */
  GCN__WS_CLOSE_INVALID = 1007,
  GCN__WS_CLOSE_POLICY = 1008,
  GCN__WS_CLOSE_TOO_BIG = 1009,
  GCN__WS_CLOSE_INTERNAL = 1011,
};

enum gcn__ws_role { GCN__WS_CLIENT, GCN__WS_SERVER };

struct gcn__ws_limits {
  size_t message_size_max;
  size_t fragment_count_max; /* per message, zero-length ones included */
};

/* 1 MiB, 1,024. */
extern const struct gcn__ws_limits gcn__ws_limits_default;

struct gcn__ws_message {
  enum gcn__ws_opcode opcode; /* TEXT, BINARY, CLOSE, PING or PONG */
  /* Mutable view, never NULL, valid until the next read, shrink or free.
   * CLOSE: the reason, valid UTF-8.  TEXT: valid UTF-8, unless `in_place`. */
  char* data;
  size_t size;
  /* TEXT and BINARY: frames it came in, 1 if it was not fragmented; else 0. */
  size_t fragment_count;
  /* CLOSE only: the raw number, NO_STATUS if the payload was empty. */
  unsigned code;
  /* CLOSE only: RFC 6455 §7.4.2 and the registry allow it on the wire
   * (1000-1003, 1007-1014, 3000-4999).  An illegal one is reported raw, not
   * refused: one dialect is said to use 400 and 429.  True for an empty
   * payload, so NO_STATUS with false means that the peer really sent 1005. */
  bool code_legal;
  /* A view of the caller's bytes, valid as long as those.  TEXT: nobody has
   * looked whether it is UTF-8.  Who finds that it is not has to tell, by
   * gcn__ws_reject_text, before it makes anything of it. */
  bool in_place;
};

/* Bytes of the caller's, from which a view may be handed out, and which may be
 * changed by whoever has that. */
struct gcn__ws_lent {
  char* data;
  size_t size;
  /* How many there can be at once, if more come behind what is left of these.
   * At least 14. */
  size_t room;
};

enum gcn__ws_progress {
  GCN__WS_MORE = 0,    /* all input used, no message complete */
  GCN__WS_MESSAGE = 1, /* `message` is set; call again, input may remain */
};

struct gcn__ws;

/* NULL if out of memory.  `limits` NULL means the default.  `entropy` supplies
 * the mask keys of a client, fresh ones for every frame, and is copied; a
 * server needs none.  A client without one can read but not write. */
struct gcn__ws* gcn__ws_new(const struct gcn__mem* mem, enum gcn__ws_role role,
                            const struct gcn__ws_limits* limits,
                            const struct gcn__entropy* entropy);
void gcn__ws_free(struct gcn__ws* ws);

/* Reads from the front of `in` and advances it, never beyond the frame that
 * completes a message; keep calling until it says MORE, which leaves `in`
 * empty.  A header that breaks a rule or a limit is refused when its last byte
 * is in, whatever the size it declares.
 *
 * Returns a gcn__ws_progress, or GCN_EWS (1002, or 1007 for bad UTF-8),
 * GCN_EMSGSIZE (1009 for the size, 1008 for the number of fragments),
 * GCN__ENOMEM (1011); then gcn__ws_error_code is the close code to send. */
int gcn__ws_read(struct gcn__ws* ws, struct gcn__span* in,
                 struct gcn__ws_message* message);
/* The same, without a copy where that is possible: messages, errors and what is
 * partial are those of gcn__ws_read at any time, but for UTF-8 (`in_place`).
 * When it says MORE, `in` may have the first bytes of a frame left: the next
 * read gets them again, with more behind them.  gcn__ws_wanted says how large
 * the frame is, as far as its bytes tell, and 0 if nothing is left.  Or they go
 * to gcn__ws_read, which takes all there is. */
int gcn__ws_read_in_place(struct gcn__ws* ws, struct gcn__ws_lent* in,
                          struct gcn__ws_message* message);
size_t gcn__ws_wanted(const struct gcn__ws* ws);
/* The last message, which was in place, was found not to be UTF-8: fails as
 * gcn__ws_read would have.  Returns GCN_EWS. */
int gcn__ws_reject_text(struct gcn__ws* ws,
                        const struct gcn__ws_message* message);
/* Copies the last message, which is in place, so that the view is valid until
 * the next read, shrink or free.  0, or GCN__ENOMEM as gcn__ws_read. */
int gcn__ws_keep(struct gcn__ws* ws, struct gcn__ws_message* message);
unsigned gcn__ws_error_code(const struct gcn__ws* ws);
/* Constant text without peer data; "" if nothing went wrong. */
const char* gcn__ws_error(const struct gcn__ws* ws);
/* True while a fragmented message or a frame is incomplete; for the assembly
 * deadline. */
bool gcn__ws_partial(const struct gcn__ws* ws);
/* Gives back what wslay needs, unless it has read since the last shrink, and so
 * is likely to read again. */
void gcn__ws_rest(struct gcn__ws* ws);
/* Does that, too, and gives assembly memory above `capacity` bytes back.  Ends
 * the view of the last message; assembly memory stays while a message is being
 * assembled. */
void gcn__ws_shrink(struct gcn__ws* ws, size_t capacity);

/* Appends one frame.  `payload` must not lie in `out`.
 *
 * Returns 0, GCN_ELIMIT (`out` is full, or a control payload over 125 bytes),
 * GCN__ENOMEM, GCN_EENTROPY; an error has appended nothing. */
int gcn__ws_write(struct gcn__ws* ws, struct gcn__buf* out,
                  enum gcn__ws_opcode opcode, struct gcn__span payload);
/* The same with the FIN bit given: for fragmented sends.  GCN__EINVAL for a
 * control frame without it. */
int gcn__ws_write_fragment(struct gcn__ws* ws, struct gcn__buf* out,
                           enum gcn__ws_opcode opcode, bool fin,
                           struct gcn__span payload);
/* A close frame; code 0 or NO_STATUS sends an empty payload, any other 16-bit
 * number goes out as it is; the reason, valid UTF-8, is cut at a character
 * boundary to fit. */
int gcn__ws_write_close(struct gcn__ws* ws, struct gcn__buf* out, unsigned code,
                        struct gcn__span reason);

/* Handshake values; NUL-terminated, and empty on failure. */

/* 0, GCN_EENTROPY or GCN__ENOMEM. */
int gcn__ws_make_key(const struct gcn__entropy* entropy,
                     char key[GCN__WS_KEY_SIZE + 1]);
/* Fails for a key of another size, and if the digest does.  Compare the answer
 * of a peer only with one that is not empty. */
void gcn__ws_make_accept(struct gcn__span key,
                         char accept[GCN__WS_ACCEPT_SIZE + 1]);

#endif
