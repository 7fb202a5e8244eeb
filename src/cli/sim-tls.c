/* SPDX-License-Identifier: MIT */
/*
 * The simulator's certificate: minted at each start, for the names by which
 * clients may reach it.
 */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/sim-file.h"
#include "cli/sim-run.h"
#include "gcnotify.h"
#include "sim/pki.h"

enum { NAMES_MAX = 4 };

struct pem {
  char certificate[GCN__PKI_PEM_SIZE_MAX];
  char key[GCN__PKI_PEM_SIZE_MAX];
};

static void add_name(const char** names, size_t* count, const char* name) {
  for (size_t i = 0; i < *count; i++) {
    if (strcmp(names[i], name) == 0) return;
  }
  names[(*count)++] = name;
}

static int issue(struct gcn__pki* pki,
                 const struct gcn__cli_sim_options* options, struct pem* pem) {
  const char* dns[NAMES_MAX];
  const char* ip[NAMES_MAX];
  struct gcn__pki_names names = {.dns = dns, .ip = ip};
  add_name(dns, &names.dns_count, "localhost");
  add_name(ip, &names.ip_count, "127.0.0.1");
  add_name(ip, &names.ip_count, "::1");
  add_name(ip, &names.ip_count, options->address);
  const struct gcn__url* url = &options->authority.url;
  if (options->authority.given && url->ip_literal) {
    add_name(ip, &names.ip_count, url->host);
  } else if (options->authority.given) {
    add_name(dns, &names.dns_count, url->host);
  }
  return gcn__pki_issue(pki, &names, options->flaw, pem->certificate, pem->key);
}

static bool make_config(struct gcn__cli_sim_tls* tls, struct gcn__pki* pki,
                        const struct gcn__cli_sim_options* options,
                        struct gcn__console* console) {
  struct pem pem;
  char text[GCN__TLS_TEXT_SIZE] = "";
  int error = issue(pki, options, &pem);
  if (error == 0) {
    error =
        gcn__tls_config_server(&gcn__mem_libc, gcn__span_str(pem.certificate),
                               gcn__span_str(pem.key), &tls->config, text);
  }
  gcn__wipe(&pem, sizeof pem);
  if (error == 0) return true;
  gcn__console_say(console, GCN__CONSOLE_ERROR, "no certificate: %s",
                   text[0] == '\0' ? gcn_strerror(error) : text);
  return false;
}

static bool write_ca(struct gcn__cli_sim_tls* tls, const char* pem,
                     const char* path, struct gcn__console* console) {
  struct gcn__span text = gcn__span_str(pem);
  int error;
  if (path != NULL) {
    tls->ca_path = path;
    error = gcn__cli_sim_file_replace(path, text);
  } else {
    error = gcn__cli_sim_file_temporary(text, tls->temporary,
                                        sizeof tls->temporary);
    if (error != 0) tls->temporary[0] = '\0';
    tls->ca_path = tls->temporary;
  }
  if (error == 0) return true;
  gcn__console_say(console, GCN__CONSOLE_ERROR, "--ca-out %s: %s",
                   path == NULL ? "(a temporary file)" : path,
                   gcn_strerror(error));
  return false;
}

bool gcn__cli_sim_tls_init(struct gcn__cli_sim_tls* tls,
                           const struct gcn__cli_sim_options* options,
                           struct gcn__console* console) {
  *tls = (struct gcn__cli_sim_tls){.config = NULL};
  if (options->plain) return true;
  struct gcn__pki* pki = gcn__pki_new();
  if (pki == NULL) {
    gcn__console_say(console, GCN__CONSOLE_ERROR, "no certificate: %s",
                     gcn_strerror(GCN_EENTROPY));
    return false;
  }
  bool good = make_config(tls, pki, options, console) &&
              write_ca(tls, gcn__pki_ca(pki), options->ca_path, console);
  gcn__pki_free(pki);
  return good;
}

void gcn__cli_sim_tls_deinit(struct gcn__cli_sim_tls* tls) {
  gcn__tls_config_release(tls->config);
  tls->config = NULL;
  if (tls->temporary[0] != '\0') unlink(tls->temporary);
}
