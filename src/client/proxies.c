/* SPDX-License-Identifier: MIT */
/*
 * Copies of texts that the environment may change at any time.
 */
#include "client/proxies.h"

#include "codec/proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

/* The first two are the options' own. */
static const char* const variables[GCN__PROXY_TEXT_COUNT] = {
    NULL,        NULL,        "https_proxy", "HTTPS_PROXY", "http_proxy",
    "all_proxy", "ALL_PROXY", "no_proxy",    "NO_PROXY",
};

static void fill(const struct gcn__config* config,
                 const char* texts[GCN__PROXY_TEXT_COUNT]) {
  texts[0] = config->options.proxy;
  texts[1] = config->options.no_proxy;
  for (int i = 2; i < GCN__PROXY_TEXT_COUNT; i++) {
    texts[i] = getenv(variables[i]);
  }
}

static struct gcn__proxy_env
env_of(const char* const texts[GCN__PROXY_TEXT_COUNT]) {
  return (struct gcn__proxy_env){
      .own_proxy = texts[0],
      .own_no_proxy = texts[1],
      .https_proxy = texts[2],
      .https_proxy_upper = texts[3],
      .http_proxy = texts[4],
      .all_proxy = texts[5],
      .all_proxy_upper = texts[6],
      .no_proxy = texts[7],
      .no_proxy_upper = texts[8],
  };
}

int gcn__proxies_init(struct gcn__proxies* proxies, const struct gcn__mem* mem,
                      const struct gcn__config* config) {
  const char* texts[GCN__PROXY_TEXT_COUNT];
  const char* copies[GCN__PROXY_TEXT_COUNT];
  int error = 0;
  fill(config, texts);
  for (int i = 0; i < GCN__PROXY_TEXT_COUNT; i++) {
    proxies->texts[i] = gcn__str_copy(mem, texts[i]);
    copies[i] = proxies->texts[i];
    if (texts[i] != NULL && copies[i] == NULL) error = UV_ENOMEM;
  }
  proxies->env = env_of(copies);
  return error;
}

void gcn__proxies_deinit(struct gcn__proxies* proxies,
                         const struct gcn__mem* mem) {
  for (int i = 0; i < GCN__PROXY_TEXT_COUNT; i++) {
    gcn__secret_free(mem, proxies->texts[i]);
    proxies->texts[i] = NULL;
  }
}

static const char* origin_of(const char* text,
                             const char* const texts[GCN__PROXY_TEXT_COUNT]) {
  for (int i = 2; i < GCN__PROXY_TEXT_COUNT; i++) {
    if (texts[i] == text) return variables[i];
  }
  return "proxy";
}

static int check_one(const struct gcn__config* config, const char* url_text,
                     char why[GCN__WHY_SIZE]) {
  const char* texts[GCN__PROXY_TEXT_COUNT];
  struct gcn__url url;
  fill(config, texts);
  const struct gcn__proxy_env env = env_of(texts);
  if (gcn__url_parse(&url, gcn__span_str(url_text)) != NULL) return 0;
  const char* text = gcn__proxy_choose(&env, &url);
  if (text == NULL) return 0;
  struct gcn__proxy proxy;
  const char* problem = "out of memory";
  gcn__proxy_init(&proxy, &config->mem);
  int error = gcn__proxy_parse(&proxy, gcn__span_str(text), &problem);
  gcn__proxy_deinit(&proxy);
  if (error == 0) return 0;
  snprintf(why, GCN__WHY_SIZE,
           "%s: the proxy %s; it looks like http://HOST:PORT or "
           "socks5://HOST:PORT",
           origin_of(text, texts), problem);
  return error;
}

int gcn__config_check_proxies(const struct gcn__config* config,
                              char why[GCN__WHY_SIZE]) {
  int error = check_one(config, config->login_url, why);
  return error != 0 ? error : check_one(config, config->api_url, why);
}
