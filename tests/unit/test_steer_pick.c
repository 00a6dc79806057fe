/*
 * Picking against a slow reference that knows nothing of plans: it sorts all endpoints by their
 * ranks, walks the tiers and follows the fallbacks as the documentation's words say. Small pools
 * exhaustively, larger ones at random.
 */
#include "tests/unit/conf_fixture.h"

#include "geo/geo.h"
#include "steer/plan.h"
#include "steer/pool.h"

#include <math.h>

/* ---- the reference ---- */

struct world {
	struct conf *conf;
	struct steering *s;
	struct view *view;
	uint64_t now_ms;
};

/* What the reference expects: a set to choose from (in order), and how many. */
struct expected {
	enum pick_kind kind;
	bool degraded, fixed;
	uint16_t pool, count;
	uint32_t set[32];
	size_t set_count;
	bool alike; /* all of the tier weigh the same: their rotation is that of the file */
	uint32_t ttl_s;
	uint8_t scope;
	bool ordered, turns; /* must the picks be the first ones; or those whose turn it is? */
};

static bool has_step(const struct conf_pool *p, enum steer_step step)
{
	for (size_t i = 0; i < p->step_count; i++)
		if (p->steps[i] == step)
			return true;
	return false;
}

static bool in_family(const struct conf_endpoint *e, uint8_t family)
{
	return (family != FAMILY_IPV6 && e->address[0].family != FAMILY_NONE) ||
	       (family != FAMILY_IPV4 && e->address[1].family != FAMILY_NONE);
}

/* Regions lie on one meridian: distance is the difference of latitudes. */
static double region_rank(const struct conf *c, uint16_t home, uint16_t region)
{
	if (region == CONF_NONE)
		return 1e9;
	if (home == CONF_NONE)
		return region;
	if (region == home)
		return -1;
	return fabs(c->regions[region].latitude - c->regions[home].latitude) + region * 1e-6;
}

/* Below, equal, above: by the pool's tier makers in their order. */
static int compare(
	const struct world *w, const struct conf_pool *p, uint16_t home, uint32_t a, uint32_t b)
{
	const struct conf_endpoint *x = &w->conf->endpoints[a], *y = &w->conf->endpoints[b];

	for (size_t i = 0; i < p->step_count; i++) {
		double l = 0, r = 0;

		if (p->steps[i] == STEER_GEO) {
			l = region_rank(w->conf, home, x->region);
			r = region_rank(w->conf, home, y->region);
		} else if (p->steps[i] == STEER_FAILOVER) {
			l = x->tier;
			r = y->tier;
		}
		if (l < r || l > r)
			return l < r ? -1 : 1;
	}
	return 0;
}

/* LAST_GOOD and ALL: of those that do not serve and that no operator has taken out. */
enum source { SERVING, LAST_GOOD, ALL };

static bool counts(const struct world *w, uint32_t endpoint, const struct pick_request *r,
	uint16_t region, enum source source)
{
	bool serving = false, spare = false;

	for (int f = 0; f < 2; f++) {
		const struct view_state *s = &w->view->endpoint[endpoint].family[f];
		uint8_t bit = region == CONF_NONE ? LAST_GOOD_POOL : LAST_GOOD_REGION;

		if ((f == 0 && r->family == FAMILY_IPV6) || (f == 1 && r->family == FAMILY_IPV4) ||
			!s->exists)
			continue;
		serving = serving || s->serving;
		if (s->override != OVERRIDE_DRAIN && s->override != OVERRIDE_FORCE_DOWN)
			spare = spare || source == ALL ||
				(w->view->last_good[endpoint][f] & bit) != 0;
	}
	return source == SERVING ? serving : !serving && spare;
}

static bool is_excluded(const struct pick_request *r, uint32_t endpoint)
{
	for (size_t k = 0; k < r->exclude_count; k++)
		if (r->exclude[k] == endpoint)
			return true;
	return false;
}

static uint16_t weight_of(const struct world *w, uint32_t endpoint)
{
	const struct view_endpoint *e = &w->view->endpoint[endpoint];

	return e->family[e->family[0].exists ? 0 : 1].weight;
}

/* Fill e->set from tiers until min_serving is reached, or all that these tiers could ever have; the
 * earliest doubt of what was looked at into *doubt_ms. */
