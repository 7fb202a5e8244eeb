/* SPDX-License-Identifier: MIT */
/*
 * The certificates of the matrix in FAULTS §9.1, by our policy; its handshakes
 * are test-s1-handshakes.c's.
 *
 * The document names 67 things in 66 cases: an untrusted root, sent or not, is
 * one of them here.  The left column comes first, then the right one.
 *
 * Declared limits, refused with a sentence of their own: critical name
 * constraints, also if they are satisfied (37), Ed25519 (50), and certificates
 * of more than 16 KiB (52, 53).
 */
#include "base/err.h"
#include "s1-case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define DNS     MBEDTLS_X509_SAN_DNS_NAME
#define IP      MBEDTLS_X509_SAN_IP_ADDRESS
#define SERVER  "the server's certificate "
#define UNKNOWN ", which is not trusted; name a CA file that holds "
#define CLOCK   "; check the local clock (local time *), or have it renewed"
#define LISTED  "the list of revoked certificates beside the CA certificates "
#define KINDS                                                                  \
  SERVER                                                                       \
  "is of a kind, or signed in a way, that is not supported (Ed25519 is one); " \
  "RSA, or ECDSA with P-256, P-384 or P-521, is needed"
#define CURVES                                                                 \
  SERVER                                                                       \
  "has a key on a curve that is not supported; P-256, P-384 or P-521 is "      \
  "needed"
#define WEAK(bits)                                                             \
  SERVER "chain has a key that is too weak (RSA of " bits                      \
         " bits); RSA of 2048 bits or more, P-256, P-384 or P-521 is needed"
#define CRITICAL_NAMES                                                         \
  SERVER "chain has critical name constraints, which are not supported; only " \
         "those that are not critical are"
#define TOO_LARGE                                                              \
  "the server's TLS handshake message is too large; certificates are limited " \
  "to 16 KiB"

struct row {
  const char* name;
  void (*play)(const struct row* row);
  const char* refusal;
  const char* host;       /* NULL: localhost */
  struct gcn__span entry; /* of the subjectAltName; absent: there is none */
  int type;
  const char* common_name;
  struct gcn__span extension; /* nameConstraints, or an address that is none */
  unsigned number;
};

static mbedtls_x509_san_list* entry_of(int type, struct gcn__span data) {
  static mbedtls_x509_san_list list;
  static unsigned char copy[64];
  assert_true(data.size <= sizeof(copy));
  memcpy(copy, data.data, data.size);
  list.node.type = type;
  list.node.san.unstructured_name.p = copy;
  list.node.san.unstructured_name.len = data.size;
  return &list;
}

static void judge(const struct row* row, const struct s1_plan* plan) {
  const struct s1_trial trial = {.host = row->host, .refusal = row->refusal};
  s1_play(plan, &trial);
}

static void play_names(const struct row* row) {
  struct s1_plan plan = s1_good();
  if (row->common_name != NULL) plan.leaf.name = row->common_name;
  plan.leaf.sans =
      row->entry.data == NULL ? NULL : entry_of(row->type, row->entry);
  judge(row, &plan);
}

static void play_good(const struct row* row) {
  const struct s1_plan plan = s1_good();
  judge(row, &plan);
}

/* Nothing is sent at all. */
static void play_unprovable(const struct row* row) {
  const struct s1_plan plan = s1_good();
  s1_forge(&plan);
  struct gcn__tls_config* client = client_config(s1_chain.root.pem, false);
  struct end end;
  end_init(&end, client, row->host);
  assert_int_equal(end_feed(&end, GCN__SPAN("")), GCN_ETLSVERIFY);
  assert_string_equal(gcn__tls_error(end.tls), row->refusal);
  assert_failed(&end, GCN_ETLSVERIFY, "");
  assert_int_equal(gcn__buf_size(&end.out), 0);
  end_deinit(&end);
  gcn__tls_config_release(client);
  s1_free();
}

static void play_expired_leaf(const struct row* row) {
  struct s1_plan plan = s1_good();
  plan.leaf.until = "20210101000000";
  judge(row, &plan);
}

static void play_future_leaf(const struct row* row) {
  struct s1_plan plan = s1_good();
  plan.leaf.from = "20900101000000";
  judge(row, &plan);
}

