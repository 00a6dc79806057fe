#include "tests/unit/conf_fixture.h"

#include "base/rng.h"
#include "steer/layout.h"
#include "steer/pool.h"

/* Slots are the indexes; endpoint i's probes are 2i and 2i + 1. */
struct desk {
	struct conf *conf;
	struct generation g;
	struct board b;
	struct view *view;
};

static void open_desk(struct desk *d)
{
	size_t n = d->conf->endpoint_count;
	struct err e = {0};

	d->g = (struct generation){.number = 1, .conf = d->conf};
	d->g.endpoint_slot = calloc(n, sizeof *d->g.endpoint_slot);
	d->g.endpoint_probe = calloc(n, sizeof *d->g.endpoint_probe);
	d->g.probes = calloc(2 * n, sizeof *d->g.probes);
	assert_non_null(d->g.probes);
	for (size_t i = 0; i < n; i++) {
		const struct conf_endpoint *endpoint = &d->conf->endpoints[i];

		d->g.endpoint_slot[i] = (uint32_t)i;
		for (size_t f = 0; f < 2; f++) {
			d->g.probes[2 * i + f].slot = (uint32_t)(2 * i + f);
			d->g.endpoint_probe[i][f] =
				d->conf->pools[endpoint->pool].check == CONF_NONE ||
						endpoint->address[f].family == FAMILY_NONE
					? PROBE_NONE
					: (uint32_t)(2 * i + f);
		}
	}
	if (board_create_private(&d->b, &e) < 0)
		fail_msg("%s", e.text);
	d->view = view_new(d->conf);
	assert_non_null(d->view);
}

static void close_desk(struct desk *d)
{
	view_free(d->view);
	board_destroy(&d->b);
	free(d->g.probes);
	free(d->g.endpoint_probe);
	free(d->g.endpoint_slot);
	fixture_free(d->conf);
}

static void set_verdict(
	struct desk *d, uint32_t endpoint, int family, enum verdict v, uint64_t doubt_ms)
{
	atomic_store(&d->b.health->probe[2 * endpoint + (uint32_t)family].word,
		VERDICT_WORD(v, doubt_ms));
	atomic_fetch_add(&d->b.health->epoch, 1);
}

static void set_override(struct desk *d, uint32_t endpoint, enum override o, uint64_t until_ms)
{
	atomic_store(&d->b.control->override[endpoint].state, OVERRIDE_WORD(o, until_ms));
	atomic_fetch_add(&d->b.control->epoch, 1);
}

static void set_weight(struct desk *d, uint32_t endpoint, uint16_t weight, uint64_t until_ms)
{
	atomic_store(&d->b.control->override[endpoint].weight, WEIGHT_WORD(weight, until_ms));
	atomic_fetch_add(&d->b.control->epoch, 1);
}

static void build(struct desk *d, uint64_t now_ms)
{
	view_build(d->view, &d->g, &d->b, now_ms);
}

/* One pool, checked, of `count` endpoints with both families in one region. */
static void one_pool(struct desk *d, int count)
{
	d->conf = fixture_conf();
	fixture_region(d->conf, "here", "default");
	fixture_pool(d->conf, "web")->check = 0;
	d->conf->check_count = 1;
	d->conf->checks[0].timeout_ms = 2000;
	for (int i = 0; i < count; i++)
		fixture_endpoint(d->conf, 0, "192.0.2.1", "2001:db8::1", 5);
}

