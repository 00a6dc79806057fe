/* `failover`: the tiers that the endpoints name themselves, the lowest number first. */
#include "steer/policy.h"

static uint32_t rank_by_tier(const struct tier_place *place)
{
	return place->tier;
}

const struct policy policy_failover = {.rank = rank_by_tier, .by_tier = true};
