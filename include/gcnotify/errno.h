/* SPDX-License-Identifier: MIT */
/*
 * Error codes of gcnotify.
 *
 * Every function of the library that can fail returns an int: 0 or a negative
 * code.  libuv's codes (UV_*) pass through unchanged; ours start at -20000, so
 * they never meet an errno-based value or a UV_EAI_* code.  This header is free
 * of uv.h on purpose.
 *
 * New codes are only ever appended.  Tolerate codes you do not know.
 */
#ifndef GCNOTIFY_ERRNO_H
#define GCNOTIFY_ERRNO_H

/* clang-format off */
#define GCN_ERRNO_MAP(X)                                                       \
  X(ECLOSING, -20000, "the client is closing or closed")                       \
  X(ELIMIT, -20001, "a limit of the client's options was reached")             \
  X(EAUTH, -20002, "the login service refused the credentials")                \
  X(EFORBIDDEN, -20003, "the service refused permission")                      \
  X(ERATELIMITED, -20004, "the service asked to slow down")                    \
  X(ETLS, -20005, "the TLS layer failed")                                      \
  X(ETLSVERIFY, -20006, "the server's certificate was not accepted")           \
  X(EHTTP, -20007, "the HTTP answer was malformed or over a limit")            \
  X(ESTATUS, -20008, "the service answered with an unexpected HTTP status")    \
  X(EWS, -20009, "the peer broke the WebSocket protocol")                      \
  X(EPROTO, -20010, "the service's answer does not have the expected form")    \
  X(ECHANNEL, -20011, "the channel is gone")                                   \
  X(ETOPIC, -20012, "the topic was rejected")                                  \
  X(ESILENT, -20013, "the stream went silent")                                 \
  X(EPHASE, -20014, "a phase of the attempt took too long")                    \
  X(EPEERCLOSE, -20015, "the server closed the stream")                        \
  X(EPOLICY, -20016, "the service named an address that is not allowed")       \
  X(EMSGSIZE, -20017, "a message is larger than message_size_max")             \
  X(EUVVERSION, -20018, "libuv is older than the one compiled against")        \
  X(EFORKED, -20019, "the client belongs to the parent process")               \
  X(EWRONGTHREAD, -20020, "called from a thread that is not the loop's")       \
  X(ENEVER, -20021, "internal error: impossible input for this state")         \
  X(EREDIRECT, -20022, "the service answered with a redirect")                 \
  X(EENTROPY, -20023, "the system's source of random numbers failed")          \
  X(ECONFIG, -20024, "the configuration is not valid")                         \
  X(EPROXY, -20025, "the proxy did not open a tunnel to the host")             \
  X(EPROXYAUTH, -20026, "the proxy did not accept the login")                  \
  X(ECHECKPOINT, -20027, "the checkpoint can't be used")                       \
  X(ESUBSCRIPTION, -20028, "the service refused a subscription")               \
  X(EPOSITION, -20029, "the service no longer has the position")
/* clang-format on */

enum {
#define GCN_ERRNO_ENUM(name, value, text) GCN_##name = value,
  GCN_ERRNO_MAP(GCN_ERRNO_ENUM)
#undef GCN_ERRNO_ENUM
  GCN_ERRNO_LAST = -20999
};

#endif
