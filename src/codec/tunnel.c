/* SPDX-License-Identifier: MIT */
/*
 * The two dialogues with a proxy.
 *
 * Each is a row of steps; a step is written, then its answer is read, and
 * nothing is read while something is to be written.  So the outcome depends on
 * the bytes alone and not on how they arrived, and a proxy that runs ahead
 * gains nothing.
 */
#include "codec/tunnel.h"

#include "base/assert.h"
#include "base/err.h"
#include "codec/address.h"
#include "codec/digest.h"
#include "codec/http.h"

#include <stdarg.h>
#include <stdio.h>

enum {
  SOCKS_VERSION = 5,
  SOCKS_LOGIN_VERSION = 1,
  SOCKS_NO_LOGIN = 0,
  SOCKS_LOGIN = 2,
  SOCKS_NOTHING_FITS = 0xff,
  SOCKS_CONNECT = 1,
  SOCKS_IPV4 = 1,
  SOCKS_NAME = 3,
  SOCKS_IPV6 = 4,
  SOCKS_DONE = 0,
  SOCKS_HEAD_SIZE = 4, /* version, code, reserved, kind of address */
  SOCKS_PORT_SIZE = 2,
  SOCKS_ANSWER_SIZE_MAX = SOCKS_HEAD_SIZE + 1 + 255 + SOCKS_PORT_SIZE,
  HTTP_LOGIN = 401,
  HTTP_PROXY_LOGIN = 407,
  /* The longest request: a CONNECT with a user and password of a whole URL's
   * length in base64. */
  REQUEST_SIZE_MAX = 4 * GCN__URL_SIZE_MAX,
};

enum step {
  STEP_HTTP,
  STEP_SOCKS_METHOD,
  STEP_SOCKS_LOGIN,
  STEP_SOCKS_CONNECT,
  STEP_OPEN,
};

struct gcn__tunnel {
  const struct gcn__mem* mem;
  const struct gcn__proxy* proxy;
  char host[GCN__HOST_SIZE_MAX + 1];
  uint16_t port;
  enum step step;
  bool due; /* the step has not been written */
  struct gcn__http* http;
  unsigned char answer[SOCKS_ANSWER_SIZE_MAX];
  size_t answer_size;
  unsigned status;
  int64_t retry_after_ms;
  int error;
  char text[GCN__TUNNEL_TEXT_SIZE];
};

static const struct gcn__http_limits limits = {
    .header_size_max = GCN__TUNNEL_HEADER_SIZE_MAX,
    .header_count_max = 100,
    .line_size_max = 8 * 1024,
    .body_size_max = 0, /* none is read, whatever the answer */
    .interim_max = 8,
};

static int fail(struct gcn__tunnel* tunnel, int error, const char* format, ...)
    __attribute__((format(printf, 3, 4)));

/* Keeps the first cause. */
static int fail(struct gcn__tunnel* tunnel, int error, const char* format,
                ...) {
  if (tunnel->error != 0) return tunnel->error;
  tunnel->error = error;
  va_list args;
  va_start(args, format);
  vsnprintf(tunnel->text, sizeof tunnel->text, format, args);
  va_end(args);
  return error;
}

static void enter(struct gcn__tunnel* tunnel, enum step step) {
  tunnel->step = step;
  tunnel->due = step != STEP_OPEN;
  tunnel->answer_size = 0;
}

