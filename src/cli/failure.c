/* SPDX-License-Identifier: MIT */
/*
 * See failure.h.
 */
#include "cli/failure.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

const char* gcn__failure_remedy(const gcn_failure_t* failure) {
  switch (failure->error) {
  case GCN_ETLSVERIFY:
    return strstr(failure->text, "CA file") != NULL ? " (--ca FILE)" : "";
  case GCN_ETLS:
    return strstr(failure->text, "client certificate") != NULL
               ? "; give it one with --client-cert and --client-key"
               : "";
  case UV_EAI_NONAME:
  case UV_EAI_NODATA:
    return "; check --environment, or the URLs if you gave any, and the DNS";
  case UV_EAI_AGAIN: return "; check the network and the DNS";
  case UV_ECONNREFUSED:
    return "; nothing listens there, or a firewall refuses: check host and "
           "port";
  case GCN_EPROXYAUTH:
    return "; name the proxy with its login: "
           "https_proxy=http://USER:PASSWORD@HOST:PORT";
  case GCN_EPROXY:
    return "; check --proxy or https_proxy, and that the proxy lets CONNECT "
           "through to the service's hosts";
  case UV_ENETUNREACH:
  case UV_EHOSTUNREACH: return "; check the network and its routes";
  default: return "";
  }
}

void gcn__failure_line(char out[GCN__FAILURE_LINE_SIZE],
                       const gcn_failure_t* failure) {
  int size = snprintf(out, GCN__FAILURE_LINE_SIZE, "%s%s", failure->text,
                      gcn__failure_remedy(failure));
  if (size < 0 || size >= GCN__FAILURE_LINE_SIZE) return;
  if (failure->correlation_id == NULL || failure->correlation_id[0] == '\0') {
    return;
  }
  snprintf(out + size, GCN__FAILURE_LINE_SIZE - (size_t)size,
           " (correlation id %s)", failure->correlation_id);
}

void gcn__failure_describe(char out[GCN__FAILURE_LINE_SIZE],
                           const gcn_transition_t* transition) {
  const char* reason = transition->reason;
  if (transition->failure != NULL) {
    gcn__failure_line(out, transition->failure);
  } else {
    snprintf(out, GCN__FAILURE_LINE_SIZE, "%s",
             reason == NULL ? "no reason given" : reason);
  }
}
