#include "dns/rate_limit.h"

#include "base/hash.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

#define TAG_SHIFT 40
#define TIME_MASK ((UINT64_C(1) << TAG_SHIFT) - 1)
#define TRIES_MAX 4u /* other threads got in between so often: let this one reply go */

struct rate_limit {
	uint8_t key[16];  /* an outsider picks the addresses; he must not know who shares a set */
	uint64_t step_us; /* a reply's share of the bucket */
	_Alignas(64) _Atomic uint64_t word[RATE_SETS][RATE_WAYS];
};

struct rate_limit *rate_limit_new(uint32_t per_second)
{
	struct rate_limit *r = aligned_alloc(64, sizeof *r);
	struct rng rng;

	if (r == NULL)
		return NULL;
	memset(r, 0, sizeof *r);
	rng_seed_random(&rng);
	for (size_t i = 0; i < sizeof r->key; i++)
		r->key[i] = (uint8_t)(rng_next(&rng) >> 32);
	r->step_us = per_second > 0 ? 1000000u / per_second : 1000000u;
	return r;
}

void rate_limit_free(struct rate_limit *r)
{
	free(r);
}

static uint64_t hash_network(const struct rate_limit *r, const struct addr *client)
{
	uint8_t network[8] = {0};

	if (client->family == FAMILY_IPV4)
		memcpy(network, client->bytes, RATE_PREFIX_IPV4 / 8);
	else
		memcpy(network, client->bytes, RATE_PREFIX_IPV6 / 8);
	network[7] = client->family;
	return hash_siphash(r->key, network, sizeof network);
}

/* How long a word's bucket still takes to empty; 0: it is empty. No bucket is ever fuller than the
 * burst and one step, so what seems to be is a word so old that its time has come round. */
static uint64_t fill_us(const struct rate_limit *r, uint64_t word, uint64_t now_us)
{
	uint64_t fill = (word - now_us) & TIME_MASK;

	return word != 0 && fill <= RATE_BURST_US + r->step_us ? fill : 0;
}

/* The network's word, else the one to take over. */
static unsigned find_way(const struct rate_limit *r, _Atomic uint64_t *set, uint64_t tag,
	uint64_t now_us, uint64_t *word)
{
	uint64_t least = UINT64_MAX;
	unsigned way = 0;

	for (unsigned i = 0; i < RATE_WAYS; i++) {
		uint64_t seen = atomic_load_explicit(&set[i], memory_order_relaxed), fill;

		if (seen >> TAG_SHIFT == tag && seen != 0) {
			*word = seen;
			return i;
		}
		fill = fill_us(r, seen, now_us);
		if (fill < least) {
			least = fill;
			way = i;
			*word = seen;
		}
	}
	return way;
}

enum rate_verdict rate_limit_take(struct rate_limit *r, const struct addr *client, uint64_t now_ms)
{
	uint64_t hash = hash_network(r, client), tag = hash >> TAG_SHIFT;
	_Atomic uint64_t *set = r->word[hash & (RATE_SETS - 1)];
	uint64_t now_us = now_ms * 1000;

	for (unsigned i = 0; i < TRIES_MAX; i++) {
		uint64_t word = 0, fill, new;
		unsigned way = find_way(r, set, tag, now_us, &word);
		bool ours = word >> TAG_SHIFT == tag;

		fill = fill_us(r, word, now_us);
		if (ours && fill > RATE_BURST_US - r->step_us)
			return RATE_ABOVE;
		new = tag << TAG_SHIFT | ((now_us + (ours ? fill : 0) + r->step_us) & TIME_MASK);
		if (atomic_compare_exchange_strong_explicit(
			    &set[way], &word, new, memory_order_relaxed, memory_order_relaxed))
			return ours || fill == 0 ? RATE_WITHIN : RATE_WITHIN_FULL;
	}
	return RATE_WITHIN;
}