static void walk_tiers(const struct world *w, const struct pick_request *r, uint16_t pool,
	uint16_t region, uint16_t home, enum source source, bool zero_weights, struct expected *e,
	uint64_t *doubt_ms)
{
	const struct conf_pool *p = &w->conf->pools[pool];
	bool by_weight = has_step(p, STEER_WEIGHTED) || has_step(p, STEER_ROUND_ROBIN);
	uint32_t sorted[32];
	size_t n = 0, found = 0, could = 0;
	uint16_t first_weight = 0;

	for (uint32_t i = p->first_endpoint; i < p->first_endpoint + p->endpoint_count; i++)
		if (in_family(&w->conf->endpoints[i], r->family) &&
			(region == CONF_NONE || w->conf->endpoints[i].region == region))
			sorted[n++] = i;
	for (size_t i = 1; i < n; i++) /* insertion sort keeps file order within a tier */
		for (size_t k = i; k > 0 && compare(w, p, home, sorted[k - 1], sorted[k]) > 0;
			k--) {
			uint32_t swap = sorted[k];

			sorted[k] = sorted[k - 1];
			sorted[k - 1] = swap;
		}
	e->set_count = 0;
	e->alike = true;
	for (size_t i = 0; i < n; i++) {
		size_t enough = could < p->min_serving ? could : p->min_serving;

		if (i > 0 && e->set_count > 0 && found >= enough &&
			compare(w, p, home, sorted[i - 1], sorted[i]) != 0)
			break;
		for (int f = 0; f < 2; f++) {
			const struct view_state *s = &w->view->endpoint[sorted[i]].family[f];

			if (!((f == 0 && r->family == FAMILY_IPV6) ||
				    (f == 1 && r->family == FAMILY_IPV4)) &&
				s->doubt_until_ms != 0 && s->doubt_until_ms < *doubt_ms)
				*doubt_ms = s->doubt_until_ms;
		}
		if (zero_weights || !by_weight || w->conf->endpoints[sorted[i]].weight > 0)
			could++;
		if (!counts(w, sorted[i], r, region, source) ||
			(!zero_weights && w->view->endpoint[sorted[i]].family[0].weight == 0 &&
				w->view->endpoint[sorted[i]].family[1].weight == 0))
			continue;
		if (found == 0)
			first_weight = weight_of(w, sorted[i]);
		else if (weight_of(w, sorted[i]) != first_weight && !zero_weights)
			e->alike = false;
		found++;
		if (!is_excluded(r, sorted[i]))
			e->set[e->set_count++] = sorted[i];
	}
}

static bool find(const struct world *w, const struct pick_request *r, uint16_t pool,
	uint16_t region, uint16_t home, enum source source, struct expected *e, uint64_t *doubt_ms)
{
	const struct conf_pool *p = &w->conf->pools[pool];
	bool weighted = has_step(p, STEER_WEIGHTED) || has_step(p, STEER_ROUND_ROBIN);

	walk_tiers(w, r, pool, region, home, source, !weighted, e, doubt_ms);
	if (e->set_count == 0 && weighted)
		walk_tiers(w, r, pool, region, home, source, true, e, doubt_ms);
	return e->set_count > 0;
}

static bool pool_has(const struct conf *c, uint16_t pool, uint16_t region, uint8_t family)
{
	const struct conf_pool *p = &c->pools[pool];

	for (uint32_t i = p->first_endpoint; i < p->first_endpoint + p->endpoint_count; i++)
		if (in_family(&c->endpoints[i], family) &&
			(region == CONF_NONE || c->endpoints[i].region == region))
			return true;
	return false;
}

/* The longest of the chain's links, by configuration alone. */
static uint8_t scope_of(
	const struct conf *c, uint16_t pool, uint16_t region, uint8_t family, uint8_t scope)
{
	while (pool != CONF_NONE && pool_has(c, pool, region, family)) {
		const struct conf_pool *p = &c->pools[pool];
		uint16_t seen[32];
		size_t count = 0;

		for (uint32_t i = p->first_endpoint; i < p->first_endpoint + p->endpoint_count; i++)
			if (in_family(&c->endpoints[i], family) &&
				(region == CONF_NONE || c->endpoints[i].region == region))
				seen[count++] = c->endpoints[i].region;
		for (size_t i = 1; i < count && has_step(p, STEER_GEO); i++)
			if (seen[i] != seen[0])
				return scope;
		pool = p->when_all_down == ALL_DOWN_POOL ? p->fallback_pool : CONF_NONE;
		region = CONF_NONE;
	}
	return 0;
}

static uint32_t ttl_in_doubt(const struct conf_pool *p, uint64_t doubt_ms, uint64_t now_ms)
{
	double left_s = doubt_ms <= now_ms ? 0 : ceil((double)(doubt_ms - now_ms) / 1000);

	if (doubt_ms == UINT64_MAX || left_s > p->ttl_s)
		return p->ttl_s;
	return left_s < p->ttl_min_s ? p->ttl_min_s : (uint32_t)left_s;
}

static void finish(const struct world *w, const struct pick_request *r, struct expected *e)
{
	const struct conf_pool *p = &w->conf->pools[e->pool];
	size_t want = r->want != 0 ? r->want : p->answers;

	e->kind = PICK_OK;
	e->count = (uint16_t)(e->set_count < want ? e->set_count : want);
	e->turns = has_step(p, STEER_ROUND_ROBIN);
	e->ordered = !e->turns && !has_step(p, STEER_WEIGHTED);
}