static void play_expired_middle(const struct row* row) {
  struct s1_plan plan = s1_good();
  plan.middle.until = "20210101000000";
  judge(row, &plan);
}

static void play_self_signed(const struct row* row) {
  struct s1_plan plan = s1_good();
  plan.leaf.issuer = NULL;
  s1_forge(&plan);
  const struct s1_trial trial = {.sent = {s1_chain.leaf.pem},
                                 .refusal = row->refusal};
  s1_judge(&trial);
  s1_free();
}

/* The client trusts somebody else. */
static void play_untrusted_root(const struct row* row) {
  struct forged* other = calloc(1, sizeof(*other));
  assert_non_null(other);
  const struct forgery elsewhere = {
      .name = "Elsewhere", .is_ca = 1, .path_length = -1};
  forge(other, &elsewhere);
  const struct s1_plan plan = s1_good();
  s1_forge(&plan);
  const struct s1_trial sent = {
      .anchors = other->pem,
      .sent = {s1_chain.leaf.pem, s1_chain.middle.pem, s1_chain.root.pem},
      .refusal = row->refusal};
  s1_judge(&sent);
  const struct s1_trial not_sent = {
      .anchors = other->pem,
      .refusal = SERVER "was issued by 'CN=Root'" UNKNOWN
                        "the issuer, or have the server send its whole chain"};
  s1_judge(&not_sent);
  s1_free();
  forged_free(other);
  free(other);
}

static void play_incomplete(const struct row* row) {
  const struct s1_plan plan = s1_good();
  s1_forge(&plan);
  const struct s1_trial trial = {.sent = {s1_chain.leaf.pem},
                                 .refusal = row->refusal};
  s1_judge(&trial);
  s1_free();
}

/* And one that belongs to nobody. */
static void play_wrong_order(const struct row* row) {
  struct forged* stray = calloc(1, sizeof(*stray));
  assert_non_null(stray);
  const struct forgery nobody = {.name = "Nobody"};
  forge(stray, &nobody);
  const struct s1_plan plan = s1_good();
  s1_forge(&plan);
  const struct s1_trial trial = {.sent = {s1_chain.leaf.pem, stray->pem,
                                          s1_chain.root.pem,
                                          s1_chain.middle.pem},
                                 .refusal = row->refusal};
  s1_judge(&trial);
  s1_free();
  forged_free(stray);
  free(stray);
}

static void play_client_only(const struct row* row) {
  struct s1_plan plan = s1_good();
  plan.leaf.client_only = 1;
  judge(row, &plan);
}

static void play_no_signature(const struct row* row) {
  struct s1_plan plan = s1_good();
  plan.leaf.key_usage = MBEDTLS_X509_KU_KEY_AGREEMENT;
  judge(row, &plan);
}

/* A leaf like any other, which issues one for our host. */
static void play_leaf_as_issuer(const struct row* row) {
  struct s1_plan plan = s1_good();
  plan.middle.name = "www.example.test";
  plan.middle.is_ca = 0;
  plan.middle.key_usage = MBEDTLS_X509_KU_DIGITAL_SIGNATURE;
  plan.middle.sans = entry_of(DNS, GCN__SPAN("www.example.test"));
  /* The list is written when it is used: first here, then for the leaf. */
  forge(&s1_chain.root, &plan.root);
  forge(&s1_chain.middle, &plan.middle);
  forge(&s1_chain.leaf, &plan.leaf);
  const struct s1_trial trial = {.refusal = row->refusal};
  s1_judge(&trial);
  s1_free();
}

static void play_no_ca(const struct row* row) {
  struct s1_plan plan = s1_good();
  plan.middle.is_ca = 0;
  plan.middle.key_usage = MBEDTLS_X509_KU_KEY_CERT_SIGN;
  judge(row, &plan);
}

static void play_path_length(const struct row* row) {
  struct s1_plan plan = s1_good();
  plan.root.path_length = 0; /* leaves no room for the middle one */
  judge(row, &plan);
}

