/* SPDX-License-Identifier: MIT */
/*
 * FAULTS §9.3, field by field: no text of the user's, the service's or the
 * proxy's can end a line of a request or begin another.
 *
 * Each field is tried with every byte that has no business in it, at its front,
 * inside and at its end.  Fields of the user's are refused where he sets them,
 * under their name; the others are refused or encoded where they are written.
 * Nothing is cut off.  A NUL ends a C string, so it is tried only where a field
 * has a size.
 */
#include "base/err.h"
#include "client/options.h"
#include "client/proxies.h"
#include "codec/http.h"
#include "codec/json.h"
#include "core/token.h"
#include "core/topics.h"
#include "dialect/channels.h"
#include "dialect/stream.h"
#include "proof-case.h"

#include <stdio.h>
#include <string.h>

enum { OUT_SIZE_MAX = 65536, TEXT_SIZE = 64 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Where the byte stands among the others. */
enum place { AT_FRONT, INSIDE, AT_END, PLACE_COUNT };

/* "abc" with the byte in front, inside or behind. */
static const char* text_with(unsigned byte, enum place place,
                             char out[TEXT_SIZE]) {
  static const size_t places[] = {0, 1, 3};
  static const char text[] = "abc";
  size_t at = places[place];
  memcpy(out, text, at);
  out[at] = (char)byte;
  memcpy(out + at + 1, text + at, sizeof text - at);
  return out;
}

static bool is_control(unsigned byte) {
  return byte < 0x20 || byte == 0x7f;
}

static bool is_blank_at_end(unsigned byte, enum place place) {
  return byte == ' ' && place != INSIDE;
}

static gcn_options_t good_options(void) {
  gcn_options_t options;
  gcn_options_init(&options);
  options.region = "eu-central-1";
  options.client_id = "id";
  options.client_secret = "secret";
  return options;
}

/* Refused with the field's name if it has to be, else taken as it is. */
static void check_field(const gcn_options_t* options, const char* field,
                        unsigned byte, bool refused) {
  struct gcn__config config;
  char why[GCN__WHY_SIZE] = "";
  int error = gcn__config_make(options, &config, why);
  if (error != (refused ? GCN_ECONFIG : 0))
    fail_msg("%s with 0x%02x: %d, %s", field, byte, error, why);
  if (refused && strstr(why, field) == NULL)
    fail_msg("%s with 0x%02x: \"%s\"", field, byte, why);
}

/* For each byte and place of a C string. */
#define FOR_EACH_TEXT(byte, place, text)                                       \
  for (unsigned byte = 1; byte < 256; byte++)                                  \
    for (enum place place = AT_FRONT; place < PLACE_COUNT; place++)            \
      for (const char* text = text_with(byte, place, scratch); text != NULL;   \
           text = NULL)

/* --- what the user sets --------------------------------------------------- */

static void tokens(void** state) {
  (void)state;
  char scratch[TEXT_SIZE];
  struct gcn__token token;
  gcn__token_init(&token, &gcn__mem_libc);
  FOR_EACH_TEXT(byte, place, text) {
    bool refused = byte <= ' ' || byte >= 0x7f;
    int error = gcn__token_set(&token, gcn__span_str(text), 60, 0);
    assert_int_equal(error, refused ? GCN_EPROTO : 0);
    if (!refused) assert_string_equal(token.text, text);
  }
  assert_int_equal(gcn__token_set(&token, GCN__SPAN("a\0b"), 60, 0),
                   GCN_EPROTO);
  gcn__token_deinit(&token);
}

static void client_ids(void** state) {
  (void)state;
  char scratch[TEXT_SIZE];
  FOR_EACH_TEXT(byte, place, text) {
    gcn_options_t options = good_options();
    options.client_id = text;
    bool refused = is_control(byte) || byte > 0x7e || byte == ':' ||
                   is_blank_at_end(byte, place);
    check_field(&options, "client_id", byte, refused);
  }
}

/* Base64 carries the others. */
static void secrets(void** state) {
  (void)state;
  char scratch[TEXT_SIZE];
  FOR_EACH_TEXT(byte, place, text) {
    gcn_options_t options = good_options();
    options.client_secret = text;
    check_field(&options, "client_secret", byte, is_control(byte));
  }
}

static void user_agents(void** state) {
  (void)state;
  char scratch[TEXT_SIZE];
  FOR_EACH_TEXT(byte, place, text) {
    gcn_options_t options = good_options();
    options.user_agent = text;
    bool refused =
        is_control(byte) || byte > 0x7e || is_blank_at_end(byte, place);
    check_field(&options, "user_agent", byte, refused);
  }
}

/* No option adds headers; what writes the library's own refuses all that would
 * make two of one. */
static void headers(void** state) {
  (void)state;
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, OUT_SIZE_MAX);
  char scratch[TEXT_SIZE];
  FOR_EACH_TEXT(byte, place, text) {
    bool fits = byte >= ' ' && byte < 0x7f && !is_blank_at_end(byte, place);
    size_t before = gcn__buf_size(&out);
    int error = gcn__http_write_header(&out, "Name", gcn__span_str(text));
    assert_int_equal(error, fits ? 0 : GCN__EINVAL);
    gcn__buf_clear(&out);
    bool in_token = byte > ' ' && byte < 0x7f &&
                    strchr("\"(),/:;<=>?@[\\]{}", (int)byte) == NULL;
    error = gcn__http_write_header(&out, text, GCN__SPAN("value"));
    assert_int_equal(error, in_token ? 0 : GCN__EINVAL);
    if (error != 0) assert_int_equal(gcn__buf_size(&out), 0);
    assert_int_equal(before, 0);
    gcn__buf_clear(&out);
  }
  assert_int_equal(gcn__http_write_header(&out, "A", GCN__SPAN("a\0b")),
                   GCN__EINVAL);
  gcn__buf_deinit(&out);
}

