/* SPDX-License-Identifier: MIT */
/*
 * Batches: which events, in which form, and who is told of them (PROTOCOL
 * §6.1, §6.3).
 *
 * An event's data depends on the seed and its sequence number only, so that it
 * is the same whenever and to whomever it is sent.
 */
#include "base/err.h"
#include "sim/service-fault.h"
#include "sim/service-stream.h"

enum { ENTRIES_MIN = 128, COPIES_MAX = 1000 };

#define SEED_DATA UINT64_C(0x6461746100000004)

static const char* const form_keys[] = {
    [GCN__SIM_FORM_EVENTS] = "events",
    [GCN__SIM_FORM_BATCH] = "batch",
    [GCN__SIM_FORM_DATA] = "data",
};

static void put_padding(struct gcn__sim* sim, struct gcn__sim_text* text,
                        size_t begin) {
  static const char member[] = ",\"simulatorPadding\":\"\"}";
  size_t size = gcn__buf_size(&text->buf) - begin;
  size_t wanted = sim->options.payload_size;
  if (text->error != 0 || size + sizeof(member) > wanted) return;
  gcn__sim_text_put(text, ",\"simulatorPadding\":\"");
  gcn__sim_text_fill(text, 'x', wanted - size - sizeof(member) + 1);
  gcn__sim_text_put(text, "\"");
}

static void make_data(struct gcn__sim* sim, struct gcn__sim_text* text,
                      uint64_t sequence) {
  static const char* const media[] = {"voice", "chat", "email", "message"};
  struct gcn__rng rng;
  char id[GCN__SIM_ID_SIZE];
  size_t begin = gcn__buf_size(&text->buf);
  gcn__rng_seed(&rng, sim->options.seed ^ SEED_DATA ^ sequence);
  gcn__sim_uuid(&rng, id);
  /* In this order, which the arguments of a call do not have. */
  unsigned priority = (unsigned)gcn__rng_below(&rng, 10);
  const char* medium = media[gcn__rng_below(&rng, 4)];
  gcn__sim_text_put(text,
                    "{\"sequence\":%llu,\"conversationId\":\"%s\","
                    "\"mediaType\":\"%s\",\"priority\":%u",
                    (unsigned long long)sequence, id, medium, priority);
  put_padding(sim, text, begin);
  gcn__sim_text_put(text, "}");
}

static void put_data(struct gcn__sim* sim, struct gcn__sim_text* text,
                     const struct gcn__sim_record* record) {
  size_t skipped = record->text == NULL ? 0 : strlen(record->text) + 1;
  if (record->text_size > skipped) {
    gcn__sim_text_span(
        text, gcn__span(record->text + skipped, record->text_size - skipped));
    return;
  }
  make_data(sim, text, record->sequence);
}

/* True if only a part of the object has been written: the data is to follow,
 * so that its place in the text is known. */
static void put_head(struct gcn__sim* sim, struct gcn__sim_text* text,
                     const struct gcn__sim_record* record) {
  char id[GCN__SIM_EVENT_ID_SIZE];
  char moment[GCN__SIM_ISO_SIZE];
  gcn__sim_event_id(record->sequence, id);
  gcn__sim_iso(gcn__sim_wall(sim, record->at_ms), moment);
  gcn__sim_text_put(text, "{\"id\":\"%s\",\"event\":", id);
  gcn__sim_text_json(text, gcn__span_str(record->source->event));
  if (record->source->resource != NULL) {
    gcn__sim_text_put(text, ",\"resourceId\":");
    gcn__sim_text_json(text, gcn__span_str(record->source->resource));
  }
  gcn__sim_text_put(text, ",\"timestamp\":\"%s\",\"eventType\":", moment);
  gcn__sim_text_json(text, gcn__span_str(record->type));
  gcn__sim_text_put(text, ",\"data\":");
}

void gcn__sim_stream_write(struct gcn__sim* sim, struct gcn__sim_text* text,
                           const struct gcn__sim_record* record) {
  put_head(sim, text, record);
  put_data(sim, text, record);
  gcn__sim_text_put(text, "}");
}

