/*
 * From a configuration's pools to plans (steer/plan.h).
 *
 * For each pool its endpoints are sorted into cells, and for each home region the cells by the
 * ranks that the pool's tier makers give them. Pools that do not use the client have one row for
 * all. Nothing here runs while serving.
 */
#include "geo/order.h"
#include "steer/plan.h"

#include <stdlib.h>

struct builder {
	struct steering *s;
	const uint16_t
		*region_rank; /* [(region_count + 1) * region_count]: inverse of the region order */
};

/* An endpoint on its way into a cell. */
struct item {
	uint16_t region, tier; /* CONF_NONE and 0 where they do not matter */
	uint32_t endpoint;
};

/* A cell on its way into a row. */
struct ranked {
	uint32_t rank[CONF_STEPS_MAX];
	uint16_t cell;
};

static int compare_items(const void *left, const void *right)
{
	const struct item *a = left, *b = right;

	if (a->region != b->region)
		return a->region < b->region ? -1 : 1;
	if (a->tier != b->tier)
		return a->tier < b->tier ? -1 : 1;
	return a->endpoint < b->endpoint ? -1 : a->endpoint > b->endpoint;
}

static int compare_ranked(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;

	for (size_t i = 0; i < CONF_STEPS_MAX; i++)
		if (a->rank[i] != b->rank[i])
			return a->rank[i] < b->rank[i] ? -1 : 1;
	return a->cell < b->cell ? -1 : a->cell > b->cell;
}

static bool uses(const struct conf_pool *pool, bool by_client)
{
	for (size_t i = 0; i < pool->step_count; i++) {
		const struct policy *p = policy_of(pool->steps[i]);

		if (by_client ? p->by_client : p->by_tier)
			return true;
	}
	return false;
}

static const struct policy *selector_of(const struct conf_pool *pool)
{
	for (size_t i = 0; i < pool->step_count; i++)
		if (policy_of(pool->steps[i])->choose != NULL)
			return policy_of(pool->steps[i]);
	return &policy_in_order;
}

static bool in_lane(const struct conf_endpoint *e, enum lane lane)
{
	return lane == LANE_EITHER || e->address[lane].family != FAMILY_NONE;
}

/* `items` sorted; one lane's members, where each cell's begin and how many of them can help to win:
 * who has weight 0 waits until nobody else serves. */
static int fill_lane(struct builder *b, const struct conf_pool *pool, const struct item *items,
	uint32_t count, enum lane lane, struct steer_plan *plan)
{
	bool by_weight = selector_of(pool)->by_weight;
	struct arena *a = &b->s->arena;
	uint32_t *first = arena_calloc(a, plan->cell_count + 1, sizeof *first);
	uint32_t *member = arena_calloc(a, count + 1, sizeof *member);
	uint16_t *able = arena_calloc(a, plan->cell_count, sizeof *able);
	uint32_t cell = 0, n = 0;

	if (first == NULL || member == NULL || able == NULL)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		const struct conf_endpoint *e = &b->s->conf->endpoints[items[i].endpoint];

		if (i > 0 && (items[i].region != items[i - 1].region ||
				     items[i].tier != items[i - 1].tier))
			first[++cell] = n;
		if (!in_lane(e, lane))
			continue;
		member[n++] = items[i].endpoint;
		if (!by_weight || e->weight > 0)
			able[cell]++;
	}
	first[cell + 1] = n;
	plan->first[lane] = first;
	plan->member[lane] = member;
	plan->able[lane] = able;
	return 0;
}

/* The row for one home region: ranks by every tier maker of the pool, then sorts. */
static void fill_row(const struct conf_pool *pool, const uint16_t *region_rank,
	const struct item *cells, uint32_t cell_count, struct ranked *ranked, uint16_t *row)
{
	for (uint32_t c = 0; c < cell_count; c++) {
		struct tier_place place = {region_rank, cells[c].region, cells[c].tier};
		size_t makers = 0;

		ranked[c] = (struct ranked){.cell = (uint16_t)c};
		for (size_t i = 0; i < pool->step_count; i++) {
			const struct policy *p = policy_of(pool->steps[i]);

			if (p->rank != NULL)
				ranked[c].rank[makers++] = p->rank(&place);
		}
	}
	qsort(ranked, cell_count, sizeof *ranked, compare_ranked);
	for (uint32_t c = 0; c < cell_count; c++)
		row[c] = ranked[c].cell;
}

