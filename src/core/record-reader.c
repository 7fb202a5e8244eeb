/* SPDX-License-Identifier: MIT */
/*
 * The dump's way in.  Invariant: once init has said yes, every record decodes
 * into states, inputs and verbs of this version.
 */
#include "core/record-reader.h"

#include "base/assert.h"

enum {
  UNKNOWN = UINT8_MAX, /* of a writer's number */
  VERBS_MAX = 32,
  SETTING_SIZE = 8,
};

/* Larger ones are cut: sums of a few of them must not overflow, and nobody
 * waits a thousand years. */
#define SETTING_MAX (UINT64_C(1) << 45)

static const char damaged[] = "is damaged: its numbers make no sense";

static uint64_t number_at(struct gcn__span bytes, size_t offset, size_t size) {
  uint64_t number = 0;
  for (size_t i = size; i > 0; i--) {
    number = number << 8 | (unsigned char)bytes.data[offset + i - 1];
  }
  return number;
}

static const char* check_frame(struct gcn__span dump) {
  size_t shown =
      dump.size < GCN__RECORD_MAGIC_SIZE ? dump.size : GCN__RECORD_MAGIC_SIZE;
  bool ours = shown == 0 || memcmp(dump.data, GCN__RECORD_MAGIC, shown) == 0;
  if (!ours) return "is no flight record";
  if (dump.size < GCN__RECORD_MAGIC_SIZE + 2) return "is cut off";
  uint64_t version = number_at(dump, GCN__RECORD_MAGIC_SIZE, 2);
  if (version > GCN__RECORD_VERSION) return "was written by a newer version";
  if (version == 0) return damaged;
  if (dump.size < GCN__RECORD_HEADER_SIZE) return "is cut off";
  uint64_t size = number_at(dump, 20, 4);
  if (dump.size < size) return "is cut off";
  if (size < GCN__RECORD_HEADER_SIZE + GCN__RECORD_CRC_SIZE) return damaged;
  if (dump.size > size) return "goes on behind its end";
  size -= GCN__RECORD_CRC_SIZE;
  uint32_t crc = gcn__record_crc(0, gcn__span(dump.data, size));
  if (number_at(dump, size, GCN__RECORD_CRC_SIZE) != crc) {
    return "is damaged: its checksum does not match";
  }
  return NULL;
}

/* Takes the next name with its NUL off `names`; absent if there is none. */
static struct gcn__span take_name(struct gcn__span* names) {
  const char* end =
      names->size == 0 ? NULL : memchr(names->data, '\0', names->size);
  if (end == NULL) return gcn__span(NULL, 0);
  struct gcn__span name = gcn__span(names->data, (size_t)(end - names->data));
  *names = gcn__span_skip(*names, name.size + 1);
  return name;
}

