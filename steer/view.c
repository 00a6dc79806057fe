/*
 * Building a view: one pass over the endpoints, reading a probe word and two override words for
 * each.
 *
 * The epoch is read first (acquire): a word that changes while it is copied moves the epoch later
 * and makes the view stale again. Everything else is plain arithmetic on what was read.
 */
#include "steer/view.h"

#include "board/serving.h"

#include <stdlib.h>

struct view *view_new(const struct conf *conf)
{
	struct view *v = calloc(1, sizeof *v);

	if (v == NULL)
		return NULL;
	v->conf = conf; /* expires_ms 0: stale until it is built */
	v->endpoint = calloc(conf->endpoint_count + 1, sizeof *v->endpoint);
	v->pool_ready = calloc(conf->pool_count + 1, sizeof *v->pool_ready);
	v->last_good = calloc(conf->endpoint_count + 1, sizeof *v->last_good);
	v->region_serves = calloc(conf->region_count + 1, sizeof *v->region_serves);
	if (v->endpoint == NULL || v->pool_ready == NULL || v->last_good == NULL ||
		v->region_serves == NULL) {
		view_free(v);
		return NULL;
	}
	for (size_t i = 0; i < conf->endpoint_count; i++)
		for (int f = 0; f < 2; f++)
			v->endpoint[i].family[f].exists =
				conf->endpoints[i].address[f].family != FAMILY_NONE;
	return v;
}

void view_free(struct view *v)
{
	if (v == NULL)
		return;
	free(v->region_serves);
	free(v->last_good);
	free(v->pool_ready);
	free(v->endpoint);
	free(v);
}

static void note_expiry(struct view *v, uint64_t until_ms, uint64_t now_ms)
{
	if (until_ms > now_ms && until_ms < v->expires_ms)
		v->expires_ms = until_ms;
}

/* What an operator says of one endpoint. */
static enum override read_orders(
	struct view *v, const struct board_override *cell, uint64_t now_ms, uint16_t *weight)
{
	uint64_t state = atomic_load_explicit(&cell->state, memory_order_relaxed);
	uint64_t word = atomic_load_explicit(&cell->weight, memory_order_relaxed);

	if ((state | word) == 0) /* the usual case */
		return OVERRIDE_NONE;
	note_expiry(v, override_until(state), now_ms);
	(void)weight_of_word(word, now_ms, weight);
	note_expiry(v, weight_until(word), now_ms);
	return override_of_word(state, now_ms);
}

/* One address. `word` is its probe's, or that of an unprobed address, which counts as up. */
static void judge(struct view_state *out, uint64_t word, enum override override, uint16_t weight,
	bool unknown_serves, uint64_t now_ms)
{
	enum verdict verdict = verdict_of_word(word);
	uint64_t doubt_ms = doubt_of_word(word);

	if (verdict == VERDICT_UNKNOWN && doubt_ms == 0)
		doubt_ms = now_ms; /* not probed yet: its first outcome can come at any moment */
	out->serving = serving_rule(override, verdict, unknown_serves);
	out->verdict = (uint8_t)verdict;
	out->override = (uint8_t) override;
	out->weight = weight;
	out->doubt_until_ms = override == OVERRIDE_NONE ? doubt_ms : 0;
}

/* Both addresses of endpoint `index`. False while one of its probes has no verdict. */
static bool build_endpoint(struct view *v, const struct generation *g, const struct board *b,
	const struct conf_pool *pool, size_t index, uint64_t now_ms)
{
	struct view_endpoint *out = &v->endpoint[index];
	uint32_t slot = g->endpoint_slot[index];
	uint16_t weight = v->conf->endpoints[index].weight;
	enum override override = read_orders(v, &b->control->override[slot], now_ms, &weight);
	bool ready = true;

	for (int f = 0; f < 2; f++) {
		uint32_t probe = g->endpoint_probe[index][f];
		uint64_t word = VERDICT_WORD(VERDICT_UP, 0);

		if (!out->family[f].exists)
			continue;
		if (probe != PROBE_NONE)
			word = atomic_load_explicit(&b->health->probe[g->probes[probe].slot].word,
				memory_order_relaxed);
		judge(&out->family[f], word, override, weight, pool->unknown_serves, now_ms);
		ready = ready && verdict_of_word(word) != VERDICT_UNKNOWN;
	}
	out->load = atomic_load_explicit(&b->health->load[slot], memory_order_relaxed);
	return ready;
}