static int fill_order(struct builder *b, const struct conf_pool *pool, const struct item *cells,
	struct steer_plan *plan)
{
	size_t regions = b->s->conf->region_count, n = plan->cell_count;
	struct ranked *ranked = calloc(n + 1, sizeof *ranked);
	uint16_t *order;

	plan->rows = uses(pool, true) ? (uint32_t)regions + 1 : 1;
	order = arena_calloc(&b->s->arena, plan->rows * n, sizeof *order);
	if (ranked == NULL || order == NULL) {
		free(ranked);
		return -1;
	}
	for (size_t row = 0; row < plan->rows; row++)
		fill_row(pool, b->region_rank + row * regions, cells, plan->cell_count, ranked,
			order + row * n);
	plan->order = order;
	free(ranked);
	return 0;
}

/* Sort the pool's endpoints into cells. `cells` gets the first item of each. */
static int fill_cells(struct builder *b, const struct conf_pool *pool, struct item *items,
	uint32_t count, struct item *cells, struct steer_plan *plan)
{
	uint16_t *region = arena_calloc(&b->s->arena, count, sizeof *region);

	if (region == NULL)
		return -1;
	qsort(items, count, sizeof *items, compare_items);
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0 && items[i].region == items[i - 1].region &&
			items[i].tier == items[i - 1].tier)
			continue;
		region[plan->cell_count] = items[i].region;
		cells[plan->cell_count++] = items[i];
	}
	plan->cell_region = region;
	for (enum lane lane = LANE_IPV4; lane < LANE_COUNT; lane++)
		if (fill_lane(b, pool, items, count, lane, plan) < 0)
			return -1;
	return 0;
}

static int build_plan(struct builder *b, const struct conf_pool *pool, bool by_region, bool ordered,
	struct steer_plan *plan)
{
	uint32_t count = pool->endpoint_count;
	struct item *items = calloc(2 * (size_t)count + 1, sizeof *items);
	bool by_tier = uses(pool, false);
	int rc = -1;

	if (items == NULL)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		const struct conf_endpoint *e = &b->s->conf->endpoints[pool->first_endpoint + i];

		items[i].endpoint = pool->first_endpoint + i;
		items[i].region = by_region ? e->region : CONF_NONE;
		items[i].tier = by_tier ? e->tier : 0;
	}
	if (fill_cells(b, pool, items, count, items + count, plan) == 0)
		rc = ordered ? fill_order(b, pool, items + count, plan) : 0;
	free(items);
	return rc;
}

/* More than one region among the pool's endpoints of this family? No region counts as one. */
static bool spans_regions(const struct conf *conf, const struct conf_pool *pool, enum lane lane)
{
	const struct conf_endpoint *seen = NULL;

	for (uint32_t i = 0; i < pool->endpoint_count; i++) {
		const struct conf_endpoint *e = &conf->endpoints[pool->first_endpoint + i];

		if (!in_lane(e, lane))
			continue;
		if (seen != NULL && e->region != seen->region)
			return true;
		seen = e;
	}
	return false;
}

static int compile_pool(struct builder *b, size_t index)
{
	const struct conf_pool *pool = &b->s->conf->pools[index];
	struct steer_pool *out = &b->s->pools[index];
	bool by_client = uses(pool, true);

	out->conf = pool;
	out->selector = selector_of(pool);
	for (enum lane lane = LANE_IPV4; lane < LANE_COUNT; lane++) {
		for (uint32_t i = 0; i < pool->endpoint_count && !out->has[lane]; i++)
			out->has[lane] =
				in_lane(&b->s->conf->endpoints[pool->first_endpoint + i], lane);
		out->client_matters[lane] = by_client && spans_regions(b->s->conf, pool, lane);
	}
	if (build_plan(b, pool, by_client, true, &out->all) < 0)
		return -1;
	if (by_client) {
		out->region = out->all; /* its cells tell regions apart anyway */
		return 0;
	}
	return build_plan(b, pool, true, false, &out->region);
}

