#include "control/overrides.h"

#include "board/serving.h"

#include <stdlib.h>

static struct board_override *cell_of(const struct overrides *o, uint32_t endpoint)
{
	uint32_t slot = o->generation->endpoint_slot[endpoint];

	return slot < BOARD_ENDPOINTS_MAX ? &o->board->control->override[slot] : NULL;
}

/* ---- the two clocks ---- */

static uint64_t real_of(const struct overrides *o, uint64_t mono_ms)
{
	return mono_ms == 0 ? 0 : (uint64_t)((int64_t)mono_ms + o->offset_ms);
}

/* An end that lies before the monotonic clock's start is over all the same: 1. */
static uint64_t mono_of(const struct overrides *o, uint64_t real_ms)
{
	int64_t mono_ms = (int64_t)real_ms - o->offset_ms;

	if (real_ms == 0)
		return 0;
	return mono_ms >= 1 ? (uint64_t)mono_ms : 1;
}

/* ---- words ---- */

static struct orders orders_of_words(
	const struct overrides *o, uint64_t state, uint64_t weight, uint64_t now_ms)
{
	struct orders r = {.override = override_of_word(state, now_ms)};

	if (r.override != OVERRIDE_NONE)
		r.override_until_real_ms = real_of(o, override_until(state));
	r.weighted = weight_of_word(weight, now_ms, &r.weight);
	if (r.weighted)
		r.weight_until_real_ms = real_of(o, weight_until(weight));
	return r;
}

static uint64_t state_word(const struct overrides *o, const struct orders *r)
{
	return r->override == OVERRIDE_NONE
		       ? 0
		       : OVERRIDE_WORD(r->override, mono_of(o, r->override_until_real_ms));
}

static uint64_t weight_word(const struct overrides *o, const struct orders *r)
{
	return r->weighted ? WEIGHT_WORD(r->weight, mono_of(o, r->weight_until_real_ms)) : 0;
}

static void note_expiry(struct overrides *o, uint64_t word_until_ms)
{
	if (word_until_ms != 0 && word_until_ms < o->next_expiry_ms)
		o->next_expiry_ms = word_until_ms;
}

static void store(struct overrides *o, uint32_t endpoint)
{
	struct board_override *cell = cell_of(o, endpoint);
	uint64_t state = state_word(o, &o->orders[endpoint]);
	uint64_t weight = weight_word(o, &o->orders[endpoint]);

	if (cell == NULL)
		return;
	note_expiry(o, override_until(state));
	note_expiry(o, weight_until(weight));
	atomic_store_explicit(&cell->state, state, memory_order_release);
	atomic_store_explicit(&cell->weight, weight, memory_order_release);
}

static void move_epoch(struct overrides *o)
{
	atomic_fetch_add_explicit(&o->board->control->epoch, 1, memory_order_release);
}

/* ---- life ---- */

int overrides_open(struct overrides *o, struct board *b, const struct generation *g,
	uint64_t now_ms, uint64_t real_ms, struct err *e)
{
	*o = (struct overrides){.board = b,
		.generation = g,
		.next_expiry_ms = UINT64_MAX,
		.offset_ms = (int64_t)real_ms - (int64_t)now_ms};
	o->orders = calloc(g->conf->endpoint_count + 1, sizeof *o->orders);
	if (o->orders == NULL)
		return err_set(e, "out of memory for the overrides of %zu endpoints",
			g->conf->endpoint_count);
	for (uint32_t i = 0; i < g->conf->endpoint_count; i++) {
		const struct board_override *cell = cell_of(o, i);
		uint64_t state = cell != NULL ? atomic_load(&cell->state) : 0;
		uint64_t weight = cell != NULL ? atomic_load(&cell->weight) : 0;

		/* One that ended while nobody looked is read as it was, so that its end is told. */
		o->orders[i] = orders_of_words(o, state, weight, 0);
		note_expiry(o, override_until(state));
		note_expiry(o, weight_until(weight));
	}
	return 0;
}

void overrides_close(struct overrides *o)
{
	free(o->orders);
	o->orders = NULL;
}