struct gcn__tunnel* gcn__tunnel_new(const struct gcn__mem* mem,
                                    const struct gcn__proxy* proxy,
                                    const char* host, uint16_t port) {
  GCN__ASSERT(proxy->kind != GCN__PROXY_NONE);
  GCN__ASSERT(gcn__host_check(gcn__span_str(host)) == NULL);
  struct gcn__tunnel* tunnel = gcn__alloc_zero(mem, sizeof *tunnel);
  if (tunnel == NULL) return NULL;
  tunnel->mem = mem;
  tunnel->proxy = proxy;
  tunnel->port = port;
  tunnel->retry_after_ms = -1;
  snprintf(tunnel->host, sizeof tunnel->host, "%s", host);
  bool http = proxy->kind == GCN__PROXY_HTTP;
  enter(tunnel, http ? STEP_HTTP : STEP_SOCKS_METHOD);
  if (!http) return tunnel;
  tunnel->http = gcn__http_new(mem, GCN__HTTP_RESPONSES, &limits);
  if (tunnel->http == NULL) {
    gcn__tunnel_free(tunnel);
    return NULL;
  }
  gcn__http_next(tunnel->http, true, false);
  return tunnel;
}

void gcn__tunnel_free(struct gcn__tunnel* tunnel) {
  if (tunnel == NULL) return;
  gcn__http_free(tunnel->http);
  gcn__free(tunnel->mem, tunnel, sizeof *tunnel);
}

static int write_basic(struct gcn__tunnel* tunnel, struct gcn__buf* out) {
  const struct gcn__proxy* proxy = tunnel->proxy;
  struct gcn__span user = gcn__buf_span(&proxy->user);
  struct gcn__span password = gcn__buf_span(&proxy->password);
  struct gcn__buf pair;
  struct gcn__buf value;
  gcn__buf_init(&pair, tunnel->mem, REQUEST_SIZE_MAX);
  gcn__buf_init(&value, tunnel->mem, REQUEST_SIZE_MAX);
  pair.secret = true;
  value.secret = true;
  int error = gcn__buf_append(&pair, user.data, user.size);
  if (error == 0) error = gcn__buf_append_str(&pair, ":");
  if (error == 0) error = gcn__buf_append(&pair, password.data, password.size);
  if (error == 0) error = gcn__buf_append_str(&value, "Basic ");
  if (error == 0) error = gcn__base64_encode(&value, gcn__buf_span(&pair));
  if (error == 0) {
    error = gcn__http_write_header(out, "Proxy-Authorization",
                                   gcn__buf_span(&value));
  }
  gcn__buf_deinit(&pair);
  gcn__buf_deinit(&value);
  return error;
}

/* The target is always host and port, and Host repeats it (RFC 9112 §3.2.3). */
static int write_connect(struct gcn__tunnel* tunnel, struct gcn__buf* out) {
  bool bracketed = strchr(tunnel->host, ':') != NULL;
  char target[GCN__AUTHORITY_SIZE_MAX];
  snprintf(target, sizeof target, bracketed ? "[%s]:%u" : "%s:%u", tunnel->host,
           (unsigned)tunnel->port);
  struct gcn__span text = gcn__span_str(target);
  int error = gcn__http_write_request(out, "CONNECT", text);
  if (error == 0) error = gcn__http_write_header(out, "Host", text);
  if (error == 0 && tunnel->proxy->login) error = write_basic(tunnel, out);
  if (error != 0) return error;
  return gcn__http_write_end(out, GCN__SPAN(""), true);
}

static int append_bytes(struct gcn__buf* out, const unsigned char* bytes,
                        size_t size) {
  return gcn__buf_append(out, bytes, size);
}

static int write_methods(struct gcn__tunnel* tunnel, struct gcn__buf* out) {
  const unsigned char plain[] = {SOCKS_VERSION, 1, SOCKS_NO_LOGIN};
  const unsigned char both[] = {SOCKS_VERSION, 2, SOCKS_NO_LOGIN, SOCKS_LOGIN};
  if (!tunnel->proxy->login) return append_bytes(out, plain, sizeof plain);
  return append_bytes(out, both, sizeof both);
}

/* One byte that says how many follow, and those. */
static int append_field(struct gcn__buf* out, struct gcn__span text) {
  GCN__ASSERT(text.size <= UINT8_MAX);
  const unsigned char size = (unsigned char)text.size;
  int error = append_bytes(out, &size, 1);
  return error == 0 ? gcn__buf_append(out, text.data, text.size) : error;
}

