/* SPDX-License-Identifier: MIT */
/*
 * The user's and the environment's words on proxies, kept for a client's life.
 *
 * The environment is read once, when the client is made.
 */
#ifndef GCN_CLIENT_PROXIES_H
#define GCN_CLIENT_PROXIES_H

#include "client/options.h"
#include "codec/noproxy.h"

enum { GCN__PROXY_TEXT_COUNT = 9 };

/* The copies behind the pointers of `env`; they may hold passwords. */
struct gcn__proxies {
  struct gcn__proxy_env env;
  char* texts[GCN__PROXY_TEXT_COUNT];
};

/* 0 or UV_ENOMEM; to be freed in any case. */
int gcn__proxies_init(struct gcn__proxies* proxies, const struct gcn__mem* mem,
                      const struct gcn__config* config);
void gcn__proxies_deinit(struct gcn__proxies* proxies,
                         const struct gcn__mem* mem);

/* Whether the proxies on the way to the login host and the API can be used:
 * 0, GCN_ECONFIG or UV_ENOMEM, and `why` says what is wrong. */
int gcn__config_check_proxies(const struct gcn__config* config,
                              char why[GCN__WHY_SIZE]);

#endif
