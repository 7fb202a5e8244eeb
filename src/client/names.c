/* SPDX-License-Identifier: MIT */
/*
 * Words for the public enums, the regions and the version.
 */
#include "dialect/dialect.h"
#include "dialect/regions.h"
#include "gcnotify.h"

_Static_assert((int)GCN_OP_AUDIT == (int)GCN__OP_AUDIT &&
                   (int)GCN_OP_ADD == (int)GCN__OP_ADD &&
                   (int)GCN_OP_UNSUBSCRIBE == (int)GCN__OP_UNSUBSCRIBE,
               "public and internal operations agree");

const char* gcn_state_name(gcn_state_t state) {
  switch (state) {
#define SPOKEN(name, value, spoken)                                            \
  case GCN_##name: return spoken;
    GCN_STATE_MAP(SPOKEN)
#undef SPOKEN
  case GCN_STATE_COUNT: break;
  }
  return "unknown";
}

const char* gcn_verdict_name(gcn_verdict_t verdict) {
  switch (verdict) {
  case GCN_TOPIC_PENDING: return "pending";
  case GCN_TOPIC_PERMITTED: return "permitted";
  case GCN_TOPIC_REJECTED: return "rejected";
  case GCN_TOPIC_UNKNOWN: break;
  }
  return "unknown";
}

const char* gcn_region_domain(const char* key) {
  return key == NULL ? NULL : gcn__region_domain(key);
}

const char* gcn_region_key(size_t index) {
  return gcn__region_key(index);
}

unsigned gcn_version(void) {
  return GCN_VERSION_HEX;
}

const char* gcn_version_string(void) {
  return GCN_VERSION_STRING;
}