static bool fits_host(unsigned byte, enum place place) {
  char c = (char)byte;
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_') return true;
  if (c >= '0' && c <= '9') return true;
  if (c == '-') return place != AT_FRONT;
  return c == '.' && place == INSIDE;
}

/* As a URL's host; "/", "?" and ":" end it. */
static void hosts(void** state) {
  (void)state;
  char scratch[TEXT_SIZE];
  FOR_EACH_TEXT(byte, place, text) {
    if (strchr("/?:", (int)byte) != NULL) continue;
    char url[2 * TEXT_SIZE];
    snprintf(url, sizeof url, "https://%s.example", text);
    gcn_options_t options = good_options();
    options.api_url = url;
    bool fits = fits_host(byte, place) && !(byte == '-' && place == AT_END);
    check_field(&options, "api_url", byte, !fits);
    options = good_options();
    options.login_url = url;
    check_field(&options, "login_url", byte, !fits);
  }
}

/* A path is sent as it stands, so it has to be one already.  The options' URLs
 * have no query. */
static void paths(void** state) {
  (void)state;
  char scratch[TEXT_SIZE];
  FOR_EACH_TEXT(byte, place, text) {
    char url[2 * TEXT_SIZE];
    snprintf(url, sizeof url, "https://gateway.example/%s", text);
    gcn_options_t options = good_options();
    options.api_url = url;
    bool refused =
        byte <= ' ' || byte >= 0x7f || strchr("?#\\", (int)byte) != NULL;
    check_field(&options, "api_url", byte, refused);
    gcn_stream_t stream;
    gcn_stream_init(&stream, GCN_PRESET_GUIDE);
    stream.path = url + strlen("https://gateway.example");
    options = good_options();
    options.dialect = GCN_DIALECT_STREAM;
    options.stream = &stream;
    struct gcn__config config;
    char why[GCN__WHY_SIZE] = "";
    int error = gcn__config_make(&options, &config, why);
    if (refused && error != GCN_ECONFIG) fail_msg("path with 0x%02x", byte);
    if (refused) assert_non_null(strstr(why, "stream: a path"));
  }
}

