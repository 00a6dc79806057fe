/*
 * Who has which slot of the board. Only the supervisor gives slots out (and `ask` and tests, on a
 * board of their own).
 *
 * A slot is found again by its key, so that what others wrote at its index goes on over a reload.
 * It counts the generations that use it and is free when none does. The cells at the index of a
 * free slot (override, verdict, load) belong to the supervisor, which clears them when it gives
 * the slot to another key; from then on they belong to the role that writes them (a probe's from the
 * moment its generation's first health begins: until then board/inherit.c writes it). A role of a
 * generation that is gone cannot write any more: a generation drops its slots after its last
 * process has ended. So there is one writer at any time, and nobody ever inherits a stranger's
 * override or verdict.
 */
#ifndef BOARD_SLOTS_H
#define BOARD_SLOTS_H

#include "board/board.h"

struct slots;

/* Borrows `b`, whose slots are all free. NULL without memory. */
struct slots *slots_new(struct board *b);
void slots_free(struct slots *s);

/*
 * Use the slot of `key` once more, or give out the lowest free one: *fresh tells which. -1 when
 * the table is full or the key does not fit into BOARD_KEY_MAX.
 */
int slots_take(struct slots *s, enum slot_kind kind, const char *key, uint32_t *slot, bool *fresh,
	struct err *e);
/* One use less; the last one frees the slot. */
void slots_drop(struct slots *s, enum slot_kind kind, uint32_t slot);
/* Slots in use. */
uint32_t slots_count(const struct slots *s, enum slot_kind kind);

/* Zero the gauges of balancer rows whose process is dead; counters stay. */
void slots_clear_gauges(struct slots *s, uint32_t first_row, uint32_t row_count);

#endif
