/* Round robin: exact in every window, as smooth as its users know it, and even for everyone whatever
 * the others do in between. */
#include "tests/unit/steer_world.h"

#include "steer/turns.h"

#include <math.h>
#include <pthread.h>

#define TURNS_MAX 4096u

static void a_stride_visits_every_place_once(void **state)
{
	static const uint32_t tries[] = {1, TURNS_SMOOTH};

	(void)state;
	for (size_t t = 0; t < COUNT(tries); t++)
		for (uint32_t count = 1; count < 1500; count++) {
			uint32_t stride = turns_stride(count, tries[t]);

			assert_true(stride >= 1 && (stride < count || count == 1));
			assert_int_equal(turns_divisor(stride, count), 1);
		}
	/* the largest sum of weights there is, and one with many divisors */
	assert_int_equal(turns_divisor(turns_stride(UINT32_C(1073725440), 1), 1073725440), 1);
	assert_int_equal(turns_divisor(turns_stride(735134400, TURNS_SMOOTH), 735134400), 1);
	assert_int_equal(turns_divisor(84, 30), 6);
	assert_int_equal(turns_divisor(0, 30), 30);
}

/* nginx's smooth weighted round robin (ngx_http_upstream_get_peer). */
static void smooth_line(const uint16_t *weights, uint32_t n, uint32_t total, uint32_t *line)
{
	int64_t current[16] = {0};

	for (uint32_t k = 0; k < total; k++) {
		uint32_t best = 0;

		for (uint32_t i = 0; i < n; i++) {
			current[i] += weights[i];
			if (current[i] > current[best])
				best = i;
		}
		current[best] -= total;
		line[k] = best;
	}
}

struct smoothness {
	uint32_t run;     /* the longest run of one endpoint, over the end of the line */
	double deviation; /* the largest distance of a count from its share, after any turn */
};

static struct smoothness judge_line(
	const uint32_t *line, const uint16_t *weights, uint32_t n, uint32_t total)
{
	struct smoothness s = {1, 0};
	uint32_t count[16] = {0};

	for (uint32_t k = 0, run = 1; k < 2 * total; k++) {
		run = k > 0 && line[k % total] == line[(k - 1) % total] ? run + 1 : 1;
		s.run = run > s.run && run <= total ? run : s.run;
	}
	for (uint32_t k = 0; k < total; k++) {
		count[line[k]]++;
		for (uint32_t i = 0; i < n; i++)
			s.deviation = fmax(
				s.deviation, fabs(count[i] - (double)(k + 1) * weights[i] / total));
	}
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(count[i], weights[i]); /* exact */
	return s;
}

/* What the pool gives, turn by turn. */
static void pool_line(const uint16_t *weights, uint32_t n, uint32_t total, uint32_t *line)
{
	struct world w = {.conf = world_of_weights(STEER_ROUND_ROBIN, weights, n)};

	world_open(&w);
	for (uint32_t k = 0; k < total; k++)
		line[k] = world_first(&w, FAMILY_IPV4, CONF_NONE);
	for (uint32_t k = 0; k < total; k++) /* and again: every window is exact */
		assert_int_equal(world_first(&w, FAMILY_IPV4, CONF_NONE), line[k]);
	world_close(&w);
}

static void weights_come_as_smoothly_as_from_nginx(void **state)
{
	static const struct {
		uint16_t weights[8]; /* without a common divisor */
		uint32_t n;
	} cases[] = {{{6, 3, 1}, 3}, {{5, 1, 1}, 3}, {{2, 2, 1}, 3}, {{3, 2}, 2}, {{7, 3}, 2},
		{{9, 1}, 2}, {{5, 3, 2}, 3}, {{4, 3, 2, 1}, 4}, {{100, 99}, 2},
		{{7, 5, 3, 2, 2, 1}, 6}, {{64, 32, 16, 8, 4, 2, 1}, 7}, {{1000, 1000, 1}, 3},
		{{1000, 999, 998, 7}, 4}, {{1, 1, 1, 1, 1, 1, 1, 3}, 8}};
	uint32_t ours[TURNS_MAX], theirs[TURNS_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct smoothness a, b;
		uint32_t total = 0;

		for (uint32_t k = 0; k < cases[i].n; k++)
			total += cases[i].weights[k];
		pool_line(cases[i].weights, cases[i].n, total, ours);
		smooth_line(cases[i].weights, cases[i].n, total, theirs);
		a = judge_line(ours, cases[i].weights, cases[i].n, total);
		b = judge_line(theirs, cases[i].weights, cases[i].n, total);
		assert_true(a.run <= b.run + 1);
		assert_true(a.deviation < (total <= 20 ? 1.6 : 2.5));
	}
}