static int write_login(struct gcn__tunnel* tunnel, struct gcn__buf* out) {
  const struct gcn__proxy* proxy = tunnel->proxy;
  const unsigned char version = SOCKS_LOGIN_VERSION;
  int error = append_bytes(out, &version, 1);
  if (error == 0) error = append_field(out, gcn__buf_span(&proxy->user));
  if (error == 0) error = append_field(out, gcn__buf_span(&proxy->password));
  return error;
}

static int write_socks_connect(struct gcn__tunnel* tunnel,
                               struct gcn__buf* out) {
  struct gcn__span host = gcn__span_str(tunnel->host);
  unsigned char address[GCN__IPV6_SIZE];
  size_t size = gcn__address_parse(host, address);
  unsigned char kind = size == 0                ? SOCKS_NAME
                       : size == GCN__IPV4_SIZE ? SOCKS_IPV4
                                                : SOCKS_IPV6;
  const unsigned char head[] = {SOCKS_VERSION, SOCKS_CONNECT, 0, kind};
  const unsigned char port[] = {(unsigned char)(tunnel->port >> 8),
                                (unsigned char)(tunnel->port & 0xff)};
  int error = append_bytes(out, head, sizeof head);
  if (error == 0) {
    error =
        size == 0 ? append_field(out, host) : append_bytes(out, address, size);
  }
  return error == 0 ? append_bytes(out, port, sizeof port) : error;
}

static int write_step(struct gcn__tunnel* tunnel, struct gcn__buf* out) {
  switch (tunnel->step) {
  case STEP_HTTP: return write_connect(tunnel, out);
  case STEP_SOCKS_METHOD: return write_methods(tunnel, out);
  case STEP_SOCKS_LOGIN: return write_login(tunnel, out);
  case STEP_SOCKS_CONNECT: return write_socks_connect(tunnel, out);
  case STEP_OPEN: break;
  }
  return 0;
}

/* By way of a buffer of its own, so that an error leaves no half behind. */
int gcn__tunnel_write(struct gcn__tunnel* tunnel, struct gcn__buf* out) {
  if (!tunnel->due || tunnel->error != 0) return 0;
  struct gcn__buf text;
  gcn__buf_init(&text, tunnel->mem, REQUEST_SIZE_MAX);
  text.secret = true;
  int error = write_step(tunnel, &text);
  if (error == 0) {
    struct gcn__span bytes = gcn__buf_span(&text);
    error = gcn__buf_append(out, bytes.data, bytes.size);
  }
  gcn__buf_deinit(&text);
  if (error == 0) tunnel->due = false;
  return error;
}

/* True if a challenge, or a parameter of one, begins with "Basic"; the answer
 * only chooses between two texts. */
static bool offers_basic(struct gcn__span challenges) {
  static const char name[] = "basic";
  const size_t size = sizeof name - 1;
  bool begins = true;
  for (; challenges.size > 0; challenges = gcn__span_skip(challenges, 1)) {
    char c = challenges.data[0];
    bool fits = begins && challenges.size >= size &&
                gcn__span_iis(gcn__span(challenges.data, size), name);
    if (fits && (challenges.size == size || challenges.data[size] == ' ')) {
      return true;
    }
    begins = c == ',' || (begins && (c == ' ' || c == '\t'));
  }
  return false;
}

/* Without any challenge, Basic is as good as another guess. */
static bool wants_basic(const struct gcn__http* http) {
  size_t count;
  gcn__http_header(http, "Proxy-Authenticate", &count);
  bool wanted = count == 0;
  for (size_t i = 0; i < gcn__http_header_count(http); i++) {
    if (!gcn__span_iis(gcn__http_header_name(http, i), "proxy-authenticate")) {
      continue;
    }
    if (offers_basic(gcn__http_header_value(http, i))) wanted = true;
  }
  return wanted;
}

