/* A configuration built by hand, compiled and laid out, for tests of picking. */
#ifndef TESTS_UNIT_STEER_WORLD_H
#define TESTS_UNIT_STEER_WORLD_H

#include "tests/unit/conf_fixture.h"

#include "steer/pool.h"

struct world {
	struct conf *conf;
	struct steering *s;
	struct view *view;
	struct cursors cursors;
	struct rng rng;
};

/* Everything is up. */
static inline void world_open(struct world *w)
{
	struct err e = {0};

	assert_int_equal(steer_compile(w->conf, &w->s, &e), 0);
	w->view = view_new_laid_out(w->s, VIEW_FOR_ALL);
	assert_non_null(w->view);
	assert_int_equal(cursors_open(&w->cursors, w->s->cursor_count, false), 0);
	rng_seed(&w->rng, 20261201);
	for (size_t i = 0; i < w->conf->endpoint_count; i++)
		for (int f = 0; f < 2; f++) {
			struct view_state *s = &w->view->endpoint[i].family[f];

			s->exists = w->conf->endpoints[i].address[f].family != FAMILY_NONE;
			s->serving = s->exists;
			s->weight = w->conf->endpoints[i].weight;
		}
	view_lay_out(w->view);
}

static inline void world_close(struct world *w)
{
	cursors_close(&w->cursors);
	view_free(w->view);
	steer_free(w->s);
	fixture_free(w->conf);
}

static inline void world_set(struct world *w, uint32_t endpoint, bool serving)
{
	for (int f = 0; f < 2; f++)
		w->view->endpoint[endpoint].family[f].serving =
			serving && w->view->endpoint[endpoint].family[f].exists;
	view_lay_out(w->view);
}

static inline struct pick world_pick(
	struct world *w, const struct pick_request *r, uint16_t home_region)
{
	struct client client = {.geo = {home_region, 24, true}};
	struct pick p;

	steer_pick(w->s, w->view, r, &client, 1000, &w->cursors, &w->rng, &p);
	return p;
}

/* The first endpoint that a client of `home_region` gets of pool 0. */
static inline uint32_t world_first(struct world *w, uint8_t family, uint16_t home_region)
{
	struct pick_request r = {.region = CONF_NONE, .family = family, .want = 1};
	struct pick p = world_pick(w, &r, home_region);

	assert_int_equal(p.kind, PICK_OK);
	return p.endpoint[0];
}

/* Pool 0: endpoints of these weights in no region, with both families. */
static inline struct conf *world_of_weights(
	enum steer_step selector, const uint16_t *weights, uint32_t count)
{
	struct conf *c = fixture_conf();

	fixture_step(fixture_pool(c, "web"), selector);
	for (uint32_t i = 0; i < count; i++)
		fixture_endpoint(c, CONF_NONE, "192.0.2.1", "2001:db8::1", weights[i]);
	return c;
}

#endif