static void override_beats_verdict_beats_policy(void **state)
{
	static const struct {
		enum override o;
		enum verdict v;
		bool unknown_serves, serving;
	} cases[] = {
		{OVERRIDE_NONE, VERDICT_UP, false, true},
		{OVERRIDE_NONE, VERDICT_DOWN, true, false},
		{OVERRIDE_NONE, VERDICT_UNKNOWN, true, true},
		{OVERRIDE_NONE, VERDICT_UNKNOWN, false, false},
		{OVERRIDE_DRAIN, VERDICT_UP, true, false},
		{OVERRIDE_FORCE_DOWN, VERDICT_UP, true, false},
		{OVERRIDE_FORCE_UP, VERDICT_DOWN, false, true},
		{OVERRIDE_FORCE_UP, VERDICT_UNKNOWN, false, true},
	};
	struct desk d;

	(void)state;
	one_pool(&d, 1);
	open_desk(&d);
	for (size_t i = 0; i < COUNT(cases); i++) {
		d.conf->pools[0].unknown_serves = cases[i].unknown_serves;
		set_override(&d, 0, cases[i].o, 0);
		set_verdict(&d, 0, 0, cases[i].v, 0);
		build(&d, 1000);
		assert_int_equal(d.view->endpoint[0].family[0].serving, cases[i].serving);
		assert_int_equal(d.view->endpoint[0].family[0].verdict, cases[i].v);
		assert_int_equal(d.view->endpoint[0].family[0].override, cases[i].o);
	}
	close_desk(&d);
}

static void families_are_judged_apart(void **state)
{
	struct desk d;

	(void)state;
	one_pool(&d, 1);
	fixture_endpoint(d.conf, 0, NULL, "2001:db8::2", 5);
	open_desk(&d);
	set_verdict(&d, 0, 0, VERDICT_UP, 0);
	set_verdict(&d, 0, 1, VERDICT_DOWN, 0);
	build(&d, 1000);
	assert_true(d.view->endpoint[0].family[0].serving);
	assert_false(d.view->endpoint[0].family[1].serving);
	assert_true(d.view->endpoint[0].family[1].exists);
	set_override(&d, 1, OVERRIDE_FORCE_UP, 0);
	build(&d, 1000);
	assert_false(d.view->endpoint[1].family[0].exists); /* forcing up makes no address */
	assert_false(d.view->endpoint[1].family[0].serving);
	assert_true(d.view->endpoint[1].family[1].serving);
	close_desk(&d);
}

static void a_pool_without_a_check_is_up_and_never_in_doubt(void **state)
{
	struct desk d;

	(void)state;
	one_pool(&d, 1);
	d.conf->pools[0].check = CONF_NONE;
	d.conf->pools[0].unknown_serves = false;
	open_desk(&d);
	atomic_store(&d.b.supervisor->began_ms, 1000);
	build(&d, 1000);
	assert_true(d.view->endpoint[0].family[0].serving);
	assert_int_equal(d.view->endpoint[0].family[0].verdict, VERDICT_UP);
	assert_int_equal(d.view->endpoint[0].family[0].doubt_until_ms, 0);
	assert_true(d.view->pool_ready[0]);
	close_desk(&d);
}

static void overrides_end_in_time_and_the_view_knows_when(void **state)
{
	struct desk d;

	(void)state;
	one_pool(&d, 2);
	open_desk(&d);
	for (uint32_t i = 0; i < 2; i++)
		for (int f = 0; f < 2; f++)
			set_verdict(&d, i, f, VERDICT_UP, 0);
	build(&d, 1000);
	assert_true(d.view->expires_ms == UINT64_MAX);
	set_override(&d, 0, OVERRIDE_DRAIN, 5000);
	set_weight(&d, 1, 77, 3000);
	build(&d, 1000);
	assert_false(d.view->endpoint[0].family[0].serving);
	assert_int_equal(d.view->endpoint[1].family[0].weight, 77);
	assert_int_equal(d.view->expires_ms, 3000);
	assert_false(view_stale(d.view, &d.b, 2999));
	assert_true(view_stale(d.view, &d.b, 3000));
	build(&d, 3000);
	assert_int_equal(d.view->endpoint[1].family[0].weight, 5);
	assert_int_equal(d.view->expires_ms, 5000);
	build(&d, 5000);
	assert_true(d.view->endpoint[0].family[0].serving);
	assert_int_equal(d.view->endpoint[0].family[0].override, OVERRIDE_NONE);
	assert_true(d.view->expires_ms == UINT64_MAX);
	set_weight(&d, 1, 0, 0); /* 0 is a weight, not "none" */
	build(&d, 5001);
	assert_int_equal(d.view->endpoint[1].family[1].weight, 0);
	close_desk(&d);
}

