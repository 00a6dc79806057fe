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
#include <string.h>

struct view *view_new(const struct conf *conf)
{
	struct view *v = calloc(1, sizeof *v);

	if (v == NULL)
		return NULL;
	v->conf = conf; /* expires_ms 0: stale until it is built */
	v->endpoint = calloc(conf->endpoint_count + 1, sizeof *v->endpoint);
	v->pool_ready = calloc(conf->pool_count + 1, sizeof *v->pool_ready);
	v->last_good = calloc(conf->endpoint_count + 1, sizeof *v->last_good);
	if (v->endpoint == NULL || v->pool_ready == NULL || v->last_good == NULL) {
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
	size_t index, bool unknown_serves, uint64_t now_ms)
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
		judge(&out->family[f], word, override, weight, unknown_serves, now_ms);
		ready = ready && verdict_of_word(word) != VERDICT_UNKNOWN;
	}
	out->load = atomic_load_explicit(&b->health->load[slot], memory_order_relaxed);
	return ready;
}

static void read_last_good(
	struct view *v, const struct generation *g, const struct board *b, size_t index)
{
	const _Atomic uint8_t *good = b->health->last_good[g->endpoint_slot[index]];

	for (int f = 0; f < 2; f++)
		v->last_good[index][f] = atomic_load_explicit(&good[f], memory_order_relaxed);
}

void view_build(struct view *v, const struct generation *g, const struct board *b, uint64_t now_ms)
{
	v->epoch = board_epoch(b);
	v->built_ms = now_ms;
	v->expires_ms = UINT64_MAX;
	v->all_ready = true;
	for (size_t p = 0; p < v->conf->pool_count; p++) {
		const struct conf_pool *pool = &v->conf->pools[p];
		uint64_t end_ms = first_verdicts_until(b, v->conf, pool);
		bool waits = now_ms < end_ms, ready = true;

		for (uint32_t i = 0; i < pool->endpoint_count; i++) {
			ready &= build_endpoint(v, g, b, pool->first_endpoint + i,
				pool->unknown_serves && !waits, now_ms);
			if (pool->when_all_down == ALL_DOWN_LAST_GOOD)
				read_last_good(v, g, b, pool->first_endpoint + i);
		}
		v->pool_ready[p] = ready || !waits;
		v->all_ready = v->all_ready && v->pool_ready[p];
		if (!v->pool_ready[p])
			note_expiry(v, end_ms, now_ms);
	}
}

/* Bit f is set when the endpoint's address of family f serves. */
static uint8_t serving_bits(const struct view_endpoint *e)
{
	return (uint8_t)((e->family[0].serving ? 1u : 0u) | (e->family[1].serving ? 2u : 0u));
}

/* `region_serves` is scratch: [region_count + 1], the last for endpoints without a region. True
 * when the board changed. */
static bool keep_last_good(const struct view *v, const struct generation *g, struct board *b,
	const struct conf_pool *pool, uint8_t *region_serves)
{
	const struct conf_endpoint *e = &v->conf->endpoints[pool->first_endpoint];
	const struct view_endpoint *state = &v->endpoint[pool->first_endpoint];
	const uint32_t *slot = &g->endpoint_slot[pool->first_endpoint];
	size_t nowhere = v->conf->region_count;
	uint8_t pool_serves = 0;
	bool changed = false;

	memset(region_serves, 0, nowhere + 1);
	for (uint32_t i = 0; i < pool->endpoint_count; i++) {
		region_serves[e[i].region < nowhere ? e[i].region : nowhere] |=
			serving_bits(&state[i]);
		pool_serves |= serving_bits(&state[i]);
	}
	for (uint32_t i = 0; i < pool->endpoint_count; i++) {
		uint8_t region = region_serves[e[i].region < nowhere ? e[i].region : nowhere];

		for (unsigned f = 0; f < 2; f++) {
			_Atomic uint8_t *cell = &b->health->last_good[slot[i]][f];
			unsigned old = atomic_load_explicit(cell, memory_order_relaxed),
				 bit = 1u << f, known = 0, new;

			if ((pool_serves & bit) != 0)
				known |= LAST_GOOD_POOL;
			if ((region & bit) != 0)
				known |= LAST_GOOD_REGION;
			new = (old & ~known) | (state[i].family[f].serving ? known : 0);
			if (new == old)
				continue;
			atomic_store_explicit(cell, (uint8_t) new, memory_order_relaxed);
			changed = true;
		}
	}
	return changed;
}

int view_keep_last_good(const struct view *v, const struct generation *g, struct board *b)
{
	uint8_t *scratch = malloc(v->conf->region_count + 1);
	bool changed = false;

	if (scratch == NULL)
		return -1;
	for (size_t p = 0; p < v->conf->pool_count; p++) {
		if (v->conf->pools[p].when_all_down == ALL_DOWN_LAST_GOOD)
			changed |= keep_last_good(v, g, b, &v->conf->pools[p], scratch);
	}
	free(scratch);
	if (changed)
		atomic_fetch_add_explicit(&b->health->epoch, 1, memory_order_release);
	return 0;
}

bool view_stale(const struct view *v, const struct board *b, uint64_t now_ms)
{
	if (now_ms >= v->expires_ms)
		return true;
	return now_ms > v->built_ms && v->epoch != board_epoch(b);
}
