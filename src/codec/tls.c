/* SPDX-License-Identifier: MIT */
/*
 * The TLS filter: Mbed TLS between two memory buffers.
 *
 * Mbed TLS asks for exactly the bytes of the next record, so nothing it has not
 * asked for leaves the caller's span, and what it has decrypted but not handed
 * out is at most one record.  OPEN is reached in one place, and by a client
 * only after the verify callback has seen the host's name in the leaf, in this
 * handshake or in the one whose session it resumes.
 */
#include "codec/tls.h"

#include "base/assert.h"
#include "base/err.h"
#include "codec/tls-buffers.h"
#include "codec/tls-config.h"
#include "codec/tls-session.h"
#include "codec/tls-text.h"
#include "codec/tls-verify.h"

#include <stdio.h>

enum {
  HEADER_SIZE = 5, /* RFC 8446 §5.1: type, version (2), length (2) */
  /* Before the end of the handshake every record counts.  16 KiB in records of
   * 256 bytes, and some. */
  HANDSHAKE_RECORDS_MAX = 96,
  /* Mbed TLS reports a TLS 1.3 ticket twice: it has come, it has been read. */
  IDLE_STEPS_MAX = 2 * GCN__TLS_IDLE_RECORDS_MAX,
};
_Static_assert((int)HEADER_SIZE == (int)GCN__TLS_FIRST_SIZE,
               "the first record header is kept for the error text");

struct gcn__tls {
  struct gcn__tls_config* config;
  struct gcn__tls_material* material; /* the one in use when we began */
  const struct gcn__mem* mem;
  struct gcn__buf* out;
  int out_error; /* of the out buffer */
  bool close_sent;
  bool flooded;

  struct gcn__tls_session offered; /* none: the handshake is a full one */
  uint64_t born_ms;                /* when the certificate was verified */
  bool resumed;

  int error; /* the first; then state is FAILED */
  int detail;
  bool unwelcome; /* the peer's alert is about our certificate */
  char text[GCN__TLS_TEXT_SIZE];
  const char* version;
  const char* suite;
  struct gcn__tls_verify verify;

  /* What each record looks at, side by side. */
  struct gcn__span in; /* what the current call may still take */
  enum gcn__tls_state state;
  bool starved; /* Mbed TLS wanted bytes and `in` had none */
  bool dry;     /* it has given all that it has, until more bytes come */
  bool reading; /* inside gcn__tls_read */
  bool heard;   /* plaintext has come */

  /* Where we are in the stream of records. */
  unsigned char header[HEADER_SIZE];
  unsigned char first[GCN__TLS_FIRST_SIZE];
  size_t header_size;
  size_t record_size;
  size_t body_left;
  size_t first_size;

  /* Since plaintext last came out. */
  int idle_records;
  int idle_steps;

  struct gcn__tls_buffers buffers;
  mbedtls_ssl_context ssl;
};

/* The first cause stays. */
static int fail(struct gcn__tls* tls, int error, const char* sentence) {
  GCN__ASSERT(tls->state != GCN__TLS_FAILED);
  tls->state = GCN__TLS_FAILED;
  tls->error = error;
  snprintf(tls->text, sizeof(tls->text), "%s", sentence);
  return error;
}

/* A fatal alert is the last thing Mbed TLS has read, and still in its buffer:
 * level, description. */
static int last_alert(const struct gcn__tls* tls) {
  const unsigned char* message = tls->ssl.MBEDTLS_PRIVATE(in_msg);
  return message == NULL ? -1 : message[1];
}

/* The handshake message that Mbed TLS reads, or has read last. */
static struct gcn__span last_message(const struct gcn__tls* tls) {
  const mbedtls_ssl_context* ssl = &tls->ssl;
  const unsigned char* message = ssl->MBEDTLS_PRIVATE(in_msg);
  if (message == NULL || tls->state != GCN__TLS_HANDSHAKING) {
    return GCN__SPAN("");
  }
  return gcn__span(message, ssl->MBEDTLS_PRIVATE(in_msglen));
}