/* Did anybody of the pool, or of the region, ever serve who may do so again? */
static bool anybody_good(
	const struct world *w, const struct pick_request *r, uint16_t pool, uint16_t region)
{
	const struct conf_pool *p = &w->conf->pools[pool];
	uint8_t bit = region == CONF_NONE ? LAST_GOOD_POOL : LAST_GOOD_REGION;

	for (uint32_t i = p->first_endpoint; i < p->first_endpoint + p->endpoint_count; i++)
		for (int f = 0; f < 2; f++) {
			const struct view_state *s = &w->view->endpoint[i].family[f];

			if ((f == 0 && r->family == FAMILY_IPV6) ||
				(f == 1 && r->family == FAMILY_IPV4) || !s->exists ||
				(region != CONF_NONE && w->conf->endpoints[i].region != region))
				continue;
			if (s->override != OVERRIDE_DRAIN && s->override != OVERRIDE_FORCE_DOWN &&
				(w->view->last_good[i][f] & bit) != 0)
				return true;
		}
	return false;
}

static struct expected expect(
	const struct world *w, const struct pick_request *r, const struct client *client)
{
	struct expected e = {.kind = PICK_NO_DATA, .pool = r->pool};
	uint16_t region = r->region, home = client->geo.region;
	uint32_t ttl_min_s = UINT32_MAX;

	e.fixed = !pool_has(w->conf, r->pool, region, r->family);
	e.ttl_s = w->conf->pools[r->pool].ttl_s;
	if (e.fixed)
		return e;
	e.scope = scope_of(w->conf, r->pool, region, r->family, client->geo.scope);
	for (;;) {
		const struct conf_pool *p = &w->conf->pools[e.pool];
		uint64_t doubt_ms = UINT64_MAX;
		bool found = find(w, r, e.pool, region, home, SERVING, &e, &doubt_ms);
		uint32_t ttl_s = ttl_in_doubt(p, doubt_ms, w->now_ms);

		e.ttl_s = ttl_s < e.ttl_s ? ttl_s : e.ttl_s;
		ttl_min_s = p->ttl_min_s < ttl_min_s ? p->ttl_min_s : ttl_min_s;
		if (!found) {
			bool good = p->when_all_down == ALL_DOWN_LAST_GOOD &&
				    anybody_good(w, r, e.pool, region);

			e.degraded = true;
			if (p->when_all_down == ALL_DOWN_LAST_GOOD ||
				p->when_all_down == ALL_DOWN_SERVE_ALL)
				found = find(w, r, e.pool, region, home, good ? LAST_GOOD : ALL, &e,
					&doubt_ms);
		}
		if (found) {
			finish(w, r, &e);
			return e;
		}
		if (p->when_all_down != ALL_DOWN_POOL) {
			if (p->when_all_down == ALL_DOWN_REFUSE)
				e.kind = PICK_REFUSE;
			break;
		}
		e.pool = p->fallback_pool;
		region = CONF_NONE;
		if (!pool_has(w->conf, e.pool, CONF_NONE, r->family))
			break;
	}
	e.ttl_s = ttl_min_s < e.ttl_s ? ttl_min_s : e.ttl_s;
	return e;
}

static void check_picks(const struct expected *e, const struct pick *p, uint32_t cursor)
{
	for (size_t i = 0; i < p->count; i++) {
		bool member = false;

		for (size_t k = 0; k < e->set_count; k++)
			member = member || e->set[k] == p->endpoint[i];
		assert_true(member);
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(p->endpoint[k], p->endpoint[i]);
		if (e->ordered)
			assert_int_equal(p->endpoint[i], e->set[i]);
		if (e->turns && e->alike)
			assert_int_equal(p->endpoint[i], e->set[(cursor + i) % e->set_count]);
	}
}

/* How many of the cursors [first, end) have moved, by one each. */
static size_t moved(const struct cursors *c, size_t first, size_t end, uint32_t from)
{
	size_t n = 0;

	for (size_t i = first; i < end; i++) {
		uint32_t at = atomic_load(&c->at[i]);

		assert_true(at == from || at == from + 1);
		n += at != from;
	}
	return n;
}

