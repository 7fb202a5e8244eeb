/* SPDX-License-Identifier: MIT */
/*
 * The throw-away authority, by Mbed TLS's certificate writer.
 *
 * It knows no clock and no file.  Every leaf has a key of its own; private keys
 * leave only through gcn__pki_issue and are wiped here.
 */
#include "sim/pki.h"

#include "base/err.h"

#include <mbedtls/build_info.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>
#include <stdio.h>

enum {
  SERIAL_SIZE = 16,
  COMMON_NAME_SIZE = 320, /* "CN=" and a host name */
  IP_SIZE = 16,
  SAN_COUNT_MAX = 256,
};

#define CA_NAME   "O=gcnotify,CN=gcnotify simulator CA"
#define LEAF_NAME "O=gcnotify,CN=gcnotify simulator"

struct gcn__pki {
  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
  mbedtls_pk_context key;
  char ca_pem[GCN__PKI_PEM_SIZE_MAX];
};

struct validity {
  const char* from;
  const char* to;
};

/* One certificate to be written. */
struct order {
  const char* subject;
  const char* issuer;
  mbedtls_pk_context* subject_key;
  mbedtls_pk_context* issuer_key;
  struct validity validity;
  bool is_ca;
  bool client_only;
  const mbedtls_x509_san_list* sans; /* NULL: none */
};

/* The subjectAltName as the list that the writer takes. */
struct san_list {
  mbedtls_x509_san_list nodes[SAN_COUNT_MAX];
  unsigned char ips[SAN_COUNT_MAX][IP_SIZE];
  size_t count;
  const mbedtls_x509_san_list* head;
};

static struct validity validity_of(enum gcn__pki_flaw flaw) {
  switch (flaw) {
  case GCN__PKI_EXPIRED:
    return (struct validity){"20200101000000", "20210101000000"};
  case GCN__PKI_FUTURE:
    return (struct validity){"20900101000000", "20991231235959"};
  case GCN__PKI_SOUND:
  case GCN__PKI_NO_SAN:
  case GCN__PKI_SELF_SIGNED:
  case GCN__PKI_CLIENT_ONLY: break;
  }
  return (struct validity){"20200101000000", "20991231235959"};
}

static int generate(struct gcn__pki* pki, mbedtls_pk_context* key) {
  int rc = mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
  if (rc != 0) return rc;
  return mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key),
                             mbedtls_ctr_drbg_random, &pki->random);
}

static int set_serial(struct gcn__pki* pki, mbedtls_x509write_cert* writer) {
  unsigned char serial[SERIAL_SIZE];
  int rc = mbedtls_ctr_drbg_random(&pki->random, serial, sizeof(serial));
  if (rc != 0) return rc;
  /* Positive and without leading zeros (RFC 5280 §4.1.2.2). */
  serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40);
  return mbedtls_x509write_crt_set_serial_raw(writer, serial, sizeof(serial));
}

static int set_identity(mbedtls_x509write_cert* writer,
                        const struct order* order) {
  mbedtls_x509write_crt_set_version(writer, MBEDTLS_X509_CRT_VERSION_3);
  mbedtls_x509write_crt_set_md_alg(writer, MBEDTLS_MD_SHA256);
  mbedtls_x509write_crt_set_subject_key(writer, order->subject_key);
  mbedtls_x509write_crt_set_issuer_key(writer, order->issuer_key);
  int rc = mbedtls_x509write_crt_set_subject_name(writer, order->subject);
  if (rc != 0) return rc;
  rc = mbedtls_x509write_crt_set_issuer_name(writer, order->issuer);
  if (rc != 0) return rc;
  return mbedtls_x509write_crt_set_validity(writer, order->validity.from,
                                            order->validity.to);
}