/* The id comes back out of the JSON as it went in. */
static void check_topic_body(const char* name) {
  struct gcn__buf body;
  gcn__buf_init(&body, &gcn__mem_libc, OUT_SIZE_MAX);
  assert_int_equal(gcn__buf_append_str(&body, "["), 0);
  assert_int_equal(gcn__channels_topic(&body, gcn__span_str(name), true), 0);
  assert_int_equal(gcn__buf_append_str(&body, "]"), 0);
  struct gcn__json* json = gcn__json_parse(gcn__buf_span(&body), NULL);
  assert_int_equal(gcn__json_count(json), 1);
  struct gcn__span id = gcn__json_member(gcn__json_at(json, 0), "id");
  assert_true(gcn__span_is(id, name));
  gcn__json_free(json, false);
  gcn__buf_deinit(&body);
}

static void topic_ids(void** state) {
  (void)state;
  char scratch[TEXT_SIZE];
  FOR_EACH_TEXT(byte, place, text) {
    bool refused = byte <= ' ' || byte >= 0x7f || byte == '"' || byte == '\\';
    const char* wrong = gcn__client_topic_check(false, gcn__span_str(text));
    if ((wrong != NULL) != refused) fail_msg("topic with 0x%02x", byte);
    if (!refused) check_topic_body(text);
    if (!is_control(byte)) continue; /* the stream dialect takes the others */
    wrong = gcn__client_topic_check(true, gcn__span_str(text));
    if (wrong == NULL) fail_msg("subscription with 0x%02x", byte);
  }
  assert_non_null(gcn__client_topic_check(false, GCN__SPAN("a\0b")));
  assert_non_null(gcn__client_topic_check(true, GCN__SPAN("a\0b")));
}

/* Where the client is made; refused is what it stands for, too. */
static void check_proxy(const char* text, bool refused) {
  gcn_options_t options = good_options();
  options.proxy = text;
  options.no_proxy = "";
  struct gcn__config config;
  char why[GCN__WHY_SIZE] = "";
  int error = gcn__config_make(&options, &config, why);
  if (error == 0) error = gcn__config_check_proxies(&config, why);
  if (error != (refused ? GCN_ECONFIG : 0)) fail_msg("%s: %s", text, why);
  if (refused) assert_non_null(strstr(why, "proxy"));
}

static void proxy_users(void** state) {
  (void)state;
  static const char* const forms[][2] = {{"", "abc"}, {"a", "bc"}, {"abc", ""}};
  for (unsigned byte = 0; byte < 256; byte++) {
    for (enum place place = AT_FRONT; place < PLACE_COUNT; place++) {
      const char* const* form = forms[place];
      char url[TEXT_SIZE];
      snprintf(url, sizeof url, "http://%s%%%02x%s:pw@proxy.example", form[0],
               byte, form[1]);
      check_proxy(url, is_control(byte) || byte == ':');
      snprintf(url, sizeof url, "http://user:%s%%%02x%s@proxy.example", form[0],
               byte, form[1]);
      check_proxy(url, is_control(byte));
      if (byte == 0 || (byte > ' ' && byte < 0x7f)) continue;
      snprintf(url, sizeof url, "http://%s%c%s:pw@proxy.example", form[0],
               (int)byte, form[1]);
      check_proxy(url, true);
    }
  }
}

static struct gcn__ask sample(void) {
  return (struct gcn__ask){
      .authority = "api.mypurecloud.de",
      .target = GCN__SPAN("/channels/c"),
      .base_path = "",
      .user_agent = "gcnotify",
      .client_id = "id",
      .client_secret = "secret",
      .token = "TOKEN",
      .ws_key = "dGhlIHNhbXBsZSBub25jZQ==",
  };
}

/* There is none to set, none is sent, and what else the upgrade is made of can
 * bring none in (the way of CVE-2026-1527). */
