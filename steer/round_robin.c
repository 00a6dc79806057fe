/* `round_robin`: the next one of a fixed rotation for every answer; weights do not count. The
 * cursor is each worker's own, so the rotation is exact per worker and even over all. */
#include "steer/policy.h"

static uint16_t choose_next(
	struct candidates *c, uint16_t want, uint32_t *cursor, struct rng *rng, uint32_t *out)
{
	uint32_t at = c->count > 0 ? *cursor % c->count : 0;
	uint16_t n = 0;

	(void)rng;
	(*cursor)++;
	for (; n < want && n < c->count; n++) {
		out[n] = c->endpoint[at];
		at = at + 1 < c->count ? at + 1 : 0;
	}
	return n;
}

const struct policy policy_round_robin = {.choose = choose_next};
