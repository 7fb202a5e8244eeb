/* SPDX-License-Identifier: MIT */
/*
 * Answers of the login service, from any bytes (FAULTS F5).
 *
 * The first two bytes are the HTTP status, the rest is the body.  A token that
 * is taken is safe in a header: the request it is written into has exactly the
 * lines it should have; its life is finite; and the holder wipes it.  What the
 * answer means is always something, with a sentence that quotes nothing.
 */
#include "base/err.h"
#include "core/token.h"
#include "dialect/channels.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum { REQUEST_SIZE_MAX = 3 * GCN__TOKEN_SIZE_MAX, NOW_MS = 1000 };

static void check(bool good, const char* what) {
  if (good) return;
  fprintf(stderr, "fuzz-token: %s\n", what);
  abort();
}

static size_t count_of(struct gcn__span text, const char* what) {
  size_t count = 0;
  size_t size = strlen(what);
  for (size_t i = 0; i + size <= text.size; i++)
    count += memcmp(text.data + i, what, size) == 0;
  return count;
}

/* Wherever a token goes: the channel's POST, and a refresh token into the body
 * of the next request for a token. */
static void check_request(enum gcn__op op, const struct gcn__ask* ask,
                          size_t line_count) {
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, REQUEST_SIZE_MAX);
  int error = gcn__channels_write(op, ask, &out);
  check(error == 0, "a token that can't be sent");
  struct gcn__span text = gcn__buf_span(&out);
  check(count_of(text, "\r\n\r\n") == 1, "another end of the head");
  check(count_of(text, "\n") == line_count, "another line in the head");
  check(count_of(text, "\r") == line_count, "a bare carriage return");
  gcn__buf_deinit(&out);
}

static const struct gcn__ask example = {.authority = "api.test",
                                        .base_path = "",
                                        .user_agent = "fuzz",
                                        .client_id = "id",
                                        .client_secret = "secret",
                                        .token = "x"};

static size_t lines_of(enum gcn__op op, const struct gcn__ask* ask) {
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, REQUEST_SIZE_MAX);
  check(gcn__channels_write(op, ask, &out) == 0, "the example fails");
  size_t count = count_of(gcn__buf_span(&out), "\n");
  gcn__buf_deinit(&out);
  return count;
}

static void check_token(const struct gcn__token* token) {
  size_t size = strlen(token->text);
  check(size > 0 && size <= GCN__TOKEN_SIZE_MAX, "a token of no good size");
  for (size_t i = 0; i < size; i++)
    check(token->text[i] > ' ' && token->text[i] < 0x7f, "no header byte");
  check(token->life_ms > 0, "no life");
  check(token->life_ms <= GCN__TOKEN_LIFE_MAX_S * UINT64_C(1000), "too long");
  check(token->expires_ms == NOW_MS + token->life_ms, "ends at another time");
  struct gcn__ask ask = example;
  ask.token = token->text;
  check_request(GCN__OP_CHANNEL, &ask, lines_of(GCN__OP_CHANNEL, &example));
}

/* The service's text is copied, as the engine does, because it has no NUL. */
static void check_refresh(struct gcn__span text) {
  if (text.data == NULL || text.size == 0) return;
  if (text.size > GCN__TOKEN_SIZE_MAX / 3) return;
  char* copy = gcn__str_copy_n(&gcn__mem_libc, text.data, text.size);
  check(copy != NULL, "out of memory");
  struct gcn__ask ask = example;
  ask.grant = GCN__GRANT_REFRESH_TOKEN;
  ask.refresh_token = "x";
  size_t line_count = lines_of(GCN__OP_TOKEN, &ask);
  ask.refresh_token = copy;
  check_request(GCN__OP_TOKEN, &ask, line_count);
  gcn__secret_free(&gcn__mem_libc, copy);
}

static void check_judgement(unsigned status, const struct gcn__json* body) {
  struct gcn__judgement judgement =
      gcn__channels_judge(GCN__OP_TOKEN, status, body);
  bool good = judgement.meaning == GCN__MEANING_OK;
  check(good == (status == 200), "another status is good");
  check(good == (judgement.error == 0), "an error without a number");
  check(good == (judgement.text[0] == '\0'), "an error without a sentence");
}

static void check_answer(const struct gcn__json* body) {
  struct gcn__token_answer answer;
  const char* why = NULL;
  int error = gcn__channels_read_token(body, &answer, &why);
  check(error == 0 || error == GCN_EPROTO, "another error");
  check(error == 0 || (why != NULL && why[0] != '\0'), "no reason");
  if (error != 0) return;
  struct gcn__token token;
  gcn__token_init(&token, &gcn__mem_libc);
  error = gcn__token_set(&token, answer.token, answer.life_s, NOW_MS);
  check(error == 0 || error == GCN_EPROTO, "another refusal");
  check((error == 0) == (token.text != NULL), "half a token");
  if (error == 0) check_token(&token);
  check_refresh(answer.refresh_token);
  gcn__token_deinit(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  unsigned status = (unsigned)(data[0] << 8 | data[1]) % 1000;
  const char* why = "";
  struct gcn__json* body = gcn__json_parse(gcn__span(data + 2, size - 2), &why);
  check((body == NULL) == (why[0] != '\0'), "a fault without a reason");
  check_judgement(status, body);
  check_answer(body);
  gcn__json_free(body, true);
  return 0;
}
