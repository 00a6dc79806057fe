/* The selectors by themselves: statistics with a fixed seed, so that a result is a result. */
#include "tests/unit/test.h"

#include "steer/policy.h"

static struct candidates *candidates_of(const uint16_t *weights, uint32_t count)
{
	struct candidates *c = calloc(1, sizeof *c);

	assert_non_null(c);
	c->count = count;
	for (uint32_t i = 0; i < count; i++) {
		c->endpoint[i] = 100 + i;
		c->weight[i] = weights[i];
		c->total_weight += weights[i];
	}
	return c;
}

/* Chi-square of `draws` answers of two over their exact probabilities w1/W * w2/(W - w1), every
 * ordered pair a class. */
static double chi_square_of_pairs(
	const uint16_t *weights, uint32_t n, uint32_t draws, uint64_t seed)
{
	uint32_t *seen = calloc((size_t)n * n, sizeof *seen), cursor = 0, out[2];
	double total = 0, chi = 0;
	struct rng rng;

	assert_non_null(seen);
	rng_seed(&rng, seed);
	for (uint32_t i = 0; i < n; i++)
		total += weights[i];
	for (uint32_t i = 0; i < draws; i++) {
		struct candidates *c = candidates_of(weights, n);

		assert_int_equal(policy_weighted.choose(c, 2, &cursor, &rng, out), 2);
		assert_int_not_equal(out[0], out[1]);
		seen[(out[0] - 100) * n + out[1] - 100]++;
		free(c);
	}
	for (uint32_t a = 0; a < n; a++)
		for (uint32_t b = 0; b < n; b++) {
			double expected =
				draws * (weights[a] / total) * (weights[b] / (total - weights[a]));
			double off = seen[a * n + b] - expected;

			if (a != b)
				chi += off * off / expected;
		}
	free(seen);
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
		{{1, 1, 1, 1}, 4, 37.37},        /* 11 */
		{{100, 1, 50, 25, 3}, 5, 50.80}, /* 19 */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_true(chi_square_of_pairs(cases[i].weights, cases[i].n, 40000, 7 + i) <
			    cases[i].limit);
}

static void more_than_there_are_gives_all_of_them_once(void **state)
{
	static const struct policy *const selectors[] = {
		&policy_weighted, &policy_round_robin, &policy_in_order};
	const uint16_t weights[] = {3, 2, 1};

	(void)state;
	for (size_t s = 0; s < COUNT(selectors); s++) {
		struct candidates *c = candidates_of(weights, 3);
		uint32_t out[16], cursor = 2, seen = 0;
		struct rng rng;

		rng_seed(&rng, 3);
		assert_int_equal(selectors[s]->choose(c, 16, &cursor, &rng, out), 3);
		for (int i = 0; i < 3; i++)
			seen |= 1u << (out[i] - 100);
		assert_int_equal(seen, 7);
		free(c);
	}
}

static void all_weights_0_are_drawn_evenly(void **state)
{
	const uint16_t weights[] = {0, 0, 0, 0};
	uint32_t seen[4] = {0}, cursor = 0, out[1];
	struct rng rng;
	double chi = 0;

	(void)state;
	rng_seed(&rng, 11);
	for (int i = 0; i < 40000; i++) {
		struct candidates *c = candidates_of(weights, 4);

		assert_int_equal(policy_weighted.choose(c, 1, &cursor, &rng, out), 1);
		seen[out[0] - 100]++;
		free(c);
	}
	for (int i = 0; i < 4; i++)
		chi += (seen[i] - 10000.0) * (seen[i] - 10000.0) / 10000.0;
	assert_true(chi < 21.11); /* 99.99 %, 3 degrees */
}

static void round_robin_takes_turns_and_ignores_weights(void **state)
{
	const uint16_t weights[] = {0, 100, 1};
	uint32_t cursor = UINT32_MAX - 1, out[2];
	struct rng rng;

	(void)state;
	rng_seed(&rng, 5);
	for (uint32_t turn = 0; turn < 30; turn++) {
		struct candidates *c = candidates_of(weights, 3);
		uint32_t at = cursor % 3;

		assert_int_equal(policy_round_robin.choose(c, 2, &cursor, &rng, out), 2);
		assert_int_equal(out[0], 100 + at);
		assert_int_equal(out[1], 100 + (at + 1) % 3);
		free(c);
	}
	assert_int_equal(cursor, 28); /* 30 turns on, past the wrap */
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
		cmocka_unit_test(round_robin_takes_turns_and_ignores_weights),
		cmocka_unit_test(every_step_has_a_policy_of_one_kind),
	};

	TEST_MAIN(tests);
}
