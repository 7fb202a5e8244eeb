/* SPDX-License-Identifier: MIT */
/*
 * The only file that knows llhttp.  Its callbacks note what they see and stop
 * the parser behind each request, so that answers are given outside of it.
 */
#include "example-sse-request.h"

#include <string.h>
#include <strings.h>

enum { GOES_ON = 0, REFUSED = -1 };

static struct request* request_of(llhttp_t* parser) {
  return parser->data;
}

static int refuse(struct request* request, int status) {
  request->status = status;
  return REFUSED;
}

static int on_message_begin(llhttp_t* parser) {
  struct request* request = request_of(parser);
  request->whole = false;
  request->name_size = 0;
  request->field = NULL;
  request->host.count = 0;
  request->host.size = 0;
  request->last_event_id.count = 0;
  request->last_event_id.size = 0;
  request->target_size = 0;
  return GOES_ON;
}

static int on_url(llhttp_t* parser, const char* bytes, size_t size) {
  struct request* request = request_of(parser);
  if (size > REQUEST_TARGET_SIZE_MAX - request->target_size)
    return refuse(request, 414);
  memcpy(request->target + request->target_size, bytes, size);
  request->target_size += size;
  return GOES_ON;
}

/* Names that are longer than ours are not ours: their rest is only counted. */
static int on_field(llhttp_t* parser, const char* bytes, size_t size) {
  struct request* request = request_of(parser);
  size_t used = request->name_size;
  if (used < sizeof request->name) {
    size_t room = sizeof request->name - used;
    memcpy(request->name + used, bytes, size < room ? size : room);
  }
  request->name_size += size;
  return GOES_ON;
}

static bool is_named(const struct request* request, const char* name) {
  size_t size = strlen(name);
  return request->name_size == size &&
         strncasecmp(request->name, name, size) == 0;
}

static int on_field_end(llhttp_t* parser) {
  struct request* request = request_of(parser);
  request->field = NULL;
  if (is_named(request, "host")) request->field = &request->host;
  if (is_named(request, "last-event-id"))
    request->field = &request->last_event_id;
  if (request->field != NULL) request->field->count++;
  request->name_size = 0;
  return GOES_ON;
}

static int on_value(llhttp_t* parser, const char* bytes, size_t size) {
  struct field* field = request_of(parser)->field;
  if (field == NULL) return GOES_ON;
  if (field->size + size <= REQUEST_FIELD_SIZE_MAX)
    memcpy(field->text + field->size, bytes, size);
  field->size += size;
  return GOES_ON;
}

static void terminate(struct field* field) {
  bool fits = field->size <= REQUEST_FIELD_SIZE_MAX;
  field->text[fits ? field->size : 0] = '\0';
}

/* Nobody has to send us a body, and what we do not read cannot be mistaken for
 * the next request. */
static int on_headers_end(llhttp_t* parser) {
  struct request* request = request_of(parser);
  request->target[request->target_size] = '\0';
  terminate(&request->host);
  terminate(&request->last_event_id);
  bool is_coded = (parser->flags & (F_CHUNKED | F_TRANSFER_ENCODING)) != 0;
  if (is_coded || parser->content_length > 0) return refuse(request, 413);
  return GOES_ON;
}

static int on_message_end(llhttp_t* parser) {
  struct request* request = request_of(parser);
  request->whole = true;
  request->keep_alive = llhttp_should_keep_alive(parser) != 0;
  return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_field_complete = on_field_end,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_end,
    .on_message_complete = on_message_end,
};

void request_init(struct request* request) {
  memset(request, 0, sizeof *request);
  llhttp_init(&request->parser, HTTP_REQUEST, &settings);
  request->parser.data = request;
}

/* A wish for another protocol is passed over (RFC 9110 §7.8): what follows is
 * HTTP still. */
static llhttp_errno_t execute(llhttp_t* parser, const char* bytes,
                              size_t size) {
  llhttp_errno_t error = llhttp_execute(parser, bytes, size);
  if (error != HPE_PAUSED_UPGRADE) return error;
  size_t used = (size_t)(llhttp_get_error_pos(parser) - bytes);
  llhttp_resume_after_upgrade(parser);
  return llhttp_execute(parser, bytes + used, size - used);
}

int request_read(struct request* request, const char* bytes, size_t size,
                 size_t* used) {
  llhttp_t* parser = &request->parser;
  llhttp_errno_t error = execute(parser, bytes, size);
  bool is_whole = error == HPE_PAUSED && request->whole;
  if (error != HPE_OK && !is_whole)
    return request->status != 0 ? request->status : 400;
  *used = is_whole ? (size_t)(llhttp_get_error_pos(parser) - bytes) : size;
  request->head_size += *used;
  if (request->head_size > REQUEST_HEAD_SIZE_MAX) return 431;
  if (!is_whole) return 0;
  request->head_size = 0;
  llhttp_resume(parser);
  return 200;
}
