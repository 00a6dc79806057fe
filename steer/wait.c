/*
 * Waiting for first verdicts at a cold start. Apart from the pick: it is walked for a few seconds in
 * a server's life.
 *
 *   cells in the order of the client    [ down down ] [ up  ?  ] [ ? ? ]      answer: the second wins
 *                                       [ down  ?   ] [ up  up ] [ ? ? ]      wait: else this client
 *                                                                             goes too far away
 *
 * The first cell that has anybody with the verdict `up` (or forced up, or unchecked) decides, or one
 * before it that has an address without a verdict. When nobody is left to wait for and nobody serves,
 * the pool that when_all_down names is looked at in the same way.
 */
#include "steer/plan.h"

enum outlook { OUTLOOK_NOBODY, OUTLOOK_SERVES, OUTLOOK_WAITS };

/* One pool seen by one family. */
struct look {
	const struct view *view;
	const struct steer_pool *pool;
	const struct steer_plan *plan;
	enum lane lane;
	bool waits;      /* the pool's first checks still run */
	bool weightless; /* endpoints of weight 0 count too */
};

static enum outlook look_at_address(const struct look *l, const struct view_state *state)
{
	if (!state->exists || (state->weight == 0 && !l->weightless))
		return OUTLOOK_NOBODY;
	if (state->serving)
		return OUTLOOK_SERVES;
	return l->waits && state->verdict == VERDICT_UNKNOWN && state->override == OVERRIDE_NONE
		       ? OUTLOOK_WAITS
		       : OUTLOOK_NOBODY;
}

static enum outlook look_at_cell(const struct look *l, uint32_t cell)
{
	const uint32_t *first = l->plan->first[l->lane], *member = l->plan->member[l->lane];
	enum outlook best = OUTLOOK_NOBODY;

	for (uint32_t i = first[cell]; i < first[cell + 1]; i++) {
		for (unsigned f = 0; f < 2; f++) {
			enum outlook one;

			if (l->lane != LANE_EITHER && l->lane != (enum lane)f)
				continue;
			one = look_at_address(l, &l->view->endpoint[member[i]].family[f]);
			if (one == OUTLOOK_SERVES)
				return one;
			if (one == OUTLOOK_WAITS)
				best = one;
		}
	}
	return best;
}

/* `count` cells, nearest first: `list`, or from `from` on without one. */
static enum outlook look_at_cells(
	const struct look *l, const uint16_t *list, uint32_t from, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		enum outlook one = look_at_cell(l, list != NULL ? list[i] : from + i);

		if (one != OUTLOOK_NOBODY)
			return one;
	}
	return OUTLOOK_NOBODY;
}

static enum outlook look_at_row(struct look *l, uint32_t row)
{
	const uint16_t *list = l->plan->order + (size_t)row * l->plan->cell_count;
	enum outlook found;

	l->weightless = !l->pool->selector->by_weight;
	found = look_at_cells(l, list, 0, l->plan->cell_count);
	if (found != OUTLOOK_NOBODY || l->weightless)
		return found;
	l->weightless = true;
	return look_at_cells(l, list, 0, l->plan->cell_count);
}

static enum outlook look_at_region(struct look *l, uint16_t region)
{
	struct cell_range range;
	enum outlook found;

	l->plan = &l->pool->region;
	range = plan_find_region(l->plan, region);
	l->weightless = !l->pool->selector->by_weight;
	found = look_at_cells(l, NULL, range.first, range.end - range.first);
	if (found != OUTLOOK_NOBODY || l->weightless)
		return found;
	l->weightless = true;
	return look_at_cells(l, NULL, range.first, range.end - range.first);
}

/* For clients whose home is region `home` (region_count: nowhere). */
static bool must_wait(const struct steering *s, const struct view *view, uint16_t pool,
	uint16_t region, enum lane lane, size_t home)
{
	/* conf refuses cycles; the bound holds even without it */
	for (size_t link = 0; link <= s->conf->pool_count; link++) {
		const struct steer_pool *p = &s->pools[pool];
		struct look l = {.view = view,
			.pool = p,
			.plan = &p->all,
			.lane = lane,
			.waits = !view->pool_ready[pool]};
		enum outlook found =
			region != CONF_NONE ? look_at_region(&l, region)
					    : look_at_row(&l, p->all.rows > 1 ? (uint32_t)home : 0);

		if (found != OUTLOOK_NOBODY)
			return found == OUTLOOK_WAITS;
		if (p->conf->when_all_down != ALL_DOWN_POOL)
			return false;
		pool = p->conf->fallback_pool;
		region = CONF_NONE;
	}
	return false;
}

bool steer_must_wait(const struct steering *s, const struct view *view,
	const struct pick_request *request, const struct client *client)
{
	size_t regions = s->conf->region_count;

	return must_wait(s, view, request->pool, request->region, lane_of_family(request->family),
		client->geo.region < regions ? client->geo.region : regions);
}

bool steer_is_settled(const struct steering *s, const struct view *view, uint16_t pool)
{
	if (view->all_ready)
		return true;
	for (size_t home = 0; home <= s->conf->region_count; home++) {
		if (must_wait(s, view, pool, CONF_NONE, LANE_EITHER, home))
			return false;
	}
	return true;
}