static void check(const struct world *w, const struct pick_request *r, const struct client *client,
	uint32_t cursor, struct rng *rng)
{
	struct expected e = expect(w, r, client);
	bool turn = e.kind == PICK_OK && e.turns, retry = r->exclude_count > 0;
	struct cursors cursors;
	struct pick p;

	memset(&p, 0xa5, sizeof p);
	assert_int_equal(cursors_open(&cursors, w->s->cursor_count, false), 0);
	for (size_t i = 0; i < cursors.count; i++)
		atomic_store(&cursors.at[i], cursor);
	steer_pick(w->s, w->view, r, client, w->now_ms, &cursors, rng, &p);
	assert_int_equal(p.kind, e.kind);
	assert_int_equal(p.degraded, e.degraded);
	assert_int_equal(p.fixed, e.fixed);
	assert_int_equal(p.pool, e.pool);
	assert_int_equal(p.count, e.count);
	assert_int_equal(p.ttl_s, e.ttl_s);
	assert_int_equal(p.scope, e.scope);
	assert_int_equal(steer_has_family(w->s, r->pool, r->region, r->family), !e.fixed);
	check_picks(&e, &p, cursor);
	assert_int_equal(moved(&cursors, 0, RETRY_CURSORS, cursor), turn && retry);
	assert_int_equal(moved(&cursors, RETRY_CURSORS, cursors.count, cursor), turn && !retry);
	cursors_close(&cursors);
}

/* ---- worlds ---- */

static void open_world(struct world *w)
{
	struct err e = {0};

	if (steer_compile(w->conf, &w->s, &e) < 0)
		fail_msg("%s", e.text);
	w->view = view_new_laid_out(w->s, VIEW_FOR_ALL);
	assert_non_null(w->view);
	w->now_ms = 1000000;
	for (size_t i = 0; i < w->conf->endpoint_count; i++)
		for (int f = 0; f < 2; f++) {
			struct view_state *s = &w->view->endpoint[i].family[f];

			s->exists = w->conf->endpoints[i].address[f].family != FAMILY_NONE;
			s->weight = w->conf->endpoints[i].weight;
		}
}

static void close_world(struct world *w)
{
	view_free(w->view);
	steer_free(w->s);
	fixture_free(w->conf);
}

static void set_serving(struct world *w, uint32_t endpoint, bool serving)
{
	for (int f = 0; f < 2; f++)
		w->view->endpoint[endpoint].family[f].serving =
			serving && w->view->endpoint[endpoint].family[f].exists;
	view_lay_out(w->view);
}

/* As view_build() would have it. */
static void set_override(struct world *w, uint32_t endpoint, enum override override)
{
	for (int f = 0; f < 2; f++) {
		struct view_state *s = &w->view->endpoint[endpoint].family[f];

		s->override = (uint8_t) override;
		if (override != OVERRIDE_NONE)
			s->serving = s->exists && override == OVERRIDE_FORCE_UP;
	}
	view_lay_out(w->view);
}

static const struct {
	enum steer_step steps[3];
	size_t count;
} pipelines[] = {
	{{STEER_GEO}, 0},
	{{STEER_GEO}, 1},
	{{STEER_FAILOVER}, 1},
	{{STEER_WEIGHTED}, 1},
	{{STEER_ROUND_ROBIN}, 1},
	{{STEER_GEO, STEER_FAILOVER}, 2},
	{{STEER_FAILOVER, STEER_GEO}, 2},
	{{STEER_GEO, STEER_WEIGHTED}, 2},
	{{STEER_GEO, STEER_ROUND_ROBIN}, 2},
	{{STEER_FAILOVER, STEER_WEIGHTED}, 2},
	{{STEER_FAILOVER, STEER_ROUND_ROBIN}, 2},
	{{STEER_GEO, STEER_FAILOVER, STEER_WEIGHTED}, 3},
	{{STEER_FAILOVER, STEER_GEO, STEER_ROUND_ROBIN}, 3},
};

static void set_pipeline(struct conf_pool *p, size_t index)
{
	p->step_count = 0;
	for (size_t i = 0; i < pipelines[index].count; i++)
		fixture_step(p, pipelines[index].steps[i]);
}

static struct conf *three_regions(void)
{
	struct conf *c = fixture_conf();

	fixture_region_at(c, "north", "", 60, 0);
	fixture_region_at(c, "middle", "", 10, 0);
	fixture_region_at(c, "south", "default", -30, 0);
	return c;
}

/* Five endpoints, in all regions and none, one IPv6 only, one of weight 0; and a fallback of
 * two. */
static struct conf *small_conf(size_t pipeline, enum all_down_kind all_down, uint16_t min_serving)
{
	struct conf *c = three_regions();
	struct conf_pool *web = fixture_pool(c, "web"), *spare;