static void doubt_is_the_probes_own(void **state)
{
	struct desk d;

	(void)state;
	one_pool(&d, 1);
	open_desk(&d);
	build(&d, 1000);
	assert_int_equal(
		d.view->endpoint[0].family[0].doubt_until_ms, 1000); /* unknown: any moment */
	set_verdict(&d, 0, 0, VERDICT_UNKNOWN, 4000);
	build(&d, 1000);
	assert_int_equal(d.view->endpoint[0].family[0].doubt_until_ms, 4000);
	set_verdict(&d, 0, 0, VERDICT_UP, 9000);
	build(&d, 1000);
	assert_int_equal(d.view->endpoint[0].family[0].doubt_until_ms, 9000);
	set_override(&d, 0, OVERRIDE_FORCE_UP, 0);
	build(&d, 1000);
	assert_int_equal(
		d.view->endpoint[0].family[0].doubt_until_ms, 0); /* the verdict does not count */
	close_desk(&d);
}

static void a_view_is_stale_when_the_board_moved_a_millisecond_ago(void **state)
{
	struct desk d;

	(void)state;
	one_pool(&d, 1);
	open_desk(&d);
	assert_true(view_stale(d.view, &d.b, 1000)); /* never built */
	build(&d, 1000);
	assert_false(view_stale(d.view, &d.b, 100000));
	set_verdict(&d, 0, 0, VERDICT_UP, 0);
	assert_false(view_stale(d.view, &d.b, 1000)); /* at most once a millisecond */
	assert_true(view_stale(d.view, &d.b, 1001));
	build(&d, 1001);
	assert_false(view_stale(d.view, &d.b, 1002));
	atomic_fetch_add(&d.b.supervisor->epoch, 1);
	assert_true(view_stale(d.view, &d.b, 1002));
	close_desk(&d);
}

static void pools_are_ready_when_probed_or_when_the_wait_is_over(void **state)
{
	struct desk d;

	(void)state;
	one_pool(&d, 2);
	fixture_pool(d.conf, "other")->check = 0;
	fixture_endpoint(d.conf, 0, "192.0.2.9", NULL, 1);
	open_desk(&d);
	set_verdict(&d, 0, 0, VERDICT_UP, 0);
	set_verdict(&d, 0, 1, VERDICT_UP, 0);
	set_verdict(&d, 1, 0, VERDICT_DOWN, 0);
	set_verdict(&d, 2, 0, VERDICT_DOWN, 0);
	build(&d, 1000); /* nobody serves from this board yet */
	assert_true(d.view->all_ready);
	d.conf->pools[1].check = 1;
	d.conf->checks[1].timeout_ms = 7000; /* another pool's, not waited for */
	d.conf->check_count = 2;
	atomic_store(&d.b.supervisor->began_ms, 1000);
	build(&d, 1000);
	assert_false(d.view->pool_ready[0]); /* 1's IPv6 is unknown */
	assert_true(d.view->pool_ready[1]);
	assert_false(d.view->all_ready);
	assert_false(
		d.view->endpoint[1].family[1].serving); /* though the pool serves unknown ones */
	assert_int_equal(d.view->expires_ms, 3000);
	assert_true(view_stale(d.view, &d.b, 3000)); /* though the board has not moved */
	build(&d, 3000);
	assert_true(d.view->pool_ready[0] && d.view->all_ready);
	assert_true(d.view->endpoint[1].family[1].serving);
	build(&d, 1000);
	set_verdict(&d, 1, 1, VERDICT_DOWN, 0);
	build(&d, 1001);
	assert_true(d.view->pool_ready[0] && d.view->all_ready);
	close_desk(&d);
}

/* As health does it; what was kept shows in the next build. */
static void look(struct desk *d, uint64_t now_ms)
{
	build(d, now_ms);
	assert_int_equal(view_keep_last_good(d->view, &d->g, &d->b), 0);
	build(d, now_ms);
}

