/*
 * Policies: what a word in a pool's `steer:` does. One table (policy.c), one file a policy.
 *
 * A tier maker says how near an endpoint is, by a rank; steer_compile() asks it once for every home
 * region and sorts the pool's endpoints by the ranks of all its tier makers, the first one first.
 * So combined tier makers nest, and picking never asks again. A selector chooses among the endpoints
 * of the tier that won (steer/tier.h).
 */
#ifndef STEER_POLICY_H
#define STEER_POLICY_H

#include "base/rng.h"
#include "conf/conf.h"
#include "steer/tier.h"

#include <stdbool.h>
#include <stdint.h>

/* What a tier maker may look at: the same for all endpoints of one cell (steer/plan.h). */
struct tier_place {
	const uint16_t *region_rank; /* [region]: 0 = nearest to the home region at hand */
	uint16_t region;             /* of the endpoint, or CONF_NONE */
	uint16_t tier;               /* of the endpoint, for `failover` */
};

struct view_set;

struct policy {
	/* Tier makers; NULL for selectors. Lower is tried first. */
	uint32_t (*rank)(const struct tier_place *place);
	bool by_client; /* rank() looks at region_rank */
	bool by_tier;   /* rank() looks at tier */

	/*
	 * Selectors; NULL for tier makers. Takes up to `want` different endpoints of the tier into `out`,
	 * best first, and returns how many: min(want, tier->count). turn  whose turn it is in this tier
	 */
	uint16_t (*choose)(
		struct tier *tier, uint16_t want, uint32_t turn, struct rng *rng, uint32_t *out);
	/* The same for one endpoint of one set, by weight: at which point of its line does it stand? */
	uint32_t (*point)(const struct view_set *set, uint32_t turn, struct rng *rng);
	bool by_weight;   /* endpoints of weight 0 are left out while any other serves */
	bool takes_turns; /* looks at `turn` */
};

const struct policy *policy_of(enum steer_step step);

extern const struct policy policy_geo, policy_failover, policy_weighted, policy_round_robin;

/* A pipeline without a selector: the first ones, nearest tier first, in file order. */
extern const struct policy policy_in_order;

#endif