/* 2.5.29.30, of the issuer in the middle. */
static void constrain(const struct row* row, int optional) {
  struct s1_plan plan = s1_good();
  plan.middle.critical_oid = "\x55\x1d\x1e";
  plan.middle.critical_oid_size = 3;
  plan.middle.extension = row->extension.data;
  plan.middle.extension_size = row->extension.size;
  plan.middle.optional = optional;
  judge(row, &plan);
}

static void play_critical_names(const struct row* row) {
  constrain(row, 0);
}

/* Those that Mbed TLS reads over, also with what they allow. */
static void play_other_names(const struct row* row) {
  constrain(row, 1);
  struct row satisfied = *row;
  satisfied.extension = GCN__SPAN("\x30\x0f\xa0\x0d\x30\x0b\x82\x09"
                                  "localhost");
  satisfied.refusal = NULL;
  constrain(&satisfied, 1);
}

static void play_unknown_extension(const struct row* row) {
  struct s1_plan plan = s1_good();
  plan.leaf.critical_oid = "\x2a\x03\x04"; /* 1.2.3.4 is nobody's */
  plan.leaf.critical_oid_size = 3;
  judge(row, &plan);
}

static void play_sha1(const struct row* row) {
  struct s1_plan plan = s1_good();
  plan.leaf.digest = MBEDTLS_MD_SHA1;
  judge(row, &plan);
}

/* `number` is one of tls-keys.h's. */
static void play_key(const struct row* row) {
  char pem[TEST_KEY_SIZE];
  test_key_get((enum test_key)row->number, pem);
  struct s1_plan plan = s1_good();
  plan.leaf.key_pem = pem;
  const struct s1_trial trial = {.refusal = row->refusal,
                                 .once = row->number == KEY_RSA_8192};
  s1_play(&plan, &trial);
}

static void play_curve(const struct row* row) {
  struct s1_plan plan = s1_good();
  plan.leaf.curve = (mbedtls_ecp_group_id)row->number;
  judge(row, &plan);
}

/* A certificate that Mbed TLS does not read. */
static void play_foreign(const struct row* row) {
  char pem[TEST_KEY_SIZE];
  test_key_get((enum test_key)row->number, pem);
  const struct s1_plan plan = s1_good();
  s1_forge(&plan);
  const struct s1_trial trial = {.sent = {pem}, .refusal = row->refusal};
  s1_judge(&trial);
  s1_free();
}

static void append_record(struct gcn__buf* out, struct gcn__span body) {
  const char header[] = {0x16, 0x03, 0x03, (char)(body.size >> 8),
                         (char)body.size};
  assert_int_equal(gcn__buf_append(out, header, sizeof(header)), 0);
  assert_int_equal(gcn__buf_append(out, body.data, body.size), 0);
}

/* A Certificate message (RFC 5246 §7.4.2) with one certificate of this size, in
 * as many records as it takes. */
static void append_certificate(struct gcn__buf* out, size_t size) {
  static char message[256 << 10];
  const size_t sizes[] = {size + 6, size + 3, size};
  char* to = message;
  *to++ = 0x0b;
  for (int i = 0; i < 3; i++) {
    *to++ = (char)(sizes[i] >> 16);
    *to++ = (char)(sizes[i] >> 8);
    *to++ = (char)sizes[i];
  }
  assert_true(size + 10 <= sizeof(message));
  struct gcn__span rest = gcn__span(message, size + 10);
  while (rest.size > 0) {
    const size_t step = rest.size < 16000 ? rest.size : 16000;
    append_record(out, gcn__span(rest.data, step));
    rest = gcn__span_skip(rest, step);
  }
}

/* `number` bytes of certificate behind a true ServerHello. */
static void play_large(const struct row* row) {
  const struct s1_plan plan = s1_good();
  s1_forge(&plan);
  struct gcn__tls_config* client = client_config(s1_chain.root.pem, true);
  struct gcn__tls_config* server =
      server_config(s1_chain.leaf.pem, s1_chain.leaf.key_pem);
  struct pair pair;
  pair_init(&pair, client, server, HOST);
  end_feed(&pair.client, GCN__SPAN(""));
  carry(&pair, &pair.client, &pair.server);
  const unsigned char* flight =
      (const unsigned char*)gcn__buf_span(&pair.server.out).data;
  const size_t hello_size = 5 + ((size_t)flight[3] << 8 | flight[4]);
  assert_true(hello_size < gcn__buf_size(&pair.server.out));
  pair.server.out.end = pair.server.out.begin + hello_size;
  append_certificate(&pair.server.out, row->number);
  carry(&pair, &pair.server, &pair.client);
  s1_assert_refused(&pair, GCN_ETLS, row->refusal);
  pair_deinit(&pair);
  gcn__tls_config_release(client);
  gcn__tls_config_release(server);
  s1_free();
}

