#include "steer/turns.h"

#include <stdlib.h>

int cursors_open(struct cursors *c, size_t count, bool shared)
{
	*c = (struct cursors){.count = count, .shared = shared};
	c->at = calloc(count + 1, sizeof *c->at);
	return c->at != NULL ? 0 : -1;
}

void cursors_close(struct cursors *c)
{
	free(c->at);
	c->at = NULL;
}

uint32_t turns_divisor(uint32_t a, uint32_t b)
{
	while (a != 0) {
		uint32_t rest = b % a;

		b = a;
		a = rest;
	}
	return b;
}

/*
 * How unevenly a stride spreads its places: the sum of the terms of the continued fraction of stride
 * / count, to which the deviation from an even spread is in proportion. UINT32_MAX when the two have
 * a factor in common.
 */
static uint32_t unevenness(uint32_t count, uint32_t stride)
{
	uint32_t sum = 0;

	while (stride != 0) {
		uint32_t rest = count % stride;

		sum += count / stride;
		count = stride;
		stride = rest;
	}
	return count == 1 ? sum : UINT32_MAX;
}

uint32_t turns_stride(uint32_t count, uint32_t tries)
{
	uint32_t middle = (uint32_t)((double)count * 0.6180339887498949 + 0.5);
	uint32_t best = 1, least = UINT32_MAX;

	if (count < 3)
		return 1;
	/* beyond `tries` the first one that will do: count - 1 does at the latest */
	for (uint32_t off = 0; off < tries || least == UINT32_MAX; off++) {
		for (int side = 0; side < 2; side++) {
			uint32_t stride = side == 0 ? middle + off : middle - off;
			uint32_t worse = UINT32_MAX;

			if (stride >= 1 && stride < count)
				worse = unevenness(count, stride);
			if (worse < least) {
				least = worse;
				best = stride;
			}
		}
	}
	return best;
}
