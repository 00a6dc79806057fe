#include "steer/policy.h"

#include <stddef.h>

/* Indexed by enum steer_step. */
static const struct policy *const policies[] = {
	[STEER_GEO] = &policy_geo,
	[STEER_FAILOVER] = &policy_failover,
	[STEER_WEIGHTED] = &policy_weighted,
	[STEER_ROUND_ROBIN] = &policy_round_robin,
};

const struct policy *policy_of(enum steer_step step)
{
	size_t index = (size_t)step;

	return index < sizeof policies / sizeof policies[0] ? policies[index] : NULL;
}

static uint16_t choose_in_order(
	struct tier *tier, uint16_t want, uint32_t turn, struct rng *rng, uint32_t *out)
{
	uint16_t n = 0;

	(void)turn;
	(void)rng;
	while (n < want && tier->count > 0)
		out[n++] = tier_take(tier, 0);
	return n;
}

const struct policy policy_in_order = {.choose = choose_in_order};
