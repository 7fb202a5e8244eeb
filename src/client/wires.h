/* SPDX-License-Identifier: MIT */
/*
 * The links behind the engine's wires: opened and dropped as it says, written
 * and read as it can.
 *
 * It runs no user code and feeds no fact but that a link could not be opened;
 * what links tell goes to the pump.
 */
#ifndef GCN_CLIENT_WIRES_H
#define GCN_CLIENT_WIRES_H

#include "client/client.h"

void gcn__wires_open(struct gcn_client_s* client,
                     const struct gcn__effect* effect, uint64_t now_ms);
void gcn__wires_drop(struct gcn_client_s* client, enum gcn__wire_index wire,
                     bool abort);
/* The spare wire's link is that of `to` from now on. */
void gcn__wires_move_spare(struct gcn_client_s* client,
                           enum gcn__wire_index to);
/* As much as the system takes; the upgrade of a stream before the topics that
 * go beside it. */
void gcn__wires_write(struct gcn_client_s* client);
/* Reading rests while the engine holds unread bytes: TCP pushes back. */
void gcn__wires_read(struct gcn_client_s* client);
uint64_t gcn__wires_deadline(const struct gcn_client_s* client);
/* Tells the engine which of them could not be opened. */
void gcn__wires_fail(struct gcn_client_s* client, uint64_t now_ms);

#endif