/* The data within the event's text: it is the last member. */
static struct gcn__span data_of(struct gcn__sim* sim,
                                const struct gcn__sim_record* record,
                                struct gcn__span message) {
  struct gcn__sim_text* text = &sim->scratch2;
  gcn__sim_text_clear(text);
  put_head(sim, text, record);
  size_t size = gcn__buf_size(&text->buf);
  if (text->error != 0 || size >= message.size) return GCN__SPAN("");
  return gcn__span(message.data + size, message.size - size - 1);
}

void gcn__sim_stream_tell(struct gcn__sim* sim,
                          const struct gcn__sim_record* record,
                          struct gcn__span message,
                          const struct gcn__sim_telling* telling) {
  if (sim->options.hooks.event == NULL) return;
  const struct gcn__sim_source* source = record->source;
  char id[GCN__SIM_EVENT_ID_SIZE];
  char name[GCN__SIM_INTEREST_SIZE];
  gcn__sim_event_id(record->sequence, id);
  gcn__sim_interest_name(source->event, source->resource, name);
  struct gcn__sim_event event = {
      .sequence = record->sequence,
      .at_ms = telling == NULL ? record->at_ms : telling->now_ms,
      .topic = gcn__span_str(name),
      .body = data_of(sim, record, message),
      .message = message,
      .sent = telling != NULL,
      .duplicate = telling != NULL && telling->repeated,
      .stream = true,
      .id = gcn__span_str(id),
      .connection = telling == NULL ? 0 : telling->conn->serial,
  };
  sim->options.hooks.event(sim->options.hooks.ctx, &event);
}

bool gcn__sim_stream_wants(struct gcn__sim* sim,
                           const struct gcn__sim_stream* stream,
                           const struct gcn__sim_record* record) {
  struct gcn__sim_facts facts = {.event = record->source->event,
                                 .resource = record->source->resource,
                                 .type = record->type};
  if (!stream->interests.reads_data) {
    return gcn__sim_interests_cover(&stream->interests, &facts);
  }
  gcn__sim_text_clear(&sim->scratch2);
  put_data(sim, &sim->scratch2, record);
  struct gcn__json* data =
      gcn__json_parse(gcn__buf_span(&sim->scratch2.buf), NULL);
  facts.data = data;
  bool wanted = gcn__sim_interests_cover(&stream->interests, &facts);
  gcn__json_free(data, false);
  return wanted;
}

uint64_t gcn__sim_stream_back(struct gcn__sim* sim,
                              const struct gcn__sim_stream* stream,
                              uint64_t position, uint64_t count) {
  const struct gcn__sim_history* history = &sim->streams->history;
  uint64_t found = position;
  while (count > 0 && position > history->first) {
    position--;
    const struct gcn__sim_record* record =
        gcn__sim_history_at(history, position);
    if (!gcn__sim_stream_wants(sim, stream, record)) continue;
    found = position;
    count--;
  }
  return found;
}

static bool make_room(struct gcn__sim* sim) {
  struct gcn__sim_streams* streams = sim->streams;
  if (streams->entry_count < streams->entry_capacity) return true;
  size_t capacity =
      streams->entry_capacity == 0 ? ENTRIES_MIN : streams->entry_capacity * 2;
  void* entries =
      gcn__resize(sim->mem, streams->entries,
                  streams->entry_capacity * sizeof(*streams->entries),
                  capacity * sizeof(*streams->entries));
  if (entries == NULL) return false;
  streams->entries = entries;
  streams->entry_capacity = capacity;
  return true;
}

