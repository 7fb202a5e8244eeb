/* SPDX-License-Identifier: MIT */
/*
 * Finds and parses the trust anchors, and tells whether files have changed.
 *
 * It knows no environment variables: SSL_CERT_FILE comes in as ca_path.  A
 * bundle that parses in part is accepted, as distributions ship roots with
 * keys that Mbed TLS does not know; one that holds no certificate is refused.
 * Of a directory only the list of its files is watched.
 */
#include "codec/tls-config.h"
#include "codec/tls-text.h"

#include "base/assert.h"
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
static int load_pem(const struct gcn__tls_sources* sources,
                    mbedtls_x509_crt* anchors, char* text) {
  int rc = mbedtls_x509_crt_parse(
      anchors, (const unsigned char*)sources->ca_pem, sources->ca_pem_size + 1);
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

static int load_noted(struct gcn__tls_material* material, const char* path,
                      char* text) {
  gcn__tls_file_note(material, path);
  return load_path(path, &material->anchors, text);
}

/* A store that is of no use is not watched. */
static int load_system(struct gcn__tls_material* material, char* text) {
  for (size_t i = 0; i < SYSTEM_STORE_COUNT; i++) {
    int rc = load_noted(material, system_stores[i], text);
    if (rc != GCN_ECONFIG) return rc;
    material->file_count--;
  }
  snprintf(text, GCN__TLS_TEXT_SIZE,
           "no system store of CA certificates was found; install the package "
           "ca-certificates or name a CA file");
  return GCN_ECONFIG;
}

int gcn__tls_anchors_load(const struct gcn__tls_sources* sources,
                          struct gcn__tls_material* material,
                          char text[GCN__TLS_TEXT_SIZE]) {
  if (sources->ca_pem != NULL) {
    return load_pem(sources, &material->anchors, text);
  }
  if (sources->ca_path != NULL) {
    return load_noted(material, sources->ca_path, text);
  }
  return load_system(material, text);
}

#if defined(__APPLE__)
#  define MODIFIED(status) ((status).st_mtimespec)
#  define CHANGED(status)  ((status).st_ctimespec)
#else
#  define MODIFIED(status) ((status).st_mtim)
#  define CHANGED(status)  ((status).st_ctim)
#endif

/* The time of the last change of the inode is there for a file whose
 * permissions were put right. */
static struct gcn__tls_stamp take_stamp(const char* path) {
  struct gcn__tls_stamp stamp = {{0}};
  struct stat status;
  if (stat(path, &status) != 0) return stamp;
  stamp.words[0] = (uint64_t)status.st_dev;
  stamp.words[1] = (uint64_t)status.st_ino;
  stamp.words[2] = (uint64_t)status.st_size;
  stamp.words[3] = (uint64_t)MODIFIED(status).tv_sec;
  stamp.words[4] = (uint64_t)MODIFIED(status).tv_nsec;
  stamp.words[5] = (uint64_t)CHANGED(status).tv_sec;
  stamp.words[6] = (uint64_t)CHANGED(status).tv_nsec;
  return stamp;
}

void gcn__tls_file_note(struct gcn__tls_material* material, const char* path) {
  GCN__ASSERT(material->file_count < GCN__TLS_FILE_COUNT_MAX);
  material->files[material->file_count++] =
      (struct gcn__tls_file){.path = path, .stamp = take_stamp(path)};
}

bool gcn__tls_files_changed(const struct gcn__tls_material* material) {
  for (size_t i = 0; i < material->file_count; i++) {
    const struct gcn__tls_file* file = &material->files[i];
    struct gcn__tls_stamp stamp = take_stamp(file->path);
    if (memcmp(&stamp, &file->stamp, sizeof(stamp)) != 0) return true;
  }
  return false;
}

const char* gcn__tls_file_problem(const char* path) {
  struct stat status;
  if (stat(path, &status) != 0) return stat_problem(errno);
  if (S_ISDIR(status.st_mode)) return "is a directory";
  if (!S_ISREG(status.st_mode)) return "is not a file";
  return status.st_size == 0 ? "is empty" : NULL;
}
