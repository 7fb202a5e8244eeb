/* SPDX-License-Identifier: MIT */
/*
 * A checkpoint to text and back.
 *
 * It does not know where the text is kept or what a position means.  Written by
 * hand, because it happens many times a second and with thousands of keys; read
 * through a document, once per start.  Nothing of the document is believed
 * before the line that proves it has been checked.
 */
#include "codec/checkpoint.h"

#include "base/err.h"
#include "codec/digest.h"
#include "codec/json.h"
#include "codec/utf8.h"

#include <inttypes.h>

#define OPENING "{\"gcnotify-checkpoint\":"
#define PROOF   "sha256 "

enum {
  HEX_SIZE_OF_KEY = 32,
  PROOF_SIZE = sizeof PROOF - 1 + 2 * GCN__SHA256_SIZE + 1,
};

/* Where the text goes; after an error nothing more does. */
struct writer {
  struct gcn__buf* out;
  int error;
};

static void put_text(struct writer* writer, const char* text) {
  if (writer->error != 0) return;
  writer->error = gcn__buf_append_str(writer->out, text);
}

static void put_string(struct writer* writer, struct gcn__span text) {
  if (writer->error != 0) return;
  writer->error = gcn__json_write_string(writer->out, text);
}

/* `name` comes with its comma, quotes and colon. */
static void put_number(struct writer* writer, const char* name,
                       int64_t number) {
  if (writer->error != 0) return;
  writer->error = gcn__buf_printf(writer->out, "%s%" PRId64, name, number);
}

static void write_hex(char* out, const unsigned char* bytes, size_t size) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < size; i++) {
    *out++ = digits[bytes[i] >> 4];
    *out++ = digits[bytes[i] & 0xf];
  }
}

/* Room for `size` digits, or NULL and the error is noted. */
static char* reserve(struct writer* writer, size_t size) {
  if (writer->error != 0) return NULL;
  char* room = gcn__buf_reserve(writer->out, size);
  if (room != NULL) return room;
  bool full = size > writer->out->size_max - gcn__buf_size(writer->out);
  writer->error = full ? GCN_ELIMIT : GCN__ENOMEM;
  return NULL;
}

static void put_hex(struct writer* writer, const void* bytes, size_t size) {
  put_text(writer, "\"");
  char* room = reserve(writer, 2 * size);
  if (room == NULL) return;
  write_hex(room, bytes, size);
  gcn__buf_commit(writer->out, 2 * size);
  put_text(writer, "\"");
}

static void key_to_bytes(const struct gcn__key* key, unsigned char* bytes) {
  for (size_t i = 0; i < 16; i++)
    bytes[i] = (unsigned char)(key->words[i / 8] >> (56 - i % 8 * 8) & 0xff);
}

static void put_keys(struct writer* writer, const struct gcn__key* keys,
                     size_t count) {
  put_text(writer, ",\"handled\":\"");
  char* room = reserve(writer, count * HEX_SIZE_OF_KEY);
  if (room == NULL) return;
  for (size_t i = 0; i < count; i++) {
    unsigned char bytes[16];
    key_to_bytes(&keys[i], bytes);
    write_hex(room + i * HEX_SIZE_OF_KEY, bytes, sizeof bytes);
  }
  gcn__buf_commit(writer->out, count * HEX_SIZE_OF_KEY);
  put_text(writer, "\"");
}

static bool is_text(struct gcn__span text) {
  return text.size == 0 ||
         (memchr(text.data, '\0', text.size) == NULL && gcn__utf8_valid(text));
}

/* Whoever looks into the file may read it as it is, where JSON can say it. */
static void put_position(struct writer* writer, struct gcn__span position) {
  if (position.data == NULL) return;
  if (is_text(position)) {
    put_text(writer, ",\"position\":");
    put_string(writer, position);
  } else {
    put_text(writer, ",\"position_hex\":");
    put_hex(writer, position.data, position.size);
  }
}

static void put_channel(struct writer* writer,
                        const struct gcn__checkpoint_lane* lane) {
  if (lane->channel_id.data != NULL) {
    put_text(writer, ",\"channel\":");
    put_string(writer, lane->channel_id);
  }
  if (lane->connect_uri.data != NULL) {
    put_text(writer, ",\"uri\":");
    put_string(writer, lane->connect_uri);
  }
  put_number(writer, ",\"until\":", lane->channel_until_unix_ms);
  put_text(writer, ",\"identity\":");
  put_hex(writer, lane->identity, sizeof lane->identity);
}

