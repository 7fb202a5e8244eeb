/* SPDX-License-Identifier: MIT */
/*
 * Finds and parses the trust anchors, and tells whether files have changed.
 *
 * It knows no environment variables: SSL_CERT_FILE comes in as ca_path.  A
 * bundle that parses in part is accepted, as distributions ship roots with
 * keys that Mbed TLS does not know; one that holds no certificate is refused.
 * A list of revoked certificates (PEM) beside them counts, wherever it stands,
 * and has to be whole.  Of a directory only the list of its files is watched.
 */
#include "codec/tls-config.h"
#include "codec/tls-text.h"

#include "base/assert.h"
#include "base/err.h"

#include <dirent.h>
#include <mbedtls/pem.h>
#include <stdio.h>
#include <sys/stat.h>

#define UNREADABLE "cannot be read; check its permissions"
#define TOO_LARGE  "is larger than 64 MiB"

enum {
  FILE_SIZE_MAX = 64 << 20,
  PATH_SIZE = 4096,
};

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

/* Unlike anchors they have to be readable as a whole: what a list says must not
 * be passed over in silence. */
static int refuse_list(const char* path, char* text) {
  bool named = path != NULL;
  snprintf(text, GCN__TLS_TEXT_SIZE,
           "the CA certificates%s%.160s%s hold a list of revoked certificates "
           "(CRL) that cannot be read",
           named ? " in '" : "", named ? path : "", named ? "'" : "");
  return GCN_ECONFIG;
}

#if defined(MBEDTLS_X509_CRL_PARSE_C)
#  define LIST_BEGIN "-----BEGIN X509 CRL-----"
#  define LIST_END   "-----END X509 CRL-----"

/* One list, at the start of `at`, which it advances. */
static int take_list(const char** at, mbedtls_x509_crl* revoked) {
  mbedtls_pem_context pem;
  size_t used = 0;
  mbedtls_pem_init(&pem);
  int rc = mbedtls_pem_read_buffer(&pem, LIST_BEGIN, LIST_END,
                                   (const unsigned char*)*at, NULL, 0, &used);
  if (rc == 0) {
    size_t size;
    const unsigned char* der = mbedtls_pem_get_buffer(&pem, &size);
    rc = mbedtls_x509_crl_parse_der(revoked, der, size);
  }
  mbedtls_pem_free(&pem);
  *at += used;
  return rc;
}

/* One by one: Mbed TLS's own loop over a text fails at whatever follows the
 * last list. */
static int load_lists(const char* pem, const char* path,
                      struct gcn__tls_material* material, char* text) {
  const char* at = pem;
  while ((at = strstr(at, LIST_BEGIN)) != NULL) {
    int rc = take_list(&at, &material->revoked);
    if (gcn__tls_out_of_memory(rc)) return GCN__ENOMEM;
    if (rc != 0) return refuse_list(path, text);
  }
  return 0;
}
#else
static int load_lists(const char* pem, const char* path,
                      struct gcn__tls_material* material, char* text) {
  (void)material;
  if (strstr(pem, "-----BEGIN X509 CRL-----") == NULL) return 0;
  return refuse_list(path, text);
}
#endif

/* Certificates and lists of a text that ends in a NUL at [size]; without the
 * former it is as good as any other.  Mbed TLS finds PEM only in a buffer that
 * holds the NUL, and wants DER without it. */
static int load_bytes(const char* bytes, size_t size, const char* path,
                      struct gcn__tls_material* material, char* text) {
  bool pem = strstr(bytes, "-----BEGIN ") != NULL;
  int rc = mbedtls_x509_crt_parse(&material->anchors,
                                  (const unsigned char*)bytes, size + pem);
  if (gcn__tls_out_of_memory(rc)) return GCN__ENOMEM;
  return load_lists(bytes, path, material, text);
}