/* A leaf by the root itself, and the root's list in its file.  `number` is the
 * serial number on the list, `common_name` its last day. */
static void play_revoked(const struct row* row) {
  static char anchors[2 * FORGE_PEM_SIZE];
  struct s1_plan plan = s1_good();
  plan.middle.issuer = NULL; /* nobody looks at it */
  plan.leaf.issuer = &s1_chain.root;
  s1_forge(&plan);
  char list[2048] = "";
  if (row->number != 0) {
    forge_list(&s1_chain.root, (unsigned char)row->number, row->common_name,
               list, sizeof(list));
  }
  snprintf(anchors, sizeof(anchors), "%s%s", s1_chain.root.pem, list);
  const struct s1_trial trial = {
      .anchors = anchors, .sent = {s1_chain.leaf.pem}, .refusal = row->refusal};
  s1_judge(&trial);
  s1_free();
}

#define PLAYED(name_, play_, refusal_)                                         \
  { .name = (name_), .play = (play_), .refusal = (refusal_) }
#define VISITED(host_, name_, play_, refusal_)                                 \
  { .name = (name_), .play = (play_), .host = (host_), .refusal = (refusal_) }
#define NAMED(name_, host_, type_, entry_, refusal_)                           \
  {                                                                            \
    .name = (name_), .play = play_names, .host = (host_), .type = (type_),     \
    .entry = {"" entry_, sizeof(entry_) - 1}, .refusal = (refusal_)            \
  }
#define NOT_FOR(host) SERVER "is not for host '" host "'"
#define NO_ADDRESS(host)                                                       \
  NOT_FOR(host) ": it has no iPAddress entry with this address"
#define NO_SAN(host)                                                           \
  SERVER "has no subjectAltName, so it does not prove host '" host             \
         "'; a common name is not enough"

