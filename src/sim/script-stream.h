/* SPDX-License-Identifier: MIT */
/*
 * What the arguments of the stream dialect's actions must be.  Private to the
 * parser of scripts.
 */
#ifndef GCN_SIM_SCRIPT_STREAM_H
#define GCN_SIM_SCRIPT_STREAM_H

#include "sim/script.h"

/* NULL, or what the last argument must be, a constant. */
const char* gcn__script_check_stream(const struct gcn__script_action* action);
/* The same for as=, of any action. */
const char* gcn__script_check_variant(const struct gcn__script_action* action);

#endif
