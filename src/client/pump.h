/* SPDX-License-Identifier: MIT */
/*
 * Where facts go into the engine, effects come out, and user code runs.
 *
 * It is never nested, and below user code the stack holds nothing but libuv,
 * link and client.  Work per turn of the loop is bounded; the rest is done
 * after everybody else has had a turn.
 */
#ifndef GCN_CLIENT_PUMP_H
#define GCN_CLIENT_PUMP_H

#include "client/client.h"

/* What the links of a client call; their owner is the client. */
extern const struct gcn__link_listener gcn__pump_listener;

/* The client's turn has come; the timer's callback. */
void gcn__pump_serve(void* client);
void gcn__pump_alarm(void* client, uint64_t late_ms);

#endif
