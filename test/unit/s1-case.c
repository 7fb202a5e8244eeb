/* SPDX-License-Identifier: MIT */
/*
 * See s1-case.h.
 */
#include "s1-case.h"

#include "base/err.h"
#include "codec/tls-config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <mbedtls/pem.h>

enum {
  HEADER_SIZE = 5,
  TYPE_APPLICATION_DATA = 23,
  /* Level, description, inner type, tag: TLS 1.3 hides it among the data. */
  ENCRYPTED_ALERT_SIZE = 2 + 1 + 16,
};

struct s1_chain s1_chain;

static struct gcn__pki* pki;
static struct site decoy; /* a server with a key, whatever it shows */
static mbedtls_x509_san_list localhost;
static char joined[S1_SENT_COUNT_MAX * FORGE_PEM_SIZE];
static unsigned char der[S1_SENT_COUNT_MAX][FORGE_PEM_SIZE];

int s1_set_up(void** state) {
  (void)state;
  static unsigned char name[] = HOST;
  localhost.node.type = MBEDTLS_X509_SAN_DNS_NAME;
  localhost.node.san.unstructured_name.p = name;
  localhost.node.san.unstructured_name.len = strlen(HOST);
  pki = gcn__pki_new();
  if (pki == NULL) return -1;
  site_init(&decoy, pki, NULL, GCN__PKI_SOUND);
  return 0;
}

int s1_tear_down(void** state) {
  (void)state;
  site_deinit(&decoy);
  gcn__pki_free(pki);
  return 0;
}

struct s1_plan s1_good(void) {
  return (struct s1_plan){
      .root = {.name = "Root", .is_ca = 1, .path_length = -1},
      .middle = {.name = "Middle",
                 .issuer = &s1_chain.root,
                 .is_ca = 1,
                 .path_length = 0},
      .leaf = {.name = "Leaf", .issuer = &s1_chain.middle, .sans = &localhost},
  };
}

void s1_forge(const struct s1_plan* plan) {
  forge(&s1_chain.root, &plan->root);
  forge(&s1_chain.middle, &plan->middle);
  forge(&s1_chain.leaf, &plan->leaf);
}

void s1_free(void) {
  forged_free(&s1_chain.leaf);
  forged_free(&s1_chain.middle);
  forged_free(&s1_chain.root);
}

/* Records the peer can read: nothing but the handshake and alerts. */
static void assert_no_data(struct gcn__span out) {
  while (out.size >= HEADER_SIZE) {
    const unsigned char* header = (const unsigned char*)out.data;
    const size_t size = (size_t)header[3] << 8 | header[4];
    assert_true(header[0] != TYPE_APPLICATION_DATA ||
                size <= ENCRYPTED_ALERT_SIZE);
    assert_true(out.size >= HEADER_SIZE + size);
    out = gcn__span_skip(out, HEADER_SIZE + size);
  }
  assert_int_equal(out.size, 0);
}

static void try_to_say(struct end* client, bool* said) {
  const size_t before = gcn__buf_size(&client->out);
  if (*said) return;
  if (gcn__tls_state(client->tls) == GCN__TLS_OPEN) {
    assert_int_equal(gcn__tls_write(client->tls, GCN__SPAN(S1_SECRET)), 0);
    *said = true;
    return;
  }
  assert_true(gcn__tls_write(client->tls, GCN__SPAN(S1_SECRET)) < 0);
  assert_int_equal(gcn__buf_size(&client->out), before);
  assert_no_data(gcn__buf_span(&client->out));
}

void s1_talk(struct pair* pair) {
  bool said = false;
  end_feed(&pair->client, GCN__SPAN(""));
  try_to_say(&pair->client, &said);
  while (gcn__buf_size(&pair->client.out) + gcn__buf_size(&pair->server.out) >
         0) {
    carry(pair, &pair->client, &pair->server);
    carry(pair, &pair->server, &pair->client);
    try_to_say(&pair->client, &said);
  }
}

void s1_assert_accepted(const struct pair* pair) {
  assert_string_equal(gcn__tls_error(pair->client.tls), "");
  assert_int_equal(gcn__tls_state(pair->client.tls), GCN__TLS_OPEN);
  const struct gcn__span heard = gcn__buf_span(&pair->server.plain);
  assert_int_equal(heard.size, strlen(S1_SECRET));
  assert_memory_equal(heard.data, S1_SECRET, heard.size);
}

