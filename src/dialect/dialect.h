/* SPDX-License-Identifier: MIT */
/*
 * What a service dialect says: the vocabulary shared by dialects and engine.
 *
 * A dialect knows words, not sockets, states or time.  It writes requests,
 * reads answers, names messages and says what an answer, a close code or a
 * message means for what we do next.
 */
#ifndef GCN_DIALECT_DIALECT_H
#define GCN_DIALECT_DIALECT_H

#include "base/buf.h"
#include "base/span.h"

/* In the order of gcn_op_t. */
enum gcn__op {
  GCN__OP_NONE,
  GCN__OP_TOKEN,
  GCN__OP_CHANNEL,
  GCN__OP_TOPICS,
  GCN__OP_UPGRADE,
  GCN__OP_STREAM,
  GCN__OP_AUDIT,       /* which topics has the channel? */
  GCN__OP_ADD,         /* more topics, besides those it has */
  GCN__OP_UNSUBSCRIBE, /* all topics off */
  GCN__OP_CHECKPOINT,  /* the client's own: loading or saving it */
};

/* What is offered to the login service for a token; all but the first need
 * members of gcn__ask of their own. */
enum gcn__grant {
  GCN__GRANT_CLIENT_CREDENTIALS,
  GCN__GRANT_REFRESH_TOKEN, /* refresh_token */
  GCN__GRANT_SAML2_BEARER,  /* assertion, org_name */
  GCN__GRANT_JWT_BEARER,    /* assertion */
};

/* What an answer means for what we do next. */
enum gcn__meaning {
  GCN__MEANING_OK,
  GCN__MEANING_WEATHER,       /* try again, by our own backoff */
  GCN__MEANING_STUBBORN,      /* try again, slowly: it won't heal by itself */
  GCN__MEANING_LIMITED,       /* try again, when the server says */
  GCN__MEANING_STALE_TOKEN,   /* the token was rejected */
  GCN__MEANING_STALE_CHANNEL, /* the channel is gone */
  GCN__MEANING_REFUSED,       /* final, until the credentials change */
  GCN__MEANING_BROKEN,        /* the answer is no HTTP or WebSocket we know */
};

struct gcn__judgement {
  enum gcn__meaning meaning;
  int error;        /* GCN_E* for the failure record; 0 for OK */
  const char* text; /* a sentence with the remedy; constant */
};

/* What a message on the open stream is. */
enum gcn__message_kind {
  GCN__MESSAGE_EVENT,
  GCN__MESSAGE_HEARTBEAT,    /* heartbeat, pong, in-socket answer */
  GCN__MESSAGE_NOTICE,       /* a system message we only pass on */
  GCN__MESSAGE_MOVING,       /* the socket will be closed soon */
  GCN__MESSAGE_REVOKED,      /* the token was revoked */
  GCN__MESSAGE_GARBAGE,      /* no form we know */
  GCN__MESSAGE_UNSUBSCRIBED, /* a topic of ours moved to another channel */
};

/* What a request is made of; absent members are not used by the operation. */
struct gcn__ask {
  const char* authority;   /* Host header */
  struct gcn__span target; /* of the upgrade; path and query */
  const char* base_path;   /* of the login or API URL, "" or "/prefix" */
  const char* user_agent;
  const char* client_id;
  const char* client_secret;
  enum gcn__grant grant;
  const char* refresh_token;
  const char* assertion; /* encoded as the grant wants it, e.g. base64 */
  const char* org_name;
  const char* token;
  struct gcn__span channel_id;
  const char* ws_key;
  struct gcn__span body; /* of TOPICS and ADD */
};

#endif
