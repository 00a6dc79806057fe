/*
 * What the balancers of a generation connect to: every address of a listener's pool, and of those
 * that the pool falls back to, with the listener's port.
 */
#ifndef BOARD_TARGETS_H
#define BOARD_TARGETS_H

#include "board/generation.h"

/* Take the slots of all targets of g->conf. -1 when the board is full or memory is short: what was
 * taken so far is in `g`. */
int targets_take(struct generation *g, struct slots *slots, struct err *e);
/* Drop the slots and free the tables. */
void targets_drop(struct generation *g, struct slots *slots);

#endif
