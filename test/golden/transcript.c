/* SPDX-License-Identifier: MIT */
/*
 * Reads transcripts line by line and acts as they say.  With
 * GCN_GOLDEN_VERBOSE set, each fact is printed before it is played.
 */
#include "transcript.h"

#include "base/err.h"
#include "check.h"
#include "codec/ws.h"

#include <stdlib.h>

enum {
  PATH_SIZE = 4096,
  BYTES_SIZE_MAX = 262144,
  LINE_SIZE = 16384,
  WORD_SIZE = 100,
  NAME_COUNT_MAX = 2000,
};

struct reader {
  struct player* player;
  const char* directory;
  const char* next; /* the rest of the text */
  FILE* out;        /* the text as it should be */
  char line[LINE_SIZE];
};

struct bytes {
  struct gcn__buf buf;
  size_t length_at; /* where a "*" stands; 0: nowhere */
  size_t body_at;   /* where the body of that answer begins; 0: not yet */
  bool open_line;   /* the line before has no CRLF yet */
};

static void add(struct bytes* bytes, const void* data, size_t size) {
  assert_int_equal(gcn__buf_append(&bytes->buf, data, size), 0);
}

/* Puts the size of the body where the "*" stands. */
static void fill_length(struct bytes* bytes) {
  if (bytes->length_at == 0) return;
  struct gcn__span all = gcn__buf_span(&bytes->buf);
  size_t body_at = bytes->body_at == 0 ? all.size : bytes->body_at;
  struct gcn__buf filled;
  gcn__buf_init(&filled, &gcn__mem_libc, BYTES_SIZE_MAX);
  gcn__buf_append(&filled, all.data, bytes->length_at);
  gcn__buf_printf(&filled, "%zu", all.size - body_at);
  gcn__buf_append(&filled, all.data + bytes->length_at + 1,
                  all.size - bytes->length_at - 1);
  gcn__buf_deinit(&bytes->buf);
  bytes->buf = filled;
  bytes->length_at = 0;
  bytes->body_at = 0;
}

static void end_answer(struct bytes* bytes) {
  fill_length(bytes);
  bytes->open_line = false;
}

/* "| text": what belongs to an answer. */
static void add_line(struct bytes* bytes, const char* text) {
  bool body = bytes->body_at != 0;
  if (bytes->open_line && body) add(bytes, "\n", 1); /* a body of many lines */
  const char* star = strstr(text, "Content-Length: *");
  if (star != NULL) {
    bytes->length_at = gcn__buf_size(&bytes->buf) + strlen(text) - 1;
  }
  add(bytes, text, strlen(text));
  if (!body) add(bytes, "\r\n", 2);
  if (text[0] == '\0' && !body) bytes->body_at = gcn__buf_size(&bytes->buf);
  bytes->open_line = body;
}

static size_t unescape(const char* text, char* out) {
  size_t size = 0;
  while (*text != '\0') {
    unsigned value = 0;
    if (text[0] == '\\' && sscanf(text, "\\x%2x", &value) == 1) {
      out[size++] = (char)value;
      text += 4;
    } else {
      out[size++] = *text++;
    }
  }
  return size;
}

/* "frame KIND TEXT": the server's side of RFC 6455 §5.2. */
static void add_frame(struct bytes* bytes, const char* words) {
  static const struct {
    const char* name;
    unsigned char opcode;
  } kinds[] = {{"text ", GCN__WS_TEXT},
               {"binary ", GCN__WS_BINARY},
               {"ping ", GCN__WS_PING},
               {"pong ", GCN__WS_PONG},
               {"close ", GCN__WS_CLOSE}};
  size_t k = 0;
  while (strncmp(words, kinds[k].name, strlen(kinds[k].name)) != 0) {
    assert_true(++k < sizeof kinds / sizeof kinds[0]);
  }
  words += strlen(kinds[k].name);
  char payload[LINE_SIZE];
  size_t size = 0;
  if (kinds[k].opcode == GCN__WS_CLOSE) {
    char* end = NULL;
    unsigned long code = strtoul(words, &end, 10);
    words = *end == ' ' ? end + 1 : end;
    payload[size++] = (char)(code >> 8);
    payload[size++] = (char)(code & 0xff);
  }
  size += unescape(words, payload + size);
  assert_true(size <= 0xffff);
  unsigned char head[4] = {(unsigned char)(0x80 | kinds[k].opcode)};
  head[1] = size < 126 ? (unsigned char)size : 126;
  head[2] = (unsigned char)(size >> 8);
  head[3] = (unsigned char)(size & 0xff);
  add(bytes, head, size < 126 ? 2 : 4);
  add(bytes, payload, size);
}