void overrides_set(struct overrides *o, uint32_t endpoint, const struct orders *orders)
{
	o->orders[endpoint] = *orders;
	store(o, endpoint);
	move_epoch(o);
}

/* ---- time ---- */

static bool has_orders(const struct orders *r)
{
	return r->override != OVERRIDE_NONE || r->weighted;
}

/* The clock was set: everything ends when it was meant to. */
static void follow_clock(struct overrides *o, int64_t offset_ms)
{
	o->offset_ms = offset_ms;
	o->next_expiry_ms = UINT64_MAX;
	for (uint32_t i = 0; i < o->generation->conf->endpoint_count; i++) {
		if (has_orders(&o->orders[i]))
			store(o, i);
	}
	move_epoch(o);
}

static bool is_over(const struct overrides *o, uint64_t until_real_ms, uint64_t now_ms)
{
	return until_real_ms != 0 && mono_of(o, until_real_ms) <= now_ms;
}

/* True when something of this endpoint ended. */
static bool end_orders(struct overrides *o, uint32_t endpoint, uint64_t now_ms,
	overrides_ended *ended, void *context)
{
	struct orders *r = &o->orders[endpoint], what = {.override = OVERRIDE_NONE};

	if (r->override != OVERRIDE_NONE && is_over(o, r->override_until_real_ms, now_ms)) {
		what.override = r->override;
		what.override_until_real_ms = r->override_until_real_ms;
		r->override = OVERRIDE_NONE;
		r->override_until_real_ms = 0;
	}
	if (r->weighted && is_over(o, r->weight_until_real_ms, now_ms)) {
		what.weighted = true;
		what.weight = r->weight;
		what.weight_until_real_ms = r->weight_until_real_ms;
		r->weighted = false;
		r->weight_until_real_ms = 0;
	}
	if (has_orders(r) || has_orders(&what))
		store(o, endpoint);
	if (has_orders(&what))
		ended(context, endpoint, &what);
	return has_orders(&what);
}

size_t overrides_tick(struct overrides *o, uint64_t now_ms, uint64_t real_ms,
	overrides_ended *ended, void *context)
{
	int64_t offset_ms = (int64_t)real_ms - (int64_t)now_ms, drift_ms = offset_ms - o->offset_ms;
	size_t count = 0;

	if (drift_ms >= CLOCK_STEP_MS || drift_ms <= -CLOCK_STEP_MS)
		follow_clock(o, offset_ms);
	if (now_ms < o->next_expiry_ms)
		return 0;
	o->next_expiry_ms = UINT64_MAX;
	for (uint32_t i = 0; i < o->generation->conf->endpoint_count; i++)
		count += end_orders(o, i, now_ms, ended, context) ? 1u : 0u;
	move_epoch(o);
	return count;
}

/* ---- who serves ---- */

void pool_serving(const struct board *b, const struct generation *g, uint16_t pool, uint64_t now_ms,
	struct pool_serving *out)
{
	const struct conf_pool *p = &g->conf->pools[pool];

	*out = (struct pool_serving){{0}, {0}, {0}};
	for (uint32_t i = p->first_endpoint; i < p->first_endpoint + p->endpoint_count; i++) {
		uint32_t slot = g->endpoint_slot[i];
		enum override override = OVERRIDE_NONE;

		if (slot < BOARD_ENDPOINTS_MAX)
			override = override_of_word(
				atomic_load(&b->control->override[slot].state), now_ms);
		for (int f = 0; f < 2; f++) {
			uint32_t probe = g->endpoint_probe[i][f];
			enum verdict verdict = VERDICT_UP;

			if (g->conf->endpoints[i].address[f].family == FAMILY_NONE)
				continue;
			if (probe < g->probe_count && g->probes[probe].slot < BOARD_PROBES_MAX)
				verdict = verdict_of_word(
					atomic_load(&b->health->probe[g->probes[probe].slot].word));
			out->have[f]++;
			out->left[f] += override_takes_out(override) ? 0u : 1u;
			out->serving[f] +=
				serving_rule(override, verdict, p->unknown_serves) ? 1u : 0u;
		}
	}
}
