/* SPDX-License-Identifier: MIT */
/*
 * What cppcheck has to know of other people's headers, which it does not read.
 */
#define json_array_foreach(array, index, value)                                \
  for (index = 0; (value = json_array_get(array, index)) != 0; index++)
#define json_object_foreach(object, key, value)                                \
  for (key = 0; (value = json_object_get(object, key)) != 0; key++)
