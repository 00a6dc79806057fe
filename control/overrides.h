/*
 * Overrides: what operators ordered, in force by wall clock.
 *
 * The board holds monotonic moments, because readers must be able to judge expiry alone. The
 * wall-clock moment an operator meant is kept here; when the clock is set (or slewed away, or the
 * machine slept), the board's words are computed again. After control was replaced, the wall-clock
 * moments are derived from the board's.
 */
#ifndef CONTROL_OVERRIDES_H
#define CONTROL_OVERRIDES_H

#include "board/generation.h"

#include <stdint.h>

#define CLOCK_STEP_MS                                                                              \
	100 /* the two clocks drifted apart by this much: overrides' ends are computed again */

/* One endpoint's orders; an end of 0 is none. */
struct orders {
	enum override override;
	uint64_t override_until_real_ms;
	bool weighted;
	uint16_t weight;
	uint64_t weight_until_real_ms;
};

struct overrides {
	struct board *board;
	const struct generation *generation;
	struct orders *orders;   /* [conf->endpoint_count] */
	uint64_t next_expiry_ms; /* clock_mono_ms(); UINT64_MAX = none */
	int64_t offset_ms;       /* real - monotonic, by which the board's words were computed */
};

/* Read what is in force on the board. -1 without memory. */
int overrides_open(struct overrides *o, struct board *b, const struct generation *g,
	uint64_t now_ms, uint64_t real_ms, struct err *e);
void overrides_close(struct overrides *o);

/* Put new orders for an endpoint (conf->endpoints index) on the board and move the epoch. Call
 * overrides_tick() first, for the clocks. */
void overrides_set(struct overrides *o, uint32_t endpoint, const struct orders *orders);

/* Told of orders that have ended; `what` has only these. */
typedef void overrides_ended(void *context, uint32_t endpoint, const struct orders *what);
/* Take the clocks' news into account, and remove what has ended, telling `ended` of each. Cheap
 * when nothing is due. Returns how many ended. */
size_t overrides_tick(struct overrides *o, uint64_t now_ms, uint64_t real_ms,
	overrides_ended *ended, void *context);

/* Endpoints of `pool` with a serving address of each family ([0] IPv4, [1] IPv6), how many have such
 * an address at all, and how many of those no operator has taken out. */
struct pool_serving {
	uint32_t serving[2], have[2], left[2];
};
void pool_serving(const struct board *b, const struct generation *g, uint16_t pool, uint64_t now_ms,
	struct pool_serving *out);

#endif
