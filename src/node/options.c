/* SPDX-License-Identifier: MIT */
/*
 * A member that is undefined is a member that is not there.
 */
#include "node/options.h"

#include "node/options-table.h"

#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 64 };

/* The choices as a sentence has them. */
static bool refuse_choice(napi_env env, const char* name,
                          const char* const* choices) {
  char list[160] = "";
  size_t size = 0;
  for (size_t i = 0; choices[i] != NULL; i++) {
    const char* comma = i == 0 ? "" : ", ";
    int part =
        snprintf(list + size, sizeof list - size, "%s'%s'", comma, choices[i]);
    if (part < 0 || (size_t)part >= sizeof list - size) break;
    size += (size_t)part;
  }
  gcn__js_throw_type(env, "%s is not one of %s", name, list);
  return false;
}

static bool read_choice(napi_env env, napi_value value, const char* name,
                        const char* const* choices, int* choice) {
  char text[NAME_SIZE];
  size_t size = 0;
  if (!gcn__js_is(env, value, napi_string) ||
      napi_get_value_string_utf8(env, value, text, sizeof text, &size) !=
          napi_ok) {
    return refuse_choice(env, name, choices);
  }
  for (int i = 0; choices[i] != NULL; i++) {
    if (strlen(choices[i]) != size || memcmp(choices[i], text, size) != 0) {
      continue;
    }
    *choice = i;
    return true;
  }
  return refuse_choice(env, name, choices);
}

static bool read_member(struct gcn__jsoptions* to, napi_env env,
                        napi_value value, const char* name,
                        const struct gcn__option* option) {
  void* place = (char*)to + option->offset;
  switch (option->type) {
  case GCN__OPTION_TEXT_OR_NULL:
    if (!gcn__js_is(env, value, napi_null)) break;
    memcpy(place, &(const char*){NULL}, sizeof(const char*));
    return true;
  case GCN__OPTION_COUNT: return gcn__js_read_count(env, value, name, place);
  case GCN__OPTION_FLAG: return gcn__js_read_flag(env, value, name, place);
  case GCN__OPTION_CHOICE:
    return read_choice(env, value, name, option->choices, place);
  case GCN__OPTION_TEXT: break;
  }
  return gcn__js_read_text(env, value, name, &to->scrap, place);
}

/* A member whose value is not undefined. */
typedef bool (*take_fn)(struct gcn__jsoptions* to, napi_env env,
                        const char* name, napi_value value);

struct nth {
  napi_value object;
  napi_value names;
  uint32_t place;
};

static bool take_nth(struct gcn__jsoptions* to, napi_env env, struct nth nth,
                     take_fn take) {
  char name[NAME_SIZE] = "";
  size_t size = 0;
  napi_value key = NULL;
  napi_value value = NULL;
  if (napi_get_element(env, nth.names, nth.place, &key) != napi_ok ||
      napi_get_value_string_utf8(env, key, name, sizeof name, &size) !=
          napi_ok ||
      napi_get_property(env, nth.object, key, &value) != napi_ok) {
    return false;
  }
  if (gcn__js_is(env, value, napi_undefined)) return true;
  if (strlen(name) == size) return take(to, env, name, value);
  gcn__js_throw_type(env, "a name with a NUL character is no option");
  return false;
}

/* The object's own members, one after another, by `take`. */
static bool each_member(struct gcn__jsoptions* to, napi_env env,
                        napi_value object, take_fn take) {
  napi_value names = NULL;
  uint32_t count = 0;
  const napi_key_filter filter = napi_key_enumerable | napi_key_skip_symbols;
  if (napi_get_all_property_names(env, object, napi_key_own_only, filter,
                                  napi_key_numbers_to_strings,
                                  &names) != napi_ok ||
      napi_get_array_length(env, names, &count) != napi_ok) {
    return false;
  }
  for (uint32_t i = 0; i < count; i++) {
    napi_handle_scope scope = NULL;
    if (napi_open_handle_scope(env, &scope) != napi_ok) return false;
    bool good = take_nth(to, env, (struct nth){object, names, i}, take);
    napi_close_handle_scope(env, scope);
    if (!good) return false;
  }
  return true;
}

static bool take_stream_member(struct gcn__jsoptions* to, napi_env env,
                               const char* name, napi_value value) {
  char full_name[NAME_SIZE + sizeof "stream."];
  if (strcmp(name, "preset") == 0) return true; /* was read before */
  const struct gcn__option* option = gcn__option_find(name, true);
  if (option == NULL) {
    gcn__js_throw_type(env, "stream.%s is no option", name);
    return false;
  }
  snprintf(full_name, sizeof full_name, "stream.%s", name);
  return read_member(to, env, value, full_name, option);
}

static bool read_preset(struct gcn__jsoptions* to, napi_env env,
                        napi_value object) {
  const char* name = NULL;
  napi_value value = NULL;
  gcn_preset_t preset = GCN_PRESET_GUIDE;
  bool given = false;
  napi_value key = gcn__js_str(env, "preset");
  if (key == NULL ||
      napi_has_own_property(env, object, key, &given) != napi_ok ||
      (given && napi_get_property(env, object, key, &value) != napi_ok)) {
    return false;
  }
  if (given &&
      !gcn__js_read_text_if(env, value, "stream.preset", &to->scrap, &name)) {
    return false;
  }
  if (name != NULL) preset = gcn_preset_find(name);
  if (preset == GCN_PRESET_COUNT) {
    gcn__js_throw_type(env, "stream.preset is not known");
    return false;
  }
  gcn_stream_init(&to->stream, preset);
  return true;
}

static bool take_stream(struct gcn__jsoptions* to, napi_env env,
                        napi_value value) {
  if (!gcn__js_is(env, value, napi_object)) {
    gcn__js_throw_type(env, "stream is not an object");
    return false;
  }
  to->options.stream = &to->stream;
  return read_preset(to, env, value) &&
         each_member(to, env, value, take_stream_member);
}

static bool take_member(struct gcn__jsoptions* to, napi_env env,
                        const char* name, napi_value value) {
  if (strcmp(name, "stream") == 0) return take_stream(to, env, value);
  const struct gcn__option* option = gcn__option_find(name, false);
  if (option == NULL) {
    gcn__js_throw_type(env, "%s is no option", name);
    return false;
  }
  return read_member(to, env, value, name, option);
}

bool gcn__jsoptions_read(struct gcn__jsoptions* to, napi_env env,
                         napi_value from) {
  memset(to, 0, sizeof *to);
  gcn_options_init(&to->options);
  if (!gcn__js_is(env, from, napi_object)) {
    gcn__js_throw_type(env, "options is not an object");
    return false;
  }
  return each_member(to, env, from, take_member);
}

void gcn__jsoptions_free(struct gcn__jsoptions* options) {
  gcn__scrap_free(&options->scrap);
}
