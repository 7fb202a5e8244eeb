/* SPDX-License-Identifier: MIT */
/*
 * Finds and parses the trust anchors.
 *
 * It knows no environment variables: SSL_CERT_FILE comes in as ca_path.  A
 * bundle that parses in part is accepted, as distributions ship roots with
 * keys that Mbed TLS does not know; one that holds no certificate is refused.
 */
#include "codec/tls-config.h"
#include "codec/tls-text.h"

#include "base/err.h"

#include <stdio.h>
#include <sys/stat.h>

/* Debian and Ubuntu; Fedora and RHEL; SUSE; Alpine and macOS; and a directory
 * of single files as the last resort. */
static const char* const system_stores[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
};

enum { SYSTEM_STORE_COUNT = sizeof(system_stores) / sizeof(*system_stores) };

static bool any_parsed(const mbedtls_x509_crt* anchors) {
  return anchors->raw.p != NULL;
}

static int refuse(char* text, const char* path, const char* what) {
  snprintf(text, GCN__TLS_TEXT_SIZE, "CA file '%.160s' %s", path, what);
  return GCN_ECONFIG;
}

/* Mbed TLS finds a PEM text only in a buffer that ends in a NUL. */
static int load_pem(const struct gcn__mem* mem, struct gcn__span pem,
                    mbedtls_x509_crt* anchors, char* text) {
  char* copy = gcn__str_copy_n(mem, pem.data, pem.size);
  if (copy == NULL) return GCN__ENOMEM;
  int rc =
      mbedtls_x509_crt_parse(anchors, (const unsigned char*)copy, pem.size + 1);
  gcn__free(mem, copy, pem.size + 1);
  if (gcn__tls_out_of_memory(rc)) return GCN__ENOMEM;
  if (any_parsed(anchors)) return 0;
  snprintf(text, GCN__TLS_TEXT_SIZE,
           "the CA certificates given as text hold no PEM certificate");
  return GCN_ECONFIG;
}

/* Why a path that stat() refuses is of no use. */
static const char* stat_problem(int error) {
  switch (error) {
  case ENOENT: return "does not exist";
  case ENOTDIR: return "does not exist (a part of the path is not a directory)";
  case EACCES: return "cannot be read (permission denied)";
  default: return "cannot be read";
  }
}

static int load_file(const char* path, off_t size, mbedtls_x509_crt* anchors,
                     char* text) {
  if (size == 0) return refuse(text, path, "is empty");
  int rc = mbedtls_x509_crt_parse_file(anchors, path);
  if (gcn__tls_out_of_memory(rc)) return GCN__ENOMEM;
  if (rc == MBEDTLS_ERR_PK_FILE_IO_ERROR) {
    return refuse(text, path, "cannot be read; check its permissions");
  }
  if (any_parsed(anchors)) return 0;
  return refuse(text, path, "holds no certificate in PEM or DER form");
}

static int load_directory(const char* path, mbedtls_x509_crt* anchors,
                          char* text) {
  int rc = mbedtls_x509_crt_parse_path(anchors, path);
  if (gcn__tls_out_of_memory(rc)) return GCN__ENOMEM;
  if (any_parsed(anchors)) return 0;
  return refuse(text, path, "is a directory without a readable certificate");
}

static int load_path(const char* path, mbedtls_x509_crt* anchors, char* text) {
  struct stat status;
  if (stat(path, &status) != 0) return refuse(text, path, stat_problem(errno));
  if (S_ISDIR(status.st_mode)) return load_directory(path, anchors, text);
  /* Opening anything else, a FIFO say, could block the loop for ever. */
  if (!S_ISREG(status.st_mode)) return refuse(text, path, "is not a file");
  return load_file(path, status.st_size, anchors, text);
}

static int load_system(mbedtls_x509_crt* anchors, char* text) {
  for (size_t i = 0; i < SYSTEM_STORE_COUNT; i++) {
    int rc = load_path(system_stores[i], anchors, text);
    if (rc != GCN_ECONFIG) return rc;
  }
  snprintf(text, GCN__TLS_TEXT_SIZE,
           "no system store of CA certificates was found; install the package "
           "ca-certificates or name a CA file");
  return GCN_ECONFIG;
}

int gcn__tls_anchors_load(const struct gcn__mem* mem,
                          const struct gcn__tls_client_options* options,
                          mbedtls_x509_crt* anchors,
                          char text[GCN__TLS_TEXT_SIZE]) {
  if (options->ca_pem.data != NULL) {
    return load_pem(mem, options->ca_pem, anchors, text);
  }
  if (options->ca_path != NULL) {
    return load_path(options->ca_path, anchors, text);
  }
  return load_system(anchors, text);
}