static int add_entry(struct gcn__sim* sim, uint64_t position,
                     const struct gcn__sim_record* record, bool repeated) {
  struct gcn__sim_streams* streams = sim->streams;
  struct gcn__sim_text* text = &streams->text;
  if (!make_room(sim)) return GCN__ENOMEM;
  if (streams->entry_count > 0) gcn__sim_text_put(text, ",");
  struct gcn__sim_entry entry = {.position = position, .repeated = repeated};
  entry.begin = gcn__buf_size(&text->buf);
  gcn__sim_stream_write(sim, text, record);
  entry.end = gcn__buf_size(&text->buf);
  streams->entries[streams->entry_count++] = entry;
  return text->error;
}

/* Writes the events from `position` to what has been looked at, or until there
 * are bytes enough; then what follows has to be looked at again. */
static int collect(struct gcn__sim* sim, struct gcn__sim_stream* stream,
                   uint64_t position) {
  struct gcn__sim_streams* streams = sim->streams;
  streams->entry_count = 0;
  gcn__sim_text_clear(&streams->text);
  for (; position < stream->seen; position++) {
    const struct gcn__sim_record* record =
        gcn__sim_history_at(&streams->history, position);
    if (position >= stream->cursor) {
      stream->covered = record->sequence;
      stream->covered_ms = record->at_ms;
    }
    if (!gcn__sim_stream_wants(sim, stream, record)) continue;
    bool repeated = position < stream->cursor || position < stream->fresh;
    int error = add_entry(sim, position, record, repeated);
    if (error != 0) return error;
    bool enough = gcn__buf_size(&streams->text.buf) >= GCN__SIM_BATCH_SIZE;
    if (enough && position >= stream->cursor) stream->seen = position + 1;
  }
  return 0;
}

static struct gcn__span text_of(const struct gcn__sim_streams* streams,
                                const struct gcn__sim_entry* entry) {
  return gcn__span(gcn__buf_span(&streams->text.buf).data + entry->begin,
                   entry->end - entry->begin);
}

static bool take(struct gcn__sim_mode* mode) {
  if (mode->left == 0) return false;
  if (mode->left != UINT64_MAX) mode->left--;
  return true;
}

/* The batch's own members before its events.  Where everything is covered, its
 * moment is now; else events that have not been sent would lie before it. */
static void put_members(struct gcn__sim* sim, struct gcn__sim_text* text,
                        struct gcn__sim_stream* stream, uint64_t now_ms) {
  char id[GCN__SIM_EVENT_ID_SIZE];
  char moment[GCN__SIM_ISO_SIZE];
  bool all = stream->seen == sim->streams->history.next;
  gcn__sim_event_id(stream->covered, id);
  gcn__sim_iso(gcn__sim_wall(sim, all ? now_ms : stream->covered_ms), moment);
  if (!take(&sim->streams->no_id)) {
    gcn__sim_text_put(text, "\"lastEventId\":\"%s\",", id);
  }
  gcn__sim_text_put(text, "\"timestamp\":\"%s\",", moment);
  if (stream->told != GCN__SIM_UNTOLD) {
    bool resumed = stream->told == GCN__SIM_RESUMED;
    gcn__sim_text_put(text, "\"resumed\":%s,", resumed ? "true" : "false");
  }
  stream->told = GCN__SIM_UNTOLD;
}

static void send_text(struct gcn__sim_conn* conn, struct gcn__span text,
                      uint64_t now_ms) {
  gcn__sim_ws_send(conn, GCN__WS_TEXT, text, now_ms);
}

/* One message for each event, and nothing about the batch. */
static void send_singly(struct gcn__sim_conn* conn, uint64_t now_ms) {
  const struct gcn__sim_streams* streams = conn->sim->streams;
  for (size_t i = 0; i < streams->entry_count; i++) {
    send_text(conn, text_of(streams, &streams->entries[i]), now_ms);
  }
}