/* "v2.#.x 1 950": the name with each number in its place. */
struct series {
  char before[WORD_SIZE];
  char after[WORD_SIZE];
  unsigned first;
  unsigned last;
};

static bool read_series(const char* words, struct series* series) {
  if (strchr(words, '#') == NULL) return false;
  int count = sscanf(words, "%99[^#]#%99s %u %u", series->before, series->after,
                     &series->first, &series->last);
  assert_int_equal(count, 4);
  assert_true(series->last - series->first < NAME_COUNT_MAX);
  return true;
}

static void add_permits(struct bytes* bytes, const char* words) {
  struct series series;
  assert_true(read_series(words, &series));
  end_answer(bytes);
  add_line(bytes, "HTTP/1.1 200 OK");
  add_line(bytes, "Content-Length: *");
  add_line(bytes, "");
  add_line(bytes, "{\"entities\":[");
  for (unsigned i = series.first; i <= series.last; i++) {
    char entry[3 * WORD_SIZE];
    snprintf(entry, sizeof entry,
             "%s{\"id\":\"%s%u%s\",\"state\":"
             "\"Permitted\"}",
             i == series.first ? "" : ",", series.before, i, series.after);
    add_line(bytes, entry);
  }
  add_line(bytes, "]}");
  end_answer(bytes);
}

static bool peek_line(const struct reader* reader, char line[LINE_SIZE]) {
  if (*reader->next == '\0') return false;
  size_t size = strcspn(reader->next, "\n");
  assert_true(size < LINE_SIZE);
  memcpy(line, reader->next, size);
  line[size] = '\0';
  return true;
}

static void skip_line(struct reader* reader) {
  reader->next += strcspn(reader->next, "\n");
  if (*reader->next == '\n') reader->next++;
}

/* What follows `word` and a space; NULL if the line begins otherwise. */
static const char* after_word(const char* line, const char* word) {
  size_t size = strlen(word);
  if (strncmp(line, word, size) != 0) return NULL;
  if (line[size] == ' ') return line + size + 1;
  return line[size] == '\0' ? line + size : NULL;
}

static bool add_data_line(struct bytes* bytes, const char* line) {
  const char* rest = after_word(line, "|");
  if (rest != NULL) {
    add_line(bytes, rest);
    return true;
  }
  rest = after_word(line, "frame");
  if (rest != NULL) {
    end_answer(bytes);
    add_frame(bytes, rest);
    return true;
  }
  rest = after_word(line, "permit");
  if (rest != NULL) {
    add_permits(bytes, rest);
    return true;
  }
  rest = after_word(line, "bytes");
  if (rest == NULL) return false;
  end_answer(bytes);
  char raw[LINE_SIZE];
  add(bytes, raw, unescape(rest, raw));
  return true;
}

static void play_received(struct reader* reader, const char* words) {
  struct bytes bytes = {.length_at = 0};
  gcn__buf_init(&bytes.buf, &gcn__mem_libc, BYTES_SIZE_MAX);
  char line[LINE_SIZE];
  while (peek_line(reader, line) && add_data_line(&bytes, line)) {
    fprintf(reader->out, "%s\n", line);
    skip_line(reader);
  }
  end_answer(&bytes);
  player_received(reader->player, player_wire(words),
                  gcn__buf_span(&bytes.buf));
  gcn__buf_deinit(&bytes.buf);
}