/* 60/30/10: one in ten turns each as written by hand from the rule; the same for any multiple. */
static void sixty_thirty_ten(void **state)
{
	const uint16_t weights[] = {60, 30, 10};
	struct world w = {.conf = world_of_weights(STEER_ROUND_ROBIN, weights, 3)};
	uint32_t seen[3] = {0};

	(void)state;
	world_open(&w);
	for (int i = 0; i < 1000; i++) {
		seen[world_first(&w, FAMILY_IPV4, CONF_NONE)]++;
		if (i % 10 == 9) {
			assert_int_equal(seen[0], 6 * (i + 1) / 10);
			assert_int_equal(seen[1], 3 * (i + 1) / 10);
			assert_int_equal(seen[2], (i + 1) / 10);
		}
	}
	world_close(&w);
}

static void equal_ones_take_turns_in_the_order_of_the_file(void **state)
{
	const uint16_t weights[] = {10, 10, 10};
	struct world w = {.conf = world_of_weights(STEER_ROUND_ROBIN, weights, 3)};
	struct pick_request r = {.region = CONF_NONE, .family = FAMILY_IPV4, .want = 2};

	(void)state;
	world_open(&w);
	for (uint32_t i = 0; i < 30; i++) {
		struct pick p = world_pick(&w, &r, CONF_NONE);

		assert_int_equal(p.endpoint[0], i % 3);
		assert_int_equal(p.endpoint[1], (i + 1) % 3);
	}
	world_close(&w);
}

static void weight_0_gets_nothing_while_another_serves(void **state)
{
	const uint16_t weights[] = {0, 5, 0, 5};
	struct world w = {.conf = world_of_weights(STEER_ROUND_ROBIN, weights, 4)};
	struct pick_request r = {.region = CONF_NONE, .family = FAMILY_IPV4, .want = 4};
	uint32_t seen[4] = {0};

	(void)state;
	world_open(&w);
	for (int i = 0; i < 10; i++) {
		struct pick p = world_pick(&w, &r, CONF_NONE);

		assert_int_equal(p.count, 2);
		seen[p.endpoint[0]]++;
	}
	assert_true(seen[1] == 5 && seen[3] == 5);
	world_set(&w, 1, false);
	world_set(&w, 3, false);
	for (int i = 0; i < 10; i++)
		seen[world_first(&w, FAMILY_IPV4, CONF_NONE)]++;
	assert_true(seen[0] == 5 && seen[2] == 5); /* nobody else is there */
	world_close(&w);
}

/* ---- whatever the order of clients ---- */

/* Two regions of two and three endpoints, both families. */
static struct conf *two_regions(void)
{
	struct conf *c = fixture_conf();
	struct conf_pool *p;

	fixture_region_at(c, "north", "", 60, 0);
	fixture_region_at(c, "south", "default", -30, 0);
	p = fixture_pool(c, "web");
	fixture_step(p, STEER_GEO);
	fixture_step(p, STEER_ROUND_ROBIN);
	for (uint16_t i = 0; i < 5; i++)
		fixture_endpoint(c, i < 2 ? 0 : 1, "192.0.2.1", "2001:db8::1", 1);
	return c;
}

/* A kind of question: every one has turns of its own. */
struct asker {
	uint8_t family;
	uint16_t region, home;
};

static const struct asker askers[] = {
	{FAMILY_IPV4, CONF_NONE, 0},
	{FAMILY_IPV6, CONF_NONE, 0},
	{FAMILY_IPV4, CONF_NONE, 1},
	{FAMILY_IPV6, CONF_NONE, 1},
	{FAMILY_IPV4, 0, 1}, /* region=north */
	{FAMILY_NONE, CONF_NONE, 0},
};

