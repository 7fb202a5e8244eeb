/* SPDX-License-Identifier: MIT */
/*
 * Two TLS codecs back to back.  It knows nothing of Mbed TLS.
 */
#include "tls-pair.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum {
  STREAM_SIZE_MAX = 64 << 20,
  STEP_MAX = 16384,
};

static const char* const dns[] = {HOST, "*.example.test"};
static const char* const ip[] = {"127.0.0.1", "::1"};
const struct gcn__pki_names localhost_names = {dns, 2, ip, 2};

struct gcn__tls_config* client_config(const char* ca_pem, bool tls12_only) {
  const struct gcn__tls_client_options options = {
      .ca_pem = gcn__span_str(ca_pem), .tls12_only = tls12_only};
  char text[GCN__TLS_TEXT_SIZE];
  struct gcn__tls_config* config = NULL;
  const int rc =
      gcn__tls_config_client(&gcn__mem_libc, &options, &config, text);
  assert_string_equal(text, "");
  assert_int_equal(rc, 0);
  return config;
}

struct gcn__tls_config* server_config(const char* certificate,
                                      const char* key) {
  char text[GCN__TLS_TEXT_SIZE];
  struct gcn__tls_config* config = NULL;
  const int rc =
      gcn__tls_config_server(&gcn__mem_libc, gcn__span_str(certificate),
                             gcn__span_str(key), &config, text);
  assert_string_equal(text, "");
  assert_int_equal(rc, 0);
  return config;
}

void site_init(struct site* site, struct gcn__pki* pki,
               const struct gcn__pki_names* names, enum gcn__pki_flaw flaw) {
  const int rc = gcn__pki_issue(pki, names == NULL ? &localhost_names : names,
                                flaw, site->certificate, site->key);
  assert_int_equal(rc, 0);
  site->server = server_config(site->certificate, site->key);
  site->client = client_config(gcn__pki_ca(pki), false);
}

void site_deinit(struct site* site) {
  gcn__tls_config_release(site->server);
  gcn__tls_config_release(site->client);
}

void end_init(struct end* end, struct gcn__tls_config* config,
              const char* host) {
  *end = (struct end){.step = STEP_MAX};
  gcn__buf_init(&end->out, &gcn__mem_libc, STREAM_SIZE_MAX);
  gcn__buf_init(&end->plain, &gcn__mem_libc, STREAM_SIZE_MAX);
  const int rc =
      gcn__tls_new(config, &gcn__mem_libc, host, &end->out, &end->tls);
  assert_int_equal(rc, 0);
}

void end_deinit(struct end* end) {
  gcn__tls_free(end->tls);
  gcn__buf_deinit(&end->out);
  gcn__buf_deinit(&end->plain);
}

int end_feed(struct end* end, struct gcn__span bytes) {
  char plain[STEP_MAX];
  bool full = false;
  do {
    size_t used = 0;
    end->rc = gcn__tls_read(end->tls, &bytes, plain, end->step, &used);
    assert_true(used <= end->step);
    assert_int_equal(gcn__buf_append(&end->plain, plain, used), 0);
    full = used == end->step;
    const bool drained = bytes.size == 0 && !gcn__tls_pending(end->tls);
    assert_true(drained || full || end->rc != 0);
  } while (full && end->rc == 0);
  return end->rc;
}

void pair_init(struct pair* pair, struct gcn__tls_config* client,
               struct gcn__tls_config* server, const char* host) {
  pair->cut = WHOLE;
  gcn__rng_seed(&pair->rng, 7);
  end_init(&pair->client, client, host);
  end_init(&pair->server, server, NULL);
}

void pair_deinit(struct pair* pair) {
  end_deinit(&pair->client);
  end_deinit(&pair->server);
}

static size_t piece_size(struct pair* pair, size_t left) {
  switch (pair->cut) {
  case BYTEWISE: return 1;
  case RANDOM: {
    const size_t size = (size_t)gcn__rng_between(&pair->rng, 1, 700);
    return size < left ? size : left;
  }
  default: return left;
  }
}

void carry(struct pair* pair, struct end* from, struct end* to) {
  while (gcn__buf_size(&from->out) > 0) {
    const size_t size = piece_size(pair, gcn__buf_size(&from->out));
    const struct gcn__span all = gcn__buf_span(&from->out);
    if (end_feed(to, gcn__span(all.data, size)) != 0) {
      gcn__buf_clear(&from->out);
      return;
    }
    gcn__buf_consume(&from->out, size);
  }
}

void pair_pump(struct pair* pair) {
  if (gcn__tls_state(pair->client.tls) != GCN__TLS_OPEN) {
    end_feed(&pair->client, GCN__SPAN(""));
  }
  while (gcn__buf_size(&pair->client.out) + gcn__buf_size(&pair->server.out) >
         0) {
    carry(pair, &pair->client, &pair->server);
    carry(pair, &pair->server, &pair->client);
  }
}

void pair_open(struct pair* pair, const struct site* site, enum cut cut) {
  pair_init(pair, site->client, site->server, HOST);
  pair->cut = cut;
  pair_pump(pair);
  assert_string_equal(gcn__tls_error(pair->client.tls), "");
  assert_int_equal(gcn__tls_state(pair->client.tls), GCN__TLS_OPEN);
  assert_int_equal(gcn__tls_state(pair->server.tls), GCN__TLS_OPEN);
}

void assert_failed(struct end* end, int error, const char* needle) {
  assert_int_equal(gcn__tls_state(end->tls), GCN__TLS_FAILED);
  assert_int_equal(end->rc, error);
  const char* text = gcn__tls_error(end->tls);
  if (strstr(text, needle) == NULL) {
    print_error("\"%s\" is not in \"%s\"\n", needle, text);
    fail();
  }
  /* It refuses everything and keeps the cause. */
  char plain[8];
  size_t used = 1;
  struct gcn__span in = GCN__SPAN("more");
  assert_int_equal(gcn__tls_read(end->tls, &in, plain, sizeof(plain), &used),
                   error);
  assert_int_equal(used, 0);
  assert_int_equal(gcn__tls_write(end->tls, GCN__SPAN("x")), error);
  assert_int_equal(gcn__tls_end(end->tls), error);
  assert_non_null(strstr(gcn__tls_error(end->tls), needle));
}