static int fail_with(struct gcn__tls* tls, int detail) {
  tls->detail = detail;
  if (tls->out_error != 0) {
    return fail(tls, tls->out_error,
                tls->out_error == GCN__ENOMEM
                    ? "out of memory for TLS output"
                    : "the buffer for TLS output is full");
  }
  if (tls->flooded) {
    return fail(tls, GCN_ETLS,
                "the peer sends TLS records without any data in them");
  }
  struct gcn__tls_fault fault = {
      .detail = detail,
      .alert = last_alert(tls),
      .open = tls->state == GCN__TLS_OPEN,
      .first = gcn__span(tls->first, tls->first_size),
      .message = last_message(tls),
      .record_size = tls->record_size,
      .verify = &tls->verify,
      .flags = mbedtls_ssl_get_verify_result(&tls->ssl),
  };
  char text[GCN__TLS_TEXT_SIZE];
  tls->unwelcome = gcn__tls_unwelcome(&fault);
  return fail(tls, gcn__tls_judge(&fault, text), text);
}

static void begin_record(struct gcn__tls* tls, const unsigned char* header) {
  tls->record_size = (size_t)header[3] << 8 | header[4];
  tls->body_left = tls->record_size;
  tls->header_size = 0;
  tls->idle_records++;
}

static void track_header(struct gcn__tls* tls, unsigned char byte) {
  if (tls->first_size < sizeof(tls->first)) {
    tls->first[tls->first_size++] = byte;
  }
  tls->header[tls->header_size++] = byte;
  if (tls->header_size == HEADER_SIZE) begin_record(tls, tls->header);
}

/* Mbed TLS asks for a header as a whole, and nearly always gets it. */
static bool is_header(const struct gcn__tls* tls, struct gcn__span taken) {
  return taken.size == HEADER_SIZE && tls->body_left == 0 &&
         tls->header_size == 0 && tls->first_size == sizeof(tls->first);
}

/* Follows the bytes that Mbed TLS takes, to count the records. */
static void track(struct gcn__tls* tls, struct gcn__span taken) {
  if (is_header(tls, taken)) {
    begin_record(tls, (const unsigned char*)taken.data);
    return;
  }
  while (taken.size > 0) {
    size_t body = taken.size < tls->body_left ? taken.size : tls->body_left;
    tls->body_left -= body;
    taken = gcn__span_skip(taken, body);
    if (taken.size == 0) return;
    track_header(tls, (unsigned char)taken.data[0]);
    taken = gcn__span_skip(taken, 1);
  }
}

/* Mbed TLS comes back for bytes between records only once it has dealt with the
 * last one, so this counts records that brought nothing. */
static bool is_flood(const struct gcn__tls* tls) {
  if (tls->header_size > 0 || tls->body_left > 0) return false;
  bool open = tls->state == GCN__TLS_OPEN;
  int most = open ? (int)GCN__TLS_IDLE_RECORDS_MAX : (int)HANDSHAKE_RECORDS_MAX;
  return tls->idle_records > most;
}

static int receive(void* ctx, unsigned char* data, size_t size) {
  struct gcn__tls* tls = ctx;
  if (is_flood(tls)) {
    tls->flooded = true;
    return MBEDTLS_ERR_SSL_UNEXPECTED_RECORD;
  }
  if (tls->in.size == 0) {
    tls->starved = true;
    return MBEDTLS_ERR_SSL_WANT_READ;
  }
  size_t step = size < tls->in.size ? size : tls->in.size;
  memcpy(data, tls->in.data, step);
  track(tls, gcn__span(tls->in.data, step));
  tls->in = gcn__span_skip(tls->in, step);
  return (int)step;
}

/* The out buffer takes a record whole or not at all, so Mbed TLS never has to
 * come back to write. */