static void subprotocols(void** state) {
  (void)state;
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, OUT_SIZE_MAX);
  struct gcn__ask ask = sample();
  assert_int_equal(gcn__channels_write(GCN__OP_UPGRADE, &ask, &out), 0);
  assert_int_equal(gcn__buf_append(&out, "", 1), 0);
  assert_null(strstr(gcn__buf_span(&out).data, "Sec-WebSocket-Protocol"));
  assert_null(strstr(gcn__buf_span(&out).data, "Sec-WebSocket-Extensions"));
  char scratch[TEXT_SIZE];
  FOR_EACH_TEXT(byte, place, text) {
    bool fits = byte > ' ' && byte < 0x7f;
    ask = sample();
    ask.target = gcn__span_str(text);
    gcn__buf_clear(&out);
    int error = gcn__channels_write(GCN__OP_UPGRADE, &ask, &out);
    assert_int_equal(error, fits ? 0 : GCN__EINVAL);
    if (fits || byte == ' ') continue;
    ask = sample();
    ask.ws_key = text;
    gcn__buf_clear(&out);
    error = gcn__channels_write(GCN__OP_UPGRADE, &ask, &out);
    assert_int_equal(error, GCN__EINVAL);
  }
  gcn__buf_deinit(&out);
}

/* --- what the service says ------------------------------------------------ */

static struct gcn__stream_ask stream_ask(const struct gcn__shape* shape,
                                         struct gcn__span position) {
  return (struct gcn__stream_ask){
      .shape = shape,
      .authority = "api.mypurecloud.de",
      .base_path = "",
      .user_agent = "gcnotify",
      .token = "TOKEN",
      .ws_key = "dGhlIHNhbXBsZSBub25jZQ==",
      .session = "name",
      .resume = position,
  };
}

/* A position is the service's, opaque: it goes back as what it is, encoded. */
static void cursors(void** state) {
  (void)state;
  struct gcn__shape shape = gcn__shape_of(GCN__PRESET_GUIDE);
  for (unsigned byte = 0; byte < 256; byte++) {
    const char bytes[3] = {'a', (char)byte, 'b'};
    struct gcn__buf out;
    gcn__buf_init(&out, &gcn__mem_libc, OUT_SIZE_MAX);
    struct gcn__stream_ask ask = stream_ask(&shape, gcn__span(bytes, 3));
    assert_int_equal(gcn__stream_target(&ask, &out), 0);
    struct gcn__span target = gcn__buf_span(&out);
    for (size_t i = 0; i < target.size; i++)
      assert_in_range(target.data[i], '!', '~');
    char want[TEXT_SIZE];
    snprintf(want, sizeof want, "%s=a%%%02Xb", shape.resume_param, byte);
    bool plain = strchr("-._~", (int)byte) != NULL || byte >= 0x80;
    bool letter = (byte >= '0' && byte <= '9') ||
                  (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
    if (byte < 0x80 && ((plain && byte != 0) || letter))
      snprintf(want, sizeof want, "%s=a%cb", shape.resume_param, (int)byte);
    size_t size = strlen(want);
    assert_true(target.size > size);
    assert_memory_equal(target.data + target.size - size, want, size);
    gcn__buf_deinit(&out);
  }
}

int main(void) {
  static struct proof_cases cases;
  proof_add(&cases, "S3-01 token", tokens, NULL);
  proof_add(&cases, "S3-02 client id", client_ids, NULL);
  proof_add(&cases, "S3-03 secret", secrets, NULL);
  proof_add(&cases, "S3-04 user agent", user_agents, NULL);
  proof_add(&cases, "S3-05 headers", headers, NULL);
  proof_add(&cases, "S3-06 host", hosts, NULL);
  proof_add(&cases, "S3-07 path", paths, NULL);
  proof_add(&cases, "S3-08 topic ids", topic_ids, NULL);
  proof_add(&cases, "S3-09 proxy user", proxy_users, NULL);
  proof_add(&cases, "S3-10 subprotocol", subprotocols, NULL);
  proof_add(&cases, "S3-12 cursor", cursors, NULL);
  return proof_run("proof-injection", &cases);
}