static unsigned read_commands(const char* words) {
  static const struct {
    const char* name;
    enum gcn__command command;
  } commands[] = {{"START", GCN__COMMAND_START},
                  {"STOP", GCN__COMMAND_STOP},
                  {"CLOSE", GCN__COMMAND_CLOSE},
                  {"HURRY", GCN__COMMAND_HURRY},
                  {"ROTATE", GCN__COMMAND_ROTATE}};
  unsigned set = 0;
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    if (strstr(words, commands[i].name) != NULL) {
      set |= (unsigned)commands[i].command;
    }
  }
  assert_true(set != 0);
  return set;
}

static void play_command(struct reader* reader, const char* words) {
  player_command(reader->player, read_commands(words));
}

static enum gcn__state read_state(const char* word) {
  for (int s = 0; s < GCN__STATE_COUNT; s++) {
    enum gcn__state state = (enum gcn__state)s;
    if (strcmp(word, gcn__state_name(state)) == 0) return state;
  }
  fail_msg("no state is called %s", word);
  return GCN__STATE_IDLE;
}

static void play_react(struct reader* reader, const char* words) {
  char word[WORD_SIZE];
  int size = 0;
  assert_int_equal(sscanf(words, "%99s%n", word, &size), 1);
  struct player_reaction reaction = {.kind = GCN__EFFECT_ASK};
  if (strcmp(word, "ask") != 0) {
    reaction.kind = GCN__EFFECT_STATE;
    reaction.state = read_state(word);
  }
  reaction.commands = read_commands(words + size);
  player_react(reader->player, reaction);
}

static void play_hold(struct reader* reader, const char* words) {
  (void)words;
  player_hold(reader->player);
}

static void play_release(struct reader* reader, const char* words) {
  (void)words;
  player_release(reader->player);
}

/* Names, as the user gives them: one array. */
struct names {
  char texts[NAME_COUNT_MAX][WORD_SIZE];
  const char* list[NAME_COUNT_MAX];
  size_t count;
};

__attribute__((format(printf, 2, 3))) static void
add_name(struct names* names, const char* format, ...) {
  va_list args;
  va_start(args, format);
  assert_true(names->count < NAME_COUNT_MAX);
  char* text = names->texts[names->count];
  vsnprintf(text, WORD_SIZE, format, args);
  names->list[names->count++] = text;
  va_end(args);
}

static struct names* read_names(const char* words) {
  struct names* names = calloc(1, sizeof *names);
  assert_non_null(names);
  struct series series;
  if (read_series(words, &series)) {
    for (unsigned i = series.first; i <= series.last; i++)
      add_name(names, "%s%u%s", series.before, i, series.after);
    return names;
  }
  char word[WORD_SIZE];
  int size = 0;
  while (sscanf(words, "%99s%n", word, &size) == 1) {
    add_name(names, "%s", word);
    words += size;
  }
  return names;
}

static void play_subscribe(struct reader* reader, const char* words) {
  struct gcn__engine* engine = reader->player->engine;
  struct names* names = read_names(words);
  int error = gcn__engine_topics_add(engine, names->list, names->count);
  free(names);
  assert_int_equal(error, 0);
  player_command(reader->player, GCN__COMMAND_TOPICS);
}

static void play_unsubscribe(struct reader* reader, const char* words) {
  struct gcn__engine* engine = reader->player->engine;
  struct names* names = read_names(words);
  size_t count = names->count;
  size_t removed = gcn__engine_topics_remove(engine, names->list, count);
  free(names);
  assert_true(removed == count);
  player_command(reader->player, GCN__COMMAND_TOPICS);
}

/* "late" is 1, and skipped. */
static unsigned skip_late(const char** words) {
  const char* rest = after_word(*words, "late");
  if (rest == NULL) return 0;
  *words = rest;
  return 1;
}

static void play_offer(struct reader* reader, const char* words) {
  char texts[4][WORD_SIZE];
  unsigned age = skip_late(&words);
  if (strcmp(words, "error") == 0) {
    player_offer(reader->player, age, GCN__EINVAL, NULL, 0);
    return;
  }
  int count = sscanf(words, "%99s %99s %99s %99s", texts[0], texts[1], texts[2],
                     texts[3]);
  const struct gcn__offer offers[] = {
      {.client_id = texts[0], .client_secret = texts[1]},
      {.client_id = texts[2], .client_secret = texts[3]},
  };
  assert_true(count == 2 || count == 4);
  player_offer(reader->player, age, 0, offers, (size_t)count / 2);
}

