/* SPDX-License-Identifier: MIT */
/*
 * The table of PROTOCOL §1.1.
 */
#include "dialect/regions.h"

#include "base/span.h"

static const struct {
  const char* key;
  const char* domain;
} regions[] = {
    {"us-east-1", "mypurecloud.com"},
    {"us-west-2", "usw2.pure.cloud"},
    {"us-east-2", "use2.us-gov-pure.cloud"},
    {"ca-central-1", "cac1.pure.cloud"},
    {"sa-east-1", "sae1.pure.cloud"},
    {"mx-central-1", "mxc1.pure.cloud"},
    {"eu-west-1", "mypurecloud.ie"},
    {"eu-west-2", "euw2.pure.cloud"},
    {"eu-central-1", "mypurecloud.de"},
    {"eu-central-2", "euc2.pure.cloud"},
    {"eusc-de-east-1", "edee1.eusc-pure.cloud"},
    {"me-central-1", "mec1.pure.cloud"},
    {"ap-northeast-1", "mypurecloud.jp"},
    {"ap-northeast-2", "apne2.pure.cloud"},
    {"ap-northeast-3", "apne3.pure.cloud"},
    {"ap-southeast-1", "apse1.pure.cloud"},
    {"ap-southeast-2", "mypurecloud.com.au"},
    {"ap-south-1", "aps1.pure.cloud"},
};

enum { REGION_COUNT = sizeof regions / sizeof regions[0] };

_Static_assert(REGION_COUNT == 18, "the table of PROTOCOL has 18 rows");

/* The official SDKs write the keys with underscores, AWS with hyphens. */
static bool same_key(const char* a, const char* b) {
  while (*a != '\0' && *b != '\0') {
    char x = gcn__ascii_lower(*a++);
    if (x == '_') x = '-';
    if (x != *b++) return false;
  }
  return *a == *b;
}

const char* gcn__region_domain(const char* key) {
  if (key == NULL) return NULL;
  for (size_t i = 0; i < REGION_COUNT; i++) {
    if (same_key(key, regions[i].key)) return regions[i].domain;
    if (gcn__span_iis(gcn__span_str(key), regions[i].domain)) {
      return regions[i].domain;
    }
  }
  return NULL;
}

const char* gcn__region_key(size_t index) {
  return index < REGION_COUNT ? regions[index].key : NULL;
}