static void put_lane(struct writer* writer,
                     const struct gcn__checkpoint_lane* lane) {
  put_number(writer, "{\"lane\":", lane->lane);
  put_text(writer, ",\"topics\":");
  put_hex(writer, lane->topics, sizeof lane->topics);
  put_position(writer, lane->position);
  put_number(writer, ",\"time\":", lane->is_time ? 1 : 0);
  put_number(writer, ",\"good\":", lane->good_unix_ms);
  put_channel(writer, lane);
  put_keys(writer, lane->handled, lane->handled_count);
  put_text(writer, "}");
}

static bool is_number(int64_t number) {
  return number >= -GCN__CHECKPOINT_NUMBER_MAX &&
         number <= GCN__CHECKPOINT_NUMBER_MAX;
}

static int judge_lane(const struct gcn__checkpoint_lane* lane) {
  if (lane->lane >= GCN__CHECKPOINT_LANE_COUNT_MAX ||
      lane->position.size > GCN__CHECKPOINT_POSITION_SIZE_MAX ||
      lane->channel_id.size > GCN__CHECKPOINT_ID_SIZE_MAX ||
      lane->connect_uri.size > GCN__CHECKPOINT_URI_SIZE_MAX ||
      lane->handled_count > GCN__CHECKPOINT_HANDLED_COUNT_MAX) {
    return GCN_ELIMIT;
  }
  if (!is_number(lane->good_unix_ms) ||
      !is_number(lane->channel_until_unix_ms)) {
    return GCN_ELIMIT;
  }
  bool good = is_text(lane->channel_id) && is_text(lane->connect_uri);
  return good ? 0 : GCN__EINVAL;
}

/* What the reader would refuse is not written. */
static int judge(const struct gcn__checkpoint* checkpoint) {
  unsigned seen = 0;
  if (checkpoint->lane_count > GCN__CHECKPOINT_LANE_COUNT_MAX ||
      checkpoint->serial > (uint64_t)GCN__CHECKPOINT_NUMBER_MAX ||
      !is_number(checkpoint->saved_unix_ms)) {
    return GCN_ELIMIT;
  }
  for (size_t i = 0; i < checkpoint->lane_count; i++) {
    const struct gcn__checkpoint_lane* lane = &checkpoint->lanes[i];
    int error = judge_lane(lane);
    if (error != 0) return error;
    if ((seen >> lane->lane & 1u) != 0) return GCN__EINVAL;
    seen |= 1u << lane->lane;
  }
  return 0;
}

static void put_line(struct writer* writer,
                     const struct gcn__checkpoint* checkpoint) {
  put_number(writer, OPENING, GCN__CHECKPOINT_VERSION);
  put_number(writer, ",\"serial\":", (int64_t)checkpoint->serial);
  put_text(writer, ",\"owner\":");
  put_hex(writer, checkpoint->owner, sizeof checkpoint->owner);
  put_text(writer, ",\"salt\":");
  put_hex(writer, checkpoint->salt, sizeof checkpoint->salt);
  put_number(writer, ",\"clean\":", checkpoint->clean ? 1 : 0);
  put_number(writer, ",\"saved\":", checkpoint->saved_unix_ms);
  put_text(writer, ",\"lanes\":[");
  for (size_t i = 0; i < checkpoint->lane_count; i++) {
    if (i > 0) put_text(writer, ",");
    put_lane(writer, &checkpoint->lanes[i]);
  }
  put_text(writer, "]}\n");
}

static void put_proof(struct writer* writer, size_t size_before) {
  unsigned char digest[GCN__SHA256_SIZE];
  if (writer->error != 0) return;
  struct gcn__span line =
      gcn__span_skip(gcn__buf_span(writer->out), size_before);
  if (!gcn__sha256(line, digest)) {
    writer->error = GCN__ENOMEM;
    return;
  }
  char hex[2 * GCN__SHA256_SIZE + 1] = "";
  write_hex(hex, digest, sizeof digest);
  put_text(writer, PROOF);
  put_text(writer, hex);
  put_text(writer, "\n");
}

int gcn__checkpoint_write(const struct gcn__checkpoint* checkpoint,
                          struct gcn__buf* out) {
  struct writer writer = {.out = out, .error = judge(checkpoint)};
  if (writer.error != 0) return writer.error;
  size_t size_before = gcn__buf_size(out);
  put_line(&writer, checkpoint);
  put_proof(&writer, size_before);
  return writer.error;
}

/* One digit, lower case only: of two ways to write a digest one is damage. */
static int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

static bool is_hex(struct gcn__span text) {
  for (size_t i = 0; i < text.size; i++) {
    if (digit(text.data[i]) < 0) return false;
  }
  return text.size % 2 == 0;
}