static int load_pem(const struct gcn__tls_sources* sources,
                    struct gcn__tls_material* material, char* text) {
  int rc =
      load_bytes(sources->ca_pem, sources->ca_pem_size, NULL, material, text);
  if (rc != 0 || any_parsed(&material->anchors)) return rc;
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

/* As far as the file went when it was looked at, with a NUL behind it. */
static int load_open(FILE* file, off_t file_size, const char* path,
                     struct gcn__tls_material* material, char* text) {
  if (file_size > FILE_SIZE_MAX) return refuse(text, path, TOO_LARGE);
  size_t size = (size_t)file_size;
  char* bytes = gcn__alloc(material->mem, size + 1);
  if (bytes == NULL) return GCN__ENOMEM;
  size_t used = fread(bytes, 1, size, file);
  bytes[used] = '\0';
  int rc = ferror(file) == 0 ? load_bytes(bytes, used, path, material, text)
                             : refuse(text, path, UNREADABLE);
  gcn__free(material->mem, bytes, size + 1);
  return rc;
}

static int load_file(const char* path, off_t size,
                     struct gcn__tls_material* material, char* text) {
  FILE* file = fopen(path, "re");
  if (file == NULL) return refuse(text, path, UNREADABLE);
  int rc = load_open(file, size, path, material, text);
  fclose(file);
  if (rc != 0 || any_parsed(&material->anchors)) return rc;
  return refuse(text, path, "holds no certificate in PEM or DER form");
}

/* What a directory holds beside certificates and lists is none of our business,
 * nor what we may not open, a key say. */
static int load_entry(const char* path, struct gcn__tls_material* material,
                      char* text) {
  struct stat status;
  if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) return 0;
  FILE* file = fopen(path, "re");
  if (file == NULL) return 0;
  int rc = load_open(file, status.st_size, path, material, text);
  fclose(file);
  return rc;
}

static int load_entries(DIR* directory, const char* path,
                        struct gcn__tls_material* material, char* text) {
  const struct dirent* entry;
  int rc = 0;
  while (rc == 0 && (entry = readdir(directory)) != NULL) {
    char name[PATH_SIZE];
    int size = snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
    if (size < 0 || (size_t)size >= sizeof(name)) {
      return refuse(text, path, "has a file whose path is too long");
    }
    rc = load_entry(name, material, text);
  }
  return rc;
}

static int load_directory(const char* path, struct gcn__tls_material* material,
                          char* text) {
  DIR* directory = opendir(path);
  if (directory == NULL) return refuse(text, path, UNREADABLE);
  int rc = load_entries(directory, path, material, text);
  closedir(directory);
  if (rc != 0 || any_parsed(&material->anchors)) return rc;
  return refuse(text, path, "is a directory without a readable certificate");
}

static int load_path(const char* path, struct gcn__tls_material* material,
                     char* text) {
  struct stat status;
  if (stat(path, &status) != 0) return refuse(text, path, stat_problem(errno));
  material->unwatched = S_ISDIR(status.st_mode);
  if (material->unwatched) return load_directory(path, material, text);
  /* Opening anything else, a FIFO say, could block the loop for ever. */
  if (!S_ISREG(status.st_mode)) return refuse(text, path, "is not a file");
  if (status.st_size == 0) return refuse(text, path, "is empty");
  return load_file(path, status.st_size, material, text);
}

static int load_noted(struct gcn__tls_material* material, const char* path,
                      char* text) {
  gcn__tls_file_note(material, path);
  return load_path(path, material, text);
}

/* A store that is of no use is not watched; one whose certificates are in, but
 * not its lists, is not passed over. */
static int load_system(struct gcn__tls_material* material, char* text) {
  for (size_t i = 0; i < SYSTEM_STORE_COUNT; i++) {
    int rc = load_noted(material, system_stores[i], text);
    if (rc != GCN_ECONFIG || any_parsed(&material->anchors)) return rc;
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
    return load_pem(sources, material, text);
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
