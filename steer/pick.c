/*
 * The pipeline's driver: find the tier that wins, let the selector choose in it; when nothing serves,
 * do what when_all_down says.
 *
 *   pool ──▶ cells in the order of the client's home region ──▶ tier ──▶ selector
 *            stop at the cell that brings it to min_serving       │ empty
 *                                                                 ▼
 *                       the same of the spare ones · nothing · refuse · the next pool
 *
 * A tier has enough when it has min_serving endpoints of the family that is asked for, or as many as
 * it could ever have: a tier of one IPv6 endpoint is not short of a second one.
 *
 * The scope never looks at the view, only at what was compiled: a resolver that caches two answers
 * for overlapping prefixes would mix them up (RFC 7871, 7.2.1).
 */
#include "base/hash.h"
#include "steer/layout.h"
#include "steer/plan.h"

/* One pick on its way through the pools. */
struct search {
	const struct steering *steering;
	const struct view *view;
	const struct pick_request *request;
	enum lane lane;
	const struct steer_pool *pool; /* the link of the chain at hand */
	const struct steer_plan *plan;
	uint32_t row; /* of plan->order; a region's first cell without it */
	uint64_t
		doubt_until_ms; /* the earliest of what was looked at in this pool, or UINT64_MAX */
	struct tier tier;
};

/* The client's row of plan->order. */
static uint32_t row_of(
	const struct steering *s, const struct steer_plan *plan, const struct client *client)
{
	size_t regions = s->conf->region_count;

	if (plan->rows == 1)
		return 0;
	return (uint32_t)(client->geo.region < regions ? client->geo.region : regions);
}

/* Where the request's region, or the client's, begins in the pool at hand. */
static void enter_pool(
	struct search *s, uint16_t pool, uint16_t region, const struct client *client)
{
	struct tier *t = &s->tier;
	const struct steer_plan *plan;

	s->pool = &s->steering->pools[pool];
	s->doubt_until_ms = UINT64_MAX;
	if (region != CONF_NONE) {
		struct cell_range range = plan_find_region(&s->pool->region, region);

		s->plan = plan = &s->pool->region;
		s->row = t->list_first = range.first;
		t->list = NULL;
		t->cells = range.end - range.first;
	} else {
		s->plan = plan = &s->pool->all;
		s->row = row_of(s->steering, plan, client);
		t->list = plan->order + (size_t)s->row * plan->cell_count;
		t->cells = plan->cell_count;
	}
	t->cell = s->view->cell[s->lane] + plan->first_cell;
	t->member = s->view->member[s->lane] + plan->first_member[s->lane];
	t->first = plan->first[s->lane];
}

/* Gaps for those that were tried already. */
static void exclude(struct search *s, uint32_t index, uint32_t offset)
{
	for (size_t i = 0; i < s->request->exclude_count; i++)
		(void)tier_exclude(&s->tier, index, offset, s->request->exclude[i]);
}

/* How many endpoints make the tier win after one more cell; `able` could be there in all before. */
static uint32_t enough_of(const struct search *s, uint32_t index, uint32_t *able)
{
	uint32_t cell = tier_cell(&s->tier, index), enough = s->pool->conf->min_serving;
	const uint32_t *first = s->tier.first;

	if (enough == 1)
		return 1;
	*able += s->tier.by_count ? first[cell + 1] - first[cell] : s->plan->able[s->lane][cell];
	return *able < enough ? *able : enough;
}

/* The nearest cells that have enough together; all, when they do not. False: nobody is there. Who was
 * tried already counts for the tier, but somebody else must be left in it. */
static bool find_tier(struct search *s, enum view_kind kind, bool by_count)
{
	struct tier *t = &s->tier;
	uint32_t found = 0, able = 0;

	t->kind = (uint8_t)kind;
	t->by_count = by_count;
	t->from = t->end = t->whole = t->left = t->count = t->taken_count = 0;
	while (t->end < t->cells) {
		const struct view_cell *cell = &t->cell[tier_cell(t, t->end)];
		const struct view_set *set = &cell->set[kind];
		uint32_t count = by_count ? set->count : set->weighted;
		uint32_t length = by_count ? set->count : set->weight;
		uint32_t enough = enough_of(s, t->end, &able);

		if (cell->doubt_until_ms < s->doubt_until_ms)
			s->doubt_until_ms = cell->doubt_until_ms;
		t->end++;
		if (count == 0)
			continue;
		t->alone = found == 0;
		if (t->alone)
			t->from = t->end - 1;
		found += count;
		t->count += count;
		t->left += length;
		if (s->request->exclude_count > 0)
			exclude(s, t->end - 1, t->whole);
		t->whole += length;
		if (found >= enough && t->count > 0)
			break;
	}
	return t->count > 0;
}