	set_pipeline(web, pipeline);
	web->when_all_down = all_down;
	web->fallback_pool = all_down == ALL_DOWN_POOL ? 1 : CONF_NONE;
	web->min_serving = min_serving;
	web->answers = 2;
	fixture_endpoint(c, 2, "192.0.2.1", "2001:db8::1", 5);
	fixture_endpoint(c, 0, "192.0.2.2", NULL, 10);
	c->endpoints[fixture_endpoint(c, 0, "192.0.2.3", NULL, 0)].tier = 2;
	c->endpoints[fixture_endpoint(c, 1, NULL, "2001:db8::4", 1)].tier = 3;
	c->endpoints[fixture_endpoint(c, CONF_NONE, "192.0.2.5", NULL, 7)].tier = 2;
	spare = fixture_pool(c, "spare");
	set_pipeline(spare, 1);
	spare->when_all_down = ALL_DOWN_REFUSE;
	spare->ttl_s = 20;
	spare->ttl_min_s = 5;
	fixture_endpoint(c, 1, "192.0.2.6", NULL, 1);
	fixture_endpoint(c, 2, "192.0.2.7", NULL, 1);
	return c;
}

static void try_requests(struct world *w, struct rng *rng)
{
	static const uint8_t families[] = {FAMILY_IPV4, FAMILY_IPV6, FAMILY_NONE};

	for (int f = 0; f < 3; f++)
		for (int region = -1; region < 3; region++)
			for (int home = -1; home < 3; home++) {
				struct pick_request r = {.pool = 0,
					.region = region < 0 ? CONF_NONE : (uint16_t)region,
					.family = families[f]};
				struct client client = {
					.geo = {home < 0 ? CONF_NONE : (uint16_t)home, 17, true}};

				check(w, &r, &client, (uint32_t)(home + 7), rng);
			}
}

static void small_pools_equal_the_reference_in_every_state(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 8);
	for (size_t pipeline = 0; pipeline < COUNT(pipelines); pipeline++)
		for (int all_down = ALL_DOWN_SERVE_ALL; all_down <= (int)ALL_DOWN_POOL; all_down++)
			for (uint16_t min_serving = 1; min_serving <= 3; min_serving++) {
				struct world w = {
					.conf = small_conf(pipeline, (enum all_down_kind)all_down,
						min_serving)};

				open_world(&w);
				for (unsigned up = 0; up < 1u << 7; up++) {
					if (up >> 5 == 1 ||
						(all_down != (int)ALL_DOWN_POOL && up >> 5 != 0))
						continue; /* the spare's: none, one, both */
					for (uint32_t i = 0; i < 7; i++)
						set_serving(&w, i, (up >> i & 1u) != 0);
					try_requests(&w, &rng);
				}
				close_world(&w);
			}
}

static void random_endpoints(struct conf *c, struct rng *rng)
{
	uint32_t count = 1 + rng_below(rng, 8);

	for (uint32_t i = 0; i < count; i++) {
		uint32_t families = 1 + rng_below(rng, 3);
		uint16_t region = (uint16_t)rng_below(rng, 4);
		uint32_t e = fixture_endpoint(c, region == 3 ? CONF_NONE : region,
			families & 1 ? "192.0.2.1" : NULL, families & 2 ? "2001:db8::1" : NULL,
			(uint16_t)rng_below(rng, 4));

		c->endpoints[e].tier = (uint16_t)(1 + rng_below(rng, 3));
	}
}

/* Up to four pools, each may fall back to a later one. */
static struct conf *random_conf(struct rng *rng)
{
	struct conf *c = three_regions();
	uint32_t pools = 1 + rng_below(rng, 4);

	for (uint32_t i = 0; i < pools; i++) {
		struct conf_pool *p = fixture_pool(c, "p");

		set_pipeline(p, rng_below(rng, COUNT(pipelines)));
		p->when_all_down = (enum all_down_kind)rng_below(rng, i + 1 < pools ? 5 : 4);
		if (i + 1 < pools && rng_below(rng, 2))
			p->when_all_down = ALL_DOWN_POOL;
		if (p->when_all_down == ALL_DOWN_POOL)
			p->fallback_pool = (uint16_t)(i + 1 + rng_below(rng, pools - i - 1));
		p->min_serving = (uint16_t)(1 + rng_below(rng, 3));
		p->answers = (uint16_t)(1 + rng_below(rng, 4));
		p->ttl_s = rng_below(rng, 60);
		p->ttl_min_s = rng_below(rng, p->ttl_s + 1);
		random_endpoints(c, rng);
	}
	return c;
}

static void random_states(struct world *w, struct rng *rng)
{
	uint32_t odds = 1 + rng_below(rng, 6);

	for (size_t i = 0; i < w->conf->endpoint_count; i++)
		for (int f = 0; f < 2; f++) {
			struct view_state *s = &w->view->endpoint[i].family[f];

			if (!s->exists)
				continue;
			s->serving = rng_below(rng, 6) >= odds;
			s->doubt_until_ms =
				rng_below(rng, 3) ? 0 : w->now_ms - 5000 + rng_below(rng, 70000);
			w->view->last_good[i][f] = (uint8_t)rng_below(rng, 4);
			if (rng_below(rng, 5) == 0) {
				s->serving = false;
				s->override =
					rng_below(rng, 2) ? OVERRIDE_DRAIN : OVERRIDE_FORCE_DOWN;
			} else {
				s->override = OVERRIDE_NONE;
			}
		}
	view_lay_out(w->view);
}

