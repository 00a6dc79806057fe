/*
 * The pipeline's driver: gather candidates tier by tier, let the selector choose; when nothing
 * serves, do what when_all_down says.
 *
 *   pool ──▶ cells in the order of the client's home region ──▶ candidates ──▶ selector
 *            stop at the cell that brings them to min_serving  │ none
 *                                                              ▼
 *            all as if serving · last good ones · nothing · refuse · the next pool
 *
 * The scope never looks at the view, only at what was compiled: a resolver that caches two answers
 * for overlapping prefixes would mix them up (RFC 7871, 7.2.1).
 */
#include "steer/plan.h"

/* Which endpoints count. */
enum gather { GATHER_SERVING, GATHER_LAST_GOOD, GATHER_ALL };

/* The cells to look at, nearest first: list[0..count), or first, first + 1, ... without a list. */
struct walk {
	const struct steer_plan *plan;
	const uint16_t *list;
	uint32_t first, count;
};

/* One pick on its way through the pools. */
struct search {
	const struct view *view;
	const struct pick_request *request;
	enum lane lane;
	uint8_t good_bit; /* LAST_GOOD_POOL or LAST_GOOD_REGION */
	/* the earliest of what was looked at in this pool, or UINT64_MAX */
	uint64_t doubt_until_ms;
	struct candidates *found;
};

static bool is_excluded(const struct pick_request *request, uint32_t endpoint)
{
	for (size_t i = 0; i < request->exclude_count; i++)
		if (request->exclude[i] == endpoint)
			return true;
	return false;
}

/* Look at one address: its doubt counts in any case. Is it a candidate? */
static bool address_counts(struct search *s, enum gather kind, uint32_t endpoint, unsigned family)
{
	const struct view_state *state = &s->view->endpoint[endpoint].family[family];

	if (state->doubt_until_ms != 0 && state->doubt_until_ms < s->doubt_until_ms)
		s->doubt_until_ms = state->doubt_until_ms;
	switch (kind) {
	case GATHER_SERVING: return state->serving;
	case GATHER_LAST_GOOD: return (s->view->last_good[endpoint][family] & s->good_bit) != 0;
	case GATHER_ALL: return state->exists;
	}
	return false;
}

/* The endpoints of one cell, either family, whatever counts. */
static void gather_cell(struct search *s, enum gather kind, bool weightless, const uint32_t *member,
	const uint32_t *end)
{
	struct candidates *c = s->found;

	for (; member < end; member++) {
		bool ipv4 = s->lane != LANE_IPV6 && address_counts(s, kind, *member, 0);
		bool ipv6 = s->lane != LANE_IPV4 && address_counts(s, kind, *member, 1);
		/* where both count the weight is the same */
		uint16_t weight = s->view->endpoint[*member].family[ipv4 ? 0 : 1].weight;

		if ((!ipv4 && !ipv6) || (weight == 0 && !weightless) ||
			is_excluded(s->request, *member))
			continue;
		c->endpoint[c->count] = *member;
		c->weight[c->count++] = weight;
		c->total_weight += weight;
	}
}

/* Take one address in when it serves; its doubt counts in any case. */
static inline void consider(const struct view_state *state, uint32_t endpoint, bool weightless,
	uint64_t *doubt_until_ms, struct candidates *found)
{
	if (state->doubt_until_ms != 0 && state->doubt_until_ms < *doubt_until_ms)
		*doubt_until_ms = state->doubt_until_ms;
	if (!state->serving || (state->weight == 0 && !weightless))
		return;
	found->endpoint[found->count] = endpoint;
	found->weight[found->count++] = state->weight;
	found->total_weight += state->weight;
}

/* Fill s->found from the nearest cells that hold `enough` together; from all when they do not. */
static void gather_cells(struct search *s, const struct walk *walk, enum gather kind,
	bool weightless, uint32_t enough)
{
	const uint32_t *first = walk->plan->first[s->lane];
	const uint32_t *member = walk->plan->member[s->lane];

	s->found->count = 0;
	s->found->total_weight = 0;
	for (uint32_t i = 0; i < walk->count && s->found->count < enough; i++) {
		uint32_t cell = walk->list != NULL ? walk->list[i] : walk->first + i;

		gather_cell(s, kind, weightless, member + first[cell], member + first[cell + 1]);
	}
}

/* True when something was found. Weight 0 comes in only when nothing else is there. */
static bool gather(
	struct search *s, const struct steer_pool *pool, const struct walk *walk, enum gather kind)
{
	uint32_t enough = pool->conf->min_serving;