static int deliver(void* ctx, const unsigned char* data, size_t size) {
  struct gcn__tls* tls = ctx;
  /* Answers to a peer that asks again and again (a TLS 1.2 HelloRequest). */
  if (tls->reading && tls->state == GCN__TLS_OPEN &&
      ++tls->idle_steps > IDLE_STEPS_MAX) {
    tls->flooded = true;
    return MBEDTLS_ERR_SSL_UNEXPECTED_RECORD;
  }
  int rc = gcn__buf_append(tls->out, data, size);
  if (rc == 0) return (int)size;
  tls->out_error = rc;
  return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

/* The only place that tells Mbed TLS which host this is.  An address goes
 * without: it must not become SNI, and tls-verify.c checks it alone. */
static int set_host(struct gcn__tls* tls, const char* host) {
  const char* problem = gcn__tls_verify_init(&tls->verify, host);
  if (problem != NULL) {
    char shown[GCN__TLS_NAME_SIZE];
    gcn__tls_text_clean(shown, sizeof(shown), gcn__span_str(host));
    char text[GCN__TLS_TEXT_SIZE];
    snprintf(text, sizeof(text),
             "no certificate can prove host '%s': the name %s", shown, problem);
    fail(tls, GCN_ETLSVERIFY, text);
    return 0;
  }
  tls->verify.anchors = &tls->material->anchors;
  mbedtls_ssl_set_verify(&tls->ssl, gcn__tls_verify_certificate, &tls->verify);
  const char* name = tls->verify.ip_size > 0 ? NULL : tls->verify.host;
  return mbedtls_ssl_set_hostname(&tls->ssl, name) == 0 ? 0 : GCN__ENOMEM;
}

static void drop_offer(struct gcn__tls* tls) {
  gcn__tls_session_drop(&tls->config->base->mem, &tls->offered);
}

/* Without a session, or with one that Mbed TLS will not have, it is a full
 * handshake. */
static int offer_session(struct gcn__tls* tls) {
  struct gcn__tls_base* base = tls->config->base;
  if (!base->resume || tls->state == GCN__TLS_FAILED) return 0;
  gcn__tls_sessions_take(&base->sessions, tls->verify.host, base->now_ms,
                         &tls->offered);
  if (tls->offered.bytes == NULL) return 0;
  int rc = gcn__tls_session_offer(&tls->offered, &tls->ssl);
  if (rc != 0) drop_offer(tls);
  return rc == GCN__ENOMEM ? rc : 0;
}

static int set_up(struct gcn__tls* tls, const char* host) {
  int rc = mbedtls_ssl_setup(&tls->ssl, &tls->material->ssl);
  /* Out of memory for a handshake, Mbed TLS 3.6 keeps half of one but forgets
   * the configuration, which mbedtls_ssl_free() then reads. */
  tls->ssl.MBEDTLS_PRIVATE(conf) = &tls->material->ssl;
  if (rc != 0) return gcn__tls_out_of_memory(rc) ? GCN__ENOMEM : GCN_ETLS;
  mbedtls_ssl_set_bio(&tls->ssl, tls, deliver, receive, NULL);
  if (host == NULL) return 0;
  rc = set_host(tls, host);
  return rc == 0 ? offer_session(tls) : rc;
}

int gcn__tls_new(struct gcn__tls_config* config, const struct gcn__mem* mem,
                 const char* host, struct gcn__buf* out,
                 struct gcn__tls** tls) {
  *tls = NULL;
  GCN__ASSERT(config->base->server == (host == NULL));
  if (config->base->server != (host == NULL)) return GCN_ETLS;
  struct gcn__tls* made = gcn__alloc_zero(mem, sizeof(*made));
  if (made == NULL) return GCN__ENOMEM;
  made->config = gcn__tls_config_hold(config);
  made->material = gcn__tls_material_hold(config->base->material);
  made->mem = mem;
  made->out = out;
  made->in = GCN__SPAN("");
  made->version = "";
  made->suite = "";
  mbedtls_ssl_init(&made->ssl);
  int rc = set_up(made, host);
  if (rc != 0) {
    gcn__tls_free(made);
    return rc;
  }
  *tls = made;
  return 0;
}

void gcn__tls_share(struct gcn__tls* tls, struct gcn__spares* spares) {
  if (tls->state != GCN__TLS_HANDSHAKING) return;
  gcn__tls_buffers_begin(&tls->buffers, &tls->ssl, spares);
}

void gcn__tls_redirect(struct gcn__tls* tls, struct gcn__buf* out) {
  tls->out = out;
}

void gcn__tls_free(struct gcn__tls* tls) {
  if (tls == NULL) return;
  gcn__tls_buffers_end(&tls->buffers);
  mbedtls_ssl_free(&tls->ssl);
  drop_offer(tls);
  gcn__tls_material_release(tls->material);
  gcn__tls_config_release(tls->config);
  gcn__free(tls->mem, tls, sizeof(*tls));
}

static void note_progress(struct gcn__tls* tls) {
  tls->idle_records = 0;
  tls->idle_steps = 0;
}

static bool is_tls12(const struct gcn__tls* tls) {
  return mbedtls_ssl_get_version_number(&tls->ssl) ==
         MBEDTLS_SSL_VERSION_TLS1_2;
}

/* For the next connection to this host.  Material that is not in use any more
 * leaves nothing behind: others may be trusted by now. */
static void keep_session(struct gcn__tls* tls) {
  struct gcn__tls_base* base = tls->config->base;
  if (!base->resume || tls->material != base->material) return;
  const struct gcn__tls_session* refused =
      tls->offered.bytes != NULL && !tls->resumed ? &tls->offered : NULL;
  struct gcn__tls_session session;
  int rc = gcn__tls_session_export(&tls->ssl, refused, &base->mem, &session);
  if (rc != 0) return; /* the next handshake is a full one */
  session.born_ms = tls->born_ms;
  gcn__tls_sessions_put(&base->sessions, tls->verify.host, &session);
}

/* A TLS 1.2 session comes with the handshake.  It is not kept before the server
 * has said something: one that is resumed and then met with silence, or an
 * alert, must not be offered for ever. */
static void note_data(struct gcn__tls* tls) {
  note_progress(tls);
  if (tls->heard) return;
  tls->heard = true;
  if (tls->config->base->server || !is_tls12(tls)) return;
  keep_session(tls);
  drop_offer(tls);
}

/* Mbed TLS shows us a certificate, or has the server prove that it knows the
 * key of the session we offered, which was kept under this host's name after
 * its certificate was verified. */
static bool is_proven(struct gcn__tls* tls) {
  if (mbedtls_ssl_get_verify_result(&tls->ssl) != 0) return false;
  if (tls->verify.flags != 0) return false;
  if (tls->verify.seen) return tls->verify.matched;
  tls->resumed = tls->offered.bytes != NULL;
  return tls->resumed;
}

/* In TLS 1.3 what was offered is settled; see note_data() for TLS 1.2. */
static void settle_offer(struct gcn__tls* tls) {
  struct gcn__tls_counts* counts = &tls->config->counts;
  if (tls->resumed) {
    counts->resumed++;
    tls->born_ms = tls->offered.born_ms;
  } else {
    counts->full++;
    tls->born_ms = tls->config->base->now_ms;
  }
  if (is_tls12(tls)) return;
  drop_offer(tls);
}

static int open_up(struct gcn__tls* tls) {
  bool client = !tls->config->base->server;
  if (client && !is_proven(tls)) {
    return fail(tls, GCN_ETLSVERIFY,
                "the server's certificate was not checked");
  }
  if (client) settle_offer(tls);
  gcn__tls_session_forget_peer(&tls->ssl);
  tls->state = GCN__TLS_OPEN;
  tls->version = mbedtls_ssl_get_version(&tls->ssl);
  tls->suite = mbedtls_ssl_get_ciphersuite(&tls->ssl);
  if (client) gcn__tls_buffers_strip(&tls->ssl);
  note_progress(tls);
  return 0;
}

static bool is_ticket(int rc) {
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
  return rc == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET;
#else
  (void)rc;
  return false;
#endif
}

/* Mbed TLS stopped without an error: it has dealt with something that was no
 * data, and wants to be called again. */
static bool is_idle_step(int rc) {
  return rc == MBEDTLS_ERR_SSL_WANT_READ || is_ticket(rc) ||
         rc == 0; /* an empty record */
}

/* 0: go on; else the error of a peer that only keeps us busy. */
static int count_idle_step(struct gcn__tls* tls) {
  if (++tls->idle_steps <= IDLE_STEPS_MAX) return 0;
  tls->flooded = true;
  return fail_with(tls, MBEDTLS_ERR_SSL_UNEXPECTED_RECORD);
}

static int shake_hands(struct gcn__tls* tls) {
  for (;;) {
    tls->starved = false;
    int rc = mbedtls_ssl_handshake(&tls->ssl);
    if (rc == 0) return open_up(tls);
    if (!is_idle_step(rc)) return fail_with(tls, rc);
    if (tls->starved) return 0;
    rc = count_idle_step(tls);
    if (rc != 0) return rc;
  }
}

/* Mbed TLS has its buffers until rest(). */
static int wake(struct gcn__tls* tls) {
  if (gcn__tls_buffers_wake(&tls->buffers)) return 0;
  return fail(tls, GCN__ENOMEM, "out of memory for TLS records");
}

/* After a failure nothing is asked of Mbed TLS any more. */
static void rest(struct gcn__tls* tls) {
  gcn__tls_buffers_rest(&tls->buffers);
}

/* The peer has said its last word; what it sends after that is not looked at
 * (RFC 8446 §6.1). */
static int close_down(struct gcn__tls* tls) {
  tls->state = GCN__TLS_CLOSED;
  tls->in = gcn__span_skip(tls->in, tls->in.size);
  return GCN__EOF;
}

/* It has handed out all of the last record, and nothing of another one has
 * come: asked again it would only say so. */
static bool is_spent(const struct gcn__tls* tls) {
  return tls->in.size == 0 && tls->body_left == 0 && tls->header_size == 0 &&
         mbedtls_ssl_check_pending(&tls->ssl) == 0;
}

/* Until `plain` is full or Mbed TLS has nothing and gets nothing: what it keeps
 * to itself, no poller can see (FAILURES F13). */
static int drain(struct gcn__tls* tls, char* plain, size_t plain_size,
                 size_t* used) {
  while (*used < plain_size) {
    tls->starved = false;
    int rc = mbedtls_ssl_read(&tls->ssl, (unsigned char*)plain + *used,
                              plain_size - *used);
    if (rc > 0) {
      *used += (size_t)rc;
      note_data(tls);
      tls->dry = is_spent(tls);
      if (tls->dry) return 0;
      continue;
    }
    /* Here and now: Mbed TLS overwrites it with the next one. */
    if (is_ticket(rc)) keep_session(tls);
    if (rc == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) return close_down(tls);
    if (!is_idle_step(rc)) return fail_with(tls, rc);
    tls->dry = rc == MBEDTLS_ERR_SSL_WANT_READ && tls->starved;
    if (tls->dry) return 0;
    rc = count_idle_step(tls);
    if (rc != 0) return rc;
  }
  return 0;
}

static int advance(struct gcn__tls* tls, char* plain, size_t plain_size,
                   size_t* used) {
  if (tls->state == GCN__TLS_CLOSED) return close_down(tls);
  if (tls->state == GCN__TLS_HANDSHAKING) {
    int rc = shake_hands(tls);
    if (rc != 0 || tls->state != GCN__TLS_OPEN) return rc;
  }
  return drain(tls, plain, plain_size, used);
}

int gcn__tls_read(struct gcn__tls* tls, struct gcn__span* in, char* plain,
                  size_t plain_size, size_t* used) {
  *used = 0;
  if (tls->state == GCN__TLS_FAILED) return tls->error;
  int error = wake(tls);
  if (error != 0) return error;
  tls->in = *in;
  tls->dry = false;
  tls->reading = true;
  int rc = advance(tls, plain, plain_size, used);
  tls->reading = false;
  *in = tls->in;
  tls->in = GCN__SPAN("");
  rest(tls);
  return rc;
}

bool gcn__tls_dry(const struct gcn__tls* tls) {
  return tls->dry && tls->state == GCN__TLS_OPEN;
}

int gcn__tls_end(struct gcn__tls* tls) {
  if (tls->state == GCN__TLS_FAILED) return tls->error;
  if (tls->state == GCN__TLS_CLOSED) return GCN__EOF;
  if (tls->state == GCN__TLS_OPEN) {
    return fail(tls, GCN_ETLS,
                "the connection ended without TLS close_notify; data may be "
                "missing");
  }
  if (tls->first_size == 0) {
    return fail(tls, GCN_ETLS,
                "the connection ended before the server answered the TLS "
                "handshake; does the port speak TLS?");
  }
  return fail(tls, GCN_ETLS,
              tls->verify.seen
                  ? "the connection ended during the TLS handshake, after the "
                    "server's certificate; it may want a client certificate"
                  : "the connection ended during the TLS handshake");
}

static int write_error(const struct gcn__tls* tls) {
  if (tls->state == GCN__TLS_FAILED) return tls->error;
  if (tls->state == GCN__TLS_CLOSED) return GCN__EOF;
  bool writable = tls->state == GCN__TLS_OPEN && !tls->close_sent;
  return writable ? 0 : GCN__EINVAL;
}

static int encrypt(struct gcn__tls* tls, struct gcn__span plain) {
  while (plain.size > 0) {
    int rc = mbedtls_ssl_write(&tls->ssl, (const unsigned char*)plain.data,
                               plain.size);
    if (rc <= 0) return fail_with(tls, rc);
    plain = gcn__span_skip(plain, (size_t)rc);
  }
  return 0;
}

int gcn__tls_write(struct gcn__tls* tls, struct gcn__span plain) {
  int rc = write_error(tls);
  if (rc == 0) rc = wake(tls);
  if (rc != 0) return rc;
  rc = encrypt(tls, plain);
  rest(tls);
  return rc;
}

void gcn__tls_close(struct gcn__tls* tls) {
  bool open = tls->state == GCN__TLS_OPEN || tls->state == GCN__TLS_CLOSED;
  if (!open || tls->close_sent) return;
  tls->close_sent = true;
  /* A lost goodbye changes nothing: the transport is closed next. */
  if (!gcn__tls_buffers_wake(&tls->buffers)) return;
  (void)mbedtls_ssl_close_notify(&tls->ssl);
  rest(tls);
}

enum gcn__tls_state gcn__tls_state(const struct gcn__tls* tls) {
  return tls->state;
}

bool gcn__tls_pending(const struct gcn__tls* tls) {
  return tls->state == GCN__TLS_OPEN &&
         mbedtls_ssl_get_bytes_avail(&tls->ssl) > 0;
}

bool gcn__tls_partial(const struct gcn__tls* tls) {
  return tls->ssl.MBEDTLS_PRIVATE(in_left) > 0;
}

int gcn__tls_detail(const struct gcn__tls* tls) {
  return tls->detail;
}
const char* gcn__tls_error(const struct gcn__tls* tls) {
  return tls->text;
}
bool gcn__tls_stubborn(const struct gcn__tls* tls) {
  return tls->error == GCN_ETLSVERIFY || tls->unwelcome;
}
bool gcn__tls_resumed(const struct gcn__tls* tls) {
  return tls->resumed;
}
const char* gcn__tls_version(const struct gcn__tls* tls) {
  return tls->version;
}
const char* gcn__tls_suite(const struct gcn__tls* tls) {
  return tls->suite;
}
