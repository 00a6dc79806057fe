/* `geo`: one tier a region, in the order of closeness to the client's home region (geo/order.h).
 * Endpoints without a region are everyone's last resort. */
#include "steer/policy.h"

static uint32_t rank_by_region(const struct tier_place *place)
{
	return place->region == CONF_NONE ? UINT32_MAX : place->region_rank[place->region];
}

const struct policy policy_geo = {.rank = rank_by_region, .by_client = true};