/* london: 0, 1; newyork: 2. Everything goes, one after the other. */
static void last_good_is_kept_by_pool_region_and_family(void **state)
{
	const unsigned both = LAST_GOOD_POOL | LAST_GOOD_REGION;
	struct desk d;

	(void)state;
	one_pool(&d, 2);
	fixture_region(d.conf, "newyork", "US");
	fixture_endpoint(d.conf, 1, "192.0.2.3", "2001:db8::3", 1);
	d.conf->pools[0].when_all_down = ALL_DOWN_LAST_GOOD;
	open_desk(&d);
	for (uint32_t i = 0; i < 3; i++)
		set_verdict(&d, i, 0, i == 1 ? VERDICT_DOWN : VERDICT_UP, 0);
	for (uint32_t i = 0; i < 3; i++)
		set_verdict(&d, i, 1, VERDICT_DOWN, 0);
	look(&d, 1000);
	assert_int_equal(d.view->last_good[0][0], both);
	assert_int_equal(d.view->last_good[1][0], 0);
	assert_int_equal(d.view->last_good[2][0], both);
	assert_int_equal(d.view->last_good[0][1], 0); /* IPv6 never served */
	set_verdict(&d, 0, 0, VERDICT_DOWN, 0);
	look(&d, 1001); /* London is down: the pool's last good is New York, London's still 0 */
	assert_int_equal(d.view->last_good[0][0], LAST_GOOD_REGION);
	assert_int_equal(d.view->last_good[2][0], both);
	set_verdict(&d, 2, 0, VERDICT_DOWN, 0);
	look(&d, 1002);
	look(&d, 1003);
	assert_int_equal(d.view->last_good[0][0], LAST_GOOD_REGION);
	assert_int_equal(d.view->last_good[1][0], 0);
	assert_int_equal(d.view->last_good[2][0], both);
	set_verdict(&d, 1, 0, VERDICT_UP, 0);
	look(&d, 1004);
	assert_int_equal(d.view->last_good[0][0], 0);
	assert_int_equal(d.view->last_good[1][0], both);
	assert_int_equal(d.view->last_good[2][0], LAST_GOOD_REGION);
	close_desk(&d);
}

static void load_is_copied(void **state)
{
	struct desk d;

	(void)state;
	one_pool(&d, 2);
	open_desk(&d);
	atomic_store(&d.b.health->load[1], 42);
	build(&d, 1000);
	assert_int_equal(d.view->endpoint[0].load, 0);
	assert_int_equal(d.view->endpoint[1].load, 42);
	close_desk(&d);
}

/* ---- laid out for picks ---- */

/* A doubt that is over says the same whenever it was. */
static uint64_t doubt_at(uint64_t doubt_ms, uint64_t now_ms)
{
	return doubt_ms < now_ms ? now_ms : doubt_ms;
}

static void expect_same_set(const struct view_set *a, const struct view_set *b,
	const struct view_member *x, const struct view_member *y)
{
	assert_memory_equal(a, b, sizeof *a);
	for (uint32_t i = 0; i < a->count; i++) {
		assert_int_equal(x[i].endpoint, y[i].endpoint);
		assert_int_equal(x[i].weight_end, y[i].weight_end);
	}
	for (uint32_t point = 0; point < a->weight; point++) {
		uint32_t at = view_find(a, x, point);

		assert_true(x[at].weight_end > point);
		assert_true(at == 0 || x[at - 1].weight_end <= point);
	}
}

static void expect_same_plan(const struct view *a, const struct view *b,
	const struct steer_plan *plan, enum lane lane, uint64_t now_ms)
{
	for (uint32_t i = 0; i < plan->cell_count; i++) {
		const struct view_cell *x = &a->cell[lane][plan->first_cell + i];
		const struct view_cell *y = &b->cell[lane][plan->first_cell + i];
		uint32_t at = plan->first_member[lane] + plan->first[lane][i];

		for (int kind = 0; kind < 2; kind++) {
			expect_same_set(&x->set[kind], &y->set[kind], a->member[lane] + at,
				b->member[lane] + at);
			at += x->set[kind].count;
		}
		assert_true(at <= plan->first_member[lane] + plan->first[lane][i + 1]);
		assert_true(
			doubt_at(x->doubt_until_ms, now_ms) == doubt_at(y->doubt_until_ms, now_ms));
	}
}

