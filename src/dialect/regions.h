/* SPDX-License-Identifier: MIT */
/*
 * The service's regions: a convenience, not a limit.  New ones appear about
 * once a year, so any domain is accepted elsewhere (PROTOCOL §1.1).
 */
#ifndef GCN_DIALECT_REGIONS_H
#define GCN_DIALECT_REGIONS_H

#include <stddef.h>

/* "mypurecloud.de" for "eu_central_1", "eu-central-1" or "mypurecloud.de", in
 * any ASCII case; NULL if unknown. */
const char* gcn__region_domain(const char* key);
/* The index-th key, "us-east-1" first; NULL at the end. */
const char* gcn__region_key(size_t index);

#endif
