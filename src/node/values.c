/* SPDX-License-Identifier: MIT */
/*
 * Numbers of JavaScript are exact up to 2^53; what counts further in C (bytes,
 * events) takes centuries to get there.
 */
#include "node/values.h"

#include "base/mem.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

static const double COUNT_MAX = 9007199254740991.0; /* 2^53 - 1 */

enum { SENTENCE_SIZE = 256 };

static bool throw_error(napi_env env, napi_value error) {
  return error != NULL && napi_throw(env, error) == napi_ok;
}

napi_value gcn__js_throw(napi_env env, int error, const char* sentence) {
  napi_value thrown = NULL;
  napi_value code = gcn__js_str(env, gcn_err_name(error));
  bool said = sentence != NULL && sentence[0] != '\0';
  napi_value text = gcn__js_str(env, said ? sentence : gcn_strerror(error));
  if (code == NULL || text == NULL) return NULL;
  if (napi_create_error(env, code, text, &thrown) != napi_ok) return NULL;
  gcn__js_put_number(env, thrown, "errno", error);
  throw_error(env, thrown);
  return NULL;
}

napi_value gcn__js_throw_type(napi_env env, const char* format, ...) {
  char text[SENTENCE_SIZE];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", text);
  return NULL;
}

bool gcn__js_is(napi_env env, napi_value value, napi_valuetype type) {
  napi_valuetype found;
  if (value == NULL) return false;
  return napi_typeof(env, value, &found) == napi_ok && found == type;
}

bool gcn__js_read_text(napi_env env, napi_value value, const char* name,
                       struct gcn__scrap* scrap, const char** text) {
  size_t size = 0;
  if (!gcn__js_is(env, value, napi_string)) {
    gcn__js_throw_type(env, "%s is not a string", name);
    return false;
  }
  if (napi_get_value_string_utf8(env, value, NULL, 0, &size) != napi_ok) {
    return false;
  }
  char* copy = gcn__scrap_take(scrap, size + 1);
  if (copy == NULL) {
    gcn__js_throw(env, UV_ENOMEM, NULL);
    return false;
  }
  if (napi_get_value_string_utf8(env, value, copy, size + 1, &size) !=
      napi_ok) {
    return false;
  }
  if (memchr(copy, '\0', size) != NULL) {
    gcn__js_throw_type(env, "%s has a NUL character in it", name);
    return false;
  }
  *text = copy;
  return true;
}

bool gcn__js_read_text_if(napi_env env, napi_value value, const char* name,
                          struct gcn__scrap* scrap, const char** text) {
  *text = NULL;
  if (gcn__js_is(env, value, napi_undefined)) return true;
  return gcn__js_read_text(env, value, name, scrap, text);
}

bool gcn__js_read_count(napi_env env, napi_value value, const char* name,
                        uint64_t* count) {
  double number = 0;
  if (!gcn__js_is(env, value, napi_number) ||
      napi_get_value_double(env, value, &number) != napi_ok) {
    gcn__js_throw_type(env, "%s is not a number", name);
    return false;
  }
  if (isinf(number) && number > 0) {
    *count = UINT64_MAX;
    return true;
  }
  bool whole = number >= 0 && number <= COUNT_MAX && number >= floor(number) &&
               number <= floor(number);
  if (!whole) {
    gcn__js_throw_type(env, "%s is not a whole number from 0", name);
    return false;
  }
  *count = (uint64_t)number;
  return true;
}

bool gcn__js_read_int(napi_env env, napi_value value, const char* name,
                      int* number) {
  double given = 0;
  if (!gcn__js_is(env, value, napi_number) ||
      napi_get_value_double(env, value, &given) != napi_ok) {
    gcn__js_throw_type(env, "%s is not a number", name);
    return false;
  }
  bool whole = given >= INT32_MIN && given <= INT32_MAX &&
               given >= floor(given) && given <= floor(given);
  if (!whole) {
    gcn__js_throw_type(env, "%s is not a whole number", name);
    return false;
  }
  *number = (int)given;
  return true;
}