/* `text` has been found to be hex. */
static void read_hex(struct gcn__span text, unsigned char* bytes) {
  for (size_t i = 0; i < text.size / 2; i++) {
    int high = digit(text.data[2 * i]);
    int low = digit(text.data[2 * i + 1]);
    bytes[i] = (unsigned char)(high << 4 | low);
  }
}

/* A member that may be missing; false: it is there and not what it should be.
 */
static bool get_text(const struct gcn__json* object, const char* name,
                     size_t size_max, struct gcn__span* text) {
  const struct gcn__json* value = gcn__json_get(object, name);
  *text = gcn__json_string(value);
  if (value == NULL) return true;
  return text->data != NULL && text->size <= size_max;
}

static bool get_digest(const struct gcn__json* object, const char* name,
                       unsigned char* digest) {
  struct gcn__span text = gcn__json_member(object, name);
  if (text.size != 2 * GCN__CHECKPOINT_DIGEST_SIZE || !is_hex(text)) {
    return false;
  }
  read_hex(text, digest);
  return true;
}

/* A whole number from `min` to `max`, not in quotes. */
static bool get_number(const struct gcn__json* object, const char* name,
                       int64_t min, int64_t max, int64_t* number) {
  const struct gcn__json* value = gcn__json_get(object, name);
  double read;
  if (gcn__json_string(value).data != NULL) return false;
  if (!gcn__json_number(value, &read)) return false;
  if (read < (double)min || read > (double)max) return false;
  *number = (int64_t)read;
  return read <= (double)*number && read >= (double)*number;
}

static bool get_flag(const struct gcn__json* object, const char* name,
                     bool* flag) {
  int64_t number;
  if (!get_number(object, name, 0, 1, &number)) return false;
  *flag = number == 1;
  return true;
}

static bool get_time(const struct gcn__json* object, const char* name,
                     int64_t* time) {
  return get_number(object, name, -GCN__CHECKPOINT_NUMBER_MAX,
                    GCN__CHECKPOINT_NUMBER_MAX, time);
}

/* A lane whose spans view the document, and what is there in hex. */
struct draft_lane {
  struct gcn__checkpoint_lane lane;
  struct gcn__span position_hex;
  struct gcn__span handled_hex;
};

struct draft {
  struct gcn__checkpoint checkpoint;
  struct draft_lane lanes[GCN__CHECKPOINT_LANE_COUNT_MAX];
  size_t key_count;
  size_t text_size;
};

static bool draft_position(const struct gcn__json* object,
                           struct draft_lane* draft) {
  const size_t size_max = GCN__CHECKPOINT_POSITION_SIZE_MAX;
  struct gcn__span* hex = &draft->position_hex;
  struct gcn__span* plain = &draft->lane.position;
  return get_text(object, "position", size_max, plain) &&
         get_text(object, "position_hex", 2 * size_max, hex) && is_hex(*hex) &&
         (hex->data == NULL || plain->data == NULL);
}

static bool draft_channel(const struct gcn__json* object,
                          struct gcn__checkpoint_lane* lane) {
  return get_text(object, "channel", GCN__CHECKPOINT_ID_SIZE_MAX,
                  &lane->channel_id) &&
         get_text(object, "uri", GCN__CHECKPOINT_URI_SIZE_MAX,
                  &lane->connect_uri) &&
         get_time(object, "until", &lane->channel_until_unix_ms) &&
         get_digest(object, "identity", lane->identity);
}

static bool draft_handled(const struct gcn__json* object,
                          struct draft_lane* draft) {
  struct gcn__span hex = gcn__json_member(object, "handled");
  draft->handled_hex = hex;
  draft->lane.handled_count = hex.size / HEX_SIZE_OF_KEY;
  return hex.data != NULL && hex.size % HEX_SIZE_OF_KEY == 0 && is_hex(hex) &&
         draft->lane.handled_count <= GCN__CHECKPOINT_HANDLED_COUNT_MAX;
}

static bool draft_lane(const struct gcn__json* object,
                       struct draft_lane* draft) {
  struct gcn__checkpoint_lane* lane = &draft->lane;
  int64_t number;
  if (!get_number(object, "lane", 0, GCN__CHECKPOINT_LANE_COUNT_MAX - 1,
                  &number)) {
    return false;
  }
  lane->lane = (unsigned)number;
  return get_digest(object, "topics", lane->topics) &&
         draft_position(object, draft) &&
         get_flag(object, "time", &lane->is_time) &&
         get_time(object, "good", &lane->good_unix_ms) &&
         draft_channel(object, lane) && draft_handled(object, draft);
}