static bool matches(const char* text, const char* pattern) {
  const char* star = strchr(pattern, '*');
  if (star == NULL) return strcmp(text, pattern) == 0;
  const size_t before = (size_t)(star - pattern);
  const size_t after = strlen(star + 1);
  const size_t size = strlen(text);
  return size >= before + after && strncmp(text, pattern, before) == 0 &&
         strcmp(text + size - after, star + 1) == 0;
}

void s1_assert_refused(struct pair* pair, int error, const char* pattern) {
  const char* text = gcn__tls_error(pair->client.tls);
  if (!matches(text, pattern)) {
    print_error("wanted: %s\ngot:    %s\n", pattern, text);
    fail();
  }
  assert_failed(&pair->client, error, "");
  assert_true(strlen(text) + 1 < GCN__TLS_TEXT_SIZE); /* it was not cut */
  assert_null(strstr(text, S1_CANARY));
  assert_int_equal(gcn__buf_size(&pair->server.plain), 0);
}

static size_t to_der(const char* text, unsigned char* to) {
  mbedtls_pem_context pem;
  mbedtls_pem_init(&pem);
  size_t size = 0;
  assert_int_equal(mbedtls_pem_read_buffer(&pem, "-----BEGIN CERTIFICATE-----",
                                           "-----END CERTIFICATE-----",
                                           (const unsigned char*)text, NULL, 0,
                                           &size),
                   0);
  const unsigned char* from = mbedtls_pem_get_buffer(&pem, &size);
  assert_true(size <= FORGE_PEM_SIZE);
  memcpy(to, from, size);
  mbedtls_pem_free(&pem);
  return size;
}

static size_t sent_count(const struct s1_trial* trial) {
  size_t count = 0;
  while (count < S1_SENT_COUNT_MAX && trial->sent[count] != NULL)
    count++;
  return count;
}

/* What Mbed TLS's server sends of its own chain are these bytes only. */
static void show(mbedtls_x509_crt nodes[S1_SENT_COUNT_MAX],
                 const struct s1_trial* trial) {
  mbedtls_x509_crt* own = &decoy.server->base->material->certificates;
  nodes[0] = *own;
  for (size_t i = 0; i < sent_count(trial); i++) {
    mbedtls_x509_crt* node = i == 0 ? own : &nodes[i];
    if (i > 0) mbedtls_x509_crt_init(node);
    node->raw.p = der[i];
    node->raw.len = to_der(trial->sent[i], der[i]);
    node->next = i + 1 < sent_count(trial) ? &nodes[i + 1] : NULL;
  }
}

static void judge_shown(struct gcn__tls_config* client,
                        const struct s1_trial* trial, const char* host) {
  mbedtls_x509_crt nodes[S1_SENT_COUNT_MAX];
  show(nodes, trial);
  struct pair pair;
  pair_init(&pair, client, decoy.server, host);
  s1_talk(&pair);
  s1_assert_refused(&pair, GCN_ETLSVERIFY, trial->refusal);
  pair_deinit(&pair);
  decoy.server->base->material->certificates = nodes[0];
}

static void judge_real(struct gcn__tls_config* client,
                       const struct s1_trial* trial, const char* host) {
  joined[0] = '\0';
  for (size_t i = 0; i < sent_count(trial); i++) {
    const size_t used = strlen(joined);
    snprintf(joined + used, sizeof(joined) - used, "%s", trial->sent[i]);
  }
  struct gcn__tls_config* server = server_config(joined, s1_chain.leaf.key_pem);
  struct pair pair;
  pair_init(&pair, client, server, host);
  s1_talk(&pair);
  s1_assert_accepted(&pair);
  pair_deinit(&pair);
  gcn__tls_config_release(server);
}

void s1_judge(const struct s1_trial* trial) {
  struct s1_trial whole = *trial;
  if (whole.sent[0] == NULL) {
    whole.sent[0] = s1_chain.leaf.pem;
    whole.sent[1] = s1_chain.middle.pem;
  }
  const char* anchors =
      whole.anchors == NULL ? s1_chain.root.pem : whole.anchors;
  const char* host = whole.host == NULL ? HOST : whole.host;
  for (int old = 0; old < (whole.once ? 1 : 2); old++) {
    struct gcn__tls_config* client = client_config(anchors, old == 1);
    if (whole.refusal == NULL) {
      judge_real(client, &whole, host);
    } else {
      judge_shown(client, &whole, host);
    }
    gcn__tls_config_release(client);
  }
}

void s1_play(const struct s1_plan* plan, const struct s1_trial* trial) {
  s1_forge(plan);
  s1_judge(trial);
  s1_free();
}