static int want_login(struct gcn__tunnel* tunnel) {
  if (!wants_basic(tunnel->http)) {
    return fail(tunnel, GCN_EPROXYAUTH,
                "it wants a login other than Basic, which is not supported "
                "(status 407)");
  }
  if (!tunnel->proxy->login) {
    return fail(tunnel, GCN_EPROXYAUTH,
                "it wants a user and a password (status 407)");
  }
  return fail(tunnel, GCN_EPROXYAUTH,
              "it did not accept the user and password (status 407)");
}

static int judge_http(struct gcn__tunnel* tunnel) {
  tunnel->status = gcn__http_status(tunnel->http);
  if (tunnel->status / 100 == 2) {
    enter(tunnel, STEP_OPEN);
    return GCN__TUNNEL_OPEN;
  }
  tunnel->retry_after_ms = gcn__http_asked_ms(tunnel->http);
  if (tunnel->status == HTTP_PROXY_LOGIN) return want_login(tunnel);
  /* What tinyproxy calls a wrong password; nobody but the proxy has read it. */
  if (tunnel->status == HTTP_LOGIN && tunnel->proxy->login) {
    return fail(tunnel, GCN_EPROXYAUTH,
                "it did not accept the user and password (status 401)");
  }
  return fail(tunnel, GCN_EPROXY, "it answered the CONNECT with %u %s",
              tunnel->status, gcn__http_reason(tunnel->status));
}

static int read_http(struct gcn__tunnel* tunnel, struct gcn__span* in) {
  int result = gcn__http_read(tunnel->http, in);
  if (result == GCN__HTTP_MORE) return GCN__TUNNEL_MORE;
  if (result == GCN__HTTP_DONE) return judge_http(tunnel);
  if (result == GCN__ENOMEM) return fail(tunnel, result, "out of memory");
  return fail(tunnel, GCN_EPROXY,
              "its answer to the CONNECT is not acceptable: %s",
              gcn__http_error(tunnel->http));
}

static int judge_method(struct gcn__tunnel* tunnel) {
  unsigned method = tunnel->answer[1];
  bool login = tunnel->proxy->login;
  if (method == SOCKS_NO_LOGIN) {
    enter(tunnel, STEP_SOCKS_CONNECT);
  } else if (method == SOCKS_LOGIN && login) {
    enter(tunnel, STEP_SOCKS_LOGIN);
  } else if (method != SOCKS_NOTHING_FITS) {
    return fail(tunnel, GCN_EPROXY, "it chose a login that was not offered");
  } else {
    return fail(tunnel, GCN_EPROXYAUTH,
                login ? "it wants a login other than user and password"
                      : "it wants a user and a password, or another login");
  }
  return GCN__TUNNEL_MORE;
}

static int judge_login(struct gcn__tunnel* tunnel) {
  if (tunnel->answer[1] != SOCKS_DONE) {
    return fail(tunnel, GCN_EPROXYAUTH,
                "it did not accept the user and password");
  }
  enter(tunnel, STEP_SOCKS_CONNECT);
  return GCN__TUNNEL_MORE;
}

/* RFC 1928 §6. */
static const char* reply_text(unsigned code) {
  switch (code) {
  case 1: return "general failure";
  case 2: return "not allowed by its rules";
  case 3: return "network unreachable";
  case 4: return "host unreachable";
  case 5: return "connection refused";
  case 6: return "time to live expired";
  case 7: return "command not supported";
  case 8: return "kind of address not supported";
  default: return "unknown reason";
  }
}

static int judge_connect(struct gcn__tunnel* tunnel) {
  enter(tunnel, STEP_OPEN);
  return GCN__TUNNEL_OPEN;
}

/* How many bytes the answer has, as far as those that came can tell; 0 if the
 * proxy speaks something else. */
