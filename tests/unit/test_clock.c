#include "tests/unit/test.h"

#include "base/clock.h"

static void real_time_prints_as_rfc3339(void **state)
{
	char text[CLOCK_TEXT_MAX];

	(void)state;
	assert_string_equal(clock_format(0, text), "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_format(1709210096789u, text), "2024-02-29T12:34:56.789Z");
}

static void monotonic_time_is_never_zero_and_never_goes_back(void **state)
{
	uint64_t last = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t now = clock_mono_ms();

		assert_true(now > 0 && now >= last);
		last = now;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_time_prints_as_rfc3339),
		cmocka_unit_test(monotonic_time_is_never_zero_and_never_goes_back),
	};
	TEST_MAIN(tests);
}