bool gcn__js_read_flag(napi_env env, napi_value value, const char* name,
                       int* flag) {
  bool given = false;
  if (!gcn__js_is(env, value, napi_boolean) ||
      napi_get_value_bool(env, value, &given) != napi_ok) {
    gcn__js_throw_type(env, "%s is not a boolean", name);
    return false;
  }
  *flag = given;
  return true;
}

bool gcn__js_read_length(napi_env env, napi_value value, const char* name,
                         uint32_t max, uint32_t* length) {
  bool is_array = false;
  if (value == NULL || napi_is_array(env, value, &is_array) != napi_ok ||
      !is_array || napi_get_array_length(env, value, length) != napi_ok) {
    gcn__js_throw_type(env, "%s is not an array", name);
    return false;
  }
  if (*length <= max) return true;
  gcn__js_throw_type(env, "%s has more than %u elements", name, (unsigned)max);
  return false;
}

bool gcn__js_read_texts(napi_env env, napi_value value, const char* name,
                        struct gcn__scrap* scrap, const char* const** texts,
                        size_t* count) {
  uint32_t length = 0;
  if (!gcn__js_read_length(env, value, name, GCN_TOPIC_COUNT_MAX, &length)) {
    return false;
  }
  const char** list =
      gcn__scrap_take(scrap, ((size_t)length + 1) * sizeof *list);
  if (list == NULL) {
    gcn__js_throw(env, UV_ENOMEM, NULL);
    return false;
  }
  for (uint32_t i = 0; i < length; i++) {
    char item[SENTENCE_SIZE];
    napi_value element = NULL;
    napi_handle_scope scope = NULL;
    snprintf(item, sizeof item, "%s[%u]", name, (unsigned)i);
    if (napi_open_handle_scope(env, &scope) != napi_ok) return false;
    bool good = napi_get_element(env, value, i, &element) == napi_ok &&
                gcn__js_read_text(env, element, item, scrap, &list[i]);
    napi_close_handle_scope(env, scope);
    if (!good) return false;
  }
  *texts = list;
  *count = length;
  return true;
}

bool gcn__js_read_bytes(napi_env env, napi_value value, const char* name,
                        struct gcn__scrap* scrap, gcn_span_t* bytes) {
  napi_typedarray_type type = napi_int8_array;
  bool is_array = false;
  void* data = NULL;
  size_t size = 0;
  *bytes = (gcn_span_t){NULL, 0};
  if (gcn__js_is(env, value, napi_undefined)) return true;
  if (napi_is_typedarray(env, value, &is_array) == napi_ok && is_array) {
    napi_get_typedarray_info(env, value, &type, &size, &data, NULL, NULL);
  }
  if (type != napi_uint8_array) {
    gcn__js_throw_type(env, "%s is not a Buffer or Uint8Array", name);
    return false;
  }
  char* copy = gcn__scrap_take(scrap, size + 1);
  if (copy == NULL) {
    gcn__js_throw(env, UV_ENOMEM, NULL);
    return false;
  }
  if (size > 0) memcpy(copy, data, size);
  *bytes = (gcn_span_t){copy, size};
  return true;
}

napi_value gcn__js_undefined(napi_env env) {
  napi_value value = NULL;
  return napi_get_undefined(env, &value) == napi_ok ? value : NULL;
}

/* Eight bytes at a time: texts of the service are nearly always ASCII, and to
 * look costs less than a twentieth of what the other way costs more. */
static bool is_ascii(const char* text, size_t size) {
  const uint64_t high = 0x8080808080808080u;
  uint64_t seen = 0;
  size_t i = 0;
  for (; i + sizeof seen <= size; i += sizeof seen) {
    uint64_t word;
    memcpy(&word, text + i, sizeof word);
    seen |= word;
  }
  for (; i < size; i++)
    seen |= (unsigned char)text[i];
  return (seen & high) == 0;
}