/* The writer takes a key's purpose as a list of OIDs that it only reads. */
static int set_purpose(mbedtls_x509write_cert* writer, bool client_only) {
  static const unsigned char server_auth[] = MBEDTLS_OID_SERVER_AUTH;
  static const unsigned char client_auth[] = MBEDTLS_OID_CLIENT_AUTH;
  unsigned char oid[sizeof(server_auth) - 1];
  _Static_assert(sizeof(server_auth) == sizeof(client_auth), "one buffer");
  memcpy(oid, client_only ? client_auth : server_auth, sizeof(oid));
  mbedtls_asn1_sequence purpose = {
      .buf = {.tag = MBEDTLS_ASN1_OID, .len = sizeof(oid), .p = oid}};
  return mbedtls_x509write_crt_set_ext_key_usage(writer, &purpose);
}

static int set_key_ids(mbedtls_x509write_cert* writer) {
#if defined(MBEDTLS_MD_CAN_SHA1)
  int rc = mbedtls_x509write_crt_set_subject_key_identifier(writer);
  if (rc != 0) return rc;
  return mbedtls_x509write_crt_set_authority_key_identifier(writer);
#else
  (void)writer;
  return 0;
#endif
}

static int set_extensions(mbedtls_x509write_cert* writer,
                          const struct order* order) {
  int rc = mbedtls_x509write_crt_set_basic_constraints(writer, order->is_ca,
                                                       order->is_ca ? 0 : -1);
  if (rc != 0) return rc;
  unsigned usage =
      order->is_ca ? MBEDTLS_X509_KU_KEY_CERT_SIGN | MBEDTLS_X509_KU_CRL_SIGN
                   : MBEDTLS_X509_KU_DIGITAL_SIGNATURE;
  rc = mbedtls_x509write_crt_set_key_usage(writer, usage);
  if (rc != 0) return rc;
  rc = set_key_ids(writer);
  if (rc != 0 || order->is_ca) return rc;
  rc = set_purpose(writer, order->client_only);
  if (rc != 0 || order->sans == NULL) return rc;
  return mbedtls_x509write_crt_set_subject_alternative_name(writer,
                                                            order->sans);
}

static int write_certificate(struct gcn__pki* pki, const struct order* order,
                             char pem[GCN__PKI_PEM_SIZE_MAX]) {
  mbedtls_x509write_cert writer;
  mbedtls_x509write_crt_init(&writer);
  int rc = set_identity(&writer, order);
  if (rc == 0) rc = set_serial(pki, &writer);
  if (rc == 0) rc = set_extensions(&writer, order);
  if (rc == 0) {
    rc = mbedtls_x509write_crt_pem(&writer, (unsigned char*)pem,
                                   GCN__PKI_PEM_SIZE_MAX,
                                   mbedtls_ctr_drbg_random, &pki->random);
  }
  mbedtls_x509write_crt_free(&writer);
  return rc;
}

static int build(struct gcn__pki* pki) {
  if (psa_crypto_init() != PSA_SUCCESS) return GCN_EENTROPY;
  int rc = mbedtls_ctr_drbg_seed(&pki->random, mbedtls_entropy_func,
                                 &pki->entropy, NULL, 0);
  if (rc != 0) return rc;
  rc = generate(pki, &pki->key);
  if (rc != 0) return rc;
  struct order order = {
      .subject = CA_NAME,
      .issuer = CA_NAME,
      .subject_key = &pki->key,
      .issuer_key = &pki->key,
      .validity = validity_of(GCN__PKI_SOUND),
      .is_ca = true,
  };
  return write_certificate(pki, &order, pki->ca_pem);
}

struct gcn__pki* gcn__pki_new(void) {
  struct gcn__pki* pki = gcn__alloc_zero(&gcn__mem_libc, sizeof(*pki));
  if (pki == NULL) return NULL;
  mbedtls_entropy_init(&pki->entropy);
  mbedtls_ctr_drbg_init(&pki->random);
  mbedtls_pk_init(&pki->key);
  if (build(pki) == 0) return pki;
  gcn__pki_free(pki);
  return NULL;
}

void gcn__pki_free(struct gcn__pki* pki) {
  if (pki == NULL) return;
  mbedtls_pk_free(&pki->key);
  mbedtls_ctr_drbg_free(&pki->random);
  mbedtls_entropy_free(&pki->entropy);
  gcn__free(&gcn__mem_libc, pki, sizeof(*pki));
}