static void random_pools_equal_the_reference(void **state)
{
	static const uint8_t families[] = {FAMILY_IPV4, FAMILY_IPV6, FAMILY_NONE};
	struct rng rng;

	(void)state;
	rng_seed(&rng, 20261123);
	for (int round = 0; round < 3000; round++) {
		struct world w = {.conf = random_conf(&rng)};

		open_world(&w);
		for (int i = 0; i < 20; i++) {
			uint32_t exclude[3], region = rng_below(&rng, 6), home = rng_below(&rng, 4);
			struct pick_request r = {
				.pool = (uint16_t)rng_below(&rng, (uint32_t)w.conf->pool_count),
				.region = region < 3 ? (uint16_t)region : CONF_NONE,
				.family = families[rng_below(&rng, 3)],
				.want = (uint16_t)rng_below(&rng, 5),
				.exclude = exclude,
				.exclude_count = rng_below(&rng, 2) ? 0 : rng_below(&rng, 4)};
			struct client client = {.geo = {home < 3 ? (uint16_t)home : CONF_NONE,
							(uint8_t)rng_below(&rng, 33), true}};

			for (size_t k = 0; k < 3; k++)
				exclude[k] = rng_below(&rng, (uint32_t)w.conf->endpoint_count);
			random_states(&w, &rng);
			check(&w, &r, &client, rng_below(&rng, 1000), &rng);
		}
		close_world(&w);
	}
}

/* ---- what the words say, by hand ---- */

static struct pick pick_once(
	const struct world *w, uint16_t pool, uint16_t region, uint8_t family, uint16_t home)
{
	struct pick_request r = {.pool = pool, .region = region, .family = family};
	struct client client = {.geo = {home, 24, true}};
	struct cursors cursors;
	struct rng rng;
	struct pick p;

	rng_seed(&rng, 1);
	assert_int_equal(cursors_open(&cursors, w->s->cursor_count, false), 0);
	steer_pick(w->s, w->view, &r, &client, w->now_ms, &cursors, &rng, &p);
	cursors_close(&cursors);
	return p;
}

static void the_scope_is_the_same_whether_or_not_a_fallback_is_in_force(void **state)
{
	struct world w = {.conf = three_regions()};
	struct conf_pool *p = fixture_pool(w.conf, "local");

	(void)state;
	p->when_all_down = ALL_DOWN_POOL;
	p->fallback_pool = 1;
	fixture_endpoint(w.conf, 0, "192.0.2.1", "2001:db8::1", 1);
	fixture_step(fixture_pool(w.conf, "world"), STEER_GEO);
	fixture_endpoint(w.conf, 0, "192.0.2.2", NULL, 1);
	fixture_endpoint(w.conf, 1, "192.0.2.3", "2001:db8::3", 1);
	open_world(&w);
	set_serving(&w, 0, true);
	set_serving(&w, 1, true);
	assert_int_equal(pick_once(&w, 0, CONF_NONE, FAMILY_IPV4, 0).scope, 24);
	assert_int_equal(pick_once(&w, 0, 0, FAMILY_IPV4, 0).scope,
		24); /* region=north too: it may fall back */
	assert_int_equal(pick_once(&w, 1, 0, FAMILY_IPV4, 0).scope, 0);
	assert_int_equal(pick_once(&w, 0, CONF_NONE, FAMILY_IPV6, 0).scope,
		0); /* one region has IPv6 there */
	set_serving(&w, 0, false);
	assert_int_equal(pick_once(&w, 0, CONF_NONE, FAMILY_IPV4, 0).scope, 24);
	assert_int_equal(pick_once(&w, 0, CONF_NONE, FAMILY_IPV4, 0).pool, 1);
	close_world(&w);
}

static void a_region_never_spills_into_another(void **state)
{
	struct world w = {.conf = small_conf(7, ALL_DOWN_NODATA, 2)};
	struct pick p;

	(void)state;
	open_world(&w);
	for (uint32_t i = 0; i < 7; i++)
		set_serving(&w, i, i != 1 && i != 2); /* the north is down */
	p = pick_once(&w, 0, 0, FAMILY_IPV4, 0);
	assert_int_equal(p.kind, PICK_NO_DATA);
	assert_true(p.degraded);
	assert_false(p.fixed);
	assert_int_equal(p.ttl_s, 15); /* ttl_min */
	p = pick_once(&w, 0, CONF_NONE, FAMILY_IPV4, 0);
	assert_int_equal(p.kind, PICK_OK);
	close_world(&w);
}