static void set_setting(struct gcn__settings* settings, struct gcn__span name,
                        uint64_t value) {
#define SET_SETTING(field, ...)                                                \
  if (gcn__span_is(name, #field)) settings->field = value;
  GCN__SETTINGS_MAP(SET_SETTING)
#undef SET_SETTING
}

/* Settings that this version has no more are passed over. */
static bool take_settings(struct gcn__record_reader* reader,
                          struct gcn__span dump, size_t count,
                          struct gcn__span* names) {
  reader->settings = GCN__SETTINGS_DEFAULT;
  for (size_t i = 0; i < count; i++) {
    struct gcn__span name = take_name(names);
    uint64_t value = number_at(dump, GCN__RECORD_HEADER_SIZE + i * SETTING_SIZE,
                               SETTING_SIZE);
    if (name.data == NULL) return false;
    set_setting(&reader->settings, name,
                value < SETTING_MAX ? value : SETTING_MAX);
  }
  return true;
}

static uint8_t state_named(struct gcn__span name) {
  int s = 0;
  while (s < GCN__STATE_COUNT &&
         !gcn__span_is(name, gcn__state_name((enum gcn__state)s)))
    s++;
  return s == GCN__STATE_COUNT ? UNKNOWN : (uint8_t)s;
}

static uint8_t input_named(struct gcn__span name) {
  int i = 0;
  while (i < GCN__INPUT_COUNT &&
         !gcn__span_is(name, gcn__input_name((enum gcn__input)i)))
    i++;
  return i == GCN__INPUT_COUNT ? UNKNOWN : (uint8_t)i;
}

static uint8_t verb_named(struct gcn__span name) {
  int v = 0;
  while (v < GCN__VERB_COUNT &&
         !gcn__span_is(name, gcn__verb_name((enum gcn__verb_index)v)))
    v++;
  return v == GCN__VERB_COUNT ? UNKNOWN : (uint8_t)v;
}

static bool take_names(uint8_t* numbers, size_t count, struct gcn__span* names,
                       uint8_t (*named)(struct gcn__span name)) {
  for (size_t i = 0; i < count; i++) {
    struct gcn__span name = take_name(names);
    if (name.data == NULL) return false;
    numbers[i] = named(name);
  }
  return true;
}

static bool take_lists(struct gcn__record_reader* reader,
                       struct gcn__span dump) {
  size_t settings = (size_t)number_at(dump, 10, 2);
  size_t states = (size_t)number_at(dump, 12, 2);
  size_t inputs = (size_t)number_at(dump, 14, 2);
  size_t verbs = (size_t)number_at(dump, 16, 2);
  size_t names_size = (size_t)number_at(dump, 18, 2);
  size_t names_begin = GCN__RECORD_HEADER_SIZE + settings * SETTING_SIZE;
  size_t room = dump.size - GCN__RECORD_CRC_SIZE;
  if (names_begin > room || names_size > room - names_begin) return false;
  if (states > UINT8_MAX || inputs > UINT8_MAX || verbs > VERBS_MAX) {
    return false;
  }
  memset(reader->states, UNKNOWN, sizeof reader->states);
  memset(reader->inputs, UNKNOWN, sizeof reader->inputs);
  memset(reader->verbs, UNKNOWN, sizeof reader->verbs);
  struct gcn__span names = gcn__span(dump.data + names_begin, names_size);
  size_t begin = names_begin + names_size;
  reader->rest = gcn__span(dump.data + begin, room - begin);
  return take_settings(reader, dump, settings, &names) &&
         take_names(reader->states, states, &names, state_named) &&
         take_names(reader->inputs, inputs, &names, input_named) &&
         take_names(reader->verbs, verbs, &names, verb_named) &&
         names.size == 0;
}

/* False if a verb is not known here. */
static bool translate_verbs(const struct gcn__record_reader* reader,
                            uint32_t* verbs) {
  uint32_t ours = 0;
  for (unsigned v = 0; v < VERBS_MAX; v++) {
    if ((*verbs >> v & 1) == 0) continue;
    if (reader->verbs[v] == UNKNOWN) return false;
    ours |= UINT32_C(1) << reader->verbs[v];
  }
  *verbs = ours;
  return true;
}

static bool translate(const struct gcn__record_reader* reader,
                      struct gcn__record* record) {
  uint8_t input = reader->inputs[record->input];
  uint8_t from = reader->states[record->from];
  uint8_t to = reader->states[record->to];
  if (input == UNKNOWN || from == UNKNOWN || to == UNKNOWN) return false;
  record->input = (enum gcn__input)input;
  record->from = (enum gcn__state)from;
  record->to = (enum gcn__state)to;
  return translate_verbs(reader, &record->verbs);
}

static const char* check_records(const struct gcn__record_reader* reader) {
  struct gcn__span rest = reader->rest;
  uint64_t clock_ms = reader->base_ms;
  while (rest.size > 0) {
    struct gcn__record record;
    size_t size;
    if (!gcn__record_decode(rest, &clock_ms, &record, &size)) return damaged;
    if (!translate(reader, &record)) {
      return "has a state, an input or a verb that this version does not know";
    }
    rest = gcn__span_skip(rest, size);
  }
  return NULL;
}

const char* gcn__record_reader_init(struct gcn__record_reader* reader,
                                    struct gcn__span dump) {
  const char* problem = check_frame(dump);
  if (problem != NULL) return problem;
  *reader = (struct gcn__record_reader){
      .base_ms = number_at(dump, 24, 8),
      .now_ms = number_at(dump, 32, 8),
      .unix_ms = (int64_t)number_at(dump, 40, 8),
      .overwritten = number_at(dump, 48, 8),
  };
  reader->clock_ms = reader->base_ms;
  if (!take_lists(reader, dump)) return damaged;
  return check_records(reader);
}

bool gcn__record_reader_next(struct gcn__record_reader* reader,
                             struct gcn__record* record) {
  if (reader->rest.size == 0) return false;
  size_t size;
  bool good =
      gcn__record_decode(reader->rest, &reader->clock_ms, record, &size) &&
      translate(reader, record);
  GCN__ASSERT(good); /* init has looked */
  if (!good) return false;
  reader->rest = gcn__span_skip(reader->rest, size);
  return true;
}
