/*
 * Building a view: one pass over the endpoints, reading a probe word and two override words for
 * each. Only those whose words have moved since the last build, or whose orders may end, are judged;
 * only pools of which something has changed are laid out anew.
 *
 * The epoch is read first (acquire): a word that changes while it is copied moves the epoch later
 * and makes the view stale again. Everything else is plain arithmetic on what was read.
 */
#include "steer/view.h"

#include "board/serving.h"
#include "steer/layout.h"
#include "steer/pool.h"

#include <stdlib.h>
#include <string.h>

/* What the board said of an endpoint at the last build. */
struct view_seen {
	uint64_t state, weight; /* an operator's */
	uint64_t probe[2];      /* VERDICT_WORD; NEVER_SEEN before the first build */
	bool unknown_serves;    /* the pool's policy at that moment */
};

#define NEVER_SEEN UINT64_MAX /* no verdict has this number */

struct view *view_new(const struct conf *conf)
{
	struct view *v = calloc(1, sizeof *v);

	if (v == NULL)
		return NULL;
	v->conf = conf; /* expires_ms 0: stale until it is built */
	v->endpoint = calloc(conf->endpoint_count + 1, sizeof *v->endpoint);
	v->pool_ready = calloc(conf->pool_count + 1, sizeof *v->pool_ready);
	v->last_good = calloc(conf->endpoint_count + 1, sizeof *v->last_good);
	v->seen = calloc(conf->endpoint_count + 1, sizeof *v->seen);
	if (v->endpoint == NULL || v->pool_ready == NULL || v->last_good == NULL ||
		v->seen == NULL) {
		view_free(v);
		return NULL;
	}
	for (size_t i = 0; i < conf->endpoint_count; i++)
		for (int f = 0; f < 2; f++) {
			v->endpoint[i].family[f].exists =
				conf->endpoints[i].address[f].family != FAMILY_NONE;
			v->seen[i].probe[f] = NEVER_SEEN;
		}
	return v;
}

struct view *view_new_laid_out(const struct steering *s, enum view_use use)
{
	struct view *v = view_new(s->conf);

	if (v == NULL)
		return NULL;
	v->steering = s;
	for (unsigned lane = 0; lane < LANE_COUNT; lane++) {
		if (((unsigned)use & 1u << lane) == 0)
			continue;
		v->cell[lane] = calloc(s->cell_count + 1, sizeof *v->cell[lane]);
		v->member[lane] = calloc(s->member_count[lane] + 1, sizeof *v->member[lane]);
		if (v->cell[lane] == NULL || v->member[lane] == NULL) {
			view_free(v);
			return NULL;
		}
	}
	view_lay_out(v);
	return v;
}

void view_lay_out(struct view *v)
{
	for (size_t i = 0; v->steering != NULL && i < v->conf->pool_count; i++)
		layout_pool(v, i);
}

void view_free(struct view *v)
{
	if (v == NULL)
		return;
	for (unsigned lane = 0; lane < LANE_COUNT; lane++) {
		free(v->member[lane]);
		free(v->cell[lane]);
	}
	free(v->seen);
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
	struct view *v, const struct view_seen *seen, uint64_t now_ms, uint16_t *weight)
{
	note_expiry(v, override_until(seen->state), now_ms);
	(void)weight_of_word(seen->weight, now_ms, weight);
	note_expiry(v, weight_until(seen->weight), now_ms);
	return override_of_word(seen->state, now_ms);
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

/* The word of one address's probe; an address without one counts as up. */
static uint64_t read_verdict(
	const struct generation *g, const struct board *b, size_t index, unsigned family)
{
	uint32_t probe = g->endpoint_probe[index][family];

	if (probe == PROBE_NONE)
		return VERDICT_WORD(VERDICT_UP, 0);
	return atomic_load_explicit(
		&b->health->probe[g->probes[probe].slot].word, memory_order_relaxed);
}

/* One pool on its way into the view. */
struct building {
	struct view *view;
	const struct generation *generation;
	const struct board *board;
	bool unknown_serves; /* the pool's policy at this moment */
	uint64_t now_ms;
	bool ready;   /* every probe has a verdict */
	bool changed; /* what picks look at */
};

/* Has anything moved that decides over an endpoint? It is noted. */
static bool has_moved(struct building *b, size_t index)
{
	const struct board_override *cell =
		&b->board->control->override[b->generation->endpoint_slot[index]];
	struct view_seen *seen = &b->view->seen[index],
			 now = {
				 .state = atomic_load_explicit(&cell->state, memory_order_relaxed),
				 .weight =
					 atomic_load_explicit(&cell->weight, memory_order_relaxed),
				 .probe = {read_verdict(b->generation, b->board, index, 0),
					 read_verdict(b->generation, b->board, index, 1)},
				 .unknown_serves = b->unknown_serves,
			 };
	bool same = now.unknown_serves == seen->unknown_serves && now.state == seen->state &&
		    now.weight == seen->weight && now.probe[0] == seen->probe[0] &&
		    now.probe[1] == seen->probe[1];

	*seen = now;
	return !same;
}

/* Both addresses of endpoint `index`. */
static void build_endpoint(struct building *b, size_t index)
{
	struct view *v = b->view;
	const struct view_seen *seen = &v->seen[index];
	uint16_t weight = v->conf->endpoints[index].weight;
	bool moved = has_moved(b, index);
	enum override override;

	for (unsigned f = 0; f < 2; f++) /* an address without a probe counts as up */
		b->ready = b->ready && verdict_of_word(seen->probe[f]) != VERDICT_UNKNOWN;
	if (!moved && (seen->state | seen->weight) == 0) /* the usual case */
		return;
	override = read_orders(v, seen, b->now_ms, &weight);
	for (unsigned f = 0; f < 2; f++) {
		struct view_state *state = &v->endpoint[index].family[f], old = *state;

		if (!state->exists)
			continue;
		judge(state, seen->probe[f], override, weight, b->unknown_serves, b->now_ms);
		b->changed = b->changed || old.serving != state->serving ||
			     old.override != state->override || old.weight != state->weight ||
			     old.doubt_until_ms != state->doubt_until_ms;
	}
}

static void read_last_good(struct building *b, size_t index)
{
	const _Atomic uint8_t *good =
		b->board->health->last_good[b->generation->endpoint_slot[index]];
	uint8_t *known = b->view->last_good[index];

	for (int f = 0; f < 2; f++) {
		uint8_t now = atomic_load_explicit(&good[f], memory_order_relaxed);

		b->changed = b->changed || now != known[f];
		known[f] = now;
	}
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
		bool waits = now_ms < end_ms;
		struct building now = {.view = v,
			.generation = g,
			.board = b,
			.unknown_serves = pool->unknown_serves && !waits,
			.now_ms = now_ms,
			.ready = true};

		for (uint32_t i = 0; i < pool->endpoint_count; i++) {
			uint32_t index = pool->first_endpoint + i;

			build_endpoint(&now, index);
			if (pool->when_all_down == ALL_DOWN_LAST_GOOD)
				read_last_good(&now, index);
			v->endpoint[index].load = atomic_load_explicit(
				&b->health->load[g->endpoint_slot[index]], memory_order_relaxed);
		}
		if (now.changed && v->steering != NULL)
			layout_pool(v, p);
		v->pool_ready[p] = now.ready || !waits;
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