static void weight_0_waits_until_nothing_else_serves(void **state)
{
	struct world w = {.conf = small_conf(7, ALL_DOWN_NODATA, 1)};
	struct pick p;

	(void)state;
	open_world(&w);
	set_serving(&w, 2, true); /* north, weight 0 */
	set_serving(&w, 0, true); /* south, weight 5 */
	p = pick_once(&w, 0, CONF_NONE, FAMILY_IPV4, 0);
	assert_int_equal(p.count, 1);
	assert_int_equal(p.endpoint[0], 0);
	set_serving(&w, 0, false);
	p = pick_once(&w, 0, CONF_NONE, FAMILY_IPV4, 0);
	assert_int_equal(p.endpoint[0], 2);
	assert_false(p.degraded);
	close_world(&w);
}

static void ttl_is_lowered_by_doubt_that_the_decision_rests_on(void **state)
{
	static const struct {
		uint32_t endpoint;
		uint64_t after_ms;
		uint32_t ttl_s;
	} cases[] = {
		{1, 20000, 20}, {1, 19001, 20}, {1, 19000, 19}, {1, 100, 15}, {1, 90000, 30},
		{2, 20000, 20}, /* down, in the same tier: may come back */
		{0, 20000, 30}, /* farther: not looked at */
	};
	struct world w = {.conf = small_conf(1, ALL_DOWN_NODATA, 1)};

	(void)state;
	open_world(&w);
	set_serving(&w, 0, true);
	set_serving(&w, 1, true);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct view_state *s = &w.view->endpoint[cases[i].endpoint].family[0];

		s->doubt_until_ms = w.now_ms + cases[i].after_ms;
		view_lay_out(w.view);
		assert_int_equal(pick_once(&w, 0, CONF_NONE, FAMILY_IPV4, 0).ttl_s, cases[i].ttl_s);
		s->doubt_until_ms = 0;
	}
	close_world(&w);
}

static void a_pool_without_the_family_is_no_data_for_everyone(void **state)
{
	struct world w = {.conf = three_regions()};
	struct conf_pool *p = fixture_pool(w.conf, "ipv4");
	struct pick out;

	(void)state;
	p->when_all_down = ALL_DOWN_POOL;
	p->fallback_pool = 1;
	fixture_endpoint(w.conf, 0, "192.0.2.1", NULL, 1);
	fixture_pool(w.conf, "ipv6");
	fixture_endpoint(w.conf, 0, NULL, "2001:db8::1", 1);
	open_world(&w);
	set_serving(&w, 1, true);
	out = pick_once(&w, 0, CONF_NONE, FAMILY_IPV6, 0);
	assert_int_equal(out.kind, PICK_NO_DATA);
	assert_true(out.fixed);
	assert_int_equal(out.scope, 0);
	assert_int_equal(out.pool, 0);
	out = pick_once(&w, 0, CONF_NONE, FAMILY_IPV4, 0); /* down, and the fallback has no IPv4 */
	assert_int_equal(out.kind, PICK_NO_DATA);
	assert_false(out.fixed);
	assert_true(out.degraded);
	close_world(&w);
}

/* Two endpoints, both families each. */
static struct conf *pair(enum steer_step step, enum all_down_kind all_down)
{
	struct conf *c = three_regions();
	struct conf_pool *p = fixture_pool(c, "web");

	fixture_step(p, step);
	p->when_all_down = all_down;
	p->answers = 4;
	fixture_endpoint(c, 0, "192.0.2.1", "2001:db8::1", 1);
	c->endpoints[fixture_endpoint(c, 0, "192.0.2.2", "2001:db8::2", 1)].tier = 2;
	return c;
}

/* The first is drained or forced down, the second fails its checks. */
static void what_an_operator_took_out_never_answers(void **state)
{
	static const enum steer_step steps[] = {STEER_FAILOVER, STEER_WEIGHTED, STEER_ROUND_ROBIN};
	static const enum all_down_kind forms[] = {ALL_DOWN_SERVE_ALL, ALL_DOWN_LAST_GOOD};
	static const uint8_t families[] = {FAMILY_IPV4, FAMILY_IPV6, FAMILY_NONE};

	(void)state;
	for (size_t i = 0; i < COUNT(steps) * COUNT(forms) * COUNT(families) * 4; i++) {
		uint8_t family = families[i / 4 % 3];
		uint16_t region = i % 4 < 2 ? CONF_NONE : 0;
		struct world w = {.conf = pair(steps[i / 24], forms[i / 12 % 2])};
		struct pick p;

		open_world(&w);
		for (int f = 0; f < 2; f++) /* the operator's one served last */
			w.view->last_good[0][f] = LAST_GOOD_POOL | LAST_GOOD_REGION;
		set_override(&w, 0, i % 2 == 0 ? OVERRIDE_DRAIN : OVERRIDE_FORCE_DOWN);
		p = pick_once(&w, 0, region, family, 0);
		assert_int_equal(p.kind, PICK_OK);
		assert_true(p.degraded);
		assert_int_equal(p.count, 1);
		assert_int_equal(p.endpoint[0], 1);
		set_override(&w, 1, OVERRIDE_DRAIN); /* nothing else exists: the form's end */
		p = pick_once(&w, 0, region, family, 0);
		assert_int_equal(p.kind, PICK_NO_DATA);
		assert_true(p.degraded);
		assert_false(p.fixed);
		set_override(&w, 0, OVERRIDE_FORCE_UP);
		p = pick_once(&w, 0, region, family, 0);
		assert_int_equal(p.endpoint[0], 0);
		assert_int_equal(p.count, 1);
		close_world(&w);
	}
}