static void expect_turns(struct world *w, size_t asker, uint32_t *turn)
{
	const struct asker *a = &askers[asker];
	struct pick_request r = {.region = a->region, .family = a->family, .want = 1};
	struct pick p = world_pick(w, &r, a->home);
	bool north = a->region == 0 || a->home == 0;
	uint32_t expected = north ? turn[asker] % 2 : 2 + turn[asker] % 3;

	assert_int_equal(p.endpoint[0], expected);
	turn[asker]++;
}

static void everyone_has_turns_of_their_own(void **state)
{
	struct world w = {.conf = two_regions()};
	uint32_t turn[COUNT(askers)] = {0};

	(void)state;
	world_open(&w);
	for (int i = 0; i < 60; i++) /* strictly in turn: the case in which one cursor fails */
		expect_turns(&w, (size_t)i % COUNT(askers), turn);
	for (int i = 0; i < 2000; i++)
		expect_turns(&w, rng_below(&w.rng, COUNT(askers)), turn);
	world_close(&w);
}

/* North is down: clients of both regions share the south's turns. */
static void a_tier_is_shared_exactly_by_all_who_come_to_it(void **state)
{
	struct world w = {.conf = two_regions()};
	uint32_t seen[5] = {0};

	(void)state;
	world_open(&w);
	world_set(&w, 0, false);
	world_set(&w, 1, false);
	for (int i = 0; i < 300; i++)
		seen[world_first(&w, FAMILY_IPV4, (uint16_t)rng_below(&w.rng, 2))]++;
	for (int i = 2; i < 5; i++)
		assert_int_equal(seen[i], 100);
	world_close(&w);
}

/* north 0, 1 and south 2, 3, 4 with min_serving 3: the north's clients get all five. */
static void tiers_that_spill_have_turns_of_their_own(void **state)
{
	struct world w = {.conf = two_regions()};
	uint32_t north[5] = {0}, south[5] = {0};

	(void)state;
	w.conf->pools[0].min_serving = 3;
	world_open(&w);
	world_set(&w, 0, false); /* the north has one of two */
	for (int i = 0; i < 120; i++) {
		north[world_first(&w, FAMILY_IPV4, 0)]++;
		south[world_first(&w, FAMILY_IPV4, 1)]++;
	}
	for (int i = 1; i < 5; i++)
		assert_int_equal(north[i], 30);
	for (int i = 2; i < 5; i++)
		assert_int_equal(south[i], 40);
	world_close(&w);
}

/* The first of three does not answer: a third of the connections go on to the others, evenly. */
static void retries_take_nobodys_turn_and_spread_evenly(void **state)
{
	const uint16_t weights[] = {1, 1, 1};
	struct world w = {.conf = world_of_weights(STEER_ROUND_ROBIN, weights, 3)};
	const uint32_t dead = 0;
	struct pick_request retry = {.region = CONF_NONE,
		.family = FAMILY_NONE,
		.want = 1,
		.exclude = &dead,
		.exclude_count = 1};
	uint32_t first[3] = {0}, end[3] = {0};

	(void)state;
	world_open(&w);
	for (int i = 0; i < 24; i++) {
		uint32_t at = world_first(&w, FAMILY_NONE, CONF_NONE);

		first[at]++;
		end[at == dead ? world_pick(&w, &retry, CONF_NONE).endpoint[0] : at]++;
	}
	assert_true(first[0] == 8 && first[1] == 8 && first[2] == 8);
	assert_true(end[1] == 12 && end[2] == 12);
	world_close(&w);
}

/* Two of five are dead, in every order: whoever is left gets the same. */
static void retries_of_retries_spread_evenly_too(void **state)
{
	const uint16_t weights[] = {1, 1, 1, 1, 1};
	struct world w = {.conf = world_of_weights(STEER_ROUND_ROBIN, weights, 5)};
	uint32_t end[5] = {0}, tried[5], n;

	(void)state;
	world_open(&w);
	for (int i = 0; i < 3000; i++) {
		for (n = 0;; n++) {
			struct pick_request r = {.region = CONF_NONE,
				.family = FAMILY_NONE,
				.want = 1,
				.exclude = tried,
				.exclude_count = n};

			tried[n] = world_pick(&w, &r, CONF_NONE).endpoint[0];
			if (tried[n] >= 2)
				break;
		}
		end[tried[n]]++;
	}
	for (int i = 2; i < 5; i++)
		assert_true(end[i] >= 995 && end[i] <= 1005);
	world_close(&w);
}