/* Weight 0 comes in only when nothing else is there. */
static bool gather(struct search *s, enum view_kind kind)
{
	return find_tier(s, kind, !s->pool->selector->by_weight) ||
	       (s->pool->selector->by_weight && find_tier(s, kind, true));
}

/* The pool's ttl; in doubt, what is left until a streak can end, rounded up, at least ttl_min. */
static uint32_t doubtful_ttl(const struct conf_pool *pool, uint64_t doubt_until_ms, uint64_t now_ms)
{
	uint64_t left_s;

	if (doubt_until_ms == UINT64_MAX)
		return pool->ttl_s;
	left_s = doubt_until_ms > now_ms ? (doubt_until_ms - now_ms + 999) / 1000 : 0;
	if (left_s >= pool->ttl_s)
		return pool->ttl_s;
	return left_s > pool->ttl_min_s ? (uint32_t)left_s : pool->ttl_min_s;
}

static void set_lower(uint32_t *value, uint32_t limit)
{
	if (limit < *value)
		*value = limit;
}

/* The client's place matters to the pool itself only when all of it may answer, to its fallbacks
 * always. */
static uint8_t scope_of(const struct steering *s, const struct steer_pool *pool,
	const struct pick_request *request, enum lane lane, const struct client *client)
{
	uint16_t next = pool->conf->fallback_pool;

	if (request->region != CONF_NONE)
		return next != CONF_NONE && s->pools[next].client_matters[lane] ? client->geo.scope
										: 0;
	return pool->client_matters[lane] ? client->geo.scope : 0;
}

/* What an answer without endpoints says. */
static void set_empty(struct pick *out, const struct pick_request *request, uint32_t ttl_s)
{
	out->kind = PICK_NO_DATA;
	out->degraded = false;
	out->fixed = false;
	out->pool = request->pool;
	out->count = 0;
	out->ttl_s = ttl_s;
	out->scope = 0;
}

/* A retry has a cursor of its own, so that it costs nobody a turn: one for each set of endpoints that
 * were tried, as far as there are. */
static size_t retry_cursor(const struct search *s)
{
	uint64_t tried = 0;

	for (size_t i = 0; i < s->request->exclude_count; i++)
		tried += hash_mix(0, s->request->exclude[i]); /* in whatever order */
	return (size_t)(hash_mix(tried, s->pool->first_cursor) % RETRY_CURSORS);
}

/* The cursor of the tier that won: see struct steer_pool. */
static size_t cursor_of(const struct search *s)
{
	const struct steer_pool *pool = s->pool;
	size_t at = (size_t)s->lane * pool->cursors;

	if (s->request->exclude_count > 0)
		return retry_cursor(s);
	if (s->plan == &pool->region)
		at += pool->cursors - pool->region.cell_count + s->row;
	else if (s->tier.alone)
		at += tier_cell(&s->tier, s->tier.from);
	else
		at += pool->all.cell_count + s->row;
	return pool->first_cursor + at;
}

static void choose(
	struct search *s, const struct cursors *cursors, struct rng *rng, struct pick *out)
{
	const struct policy *selector = s->pool->selector;
	uint16_t want = s->request->want;
	uint32_t turn = 0;

	if (want == 0)
		want = s->pool->conf->answers;
	if (want > PICK_MAX)
		want = PICK_MAX;
	if (selector->takes_turns)
		turn = cursors_advance(cursors, cursor_of(s));
	out->kind = PICK_OK;
	out->count = selector->choose(&s->tier, want, turn, rng, out->endpoint);
}

/* One link of the chain: find who may answer, lower the TTL by what is in doubt. */
static bool search_pool(struct search *s, uint64_t now_ms, struct pick *out)
{
	bool found = gather(s, VIEW_SERVING);

	set_lower(&out->ttl_s, doubtful_ttl(s->pool->conf, s->doubt_until_ms, now_ms));
	if (found)
		return true;
	out->degraded = true;
	return gather(s, VIEW_SPARE);
}

