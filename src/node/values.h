/* SPDX-License-Identifier: MIT */
/*
 * JavaScript values from C and back.
 *
 * What reads a value of the caller's throws a TypeError that names it and
 * returns false; nothing is left behind but what the scrap owns.  What makes a
 * value returns NULL if that fails, and NULL members are left out of objects:
 * only a runtime that is short of memory or about to end refuses.
 */
#ifndef GCN_NODE_VALUES_H
#define GCN_NODE_VALUES_H

#ifndef NAPI_VERSION
#  define NAPI_VERSION 8
#endif
#ifndef NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED
#  define NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED
#endif

#include "gcnotify.h"
#include "node/scrap.h"

#include <node_api.h>
#include <stdbool.h>

/* Throws an Error with `errno`, `code` and a message, which is `sentence` or,
 * if that is NULL or empty, gcn_strerror's.  Always NULL. */
napi_value gcn__js_throw(napi_env env, int error, const char* sentence);
napi_value gcn__js_throw_type(napi_env env, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

/* A string without a NUL in it, copied. */
bool gcn__js_read_text(napi_env env, napi_value value, const char* name,
                       struct gcn__scrap* scrap, const char** text);
/* The same; absent (undefined) is NULL. */
bool gcn__js_read_text_if(napi_env env, napi_value value, const char* name,
                          struct gcn__scrap* scrap, const char** text);
/* An integer from 0; Infinity is UINT64_MAX. */
bool gcn__js_read_count(napi_env env, napi_value value, const char* name,
                        uint64_t* count);
bool gcn__js_read_int(napi_env env, napi_value value, const char* name,
                      int* number);
bool gcn__js_read_flag(napi_env env, napi_value value, const char* name,
                       int* flag);
/* The length of an array of at most `max` elements. */
bool gcn__js_read_length(napi_env env, napi_value value, const char* name,
                         uint32_t max, uint32_t* length);
/* Strings of an array, as many as the library could know topics. */
bool gcn__js_read_texts(napi_env env, napi_value value, const char* name,
                        struct gcn__scrap* scrap, const char* const** texts,
                        size_t* count);
/* The bytes of a Buffer or Uint8Array, copied: they may lie in memory that
 * another thread writes to.  Absent (undefined) is NULL. */
bool gcn__js_read_bytes(napi_env env, napi_value value, const char* name,
                        struct gcn__scrap* scrap, gcn_span_t* bytes);
bool gcn__js_is(napi_env env, napi_value value, napi_valuetype type);

napi_value gcn__js_undefined(napi_env env);
/* UTF-8; undefined if the span is absent.  Faster where Latin-1 has it all. */
napi_value gcn__js_string(napi_env env, gcn_span_t text);
napi_value gcn__js_str(napi_env env, const char* text);
/* A member of the object's own, whatever was done to Object.prototype; a NULL
 * value is left out. */
void gcn__js_put(napi_env env, napi_value object, const char* name,
                 napi_value value);
void gcn__js_put_str(napi_env env, napi_value object, const char* name,
                     const char* text);
void gcn__js_put_number(napi_env env, napi_value object, const char* name,
                        double number);
void gcn__js_put_flag(napi_env env, napi_value object, const char* name,
                      bool flag);
/* UINT64_MAX, "none", is -1. */
void gcn__js_put_count(napi_env env, napi_value object, const char* name,
                       uint64_t count);

#endif
