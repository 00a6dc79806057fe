/*
 * What a resolver relies on (RFC 7871, 7.2.1): clients inside a returned scope get one region order
 * and, in one state of the world, one answer; and no state of the world changes a scope.
 */
#include "tests/unit/conf_fixture.h"

#include "base/rng.h"
#include "geo/geo.h"
#include "steer/pool.h"

#define REGIONS 6

static void add_networks(struct conf *c, struct rng *rng)
{
	/* 2002::/16 has IPv4 inside */
	static const uint8_t blocks[4][2] = {{0x2a, 1}, {0x2a, 2}, {0x20, 2}, {0x20, 3}};

	for (int i = 0; i < 80; i++) {
		struct conf_network *n = &c->networks[c->network_count];
		bool twice = false;

		n->prefix.addr =
			(struct addr){.family = rng_below(rng, 2) ? FAMILY_IPV4 : FAMILY_IPV6};
		for (size_t b = 0; b < addr_size(&n->prefix.addr); b++)
			n->prefix.addr.bytes[b] = (uint8_t)(rng_next(rng) >> 40);
		if (n->prefix.addr.family == FAMILY_IPV6)
			memcpy(n->prefix.addr.bytes, blocks[rng_below(rng, 4)], 2);
		n->prefix.length =
			(uint8_t)(4 + rng_below(rng, (uint32_t)addr_bits(&n->prefix.addr) - 3));
		n->region = (uint16_t)rng_below(rng, REGIONS);
		addr_mask(&n->prefix.addr, n->prefix.length);
		for (size_t k = 0; k < c->network_count; k++)
			twice = twice ||
				(c->networks[k].prefix.length == n->prefix.length &&
					addr_equal(&c->networks[k].prefix.addr, &n->prefix.addr));
		c->network_count += !twice;
	}
}

static struct conf *random_conf(struct rng *rng)
{
	struct conf *c = fixture_conf();

	for (int i = 0; i < REGIONS; i++)
		fixture_region_at(c, "r", i == 0 ? "default" : "", (double)rng_below(rng, 170) - 85,
			(double)rng_below(rng, 360) - 180);
	add_networks(c, rng);
	for (uint16_t i = 0; i < 3; i++) {
		struct conf_pool *p = fixture_pool(c, "p");

		if (rng_below(rng, 3) > 0)
			fixture_step(p, STEER_GEO);
		if (rng_below(rng, 3) == 0)
			fixture_step(p, STEER_FAILOVER);
		p->answers = 3;
		if (i < 2 && rng_below(rng, 2)) {
			p->when_all_down = ALL_DOWN_POOL;
			p->fallback_pool = (uint16_t)(i + 1);
		}
		for (uint32_t k = 1 + rng_below(rng, 5); k > 0; k--)
			fixture_endpoint(c, (uint16_t)rng_below(rng, REGIONS), "192.0.2.1",
				rng_below(rng, 2) ? "2001:db8::1" : NULL, 1);
	}
	return c;
}

struct world {
	struct conf *conf;
	struct geo_table *geo;
	struct steering *s;
	struct view *view;
};

static void random_states(struct world *w, struct rng *rng)
{
	uint32_t odds = rng_below(rng, 7);

	for (size_t i = 0; i < w->conf->endpoint_count; i++)
		for (int f = 0; f < 2; f++) {
			struct view_state *s = &w->view->endpoint[i].family[f];

			s->exists = w->conf->endpoints[i].address[f].family != FAMILY_NONE;
			s->serving = s->exists && rng_below(rng, 6) >= odds;
			s->weight = 1;
		}
	view_lay_out(w->view);
}

static struct pick pick_for(
	const struct world *w, const struct pick_request *r, const struct addr *a)
{
	struct client client = {.address = *a, .geo = geo_lookup(w->geo, a)};
	struct cursors cursors;
	struct rng rng;
	struct pick p;

	rng_seed(&rng, 1);
	assert_int_equal(cursors_open(&cursors, w->s->cursor_count, false), 0);
	steer_pick(w->s, w->view, r, &client, 1000, &cursors, &rng, &p);
	cursors_close(&cursors);
	return p;
}

static struct addr random_inside(struct rng *rng, const struct addr *a, unsigned length)
{
	struct addr other = *a;

	for (unsigned bit = length; bit < addr_bits(a); bit++)
		if (rng_next(rng) >> 63)
			other.bytes[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
	return other;
}

static void compare(const struct pick *p, const struct pick *q)
{
	assert_int_equal(p->kind, q->kind);
	assert_int_equal(p->pool, q->pool);
	assert_int_equal(p->count, q->count);
	for (int i = 0; i < p->count; i++)
		assert_int_equal(p->endpoint[i], q->endpoint[i]);
}

static void try_client(struct world *w, struct rng *rng)
{
	const struct prefix *near =
		&w->conf->networks[rng_below(rng, (uint32_t)w->conf->network_count)].prefix;
	struct addr a = random_inside(rng, &near->addr, rng_below(rng, near->length + 1u));
	struct pick_request r = {.pool = (uint16_t)rng_below(rng, 3),
		.region = rng_below(rng, 4) ? CONF_NONE : (uint16_t)rng_below(rng, REGIONS),
		.family = rng_below(rng, 2) ? FAMILY_IPV4 : FAMILY_IPV6};
	uint8_t scope;

	random_states(w, rng);
	scope = pick_for(w, &r, &a).scope;
	for (int world = 0; world < 3; world++) {
		struct pick p = pick_for(w, &r, &a);

		assert_int_equal(p.scope, scope); /* whatever is up or down */
		for (int i = 0; i < 10; i++) {
			struct addr other = random_inside(rng, &a, scope);
			struct pick q = pick_for(w, &r, &other);

			compare(&p, &q);
			if (scope > 0)
				assert_memory_equal(
					geo_region_order(w->geo, geo_lookup(w->geo, &a).region),
					geo_region_order(w->geo, geo_lookup(w->geo, &other).region),
					REGIONS * sizeof(uint16_t));
		}
		random_states(w, rng);
	}
}

static void everyone_inside_a_scope_gets_one_answer(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 7871);
	for (int round = 0; round < 60; round++) {
		struct world w = {.conf = random_conf(&rng)};
		struct err e = {0};

		assert_int_equal(geo_build(w.conf, NULL, 0, &w.geo, NULL, &e), 0);
		assert_int_equal(steer_compile(w.conf, &w.s, &e), 0);
		w.view = view_new_laid_out(w.s, VIEW_FOR_ALL);
		assert_non_null(w.view);
		for (int i = 0; i < 200; i++)
			try_client(&w, &rng);
		view_free(w.view);
		steer_free(w.s);
		geo_free(w.geo);
		fixture_free(w.conf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everyone_inside_a_scope_gets_one_answer),
	};

	TEST_MAIN(tests);
}