static bool draft_head(const struct gcn__json* root,
                       struct gcn__checkpoint* checkpoint) {
  int64_t serial;
  if (!get_number(root, "serial", 0, GCN__CHECKPOINT_NUMBER_MAX, &serial)) {
    return false;
  }
  checkpoint->serial = (uint64_t)serial;
  return get_digest(root, "owner", checkpoint->owner) &&
         get_digest(root, "salt", checkpoint->salt) &&
         get_flag(root, "clean", &checkpoint->clean) &&
         get_time(root, "saved", &checkpoint->saved_unix_ms);
}

static void measure(struct draft* draft, const struct draft_lane* lane) {
  draft->key_count += lane->lane.handled_count;
  draft->text_size += lane->lane.position.size + lane->position_hex.size / 2 +
                      lane->lane.channel_id.size + lane->lane.connect_uri.size;
}

static bool draft_all(const struct gcn__json* root, struct draft* draft) {
  const struct gcn__json* lanes = gcn__json_get(root, "lanes");
  size_t count = gcn__json_count(lanes);
  unsigned seen = 0;
  if (!draft_head(root, &draft->checkpoint)) return false;
  if (!gcn__json_is_array(lanes)) return false;
  if (count > GCN__CHECKPOINT_LANE_COUNT_MAX) return false;
  draft->checkpoint.lane_count = count;
  for (size_t i = 0; i < count; i++) {
    struct draft_lane* lane = &draft->lanes[i];
    if (!draft_lane(gcn__json_at(lanes, i), lane)) return false;
    if ((seen >> lane->lane.lane & 1u) != 0) return false;
    seen |= 1u << lane->lane.lane;
    measure(draft, lane);
  }
  return true;
}

/* The parts of the block that are still free. */
struct room {
  struct gcn__key* keys;
  char* text;
};

static void move_text(struct room* room, struct gcn__span* text) {
  if (text->data == NULL) return;
  if (text->size > 0) memcpy(room->text, text->data, text->size);
  text->data = room->text;
  room->text += text->size;
}

static void move_keys(struct room* room, struct gcn__span hex) {
  for (size_t i = 0; i < hex.size; i++) {
    struct gcn__key* key = &room->keys[i / HEX_SIZE_OF_KEY];
    uint64_t* word = &key->words[i / 16 % 2];
    *word = *word << 4 | (uint64_t)digit(hex.data[i]);
  }
  room->keys += hex.size / HEX_SIZE_OF_KEY;
}

static void move_lane(struct room* room, const struct draft_lane* draft,
                      struct gcn__checkpoint_lane* lane) {
  *lane = draft->lane;
  if (draft->position_hex.data != NULL) {
    lane->position = gcn__span(room->text, draft->position_hex.size / 2);
    /* The hex has been looked at; chars may be written as what they are. */
    read_hex(draft->position_hex, (unsigned char*)room->text);
    room->text += lane->position.size;
  } else {
    move_text(room, &lane->position);
  }
  move_text(room, &lane->channel_id);
  move_text(room, &lane->connect_uri);
  lane->handled = room->keys;
  move_keys(room, draft->handled_hex);
}

/* One block: the struct, the lanes, the keys, the text. */
static struct gcn__checkpoint_read* settle(const struct draft* draft,
                                           const struct gcn__mem* mem) {
  size_t lane_count = draft->checkpoint.lane_count;
  size_t size = sizeof(struct gcn__checkpoint_read) +
                lane_count * sizeof(struct gcn__checkpoint_lane) +
                draft->key_count * sizeof(struct gcn__key) + draft->text_size;
  struct gcn__checkpoint_read* read = gcn__alloc_zero(mem, size);
  if (read == NULL) return NULL;
  struct gcn__checkpoint_lane* lanes = (void*)(read + 1);
  struct room room = {.keys = (void*)(lanes + lane_count)};
  room.text = (char*)(room.keys + draft->key_count);
  for (size_t i = 0; i < lane_count; i++)
    move_lane(&room, &draft->lanes[i], &lanes[i]);
  read->checkpoint = draft->checkpoint;
  read->checkpoint.lanes = lanes;
  read->mem = mem;
  read->size = size;
  return read;
}

/* How far `text` goes along with `want`: all of it, or until it ends. */
static bool agrees(struct gcn__span text, struct gcn__span want) {
  size_t size = text.size < want.size ? text.size : want.size;
  return memcmp(text.data, want.data, size) == 0;
}

