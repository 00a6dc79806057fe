#include "tests/unit/test.h"

#include "base/rng.h"

static void below_is_uniform(void **state)
{
	unsigned seen[10] = {0};
	struct rng r;

	(void)state;
	rng_seed(&r, 0);
	for (int i = 0; i < 100000; i++)
		seen[rng_below(&r, 10)]++;
	for (size_t i = 0; i < COUNT(seen); i++) /* 10,000 ± 5 standard deviations (95 each) */
		assert_in_range(seen[i], 10000 - 475, 10000 + 475);
	assert_int_equal(rng_below(&r, 0), 0);
	assert_int_equal(rng_below(&r, 1), 0);
}

static void a_seed_repeats_its_sequence(void **state)
{
	struct rng a, b, c;

	(void)state;
	rng_seed(&a, 7);
	rng_seed(&b, 7);
	rng_seed_random(&c);
	for (int i = 0; i < 100; i++) {
		uint64_t next = rng_next(&a);

		assert_true(next == rng_next(&b));
		assert_true(next != rng_next(&c));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(below_is_uniform),
		cmocka_unit_test(a_seed_repeats_its_sequence),
	};
	TEST_MAIN(tests);
}