static void play_grant(struct reader* reader, const char* words) {
  char token[WORD_SIZE];
  double life_s = 0;
  unsigned age = skip_late(&words);
  if (strcmp(words, "error") == 0) {
    player_grant(reader->player, age, GCN__EINVAL, "", 0);
    return;
  }
  assert_int_equal(sscanf(words, "%99s %lf", token, &life_s), 2);
  player_grant(reader->player, age, 0, token, life_s);
}

static void play_credentials(struct reader* reader, const char* words) {
  char id[100];
  char secret[100];
  assert_int_equal(sscanf(words, "%99s %99s", id, secret), 2);
  const struct gcn__offer offer = {.client_id = id, .client_secret = secret};
  struct gcn__engine* engine = reader->player->engine;
  assert_int_equal(gcn__engine_credentials(engine, &offer), 0);
  player_command(reader->player, GCN__COMMAND_CREDENTIALS);
}

static void play_linked(struct reader* reader, const char* words) {
  player_linked(reader->player, player_wire(words));
}

static void play_ended(struct reader* reader, const char* words) {
  static const struct {
    const char* name;
    int code;
    const char* text;
  } ends[] = {
      {"-104", GCN__ECONNRESET, "connection reset by peer"},
      {"ECONNRESET", GCN__ECONNRESET, "connection reset by peer"},
      {"EOF", GCN__EOF, "end of file"},
      {"ETIMEDOUT", GCN__ETIMEDOUT, "connection timed out"},
      {"ECONNREFUSED", -ECONNREFUSED, "connection refused"},
      {"EADDRNOTAVAIL", GCN__EADDRNOTAVAIL, "address not available"},
      {"EMFILE", GCN__EMFILE, "too many open files"},
      {"ENFILE", GCN__ENFILE, "file table overflow"},
      {"ENOBUFS", GCN__ENOBUFS, "no buffer space available"},
  };
  char wire[20];
  char error[20];
  size_t i = 0;
  assert_int_equal(sscanf(words, "%19s %19s", wire, error), 2);
  while (strcmp(ends[i].name, error) != 0)
    assert_true(++i < sizeof ends / sizeof ends[0]);
  player_ended(reader->player, player_wire(wire), ends[i].code, ends[i].text);
}

static void play_wait(struct reader* reader, const char* words) {
  if (strcmp(words, "deadline") == 0) {
    assert_true(player_wait_deadline(reader->player));
  } else {
    player_wait(reader->player, strtoul(words, NULL, 10));
  }
}

static void play_pause(struct reader* reader, const char* words) {
  (void)words;
  player_pause(reader->player, true);
}

static void play_resume(struct reader* reader, const char* words) {
  (void)words;
  player_pause(reader->player, false);
}

static void play_excuse(struct reader* reader, const char* words) {
  (void)words;
  player_excuse(reader->player);
}

/* The other transcript must be right by itself. */
static void play_other(struct reader* reader, const char* words) {
  char* other = transcript_play(reader->player, reader->directory, words);
  char* own = transcript_read(reader->directory, words);
  bool same = strcmp(other, own) == 0;
  free(other);
  free(own);
  if (!same) fail_msg("%s.txt is not what happens", words);
}

static void play_restore(struct reader* reader, const char* words) {
  char position[WORD_SIZE];
  unsigned long ago_ms = 0;
  int count = sscanf(words, "%99s %lu", position, &ago_ms);
  assert_true(count >= 1);
  player_restore(reader->player, position, count == 2 ? ago_ms : UINT64_MAX);
}

static void play_unreadable(struct reader* reader, const char* words) {
  player_unreadable(reader->player, words);
}

static void play_slept(struct reader* reader, const char* words) {
  player_slept(reader->player, strtoul(words, NULL, 10));
}

