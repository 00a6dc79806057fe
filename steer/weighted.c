/*
 * `weighted`: drawn without replacement, each draw in proportion to the weights of those still
 * there.
 *
 * A draw walks the candidates once, so an answer costs `want` walks: fine for tiers of tens, linear
 * for larger ones. Tried and dropped: alias tables per view (O(1) a draw), which cost more to
 * rebuild at every change of the board than they save at the sizes tiers have.
 */
#include "steer/policy.h"

static uint32_t draw(const struct candidates *c, uint32_t count, uint32_t total, struct rng *rng)
{
	uint32_t left, i = 0;

	if (count == 1)
		return 0;
	if (total == 0)
		return rng_below(rng, count); /* all weights are 0: evenly */
	left = rng_below(rng, total);
	while (left >= c->weight[i])
		left -= c->weight[i++];
	return i;
}

static uint16_t choose_weighted(
	struct candidates *c, uint16_t want, uint32_t *cursor, struct rng *rng, uint32_t *out)
{
	uint32_t total = c->total_weight, left = c->count;
	uint16_t n = 0;

	(void)cursor;
	while (n < want && left > 0) {
		uint32_t i = draw(c, left, total, rng);

		out[n++] = c->endpoint[i];
		total -= c->weight[i];
		left--;
		c->endpoint[i] = c->endpoint[left];
		c->weight[i] = c->weight[left];
	}
	return n;
}

const struct policy policy_weighted = {.choose = choose_weighted, .by_weight = true};