static void pick(struct search *s, const struct client *client, uint64_t now_ms,
	const struct cursors *cursors, struct rng *rng, struct pick *out)
{
	const struct pick_request *request = s->request;
	const struct steer_pool *pools = s->steering->pools, *pool = &pools[request->pool];
	uint16_t region = request->region;
	uint32_t ttl_min_s = UINT32_MAX;

	s->lane = lane_of_family(request->family);
	set_empty(out, request, pool->conf->ttl_s);
	if (region == CONF_NONE
			? !pool->has[s->lane]
			: !steer_has_family(s->steering, request->pool, region, request->family)) {
		out->fixed = true;
		return;
	}
	out->scope = scope_of(s->steering, pool, request, s->lane, client);
	/* conf refuses cycles; the bound holds even without it */
	for (size_t link = 0; link <= s->steering->conf->pool_count; link++) {
		enter_pool(s, out->pool, region, client);
		if (search_pool(s, now_ms, out)) {
			choose(s, cursors, rng, out);
			return;
		}
		pool = s->pool;
		set_lower(&ttl_min_s, pool->conf->ttl_min_s);
		if (pool->conf->when_all_down != ALL_DOWN_POOL)
			break;
		out->pool = pool->conf->fallback_pool;
		region = CONF_NONE;
		if (!pools[out->pool].has[s->lane]) {
			pool = &pools[out->pool];
			break; /* no data of this family for anyone, not "all down" */
		}
	}
	if (pool->conf->when_all_down == ALL_DOWN_REFUSE && pool->has[s->lane])
		out->kind = PICK_REFUSE;
	set_lower(&out->ttl_s, ttl_min_s);
}

/* Apart, for the sake of its large frame: room for gaps of any pool. */
static __attribute__((noinline)) void pick_again(struct search *s, const struct client *client,
	uint64_t now_ms, const struct cursors *cursors, struct rng *rng, struct pick *out)
{
	struct span taken[CONF_ENDPOINTS_MAX + PICK_MAX];

	s->tier.taken = taken;
	pick(s, client, now_ms, cursors, rng, out);
	s->tier.taken = NULL;
}

/*
 * What nearly every query asks for, in a third of the instructions: one address of one family of the
 * whole pool, nobody excluded, and the first cell with anybody in it is enough. False: it is not so;
 * pick() then begins anew.
 */
static bool pick_usual(const struct steering *s, const struct view *view,
	const struct pick_request *request, const struct client *client, uint64_t now_ms,
	const struct cursors *cursors, struct rng *rng, struct pick *out)
{
	const struct steer_pool *pool = &s->pools[request->pool];
	enum lane lane = request->family == FAMILY_IPV4 ? LANE_IPV4 : LANE_IPV6;
	const struct view_cell *cells = view->cell[lane] + pool->all.first_cell;
	const struct view_member *list = view->member[lane] + pool->all.first_member[lane];
	const uint16_t *order = pool->all.order;
	uint32_t cell, i = 0, turn = 0, point;
	uint64_t doubt_until_ms = UINT64_MAX;
	const struct view_set *set;

	order += (size_t)row_of(s, &pool->all, client) * pool->all.cell_count;
	do {
		if (i == pool->all.cell_count)
			return false;
		cell = order[i++];
		set = &cells[cell].set[VIEW_SERVING];
		if (cells[cell].doubt_until_ms < doubt_until_ms)
			doubt_until_ms = cells[cell].doubt_until_ms;
	} while (set->weighted == 0);
	if (set->weighted < pool->conf->min_serving || pool->selector->point == NULL)
		return false;
	if (pool->selector->takes_turns)
		turn = cursors_advance(
			cursors, pool->first_cursor + (size_t)lane * pool->cursors + cell);
	point = pool->selector->point(set, turn, rng);
	list += pool->all.first[lane][cell];
	out->kind = PICK_OK;
	out->degraded = out->fixed = false;
	out->pool = request->pool;
	out->count = 1;
	out->endpoint[0] = list[view_find(set, list, point)].endpoint;
	out->ttl_s = doubtful_ttl(pool->conf, doubt_until_ms, now_ms);
	out->scope = pool->client_matters[lane] ? client->geo.scope : 0;
	return true;
}

static __attribute__((noinline)) void pick_any(const struct steering *s, const struct view *view,
	const struct pick_request *request, const struct client *client, uint64_t now_ms,
	const struct cursors *cursors, struct rng *rng, struct pick *out)
{
	struct span taken[PICK_MAX];
	struct search search;

	search.steering = s;
	search.view = view;
	search.request = request;
	search.tier.taken = taken;
	if (request->exclude_count > 0)
		pick_again(&search, client, now_ms, cursors, rng, out);
	else
		pick(&search, client, now_ms, cursors, rng, out);
}

void steer_pick(const struct steering *s, const struct view *view,
	const struct pick_request *request, const struct client *client, uint64_t now_ms,
	const struct cursors *cursors, struct rng *rng, struct pick *out)
{
	uint16_t want = request->want != 0 ? request->want : s->pools[request->pool].conf->answers;
	bool usual = want == 1 && request->region == CONF_NONE && request->exclude_count == 0 &&
		     request->family != FAMILY_NONE;

	if (!usual || !pick_usual(s, view, request, client, now_ms, cursors, rng, out))
		pick_any(s, view, request, client, now_ms, cursors, rng, out);
}
