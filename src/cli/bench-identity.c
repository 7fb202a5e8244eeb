/* SPDX-License-Identifier: MIT */
/*
 * Three files: ca.pem, chain.pem, key.pem.
 */
#include "cli/bench-identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/file.h"
#include "gcnotify.h"

static const char* const names[] = {"ca.pem", "chain.pem", "key.pem"};

enum { CA, CHAIN, KEY, NAMES };

static int join(char path[GCN__BENCH_PATH_SIZE], const char* dir,
                const char* name) {
  int size = snprintf(path, GCN__BENCH_PATH_SIZE, "%s/%s", dir, name);
  return size < GCN__BENCH_PATH_SIZE ? 0 : -ENAMETOOLONG;
}

static int make_elliptic(struct gcn__pki_rsa* pem) {
  const char* ip[] = {"127.0.0.1"};
  const char* dns[] = {"localhost"};
  const struct gcn__pki_names wanted = {
      .ip = ip, .ip_count = 1, .dns = dns, .dns_count = 1};
  struct gcn__pki* pki = gcn__pki_new();
  if (pki == NULL) return GCN_ETLS;
  int error =
      gcn__pki_issue(pki, &wanted, GCN__PKI_SOUND, pem->chain, pem->key);
  snprintf(pem->ca, sizeof pem->ca, "%s", gcn__pki_ca(pki));
  gcn__pki_free(pki);
  return error;
}

static int save(const struct gcn__bench_identity* identity,
                const struct gcn__pki_rsa* pem) {
  const char* const texts[NAMES] = {pem->ca, pem->chain, pem->key};
  char path[GCN__BENCH_PATH_SIZE];
  int error = 0;
  for (int i = 0; i < NAMES && error == 0; i++) {
    error = join(path, identity->dir, names[i]);
    if (error == 0) {
      error = gcn__file_replace(path, gcn__span_str(texts[i]),
                                i == KEY ? GCN__FILE_SECRET : GCN__FILE_PUBLIC);
    }
  }
  return error;
}

static int make_dir(struct gcn__bench_identity* identity) {
  const char* parent = getenv("TMPDIR");
  if (parent == NULL || parent[0] == '\0') parent = "/tmp";
  char dir[GCN__BENCH_PATH_SIZE];
  int error = join(dir, parent, "gcn-bench-XXXXXX");
  if (error != 0) return error;
  if (mkdtemp(dir) == NULL) return -errno;
  memcpy(identity->dir, dir, sizeof dir);
  return join(identity->ca_path, dir, names[CA]);
}

int gcn__bench_identity_make(struct gcn__bench_identity* identity, bool rsa) {
  struct gcn__pki_rsa* pem = calloc(1, sizeof *pem);
  if (pem == NULL) return -ENOMEM;
  int error = rsa ? gcn__pki_rsa_make(pem) : make_elliptic(pem);
  if (error == 0) error = make_dir(identity);
  if (error == 0) error = save(identity, pem);
  memcpy(identity->chain, pem->chain, sizeof identity->chain);
  memcpy(identity->key, pem->key, sizeof identity->key);
  free(pem);
  if (error != 0) gcn__bench_identity_drop(identity);
  return error;
}

static int load(const char* dir, const char* name, char* out, size_t size) {
  struct gcn__buf text;
  char path[GCN__BENCH_PATH_SIZE];
  gcn__buf_init(&text, &gcn__mem_libc, size - 1);
  int error = join(path, dir, name);
  if (error == 0) error = gcn__file_read(path, &text, NULL);
  struct gcn__span span = gcn__buf_span(&text);
  if (error == 0) {
    memcpy(out, span.data, span.size);
    out[span.size] = '\0';
  }
  gcn__buf_deinit(&text);
  return error;
}

int gcn__bench_identity_load(struct gcn__bench_identity* identity,
                             const char* dir) {
  int error = join(identity->ca_path, dir, names[CA]);
  if (error == 0) {
    error = load(dir, names[CHAIN], identity->chain, sizeof identity->chain);
  }
  if (error != 0) return error;
  return load(dir, names[KEY], identity->key, sizeof identity->key);
}

void gcn__bench_identity_drop(struct gcn__bench_identity* identity) {
  char path[GCN__BENCH_PATH_SIZE];
  if (identity->dir[0] == '\0') return;
  for (int i = 0; i < NAMES; i++) {
    if (join(path, identity->dir, names[i]) == 0) unlink(path);
  }
  rmdir(identity->dir);
  identity->dir[0] = '\0';
}