static int send_form(struct gcn__sim_conn* conn, struct gcn__sim_stream* stream,
                     uint64_t now_ms) {
  struct gcn__sim* sim = conn->sim;
  struct gcn__sim_streams* streams = sim->streams;
  enum gcn__sim_form form = GCN__SIM_FORM_EVENTS;
  if (take(&streams->form)) form = (enum gcn__sim_form)streams->form.n;
  if (form == GCN__SIM_FORM_SINGLE && streams->entry_count > 0) {
    send_singly(conn, now_ms);
    return 0;
  }
  struct gcn__sim_text* text = &sim->scratch;
  bool bare = form == GCN__SIM_FORM_BARE;
  gcn__sim_text_clear(text);
  if (!bare) {
    const char* key = form_keys[form == GCN__SIM_FORM_SINGLE ? 0 : form];
    gcn__sim_text_put(text, "{");
    put_members(sim, text, stream, now_ms);
    gcn__sim_text_put(text, "\"%s\":", key);
  }
  gcn__sim_text_put(text, "[");
  gcn__sim_text_span(text, gcn__buf_span(&streams->text.buf));
  gcn__sim_text_put(text, bare ? "]" : "]}");
  if (text->error != 0) return text->error;
  send_text(conn, gcn__buf_span(&text->buf), now_ms);
  return 0;
}

/* The hooks first, because rules may end the stream. */
static void report(struct gcn__sim_conn* conn, uint64_t now_ms) {
  struct gcn__sim* sim = conn->sim;
  const struct gcn__sim_streams* streams = sim->streams;
  for (size_t i = 0; i < streams->entry_count; i++) {
    const struct gcn__sim_entry* entry = &streams->entries[i];
    const struct gcn__sim_telling telling = {
        .conn = conn, .now_ms = now_ms, .repeated = entry->repeated};
    sim->counters.events_sent++;
    if (entry->repeated) sim->counters.events_repeated++;
    gcn__sim_stream_tell(
        sim, gcn__sim_history_at(&streams->history, entry->position),
        text_of(streams, entry), &telling);
  }
}

/* Rules count what is sent for the first time; else a rule that repeats every
 * event would never come to an end. */
static void obey_rules(struct gcn__sim_conn* conn, uint64_t now_ms) {
  struct gcn__sim* sim = conn->sim;
  const struct gcn__sim_streams* streams = sim->streams;
  uint64_t copies = 0;
  gcn__sim_fault_count(sim, GCN__COUNT_BATCH, conn, now_ms);
  for (size_t i = 0; i < streams->entry_count; i++) {
    char name[GCN__SIM_INTEREST_SIZE];
    if (streams->entries[i].repeated) continue;
    const struct gcn__sim_source* source =
        gcn__sim_history_at(&streams->history, streams->entries[i].position)
            ->source;
    gcn__sim_interest_name(source->event, source->resource, name);
    copies += gcn__sim_fault_sent(sim, conn, gcn__span_str(name), now_ms);
  }
  if (copies > COPIES_MAX) copies = COPIES_MAX;
  if (conn->stream != NULL) conn->stream->copies = (size_t)copies;
}

static void count(struct gcn__sim_conn* conn, uint64_t now_ms) {
  struct gcn__sim_counters* counters = &conn->sim->counters;
  counters->batches++;
  if (conn->sim->streams->entry_count == 0) counters->batches_empty++;
  report(conn, now_ms);
  obey_rules(conn, now_ms);
}

void gcn__sim_stream_batch(struct gcn__sim_conn* conn, uint64_t now_ms) {
  struct gcn__sim* sim = conn->sim;
  struct gcn__sim_stream* stream = conn->stream;
  uint64_t repeats = stream->copies;
  if (take(&sim->streams->repeat)) repeats += sim->streams->repeat.n;
  stream->copies = 0;
  stream->batch_ms = now_ms;
  bool idle = stream->pending == 0 && repeats == 0;
  if (idle && sim->heartbeat_stopped) return;
  uint64_t from = gcn__sim_stream_back(sim, stream, stream->cursor, repeats);
  int error = collect(sim, stream, from);
  stream->cursor = stream->seen;
  stream->pending = 0;
  if (error == 0) error = send_form(conn, stream, now_ms);
  if (error != 0) {
    conn->failed = true;
    return;
  }
  gcn__sim_stream_queued(conn, now_ms);
  count(conn, now_ms);
}