static size_t wanted_size(const struct gcn__tunnel* tunnel) {
  const size_t least = SOCKS_HEAD_SIZE + 1;
  size_t size = tunnel->answer_size;
  if (tunnel->step != STEP_SOCKS_CONNECT) return 2;
  if (size < SOCKS_HEAD_SIZE) return least;
  switch (tunnel->answer[SOCKS_HEAD_SIZE - 1]) {
  case SOCKS_IPV4: return SOCKS_HEAD_SIZE + GCN__IPV4_SIZE + SOCKS_PORT_SIZE;
  case SOCKS_IPV6: return SOCKS_HEAD_SIZE + GCN__IPV6_SIZE + SOCKS_PORT_SIZE;
  case SOCKS_NAME:
    if (size < least) return least;
    return least + tunnel->answer[SOCKS_HEAD_SIZE] + SOCKS_PORT_SIZE;
  default: return 0;
  }
}

/* Each answer begins with a version and a code; a refusal is complete with
 * these, because some proxies send nothing behind them. */
static int check_socks(struct gcn__tunnel* tunnel) {
  bool login = tunnel->step == STEP_SOCKS_LOGIN;
  unsigned version = login ? SOCKS_LOGIN_VERSION : SOCKS_VERSION;
  if (tunnel->answer[0] != version) {
    return fail(tunnel, GCN_EPROXY, "it does not speak SOCKS 5");
  }
  if (tunnel->answer_size < 2 || tunnel->step != STEP_SOCKS_CONNECT) return 0;
  unsigned code = tunnel->answer[1];
  if (code != SOCKS_DONE) {
    return fail(tunnel, GCN_EPROXY, "it did not connect: %s (SOCKS reply %u)",
                reply_text(code), code);
  }
  if (wanted_size(tunnel) == 0) {
    return fail(tunnel, GCN_EPROXY, "it does not speak SOCKS 5");
  }
  return 0;
}

static int judge_socks(struct gcn__tunnel* tunnel) {
  switch (tunnel->step) {
  case STEP_SOCKS_METHOD: return judge_method(tunnel);
  case STEP_SOCKS_LOGIN: return judge_login(tunnel);
  default: return judge_connect(tunnel);
  }
}

static int read_socks(struct gcn__tunnel* tunnel, struct gcn__span* in) {
  while (in->size > 0 && !tunnel->due) {
    GCN__ASSERT(tunnel->answer_size < sizeof tunnel->answer);
    tunnel->answer[tunnel->answer_size++] = (unsigned char)in->data[0];
    *in = gcn__span_skip(*in, 1);
    int error = check_socks(tunnel);
    if (error != 0) return error;
    if (tunnel->answer_size < wanted_size(tunnel)) continue;
    int result = judge_socks(tunnel);
    if (result != GCN__TUNNEL_MORE) return result;
  }
  return GCN__TUNNEL_MORE;
}

int gcn__tunnel_read(struct gcn__tunnel* tunnel, struct gcn__span* in) {
  if (tunnel->error != 0) return tunnel->error;
  if (tunnel->step == STEP_OPEN) return GCN__TUNNEL_OPEN;
  if (tunnel->due) return GCN__TUNNEL_MORE;
  if (tunnel->step == STEP_HTTP) return read_http(tunnel, in);
  return read_socks(tunnel, in);
}

int gcn__tunnel_end(struct gcn__tunnel* tunnel) {
  return fail(tunnel, GCN_EPROXY,
              "it closed the connection before the tunnel was open");
}

int gcn__tunnel_refuse_rest(struct gcn__tunnel* tunnel) {
  return fail(tunnel, GCN_EPROXY,
              "bytes came behind its answer before the host was spoken to");
}

const char* gcn__tunnel_error(const struct gcn__tunnel* tunnel) {
  return tunnel->text;
}

unsigned gcn__tunnel_status(const struct gcn__tunnel* tunnel) {
  return tunnel->status;
}

int64_t gcn__tunnel_retry_after_ms(const struct gcn__tunnel* tunnel) {
  return tunnel->retry_after_ms;
}