/* Something of the board moves; orders end by themselves. */
static void move(struct desk *d, struct rng *rng, uint64_t now_ms)
{
	uint32_t endpoint = rng_below(rng, (uint32_t)d->conf->endpoint_count);
	uint64_t until_ms = rng_below(rng, 2) ? 0 : now_ms + rng_below(rng, 50);
	enum verdict verdict = (enum verdict)rng_below(rng, 3);

	switch (rng_below(rng, 6)) {
	case 0:
	case 1:
	case 2: set_verdict(d, endpoint, (int)rng_below(rng, 2), verdict, until_ms); break;
	case 3: set_override(d, endpoint, (enum override)rng_below(rng, 4), until_ms); break;
	case 4: set_weight(d, endpoint, (uint16_t)rng_below(rng, 4), until_ms); break;
	case 5:
		atomic_store(&d->b.health->last_good[endpoint][0], (uint8_t)rng_below(rng, 4));
		break;
	}
}

/* 3 pools of 4: what is left as it was is as good as what is made anew. */
static void a_view_built_step_by_step_equals_one_built_at_once(void **state)
{
	static const enum steer_step selectors[] = {
		STEER_ROUND_ROBIN, STEER_WEIGHTED, STEER_FAILOVER};
	struct steering *s;
	struct view *steps;
	struct rng rng;
	struct desk d;
	struct err e;

	(void)state;
	rng_seed(&rng, 12);
	d.conf = fixture_conf();
	fixture_region(d.conf, "here", "default");
	fixture_region(d.conf, "there", "US");
	for (size_t p = 0; p < 3; p++) {
		struct conf_pool *pool = fixture_pool(d.conf, "p");

		pool->check = p == 1 ? CONF_NONE : 0;
		pool->when_all_down = p == 0 ? ALL_DOWN_LAST_GOOD : ALL_DOWN_SERVE_ALL;
		fixture_step(pool, selectors[p]);
		for (uint16_t i = 0; i < 4; i++)
			fixture_endpoint(d.conf, i == 3 ? CONF_NONE : i % 2, "192.0.2.1",
				i == 1 ? NULL : "2001:db8::1", (uint16_t)(1 + i * p));
	}
	open_desk(&d);
	assert_int_equal(steer_compile(d.conf, &s, &e), 0);
	steps = view_new_laid_out(s, VIEW_FOR_ALL);
	assert_non_null(steps);
	for (uint64_t now_ms = 1000; now_ms < 3000; now_ms++) {
		struct view *fresh = view_new_laid_out(s, VIEW_FOR_ALL);

		assert_non_null(fresh);
		move(&d, &rng, now_ms);
		view_build(steps, &d.g, &d.b, now_ms);
		view_build(fresh, &d.g, &d.b, now_ms);
		assert_true(steps->expires_ms == fresh->expires_ms);
		for (size_t p = 0; p < 3; p++)
			for (enum lane lane = LANE_IPV4; lane < LANE_COUNT; lane++) {
				expect_same_plan(steps, fresh, &s->pools[p].all, lane, now_ms);
				expect_same_plan(steps, fresh, &s->pools[p].region, lane, now_ms);
			}
		view_free(fresh);
	}
	view_free(steps);
	steer_free(s);
	close_desk(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(override_beats_verdict_beats_policy),
		cmocka_unit_test(families_are_judged_apart),
		cmocka_unit_test(a_pool_without_a_check_is_up_and_never_in_doubt),
		cmocka_unit_test(overrides_end_in_time_and_the_view_knows_when),
		cmocka_unit_test(doubt_is_the_probes_own),
		cmocka_unit_test(a_view_is_stale_when_the_board_moved_a_millisecond_ago),
		cmocka_unit_test(pools_are_ready_when_probed_or_when_the_wait_is_over),
		cmocka_unit_test(last_good_is_kept_by_pool_region_and_family),
		cmocka_unit_test(load_is_copied),
		cmocka_unit_test(a_view_built_step_by_step_equals_one_built_at_once),
	};

	TEST_MAIN(tests);
}