/* The plan's places in a view. */
static void place_plan(struct steering *s, struct steer_plan *plan)
{
	plan->first_cell = s->cell_count;
	s->cell_count += plan->cell_count;
	for (enum lane lane = LANE_IPV4; lane < LANE_COUNT; lane++) {
		plan->first_member[lane] = s->member_count[lane];
		s->member_count[lane] += plan->first[lane][plan->cell_count];
	}
}

/* The pool's places in views and among the cursors. */
static void place_pool(struct steering *s, struct steer_pool *pool)
{
	place_plan(s, &pool->all);
	place_plan(s, &pool->region);
	pool->first_cursor = s->cursor_count;
	if (!pool->selector->takes_turns)
		return;
	pool->cursors = pool->all.cell_count + pool->region.cell_count;
	if (pool->conf->min_serving > 1) /* else the winner is always one cell */
		pool->cursors += pool->all.rows;
	s->cursor_count += (size_t)LANE_COUNT * pool->cursors;
}

/* The scope of a chain is that of its longest link, whether or not a fallback is in force. A
 * link without the asked family ends the chain. */
static void join_chains(struct steering *s)
{
	for (size_t i = 0; i < s->conf->pool_count; i++)
		for (enum lane lane = LANE_IPV4; lane < LANE_COUNT; lane++) {
			uint16_t next = s->conf->pools[i].fallback_pool;
			bool matters = s->pools[i].client_matters[lane];

			for (size_t n = 0; n < s->conf->pool_count && next != CONF_NONE && !matters;
				n++) {
				if (!s->pools[i].has[lane] || !s->pools[next].has[lane])
					break;
				matters = s->pools[next].client_matters[lane];
				next = s->conf->pools[next].fallback_pool;
			}
			s->pools[i].client_matters[lane] = matters;
		}
}

/* For each home region, and for none, the place of every region in its order. */
static const uint16_t *rank_regions(struct arena *a, const struct conf *conf)
{
	size_t n = conf->region_count;
	uint16_t *rank = arena_calloc(a, (n + 1) * n + 1, sizeof *rank);
	const uint16_t *order = geo_order_build(a, conf);

	if (rank == NULL || order == NULL)
		return NULL;
	for (size_t home = 0; home <= n; home++)
		for (size_t place = 0; place < n; place++)
			rank[home * n + order[home * n + place]] = (uint16_t)place;
	return rank;
}

int steer_compile(const struct conf *conf, struct steering **out, struct err *e)
{
	struct steering *s = calloc(1, sizeof *s);
	struct arena scratch = {0};
	struct builder b = {.s = s};
	int rc = -1;

	if (s == NULL)
		return err_set(e, "cannot compile the pools: out of memory");
	s->conf = conf;
	s->pools = arena_calloc(&s->arena, conf->pool_count + 1, sizeof *s->pools);
	b.region_rank = rank_regions(&scratch, conf);
	if (s->pools == NULL || b.region_rank == NULL)
		goto out;
	for (size_t i = 0; i < conf->pool_count; i++)
		if (compile_pool(&b, i) < 0)
			goto out;
	s->cursor_count = RETRY_CURSORS;
	for (size_t i = 0; i < conf->pool_count; i++)
		place_pool(s, &s->pools[i]);
	join_chains(s);
	*out = s;
	rc = 0;
out:
	arena_free(&scratch);
	if (rc < 0) {
		steer_free(s);
		return err_set(e, "cannot compile the pools: out of memory");
	}
	return 0;
}

void steer_free(struct steering *s)
{
	if (s == NULL)
		return;
	arena_free(&s->arena);
	free(s);
}

struct cell_range plan_find_region(const struct steer_plan *plan, uint16_t region)
{
	uint32_t low = 0, high = plan->cell_count;
	struct cell_range range;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (plan->cell_region[middle] < region)
			low = middle + 1;
		else
			high = middle;
	}
	range = (struct cell_range){low, low};
	while (range.end < plan->cell_count && plan->cell_region[range.end] == region)
		range.end++;
	return range;
}

bool steer_has_family(const struct steering *s, uint16_t pool, uint16_t region, uint8_t family)
{
	const struct steer_pool *p = &s->pools[pool];
	enum lane lane = lane_of_family(family);
	struct cell_range range;

	if (region == CONF_NONE)
		return p->has[lane];
	range = plan_find_region(&p->region, region);
	return p->region.first[lane][range.end] > p->region.first[lane][range.first];
}