/* `rest` is what stands behind the line. */
static enum gcn__checkpoint_fault check_proof(struct gcn__span line,
                                              struct gcn__span rest) {
  unsigned char digest[GCN__SHA256_SIZE];
  char proof[PROOF_SIZE + 1] = PROOF;
  if (!gcn__sha256(line, digest)) return GCN__CHECKPOINT_NO_MEMORY;
  write_hex(proof + sizeof PROOF - 1, digest, sizeof digest);
  proof[PROOF_SIZE - 1] = '\n';
  if (rest.size > PROOF_SIZE || !agrees(rest, gcn__span(proof, PROOF_SIZE))) {
    return GCN__CHECKPOINT_CORRUPT;
  }
  return rest.size == PROOF_SIZE ? GCN__CHECKPOINT_GOOD
                                 : GCN__CHECKPOINT_TRUNCATED;
}

static enum gcn__checkpoint_fault check_whole(struct gcn__span text,
                                              struct gcn__span* line) {
  if (text.size == 0) return GCN__CHECKPOINT_EMPTY;
  if (!agrees(text, GCN__SPAN(OPENING))) return GCN__CHECKPOINT_NOT_OURS;
  if (text.size > GCN__CHECKPOINT_SIZE_MAX) return GCN__CHECKPOINT_CORRUPT;
  const char* end = memchr(text.data, '\n', text.size);
  if (end == NULL) return GCN__CHECKPOINT_TRUNCATED;
  *line = gcn__span(text.data, (size_t)(end - text.data) + 1);
  return check_proof(*line, gcn__span_skip(text, line->size));
}

/* `line` is whole, so what follows its opening ends before the line does. */
static enum gcn__checkpoint_fault check_version(struct gcn__span line) {
  struct gcn__span rest = gcn__span_skip(line, sizeof OPENING - 1);
  size_t size = 0;
  while (rest.data[size] >= '0' && rest.data[size] <= '9')
    size++;
  bool ends = rest.data[size] == ',' || rest.data[size] == '}';
  if (size == 0 || rest.data[0] == '0' || !ends) return GCN__CHECKPOINT_CORRUPT;
  return size == 1 && rest.data[0] == '0' + GCN__CHECKPOINT_VERSION
             ? GCN__CHECKPOINT_GOOD
             : GCN__CHECKPOINT_NEWER;
}

static enum gcn__checkpoint_fault
read_line(struct gcn__span line, const struct gcn__mem* mem,
          struct gcn__checkpoint_read** read) {
  const char* why;
  struct gcn__json* root = gcn__json_parse(line, &why);
  if (root == NULL) {
    return strcmp(why, "out of memory") == 0 ? GCN__CHECKPOINT_NO_MEMORY
                                             : GCN__CHECKPOINT_CORRUPT;
  }
  enum gcn__checkpoint_fault fault = GCN__CHECKPOINT_CORRUPT;
  struct draft draft = {.key_count = 0};
  if (draft_all(root, &draft)) {
    *read = settle(&draft, mem);
    fault = *read != NULL ? GCN__CHECKPOINT_GOOD : GCN__CHECKPOINT_NO_MEMORY;
  }
  gcn__json_free(root, true);
  return fault;
}

enum gcn__checkpoint_fault
gcn__checkpoint_read(struct gcn__span text, const struct gcn__mem* mem,
                     struct gcn__checkpoint_read** read) {
  struct gcn__span line;
  *read = NULL;
  enum gcn__checkpoint_fault fault = check_whole(text, &line);
  if (fault == GCN__CHECKPOINT_GOOD) fault = check_version(line);
  if (fault == GCN__CHECKPOINT_GOOD) fault = read_line(line, mem, read);
  return fault;
}

void gcn__checkpoint_free(struct gcn__checkpoint_read* read) {
  if (read == NULL) return;
  const struct gcn__mem* mem = read->mem;
  size_t size = read->size;
  gcn__wipe(read, size);
  gcn__free(mem, read, size);
}

const char* gcn__checkpoint_fault_text(enum gcn__checkpoint_fault fault) {
  switch (fault) {
  case GCN__CHECKPOINT_GOOD: break;
  case GCN__CHECKPOINT_EMPTY: return "it is empty";
  case GCN__CHECKPOINT_TRUNCATED: return "its end is missing";
  case GCN__CHECKPOINT_CORRUPT: return "it is damaged";
  case GCN__CHECKPOINT_NOT_OURS: return "it is not a checkpoint of gcnotify";
  case GCN__CHECKPOINT_NEWER: return "it was written by a later version";
  case GCN__CHECKPOINT_NO_MEMORY: return "out of memory";
  }
  return "";
}