/* ---- the board moves ---- */

static void a_moved_board_restarts_nothing(void **state)
{
	const uint16_t weights[] = {2, 1, 1, 1};
	struct world w = {.conf = world_of_weights(STEER_ROUND_ROBIN, weights, 4)};
	uint32_t line[5], seen[4] = {0};

	(void)state;
	world_open(&w);
	for (int i = 0; i < 5; i++)
		line[i] = world_first(&w, FAMILY_IPV4, CONF_NONE);
	for (int i = 0; i < 50; i++) { /* laid out anew before every pick */
		world_set(&w, 0, true);
		assert_int_equal(world_first(&w, FAMILY_IPV4, CONF_NONE), line[i % 5]);
	}
	for (int i = 0; i < 30000; i++) { /* the last one flaps at random */
		world_set(&w, 3, rng_below(&w.rng, 2) == 0);
		seen[world_first(&w, FAMILY_IPV4, CONF_NONE)]++;
	}
	/* 2/5 or 1/2 for the first, 1/5 or 1/4 for the next two; five standard deviations are 433 */
	assert_true(abs((int)seen[0] - 13500) < 433);
	assert_true(abs((int)seen[1] - 6750) < 361 && abs((int)seen[2] - 6750) < 361);
	world_close(&w);
}

/* ---- several threads ---- */

#define THREADS 4u
#define EACH    3000u

struct runner {
	struct world *w;
	pthread_t thread;
	uint32_t seen[3];
};

static void *run(void *arg)
{
	struct runner *r = arg;
	struct client client = {.geo = {CONF_NONE, 24, true}};
	struct pick_request request = {.region = CONF_NONE, .family = FAMILY_NONE, .want = 1};
	struct rng rng;
	struct pick p;

	rng_seed(&rng, 1);
	for (uint32_t i = 0; i < EACH; i++) {
		steer_pick(r->w->s, r->w->view, &request, &client, 1000, &r->w->cursors, &rng, &p);
		r->seen[p.endpoint[0]]++;
	}
	return NULL;
}

static void shared_cursors_are_exact_over_all_threads(void **state)
{
	const uint16_t weights[] = {3, 2, 1};
	struct world w = {.conf = world_of_weights(STEER_ROUND_ROBIN, weights, 3)};
	struct runner runner[THREADS] = {0};
	uint32_t seen[3] = {0};

	(void)state;
	world_open(&w);
	w.cursors.shared = true;
	for (size_t i = 0; i < THREADS; i++) {
		runner[i].w = &w;
		assert_int_equal(pthread_create(&runner[i].thread, NULL, run, &runner[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(runner[i].thread, NULL), 0);
		for (int k = 0; k < 3; k++)
			seen[k] += runner[i].seen[k];
	}
	for (uint32_t k = 0; k < 3; k++)
		assert_int_equal(seen[k], THREADS * EACH / 6 * (3 - k));
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stride_visits_every_place_once),
		cmocka_unit_test(weights_come_as_smoothly_as_from_nginx),
		cmocka_unit_test(sixty_thirty_ten),
		cmocka_unit_test(equal_ones_take_turns_in_the_order_of_the_file),
		cmocka_unit_test(weight_0_gets_nothing_while_another_serves),
		cmocka_unit_test(everyone_has_turns_of_their_own),
		cmocka_unit_test(a_tier_is_shared_exactly_by_all_who_come_to_it),
		cmocka_unit_test(tiers_that_spill_have_turns_of_their_own),
		cmocka_unit_test(retries_take_nobodys_turn_and_spread_evenly),
		cmocka_unit_test(retries_of_retries_spread_evenly_too),
		cmocka_unit_test(a_moved_board_restarts_nothing),
		cmocka_unit_test(shared_cursors_are_exact_over_all_threads),
	};

	TEST_MAIN(tests);
}