static const struct row rows[] = {
    PLAYED("S1-01 a good certificate is accepted", play_good, NULL),
    VISITED("LOCALHOST", "S1-02 a host in upper case is accepted", play_good,
            NULL),
    VISITED(
        "localhost.", "S1-03 a host with a trailing dot is refused",
        play_unprovable,
        "no certificate can prove host 'localhost.': the name ends in a dot"),
    VISITED("", "S1-04 no host name is refused", play_unprovable,
            "no certificate can prove host '': the name is empty"),
    PLAYED("S1-05 an expired leaf is refused", play_expired_leaf,
           SERVER "expired on 2021-01-01" CLOCK),
    PLAYED("S1-06 a future leaf is refused", play_future_leaf,
           SERVER "is not valid before 2090-01-01" CLOCK),
    PLAYED("S1-07 an expired intermediate is refused", play_expired_middle,
           SERVER "chain holds 'CN=Middle', which expired on 2021-01-01" CLOCK),
    VISITED("other.test", "S1-08 the wrong host is refused", play_good,
            NOT_FOR("other.test") " but for 'localhost'"),
    PLAYED("S1-09 a self-signed certificate is refused", play_self_signed,
           SERVER "is self-signed by 'CN=Leaf'" UNKNOWN
                  "it if this is intended"),
    PLAYED("S1-10 an untrusted root is refused, sent or not",
           play_untrusted_root,
           SERVER "chain ends at 'CN=Root'" UNKNOWN "it if this is intended"),
    PLAYED("S1-11 an incomplete chain is refused", play_incomplete,
           SERVER "was issued by 'CN=Middle'" UNKNOWN
                  "the issuer, or have the server send its whole chain"),
    PLAYED("S1-12 the wrong chain order and a stray certificate are accepted",
           play_wrong_order, NULL),
    {.name = "S1-13 a common name without a subjectAltName is refused",
     .play = play_names,
     .common_name = "localhost",
     .refusal = NO_SAN("localhost")},
    {.name = "S1-14 the right common name with the wrong subjectAltName is "
             "refused",
     .play = play_names,
     .common_name = "localhost",
     .type = DNS,
     .entry = {"elsewhere.test", 14},
     .refusal = NOT_FOR("localhost") " but for 'elsewhere.test'"},
    NAMED("S1-15 a wildcard for one label is accepted", "a.example.test", DNS,
          "*.example.test", NULL),
    NAMED("S1-16 a wildcard for two labels is refused", "a.b.example.test", DNS,
          "*.example.test",
          NOT_FOR("a.b.example.test") " but for '*.example.test'"),
    NAMED("S1-17 a bare wildcard is refused", "localhost", DNS, "*",
          NOT_FOR("localhost") " but for '*'"),
    NAMED("S1-18 a wildcard within a label is refused", "abc.example.test", DNS,
          "a*.example.test",
          NOT_FOR("abc.example.test") " but for 'a*.example.test'"),
    NAMED("S1-19 a wildcard that is not leftmost is refused",
          "a.b.example.test", DNS, "a.*.example.test",
          NOT_FOR("a.b.example.test") " but for 'a.*.example.test'"),
    NAMED("S1-20 a wildcard above one label is refused", "localhost.test", DNS,
          "*.test", NOT_FOR("localhost.test") " but for '*.test'"),
    NAMED("S1-21 a wildcard for an address is refused", "127.0.0.1", DNS,
          "*.0.0.1", NO_ADDRESS("127.0.0.1")),
    NAMED("S1-22 an IPv4 address entry is accepted", "127.0.0.1", IP,
          "\x7f\x00\x00\x01", NULL),
    NAMED("S1-23 an IPv6 address entry is accepted", "::1", IP,
          "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", NULL),
    NAMED("S1-24 another address is refused", "127.0.0.1", IP,
          "\x7f\x00\x00\x02", NO_ADDRESS("127.0.0.1")),
    NAMED("S1-25 an address as a dNSName is refused", "127.0.0.1", DNS,
          "127.0.0.1", NO_ADDRESS("127.0.0.1")),
    {.name = "S1-26 an address as a common name is refused",
     .play = play_names,
     .host = "127.0.0.1",
     .common_name = "127.0.0.1",
     .refusal = NO_SAN("127.0.0.1")},
    PLAYED("S1-27 an extended key usage of clientAuth only is refused",
           play_client_only,
           SERVER
           "is not meant for a TLS server (its extended key usage does not "
           "name serverAuth)"),
    PLAYED("S1-28 a key usage without digitalSignature is refused",
           play_no_signature,
           SERVER "is not meant for a TLS server (its key usage lacks "
                  "digitalSignature)"),
    PLAYED("S1-29 no key usage at all is accepted", play_good, NULL),
    PLAYED("S1-32 a leaf used as an issuer is refused", play_leaf_as_issuer,
           SERVER
           "chain is not trusted: 'CN=www.example.test' is no certificate "
           "authority (it lacks CA:TRUE)"),
    PLAYED("S1-33 an intermediate without CA:TRUE is refused", play_no_ca,
           SERVER
           "chain is not trusted: 'CN=Middle' is no certificate authority (it "
           "lacks CA:TRUE)"),
    PLAYED("S1-34 an exceeded path length is refused", play_path_length,
           SERVER
           "chain is not trusted: 'CN=Root' may not stand so far above it "
           "(its path length says so)"),
    {.name = "S1-35 a violated critical name constraint is refused",
     .play = play_critical_names,
     .refusal = CRITICAL_NAMES,
     .extension = {"\x30\x12\xa0\x10\x30\x0e\x82\x0c"
                   "allowed.test",
                   20}},
    {.name = "S1-36 a violated name constraint that is not critical is refused",
     .play = play_other_names,
     .refusal = "the issuer of the server's certificate may not issue it for "
                "this name (its name constraints say so)",
     .extension = {"\x30\x12\xa0\x10\x30\x0e\x82\x0c"
                   "allowed.test",
                   20}},
    {.name = "S1-37 a satisfied critical name constraint is refused: a "
             "declared limit",
     .play = play_critical_names,
     .refusal = CRITICAL_NAMES,
     .extension = {"\x30\x0f\xa0\x0d\x30\x0b\x82\x09"
                   "localhost",
                   17}},
    PLAYED("S1-38 an unknown critical extension is refused",
           play_unknown_extension,
           SERVER
           "has an unsupported critical extension, or one that cannot be read "
           "(Mbed TLS -0x2562)"),
    PLAYED("S1-39 a SHA-1 signature is refused", play_sha1,
           SERVER
           "chain is signed with a digest that is too weak; SHA-256 or better "
           "is needed"),
    {.name = "S1-40 RSA of 512 bits is refused",
     .play = play_key,
     .number = KEY_RSA_512,
     .refusal = WEAK("512")},
    {.name = "S1-41 RSA of 1024 bits is refused",
     .play = play_key,
     .number = KEY_RSA_1024,
     .refusal = WEAK("1024")},
    {.name = "S1-42 RSA of 2048 bits is accepted",
     .play = play_key,
     .number = KEY_RSA_2048},
    {.name = "S1-43 RSA of 4096 bits is accepted",
     .play = play_key,
     .number = KEY_RSA_4096},
    {.name = "S1-44 RSA of 8192 bits is accepted",
     .play = play_key,
     .number = KEY_RSA_8192},
    {.name = "S1-45 P-256 is accepted",
     .play = play_curve,
     .number = MBEDTLS_ECP_DP_SECP256R1},
    {.name = "S1-46 P-384 is accepted",
     .play = play_curve,
     .number = MBEDTLS_ECP_DP_SECP384R1},
    {.name = "S1-47 P-521 is accepted",
     .play = play_curve,
     .number = MBEDTLS_ECP_DP_SECP521R1},
    {.name = "S1-48 P-192 is refused",
     .play = play_foreign,
     .number = KEY_P192_BY_EC,
     .refusal = CURVES},
    {.name = "S1-49 secp256k1 is refused",
     .play = play_foreign,
     .number = KEY_SECP256K1_BY_EC,
     .refusal = CURVES},
    {.name = "S1-50 an Ed25519 leaf is refused as not supported",
     .play = play_foreign,
     .number = KEY_ED25519_BY_EC,
     .refusal = KINDS},
    NAMED("S1-51 a NUL in a subjectAltName is refused", "localhost", DNS,
          "localhost\0.evil.test",
          NOT_FOR("localhost") " but for 'localhost?.evil.test'"),
    {.name = "S1-52 1,000 names (22 KB) are refused: a declared limit",
     .play = play_large,
     .number = 22000,
     .refusal = TOO_LARGE},
    {.name = "S1-53 10,000 names are refused",
     .play = play_large,
     .number = 220000,
     .refusal = TOO_LARGE},
    PLAYED("S1-54 a revoked certificate without a list is accepted",
           play_revoked, NULL),
    {.name = "S1-55 a revoked certificate on the list is refused",
     .play = play_revoked,
     .number = FORGED_SERIAL,
     .refusal = "a certificate in the server's chain was revoked by its issuer "
                "(the list of revoked certificates beside the CA certificates "
                "says so)"},
    {.name = "S1-56 an expired list of revoked certificates is refused",
     .play = play_revoked,
     .number = FORGED_SERIAL + 1,
     .common_name = "20210101000000",
     .refusal = LISTED "is out of date; get a new one, or check the local "
                       "clock"},
    {.name = "S1-57 a good certificate that is not on the list is accepted",
     .play = play_revoked,
     .number = FORGED_SERIAL + 1},
};

enum { ROW_COUNT = sizeof(rows) / sizeof(*rows) };

static void play(void** state) {
  const struct row* row = *state;
  row->play(row);
}

int main(void) {
  static struct CMUnitTest tests[ROW_COUNT];
  for (size_t i = 0; i < ROW_COUNT; i++) {
    union {
      const struct row* from;
      void* to;
    } pointer = {.from = &rows[i]};
    tests[i] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = play, .initial_state = pointer.to};
  }
  return cmocka_run_group_tests(tests, s1_set_up, s1_tear_down);
}
