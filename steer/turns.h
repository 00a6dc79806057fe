/*
 * Whose turn is it? Cursors, and the order in which places take turns.
 *
 * A cursor counts the picks of one group: a pool's endpoints of one family in one tier. Cursors are
 * never reset while the process lives, so a moved board changes who takes part, not who was next.
 *
 * Turn t of `count` places belongs to place t * stride mod count, where stride has no factor in
 * common with count: every place comes once in `count` turns, whatever turn they begin with. An
 * endpoint that owns a run of places, as many as its weight, therefore gets exactly its share. A
 * stride near count / golden ratio spreads each run evenly as well: after any number of turns an
 * endpoint is a turn or two away from its share, as with the smooth round robin of nginx and HAProxy,
 * but without a list of turns, which would be as long as the sum of the weights.
 */
#ifndef STEER_TURNS_H
#define STEER_TURNS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursors {
	_Atomic uint32_t *at; /* [count] */
	size_t count;
	bool shared; /* by several threads: exact over all of them, for a locked instruction a pick */
};

/* All 0. -1 without memory. */
int cursors_open(struct cursors *c, size_t count, bool shared);
void cursors_close(struct cursors *c);

/* The turn at hand; the next caller gets the next one. After 2^32 turns they begin again. */
static inline uint32_t cursors_advance(const struct cursors *c, size_t index)
{
	uint32_t turn;

	if (c->shared)
		return atomic_fetch_add_explicit(&c->at[index], 1, memory_order_relaxed);
	turn = atomic_load_explicit(&c->at[index], memory_order_relaxed);
	atomic_store_explicit(&c->at[index], turn + 1, memory_order_relaxed);
	return turn;
}

/* The greatest common divisor; of 0 and b: b. */
uint32_t turns_divisor(uint32_t a, uint32_t b);

#define TURNS_SMOOTH 12u /* strides to choose from where there is time: more find nothing better */

/* A stride for `count` places: the smoothest of those near the golden ratio, `tries` on either side;
 * with 1 nearly the nearest that will do. 1 when there are fewer than three places. */
uint32_t turns_stride(uint32_t count, uint32_t tries);

/* Which of `count` >= 1 places has this turn. */
static inline uint32_t turns_place(uint32_t turn, uint32_t count, uint32_t stride)
{
	uint32_t place = turn % count;

	return stride == 1 ? place : (uint32_t)((uint64_t)place * stride % count);
}

#endif
