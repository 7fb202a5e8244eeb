/* SPDX-License-Identifier: MIT */
/*
 * Writes ca.pem, cert.pem and key.pem for localhost, 127.0.0.1 and ::1 into a
 * directory, for the servers of the interop tests; and client.pem and
 * client-key.pem of the same authority, for clients that have to prove who they
 * are.
 *
 *   make-certs DIRECTORY
 */
#include "sim/pki.h"

#include <stdio.h>
#include <string.h>

static int write_file(const char* directory, const char* name,
                      const char* text) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE* file = fopen(path, "w");
  if (file == NULL) {
    perror(path);
    return -1;
  }
  size_t size = strlen(text);
  size_t written = fwrite(text, 1, size, file);
  return fclose(file) == 0 && written == size ? 0 : -1;
}

struct files {
  const char* certificate;
  const char* key;
};

static int write_leaf(struct gcn__pki* pki, const char* directory,
                      const struct files* files, enum gcn__pki_flaw flaw) {
  static char certificate[GCN__PKI_PEM_SIZE_MAX];
  static char key[GCN__PKI_PEM_SIZE_MAX];
  static const char* const dns[] = {"localhost"};
  static const char* const ip[] = {"127.0.0.1", "::1"};
  const struct gcn__pki_names names = {dns, 1, ip, 2};
  if (gcn__pki_issue(pki, &names, flaw, certificate, key) != 0) return -1;
  int error = write_file(directory, files->certificate, certificate);
  return error == 0 ? write_file(directory, files->key, key) : error;
}

int main(int argc, char** argv) {
  const struct files server = {"cert.pem", "key.pem"};
  const struct files client = {"client.pem", "client-key.pem"};
  if (argc != 2) {
    fprintf(stderr, "usage: make-certs DIRECTORY\n");
    return 2;
  }
  struct gcn__pki* pki = gcn__pki_new();
  if (pki == NULL || write_leaf(pki, argv[1], &server, GCN__PKI_SOUND) != 0 ||
      write_leaf(pki, argv[1], &client, GCN__PKI_CLIENT_ONLY) != 0 ||
      write_file(argv[1], "ca.pem", gcn__pki_ca(pki)) != 0) {
    fprintf(stderr, "make-certs: no certificate\n");
    gcn__pki_free(pki);
    return 1;
  }
  gcn__pki_free(pki);
  return 0;
}