	gather_cells(s, walk, kind, !pool->selector->by_weight, enough);
	if (s->found->count == 0 && pool->selector->by_weight)
		gather_cells(s, walk, kind, true, enough);
	return s->found->count > 0;
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

static struct walk walk_of(const struct steering *s, const struct steer_pool *pool, uint16_t region,
	const struct client *client)
{
	struct walk walk = {.plan = &pool->all, .count = pool->all.cell_count};

	if (region != CONF_NONE) {
		struct cell_range range = plan_find_region(&pool->region, region);

		return (struct walk){&pool->region, NULL, range.first, range.end - range.first};
	}
	walk.list = pool->all.order;
	if (pool->all.rows > 1) {
		size_t regions = s->conf->region_count;
		size_t home = client->geo.region < regions ? client->geo.region : regions;

		walk.list += home * pool->all.cell_count;
	}
	return walk;
}

static void choose(const struct steer_pool *pool, uint16_t want, struct candidates *found,
	uint32_t *cursor, struct rng *rng, struct pick *out)
{
	if (want == 0)
		want = pool->conf->answers;
	if (want > PICK_MAX)
		want = PICK_MAX;
	out->kind = PICK_OK;
	out->count = pool->selector->choose(found, want, cursor, rng, out->endpoint);
}

/* What when_all_down finds in the pool itself; false when it holds nothing for this client. */
static bool gather_all_down(
	struct search *s, const struct steer_pool *pool, const struct walk *walk)
{
	switch (pool->conf->when_all_down) {
	case ALL_DOWN_LAST_GOOD:
		/* nothing ever served: all are as good as any */
		return gather(s, pool, walk, GATHER_LAST_GOOD) || gather(s, pool, walk, GATHER_ALL);
	case ALL_DOWN_SERVE_ALL: return gather(s, pool, walk, GATHER_ALL);
	case ALL_DOWN_NODATA:
	case ALL_DOWN_REFUSE:
	case ALL_DOWN_POOL: break;
	}
	return false;
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

/* One link of the chain: fill s->found with what may answer, lower the TTL by what is in doubt. */
static bool gather_in_pool(struct search *s, const struct steer_pool *pool, const struct walk *walk,
	uint64_t now_ms, struct pick *out)
{
	bool found;

	s->doubt_until_ms = UINT64_MAX;
	found = gather(s, pool, walk, GATHER_SERVING);
	set_lower(&out->ttl_s, doubtful_ttl(pool->conf, s->doubt_until_ms, now_ms));
	if (found)
		return true;
	out->degraded = true;
	return gather_all_down(s, pool, walk);
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

static void pick_any(const struct steering *s, const struct view *view,
	const struct pick_request *request, const struct client *client, uint64_t now_ms,
	uint32_t *cursor, struct rng *rng, struct pick *out)
{
	const struct steer_pool *pool = &s->pools[request->pool];
	uint16_t region = request->region;
	uint32_t ttl_min_s = pool->conf->ttl_min_s;
	struct candidates
		found; /* filled by gather_cells(); too large to be cleared for every pick */
	struct search search = {
		.view = view,
		.request = request,
		.lane = lane_of_family(request->family),
		.good_bit = region == CONF_NONE ? LAST_GOOD_POOL : LAST_GOOD_REGION,
		.found = &found,
	};

	set_empty(out, request, pool->conf->ttl_s);
	if (region == CONF_NONE ? !pool->has[search.lane]
				: !steer_has_family(s, request->pool, region, request->family)) {
		out->fixed = true;
		return;
	}
	out->scope = scope_of(s, pool, request, search.lane, client);
	/* conf refuses cycles; the bound holds even without it */
	for (size_t link = 0; link <= s->conf->pool_count; link++) {
		struct walk walk = walk_of(s, pool, region, client);

		if (gather_in_pool(&search, pool, &walk, now_ms, out)) {
			choose(pool, request->want, &found, &cursor[out->pool], rng, out);
			return;
		}
		set_lower(&ttl_min_s, pool->conf->ttl_min_s);
		if (pool->conf->when_all_down != ALL_DOWN_POOL)
			break;
		out->pool = pool->conf->fallback_pool;
		pool = &s->pools[out->pool];
		region = CONF_NONE;
		search.good_bit = LAST_GOOD_POOL;
		if (!pool->has[search.lane])
			break; /* no data of this family for anyone, not "all down" */
	}
	if (pool->conf->when_all_down == ALL_DOWN_REFUSE && pool->has[search.lane])
		out->kind = PICK_REFUSE;
	set_lower(&out->ttl_s, ttl_min_s);
}

/*
 * What nearly every answer asks for, in a third of the instructions: one family of the whole pool,
 * nobody excluded, and something serves. False: nothing does, or weights are all 0; pick_any() then
 * begins anew.
 */
static bool pick_usual(const struct steering *s, const struct view *view,
	const struct pick_request *request, const struct client *client, uint64_t now_ms,
	uint32_t *cursor, struct rng *rng, struct pick *out)
{
	const struct steer_pool *pool = &s->pools[request->pool];
	unsigned lane = request->family == FAMILY_IPV4 ? LANE_IPV4 : LANE_IPV6;
	uint32_t enough = pool->conf->min_serving;
	struct walk walk = walk_of(s, pool, CONF_NONE, client);
	const uint32_t *first = pool->all.first[lane], *member = pool->all.member[lane];
	bool weightless = !pool->selector->by_weight;
	uint64_t doubt_until_ms = UINT64_MAX;
	struct candidates found;

	found.count = found.total_weight = 0;
	for (uint32_t i = 0; i < walk.count && found.count < enough; i++) {
		const uint32_t *at = member + first[walk.list[i]];
		const uint32_t *end = member + first[walk.list[i] + 1];

		for (; at < end; at++)
			consider(&view->endpoint[*at].family[lane], *at, weightless,
				&doubt_until_ms, &found);
	}
	if (found.count == 0)
		return false;
	out->kind = PICK_OK;
	out->degraded = out->fixed = false;
	out->pool = request->pool;
	out->ttl_s = doubtful_ttl(pool->conf, doubt_until_ms, now_ms);
	out->scope = pool->client_matters[lane] ? client->geo.scope : 0;
	choose(pool, request->want, &found, &cursor[request->pool], rng, out);
	return true;
}

void steer_pick(const struct steering *s, const struct view *view,
	const struct pick_request *request, const struct client *client, uint64_t now_ms,
	uint32_t *cursor, struct rng *rng, struct pick *out)
{
	bool usual = request->region == CONF_NONE && request->family != FAMILY_NONE &&
		     request->exclude_count == 0;

	if (!usual || !pick_usual(s, view, request, client, now_ms, cursor, rng, out))
		pick_any(s, view, request, client, now_ms, cursor, rng, out);
}