/* Bit f is set when the endpoint's address of family f serves. */
static uint8_t serving_bits(const struct view_endpoint *e)
{
	return (uint8_t)((e->family[0].serving ? 1u : 0u) | (e->family[1].serving ? 2u : 0u));
}

/* Where the pool, or a region of it, has an endpoint serving, remember which; elsewhere keep what
 * was. */
static void keep_last_good(struct view *v, const struct conf_pool *pool)
{
	const struct conf_endpoint *e = &v->conf->endpoints[pool->first_endpoint];
	const struct view_endpoint *state = &v->endpoint[pool->first_endpoint];
	uint8_t(*good)[2] = &v->last_good[pool->first_endpoint];
	size_t nowhere = v->conf->region_count; /* the row of endpoints without a region */
	uint8_t pool_serves = 0;

	for (uint32_t i = 0; i < pool->endpoint_count; i++) {
		size_t region = e[i].region < nowhere ? e[i].region : nowhere;

		v->region_serves[region] |= serving_bits(&state[i]);
		pool_serves |= serving_bits(&state[i]);
	}
	for (uint32_t i = 0; i < pool->endpoint_count; i++) {
		size_t region = e[i].region < nowhere ? e[i].region : nowhere;

		for (unsigned f = 0; f < 2; f++) {
			unsigned bit = 1u << f;
			unsigned known =
				((pool_serves & bit) != 0 ? LAST_GOOD_POOL : 0) |
				((v->region_serves[region] & bit) != 0 ? LAST_GOOD_REGION : 0);
			unsigned serves = state[i].family[f].serving ? known : 0;

			good[i][f] = (uint8_t)((good[i][f] & ~known) | serves);
		}
	}
	for (uint32_t i = 0; i < pool->endpoint_count; i++)
		v->region_serves[e[i].region < nowhere ? e[i].region : nowhere] = 0;
}

void view_build(struct view *v, const struct generation *g, const struct board *b, uint64_t now_ms,
	uint64_t ready_by_ms)
{
	v->epoch = board_epoch(b);
	v->built_ms = now_ms;
	v->expires_ms = UINT64_MAX;
	v->all_ready = true;
	for (size_t p = 0; p < v->conf->pool_count; p++) {
		const struct conf_pool *pool = &v->conf->pools[p];
		bool ready = true;

		for (uint32_t i = 0; i < pool->endpoint_count; i++)
			ready &= build_endpoint(v, g, b, pool, pool->first_endpoint + i, now_ms);
		v->pool_ready[p] = ready || now_ms >= ready_by_ms;
		v->all_ready = v->all_ready && v->pool_ready[p];
		if (pool->when_all_down == ALL_DOWN_LAST_GOOD)
			keep_last_good(v, pool);
	}
	if (!v->all_ready)
		note_expiry(v, ready_by_ms, now_ms);
}

bool view_stale(const struct view *v, const struct board *b, uint64_t now_ms)
{
	if (now_ms >= v->expires_ms)
		return true;
	return now_ms > v->built_ms && v->epoch != board_epoch(b);
}

uint64_t view_ready_by(const struct conf *conf, uint64_t started_ms, bool cold)
{
	uint32_t longest_ms = 0;

	for (size_t i = 0; i < conf->check_count; i++)
		if (conf->checks[i].timeout_ms > longest_ms)
			longest_ms = conf->checks[i].timeout_ms;
	return cold ? started_ms + longest_ms : started_ms;
}