const char* gcn__pki_ca(const struct gcn__pki* pki) {
  return pki->ca_pem;
}

/* Mbed TLS's list points to mutable bytes, which its writer does not touch. */
static unsigned char* writable(const char* text) {
  union {
    const char* from;
    unsigned char* to;
  } pointer = {.from = text};
  return pointer.to;
}

/* In front, because the writer works backwards: the first name given shall be
 * the first in the certificate. */
static void add_san(struct san_list* list, int type, unsigned char* data,
                    size_t size) {
  mbedtls_x509_san_list* node = &list->nodes[list->count];
  node->node.type = type;
  node->node.san.unstructured_name.p = data;
  node->node.san.unstructured_name.len = size;
  node->next = list->count > 0 ? node - 1 : NULL;
  list->head = node;
  list->count++;
}

static int collect_sans(struct san_list* list,
                        const struct gcn__pki_names* names) {
  if (names->dns_count > SAN_COUNT_MAX) return GCN_ETLS;
  if (names->ip_count > SAN_COUNT_MAX - names->dns_count) return GCN_ETLS;
  for (size_t i = 0; i < names->dns_count; i++) {
    add_san(list, MBEDTLS_X509_SAN_DNS_NAME, writable(names->dns[i]),
            strlen(names->dns[i]));
  }
  for (size_t i = 0; i < names->ip_count; i++) {
    uint32_t address[IP_SIZE / sizeof(uint32_t)];
    size_t size = mbedtls_x509_crt_parse_cn_inet_pton(names->ip[i], address);
    if (size == 0) return GCN__EINVAL;
    unsigned char* ip = list->ips[list->count];
    memcpy(ip, address, size);
    add_san(list, MBEDTLS_X509_SAN_IP_ADDRESS, ip, size);
  }
  return 0;
}

/* What a leaf says, all but its keys. */
static struct order leaf_order(const struct san_list* sans,
                               enum gcn__pki_flaw flaw, const char* subject) {
  bool self_signed = flaw == GCN__PKI_SELF_SIGNED;
  return (struct order){
      .subject = subject,
      .issuer = self_signed ? subject : CA_NAME,
      .validity = validity_of(flaw),
      .client_only = flaw == GCN__PKI_CLIENT_ONLY,
      .sans = flaw == GCN__PKI_NO_SAN ? NULL : sans->head,
  };
}

static int write_leaf(struct gcn__pki* pki, struct order* order,
                      bool self_signed, char* certificate, char* key_pem) {
  mbedtls_pk_context key;
  mbedtls_pk_init(&key);
  order->subject_key = &key;
  order->issuer_key = self_signed ? &key : &pki->key;
  int rc = generate(pki, &key);
  if (rc == 0) rc = write_certificate(pki, order, certificate);
  if (rc == 0) {
    rc = mbedtls_pk_write_key_pem(&key, (unsigned char*)key_pem,
                                  GCN__PKI_PEM_SIZE_MAX);
  }
  mbedtls_pk_free(&key);
  return rc == 0 ? 0 : GCN_ETLS;
}

int gcn__pki_issue(struct gcn__pki* pki, const struct gcn__pki_names* names,
                   enum gcn__pki_flaw flaw,
                   char certificate[GCN__PKI_PEM_SIZE_MAX],
                   char key[GCN__PKI_PEM_SIZE_MAX]) {
  struct san_list* sans = gcn__alloc_zero(&gcn__mem_libc, sizeof(*sans));
  if (sans == NULL) return GCN_ETLS;
  int rc = collect_sans(sans, names);
  if (rc == 0) {
    char subject[COMMON_NAME_SIZE] = LEAF_NAME;
    if (flaw == GCN__PKI_NO_SAN && names->dns_count > 0) {
      snprintf(subject, sizeof(subject), "CN=%s", names->dns[0]);
    }
    struct order order = leaf_order(sans, flaw, subject);
    bool self_signed = flaw == GCN__PKI_SELF_SIGNED;
    rc = write_leaf(pki, &order, self_signed, certificate, key);
  }
  gcn__free(&gcn__mem_libc, sans, sizeof(*sans));
  return rc;
}
