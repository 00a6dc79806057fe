/* The selectors by themselves: statistics with a fixed seed, so that a result is a result. */
#include "tests/unit/steer_world.h"

#include "steer/policy.h"

/* The same weights in one cell; or two to a tier, each of which is short of one that is down, so that
 * all of them are the tier. */
static void open_weights(struct world *w, const uint16_t *weights, uint32_t n, bool apart)
{
	struct conf *c = w->conf = world_of_weights(STEER_WEIGHTED, weights, n);

	if (apart) {
		c->pools[0].steps[0] = STEER_FAILOVER;
		fixture_step(&c->pools[0], STEER_WEIGHTED);
		c->pools[0].min_serving = UINT16_MAX;
		for (uint32_t i = 0; i < n; i++)
			c->endpoints[i].tier = (uint16_t)(i / 2 + 1);
		for (uint32_t i = 0; i < n; i++)
			c->endpoints[fixture_endpoint(
					     c, CONF_NONE, "192.0.2.1", "2001:db8::1", 100)]
				.tier = (uint16_t)(i / 2 + 1);
	}
	world_open(w);
	for (uint32_t i = n; i < c->endpoint_count; i++)
		world_set(w, i, false);
}

/* Chi-square of `draws` answers of two over their exact probabilities w1/W * w2/(W - w1), every
 * ordered pair a class. Weight 0 never comes. */
static double chi_square_of_pairs(const uint16_t *weights, uint32_t n, uint32_t draws, bool apart)
{
	struct world w = {0};
	struct pick_request r = {.region = CONF_NONE, .family = FAMILY_IPV4, .want = 2};
	uint32_t *seen = calloc((size_t)n * n, sizeof *seen);
	double total = 0, chi = 0;

	assert_non_null(seen);
	open_weights(&w, weights, n, apart);
	for (uint32_t i = 0; i < n; i++)
		total += weights[i];
	for (uint32_t i = 0; i < draws; i++) {
		struct pick p = world_pick(&w, &r, CONF_NONE);

		assert_int_equal(p.count, 2);
		assert_int_not_equal(p.endpoint[0], p.endpoint[1]);
		seen[p.endpoint[0] * n + p.endpoint[1]]++;
	}
	for (uint32_t a = 0; a < n; a++)
		for (uint32_t b = 0; b < n; b++) {
			double expected =
				draws * (weights[a] / total) * (weights[b] / (total - weights[a]));
			double off = seen[a * n + b] - expected;

			if (expected == 0)
				assert_int_equal(seen[a * n + b], 0);
			else if (a != b)
				chi += off * off / expected;
		}
	free(seen);
	world_close(&w);
	return chi;
}

/* Limits: the chi-square distribution's 99.99 % point for n (n - 1) - 1 degrees of freedom. */
static void weighted_draws_in_proportion_without_replacement(void **state)
{
	static const struct {
		uint16_t weights[5];
		uint32_t n;
		double limit;
	} cases[] = {
		{{10, 5}, 2, 15.14},             /* 1 degree */
		{{10, 5, 1}, 3, 25.74},          /* 5 */
		{{10, 0, 5, 1}, 4, 25.74},       /* 5 */
		{{1, 1, 1, 1}, 4, 37.37},        /* 11 */
		{{7, 7, 7, 7}, 4, 37.37},        /* 11 */
		{{100, 1, 50, 25, 3}, 5, 50.80}, /* 19 */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (int apart = 0; apart < 2; apart++)
			assert_true(chi_square_of_pairs(cases[i].weights, cases[i].n, 40000,
					    apart == 1) < cases[i].limit);
}

static void more_than_there_are_gives_all_of_them_once(void **state)
{
	static const enum steer_step selectors[] = {
		STEER_WEIGHTED, STEER_ROUND_ROBIN, STEER_FAILOVER};
	const uint16_t weights[] = {3, 2, 1};

	(void)state;
	for (size_t s = 0; s < COUNT(selectors); s++) {
		struct world w = {.conf = world_of_weights(selectors[s], weights, 3)};
		struct pick_request r = {.region = CONF_NONE, .family = FAMILY_IPV4, .want = 16};

		world_open(&w);
		for (int turn = 0; turn < 20; turn++) {
			struct pick p = world_pick(&w, &r, CONF_NONE);
			uint32_t seen = 0;

			assert_int_equal(p.count, 3);
			for (int i = 0; i < 3; i++)
				seen |= 1u << p.endpoint[i];
			assert_int_equal(seen, 7);
		}
		world_close(&w);
	}
}

static void all_weights_0_are_drawn_evenly(void **state)
{
	const uint16_t weights[] = {0, 0, 0, 0};
	struct world w = {.conf = world_of_weights(STEER_WEIGHTED, weights, 4)};
	uint32_t seen[4] = {0};
	double chi = 0;

	(void)state;
	world_open(&w);
	for (int i = 0; i < 40000; i++)
		seen[world_first(&w, FAMILY_IPV4, CONF_NONE)]++;
	for (int i = 0; i < 4; i++)
		chi += (seen[i] - 10000.0) * (seen[i] - 10000.0) / 10000.0;
	assert_true(chi < 21.11); /* 99.99 %, 3 degrees */
	world_close(&w);
}

/* A retry: as if those that were tried were not there. */
static void the_rest_is_drawn_in_proportion(void **state)
{
	static const uint16_t weights[] = {50, 9, 30, 1, 10};
	static const uint32_t tried[] = {2, 0};

	(void)state;
	for (int apart = 0; apart < 2; apart++) {
		struct world w = {0};
		struct pick_request r = {.region = CONF_NONE,
			.family = FAMILY_NONE,
			.want = 1,
			.exclude = tried,
			.exclude_count = 2};
		uint32_t seen[5] = {0};
		double chi = 0;

		open_weights(&w, weights, 5, apart == 1);
		for (int i = 0; i < 40000; i++)
			seen[world_pick(&w, &r, CONF_NONE).endpoint[0]]++;
		for (int i = 0; i < 5; i++) {
			double expected = i == 0 || i == 2 ? 0 : 40000.0 * weights[i] / 20;

			if (expected > 0)
				chi += (seen[i] - expected) * (seen[i] - expected) / expected;
			else
				assert_int_equal(seen[i], 0);
		}
		assert_true(chi < 18.42); /* 99.99 %, 2 degrees */
		world_close(&w);
	}
}

static void every_step_has_a_policy_of_one_kind(void **state)
{
	(void)state;
	for (int step = STEER_GEO; step <= (int)STEER_ROUND_ROBIN; step++) {
		const struct policy *p = policy_of((enum steer_step)step);

		assert_non_null(p);
		assert_int_equal(p->rank == NULL, p->choose != NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weighted_draws_in_proportion_without_replacement),
		cmocka_unit_test(more_than_there_are_gives_all_of_them_once),
		cmocka_unit_test(all_weights_0_are_drawn_evenly),
		cmocka_unit_test(the_rest_is_drawn_in_proportion),
		cmocka_unit_test(every_step_has_a_policy_of_one_kind),
	};

	TEST_MAIN(tests);
}
