/* `weighted`: drawn without replacement, each draw in proportion to the weights of those still
 * there. */
#include "steer/layout.h"
#include "steer/policy.h"

static uint16_t choose_weighted(
	struct tier *tier, uint16_t want, uint32_t turn, struct rng *rng, uint32_t *out)
{
	uint16_t n = 0;

	(void)turn;
	while (n < want && tier->count > 0)
		out[n++] = tier_take(tier, tier->count > 1 ? rng_below(rng, tier->left) : 0);
	return n;
}

static uint32_t draw_point(const struct view_set *set, uint32_t turn, struct rng *rng)
{
	(void)turn;
	return set->count > 1 ? rng_below(rng, set->weight) : 0;
}

const struct policy policy_weighted = {
	.choose = choose_weighted, .point = draw_point, .by_weight = true};
