#include "base/flap.h"

#define STEPS 16u /* of a half-life, each a straight line: within 0.03 % of the curve */

/* 2^(-i / STEPS) in units of 2^-30 */
static const uint32_t halving[STEPS + 1] = {1073741824, 1028218693, 984625594, 942880699, 902905651,
	864625413, 827968132, 792865000, 759250125, 727060411, 696235434, 666717336, 638450708,
	611382493, 585461881, 560640218, 536870912};

/* `value`, below 2^34, after elapsed_ms. */
static uint64_t decay(uint64_t value, uint64_t elapsed_ms, uint32_t half_life_ms)
{
	uint64_t half_ms = half_life_ms > 0 ? half_life_ms : 1;
	uint64_t halvings = elapsed_ms / half_ms, rest = elapsed_ms % half_ms * STEPS;
	uint64_t step = rest / half_ms, within = rest % half_ms;
	uint64_t fall, factor;

	if (halvings > 33)
		return 0;
	fall = halving[step] - halving[step + 1];
	factor = halving[step] - fall * within / half_ms;
	return value * factor >> (30 + halvings);
}

uint32_t flap_at(const struct flap *f, const struct flap_limits *c, uint64_t now_ms)
{
	return (uint32_t)decay(
		f->penalty, now_ms > f->at_ms ? now_ms - f->at_ms : 0, c->half_life_ms);
}

uint32_t flap_ceiling(const struct flap_limits *c)
{
	uint64_t half_ms = c->half_life_ms > 0 ? c->half_life_ms : 1;
	uint64_t reuse = (uint64_t)c->reuse * FLAP_POINT;
	uint64_t doublings = c->max_suppress_ms / half_ms + 1;
	uint64_t back_ms = half_ms - c->max_suppress_ms % half_ms, ceiling;

	if (doublings > 32 || reuse << doublings >= UINT64_C(1) << 34)
		return FLAP_MAX;
	ceiling = decay(reuse << doublings, back_ms, c->half_life_ms);
	return ceiling < FLAP_MAX ? (uint32_t)ceiling : FLAP_MAX;
}

void flap_add(struct flap *f, const struct flap_limits *c, uint32_t amount, uint64_t now_ms)
{
	uint64_t sum = (uint64_t)flap_at(f, c, now_ms) + amount;
	uint32_t ceiling = flap_ceiling(c);

	f->penalty = sum < ceiling ? (uint32_t)sum : ceiling;
	f->at_ms = now_ms;
}

uint64_t flap_free_ms(const struct flap *f, const struct flap_limits *c)
{
	uint64_t below = (uint64_t)c->reuse * FLAP_POINT;
	uint64_t low = 0, high = c->max_suppress_ms; /* it is free at `high`, come what may */

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (decay(f->penalty, middle, c->half_life_ms) < below)
			high = middle;
		else
			low = middle + 1;
	}
	return f->at_ms + low;
}

bool flap_suppresses(const struct flap *f, const struct flap_limits *c, uint64_t now_ms)
{
	return c->penalty > 0 && flap_at(f, c, now_ms) > (uint64_t)c->suppress * FLAP_POINT;
}