static void play_close_ms(struct reader* reader, const char* words) {
  player_limit_close(reader->player, strtoul(words, NULL, 10));
}

/* What the engine is made with. */
static bool play_option(struct reader* reader) {
  const char* words = after_word(reader->line, "set");
  if (words != NULL) {
    char name[WORD_SIZE];
    unsigned long value = 0;
    assert_int_equal(sscanf(words, "%99s %lu", name, &value), 2);
    player_set(reader->player, name, value);
    return true;
  }
  words = after_word(reader->line, "preset");
  if (words != NULL) {
    player_preset(reader->player, words);
    return true;
  }
  words = after_word(reader->line, "shape");
  if (words != NULL) {
    char name[WORD_SIZE];
    char value[WORD_SIZE];
    assert_int_equal(sscanf(words, "%99s %99s", name, value), 2);
    player_shape(reader->player, name, value);
    return true;
  }
  words = after_word(reader->line, "proxy");
  if (words != NULL) {
    player_proxy(reader->player, words);
    return true;
  }
  words = after_word(reader->line, "place");
  if (words != NULL) {
    player_place(reader->player, words);
    return true;
  }
  words = after_word(reader->line, "asks");
  if (words == NULL) return false;
  bool token = strcmp(words, "token") == 0;
  player_asks(reader->player, token ? GCN__ASK_TOKEN : GCN__ASK_CREDENTIALS);
  return true;
}

static void play_fact(struct reader* reader) {
  static const struct {
    const char* word;
    void (*play)(struct reader* reader, const char* words);
  } facts[] = {
      {"received", play_received},
      {"command", play_command},
      {"subscribe", play_subscribe},
      {"unsubscribe", play_unsubscribe},
      {"linked", play_linked},
      {"credentials", play_credentials},
      {"ended", play_ended},
      {"wait", play_wait},
      {"pause", play_pause},
      {"resume", play_resume},
      {"excuse", play_excuse},
      {"play", play_other},
      {"offer", play_offer},
      {"grant", play_grant},
      {"hold", play_hold},
      {"release", play_release},
      {"react", play_react},
      {"restore", play_restore},
      {"unreadable", play_unreadable},
      {"slept", play_slept},
      {"close_ms", play_close_ms},
  };
  for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
    const char* words = after_word(reader->line, facts[i].word);
    if (words == NULL) continue;
    facts[i].play(reader, words);
    return;
  }
  fail_msg("what is \"%s\"?", reader->line);
}

static void play_line(struct reader* reader) {
  bool expected = reader->line[0] == '>';
  if (expected) return; /* the notes have been written already */
  fprintf(reader->out, "%s\n", reader->line);
  if (reader->line[0] == '#' || reader->line[0] == '\0') return;
  if (getenv("GCN_GOLDEN_VERBOSE") != NULL)
    print_message("# %s\n", reader->line);
  if (play_option(reader)) return;
  bool other = after_word(reader->line, "play") != NULL;
  if (!other) player_begin(reader->player);
  play_fact(reader);
  char* notes = player_notes(reader->player);
  fputs(notes, reader->out);
  free(notes);
}

char* transcript_play(struct player* player, const char* directory,
                      const char* name) {
  char* text = transcript_read(directory, name);
  char* played = NULL;
  size_t size = 0;
  struct reader reader = {
      .player = player,
      .directory = directory,
      .next = text,
      .out = open_memstream(&played, &size),
  };
  while (peek_line(&reader, reader.line)) {
    skip_line(&reader);
    play_line(&reader);
  }
  fclose(reader.out);
  free(text);
  return played;
}

char* transcript_read(const char* directory, const char* name) {
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/%s.txt", directory, name);
  FILE* file = fopen(path, "rb");
  if (file == NULL) fail_msg("cannot read %s", path);
  char* text = NULL;
  size_t size = 0;
  FILE* out = open_memstream(&text, &size);
  for (int c = getc(file); c != EOF; c = getc(file))
    putc(c, out);
  fclose(out);
  fclose(file);
  return text;
}
