/* The penalty against the real exponential, for many values, and at its edges. */
#include "base/flap.h"

#include "tests/unit/test.h"

#include <math.h>

static const struct flap_limits bgp = {.penalty = 1000,
	.suppress = 2500,
	.reuse = 750,
	.half_life_ms = 60000,
	.max_suppress_ms = 600000};

static void it_halves_itself_and_follows_the_curve(void **state)
{
	static const uint32_t values[] = {
		1, 255, 256, 1000 * FLAP_POINT, 2500 * FLAP_POINT, 768000 * FLAP_POINT, FLAP_MAX};
	static const uint32_t half_lives[] = {1000, 60000, 61234, 86400000};

	(void)state;
	for (size_t v = 0; v < COUNT(values); v++) {
		for (size_t h = 0; h < COUNT(half_lives); h++) {
			struct flap_limits c = bgp;
			struct flap f = {.penalty = values[v], .at_ms = 5000};
			uint32_t last = values[v];

			c.half_life_ms = half_lives[h];
			assert_int_equal(flap_at(&f, &c, 5000), values[v]);
			assert_int_equal(flap_at(&f, &c, 4000), values[v]); /* no time machine */
			for (uint64_t k = 0; k < 200; k++) {
				uint64_t ms = k * half_lives[h] / 7;
				double real = values[v] * exp2(-(double)ms / half_lives[h]);
				uint32_t got = flap_at(&f, &c, 5000 + ms);

				assert_true(got <= last); /* it never grows */
				assert_true(fabs(got - real) <= real * 0.0003 + 1);
				last = got;
			}
			assert_int_equal(flap_at(&f, &c, 5000 + 34ull * half_lives[h]), 0);
			assert_int_equal(flap_at(&f, &c, UINT64_MAX), 0);
		}
	}
}

static void whole_half_lives_are_exact(void **state)
{
	struct flap f = {.penalty = 3000 * FLAP_POINT, .at_ms = 0};

	(void)state;
	assert_int_equal(flap_at(&f, &bgp, 60000), 1500 * FLAP_POINT);
	assert_int_equal(flap_at(&f, &bgp, 120000), 750 * FLAP_POINT);
	/* below 750, not at it */
	assert_true(flap_free_ms(&f, &bgp) > 120000);
	assert_true(flap_free_ms(&f, &bgp) <= 120010);
}

static void free_is_the_first_moment_below_reuse(void **state)
{
	(void)state;
	for (uint32_t points = 1; points < 700000; points += points / 3 + 1) {
		struct flap f = {.penalty = points * FLAP_POINT, .at_ms = 777};
		uint64_t free_ms = flap_free_ms(&f, &bgp);

		assert_true(flap_at(&f, &bgp, free_ms) < bgp.reuse * FLAP_POINT);
		if (free_ms > 777)
			assert_true(flap_at(&f, &bgp, free_ms - 1) >= bgp.reuse * FLAP_POINT);
		else
			assert_true(points < bgp.reuse);
	}
}

static void it_takes_max_suppress_at_most(void **state)
{
	static const struct {
		uint32_t reuse, half_life_ms, max_suppress_ms;
	} cases[] = {{750, 60000, 600000}, {750, 60000, 610000}, {750, 60000, 59999},
		{1, 1000, 86400000}, {1000000, 86400000, 1000}, {750, 7, 1001}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct flap_limits c = {.penalty = 1000000,
			.suppress = 1,
			.reuse = cases[i].reuse,
			.half_life_ms = cases[i].half_life_ms,
			.max_suppress_ms = cases[i].max_suppress_ms};
		struct flap f = {0};

		for (uint64_t ms = 0; ms < 1000; ms++)
			flap_add(&f, &c, 1000000 * FLAP_POINT, ms);
		assert_true(flap_free_ms(&f, &c) <= 999 + c.max_suppress_ms);
		assert_true(flap_at(&f, &c, 999) <= flap_ceiling(&c));
	}
	assert_int_equal(flap_ceiling(&bgp), 768000 * FLAP_POINT); /* 750 × 2^10 */
}

static void it_suppresses_above_the_limit_only(void **state)
{
	struct flap_limits none = bgp;
	struct flap f = {0};

	(void)state;
	flap_add(&f, &bgp, 2500 * FLAP_POINT, 1000);
	assert_false(flap_suppresses(&f, &bgp, 1000));
	flap_add(&f, &bgp, 1, 1000);
	assert_true(flap_suppresses(&f, &bgp, 1000));
	assert_false(flap_suppresses(&f, &bgp, 1100));
	none.penalty = 0;
	assert_false(flap_suppresses(&f, &none, 1000));
}

static void settings_of_zero_do_no_harm(void **state)
{
	const struct flap_limits zero = {0};
	struct flap f = {0};

	(void)state;
	flap_add(&f, &zero, 1000, 5);
	assert_int_equal(flap_at(&f, &zero, 5), flap_ceiling(&zero));
	assert_int_equal(flap_free_ms(&f, &zero), 5);
	assert_false(flap_suppresses(&f, &zero, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_halves_itself_and_follows_the_curve),
		cmocka_unit_test(whole_half_lives_are_exact),
		cmocka_unit_test(free_is_the_first_moment_below_reuse),
		cmocka_unit_test(it_takes_max_suppress_at_most),
		cmocka_unit_test(it_suppresses_above_the_limit_only),
		cmocka_unit_test(settings_of_zero_do_no_harm),
	};

	TEST_MAIN(tests);
}