/* Copies what is ASCII up to the first byte that is not. */
static size_t copy_ascii(char* to, const char* text, size_t size) {
  const uint64_t high = 0x8080808080808080u;
  size_t i = 0;
  for (; i + sizeof high <= size; i += sizeof high) {
    uint64_t word;
    memcpy(&word, text + i, sizeof word);
    if ((word & high) != 0) break;
    memcpy(to + i, &word, sizeof word);
  }
  for (; i < size && (unsigned char)text[i] < 0x80; i++)
    to[i] = text[i];
  return i;
}

/* Latin-1 of UTF-8, which is never longer.  0: there is a character in it that
 * Latin-1 has not, or it is no UTF-8. */
static size_t narrow(char* to, const char* text, size_t size) {
  size_t used = copy_ascii(to, text, size);
  for (size_t i = used; i < size;) {
    unsigned char lead = (unsigned char)text[i++];
    if (lead < 0xc2 || lead > 0xc3 || i == size) return 0;
    unsigned char next = (unsigned char)text[i++];
    if ((next & 0xc0) != 0x80) return 0;
    to[used++] = (char)(unsigned char)((lead & 3) << 6 | (next & 0x3f));
    size_t plain = copy_ascii(to + used, text + i, size - i);
    used += plain;
    i += plain;
  }
  return used;
}

/* One letter of most languages of Europe sends the whole text through V8's
 * decoder, which was measured to be a third of all work for an event. */
static napi_value narrow_string(napi_env env, gcn_span_t text) {
  napi_value value = NULL;
  char* copy = gcn__alloc(&gcn__mem_libc, text.size);
  if (copy == NULL) return NULL;
  size_t size = narrow(copy, text.data, text.size);
  if (size > 0) napi_create_string_latin1(env, copy, size, &value);
  gcn__wipe(copy, size);
  gcn__free(&gcn__mem_libc, copy, text.size);
  return value;
}

napi_value gcn__js_string(napi_env env, gcn_span_t text) {
  napi_value value = NULL;
  napi_status status = napi_ok;
  if (text.data == NULL) return gcn__js_undefined(env);
  if (is_ascii(text.data, text.size)) {
    status = napi_create_string_latin1(env, text.data, text.size, &value);
    return status == napi_ok ? value : NULL;
  }
  value = narrow_string(env, text);
  if (value != NULL) return value;
  status = napi_create_string_utf8(env, text.data, text.size, &value);
  return status == napi_ok ? value : NULL;
}

napi_value gcn__js_str(napi_env env, const char* text) {
  return gcn__js_string(env,
                        (gcn_span_t){text, text == NULL ? 0 : strlen(text)});
}

void gcn__js_put(napi_env env, napi_value object, const char* name,
                 napi_value value) {
  /* To set it would run what an enemy, or a careless library, has put on the
   * prototype; an exception from there would be taken for the listener's. */
  const napi_property_descriptor member = {
      .utf8name = name, .value = value, .attributes = napi_default_jsproperty};
  if (object == NULL || value == NULL) return;
  napi_define_properties(env, object, 1, &member);
}

void gcn__js_put_str(napi_env env, napi_value object, const char* name,
                     const char* text) {
  gcn__js_put(env, object, name, gcn__js_str(env, text));
}

void gcn__js_put_number(napi_env env, napi_value object, const char* name,
                        double number) {
  napi_value value = NULL;
  if (napi_create_double(env, number, &value) != napi_ok) return;
  gcn__js_put(env, object, name, value);
}

void gcn__js_put_flag(napi_env env, napi_value object, const char* name,
                      bool flag) {
  napi_value value = NULL;
  if (napi_get_boolean(env, flag, &value) != napi_ok) return;
  gcn__js_put(env, object, name, value);
}

void gcn__js_put_count(napi_env env, napi_value object, const char* name,
                       uint64_t count) {
  double number = count == UINT64_MAX ? -1 : (double)count;
  gcn__js_put_number(env, object, name, number);
}
