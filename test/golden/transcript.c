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

enum { PATH_SIZE = 4096, BYTES_SIZE_MAX = 65536, LINE_SIZE = 4096 };

struct reader {
  struct player* player;
  const char* directory;
  const char* next; /* the rest of the text */
  FILE* out;        /* the text as it should be */
  char line[LINE_SIZE];
};

/* --- bytes ---------------------------------------------------------------- */

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

/* --- lines ---------------------------------------------------------------- */

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

/* --- facts ---------------------------------------------------------------- */

static void play_command(struct reader* reader, const char* words) {
  static const struct {
    const char* name;
    enum gcn__command command;
  } commands[] = {{"START", GCN__COMMAND_START},
                  {"STOP", GCN__COMMAND_STOP},
                  {"CLOSE", GCN__COMMAND_CLOSE},
                  {"HURRY", GCN__COMMAND_HURRY}};
  unsigned set = 0;
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    if (strstr(words, commands[i].name) != NULL) {
      set |= (unsigned)commands[i].command;
    }
  }
  assert_true(set != 0);
  player_command(reader->player, set);
}

static void play_subscribe(struct reader* reader, const char* words) {
  struct gcn__engine* engine = reader->player->engine;
  assert_int_equal(gcn__engine_topic_add(engine, gcn__span_str(words)), 0);
  player_command(reader->player, GCN__COMMAND_TOPICS);
}

static void play_unsubscribe(struct reader* reader, const char* words) {
  struct gcn__engine* engine = reader->player->engine;
  assert_int_equal(gcn__engine_topic_remove(engine, gcn__span_str(words)), 0);
  player_command(reader->player, GCN__COMMAND_TOPICS);
}

static void play_credentials(struct reader* reader, const char* words) {
  char id[100];
  char secret[100];
  assert_int_equal(sscanf(words, "%99s %99s", id, secret), 2);
  assert_int_equal(gcn__engine_credentials(reader->player->engine, id, secret),
                   0);
  player_command(reader->player, GCN__COMMAND_CREDENTIALS);
}

static void play_linked(struct reader* reader, const char* words) {
  player_linked(reader->player, player_wire(words));
}

static void play_ended(struct reader* reader, const char* words) {
  char wire[20];
  char error[20];
  assert_int_equal(sscanf(words, "%19s %19s", wire, error), 2);
  int code = GCN__ECONNRESET;
  const char* text = "connection reset by peer";
  if (strcmp(error, "EOF") == 0) {
    code = GCN__EOF;
    text = "end of file";
  }
  if (strcmp(error, "ECONNREFUSED") == 0) {
    code = -ECONNREFUSED;
    text = "connection refused";
  }
  player_ended(reader->player, player_wire(wire), code, text);
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

static void play_fact(struct reader* reader) {
  static const struct {
    const char* word;
    void (*play)(struct reader* reader, const char* words);
  } facts[] = {
      {"received", play_received},   {"command", play_command},
      {"subscribe", play_subscribe}, {"unsubscribe", play_unsubscribe},
      {"linked", play_linked},       {"credentials", play_credentials},
      {"ended", play_ended},         {"wait", play_wait},
      {"pause", play_pause},         {"resume", play_resume},
      {"excuse", play_excuse},       {"play", play_other},
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