/* A fallback pool is no way around it either, and its own form decides when it is all drained. */
static void a_fallback_heeds_the_operator(void **state)
{
	struct world w = {.conf = pair(STEER_WEIGHTED, ALL_DOWN_POOL)};
	struct conf_pool *spare = fixture_pool(w.conf, "spare");

	(void)state;
	w.conf->pools[0].fallback_pool = 1;
	spare->when_all_down = ALL_DOWN_REFUSE;
	fixture_endpoint(w.conf, 0, "192.0.2.3", NULL, 1);
	open_world(&w);
	set_serving(&w, 2, true);
	set_override(&w, 0, OVERRIDE_DRAIN);
	set_override(&w, 1, OVERRIDE_DRAIN);
	assert_int_equal(pick_once(&w, 0, CONF_NONE, FAMILY_IPV4, 0).endpoint[0], 2);
	set_override(&w, 2, OVERRIDE_DRAIN);
	assert_int_equal(pick_once(&w, 0, CONF_NONE, FAMILY_IPV4, 0).kind, PICK_REFUSE);
	close_world(&w);
}

/* North: two IPv4 and one IPv6; middle: two of each. */
static void min_serving_counts_the_family_and_what_the_tier_has(void **state)
{
	struct world w = {.conf = three_regions()};
	struct conf_pool *p = fixture_pool(w.conf, "web");
	struct pick out;

	(void)state;
	fixture_step(p, STEER_GEO);
	fixture_step(p, STEER_WEIGHTED);
	p->min_serving = 2;
	p->answers = 8;
	fixture_endpoint(w.conf, 0, "192.0.2.1", "2001:db8::1", 1);
	fixture_endpoint(w.conf, 0, "192.0.2.2", NULL, 1);
	fixture_endpoint(w.conf, 0, "192.0.2.3", "2001:db8::3", 0); /* waits for the others' end */
	fixture_endpoint(w.conf, 1, "192.0.2.4", "2001:db8::4", 1);
	fixture_endpoint(w.conf, 1, "192.0.2.5", "2001:db8::5", 1);
	open_world(&w);
	for (uint32_t i = 0; i < 5; i++)
		set_serving(&w, i, true);
	out = pick_once(&w, 0, CONF_NONE, FAMILY_IPV6, 0);
	assert_int_equal(out.count, 1); /* as many as the north has */
	assert_int_equal(out.endpoint[0], 0);
	out = pick_once(&w, 0, CONF_NONE, FAMILY_IPV4, 0);
	assert_int_equal(out.count, 2);
	assert_true(out.endpoint[0] < 2 && out.endpoint[1] < 2);
	set_serving(&w, 1, false); /* one IPv4 of two is short; IPv6 is as before */
	assert_int_equal(pick_once(&w, 0, CONF_NONE, FAMILY_IPV4, 0).count, 3);
	assert_int_equal(pick_once(&w, 0, CONF_NONE, FAMILY_IPV6, 0).count, 1);
	set_override(&w, 0, OVERRIDE_DRAIN); /* nothing with a weight is left in the north */
	assert_int_equal(pick_once(&w, 0, CONF_NONE, FAMILY_IPV6, 0).count, 2);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_pools_equal_the_reference_in_every_state),
		cmocka_unit_test(random_pools_equal_the_reference),
		cmocka_unit_test(the_scope_is_the_same_whether_or_not_a_fallback_is_in_force),
		cmocka_unit_test(a_region_never_spills_into_another),
		cmocka_unit_test(weight_0_waits_until_nothing_else_serves),
		cmocka_unit_test(ttl_is_lowered_by_doubt_that_the_decision_rests_on),
		cmocka_unit_test(a_pool_without_the_family_is_no_data_for_everyone),
		cmocka_unit_test(what_an_operator_took_out_never_answers),
		cmocka_unit_test(a_fallback_heeds_the_operator),
		cmocka_unit_test(min_serving_counts_the_family_and_what_the_tier_has),
	};

	TEST_MAIN(tests);
}
