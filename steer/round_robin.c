/*
 * `round_robin`: each in turn, as often as its weight says (steer/turns.h).
 *
 * The first endpoint of an answer is the one whose turn it is, exactly. The others are those whose
 * turns come next; where that would be one that is in the answer already, and in a retry, the one
 * after it in the file. With equal weights this is the rotation everybody knows.
 */
#include "steer/layout.h"
#include "steer/policy.h"
#include "steer/turns.h"

static uint16_t choose_next(
	struct tier *tier, uint16_t want, uint32_t turn, struct rng *rng, uint32_t *out)
{
	struct tier_turns turns = tier_turns(tier);
	bool retry = tier->taken_count > 0; /* places are counted over what is left */
	uint16_t n = 0;

	(void)rng;
	for (; n < want && tier->count > 0; n++) {
		uint32_t at = retry ? turn : turn + n;
		uint32_t place = turns_place(at, turns.count, turns.stride) * turns.unit;

		out[n] = retry ? tier_take(tier, place % tier->left) : tier_take_from(tier, place);
	}
	return n;
}

static uint32_t next_point(const struct view_set *set, uint32_t turn, struct rng *rng)
{
	(void)rng;
	return turns_place(turn, set->weight / set->unit, set->stride) * set->unit;
}

const struct policy policy_round_robin = {
	.choose = choose_next, .point = next_point, .by_weight = true, .takes_turns = true};
