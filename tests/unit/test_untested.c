#include "health/untested.h"

#include "tests/unit/test.h"

/* One look a row: the number there is, and what is said of it. */
static void it_is_told_when_it_stands_when_it_grows_and_when_it_is_over(void **state)
{
	static const struct {
		uint64_t at_ms;
		uint32_t now;
		enum untested_news news;
	} looks[] = {
		{1000, 0, UNTESTED_NOTHING},
		{2000, 2, UNTESTED_NOTHING}, /* it may grow */
		{3000, 4, UNTESTED_NOTHING},
		{4000, 4, UNTESTED_SOME}, /* it stands */
		{5000, 4, UNTESTED_NOTHING},
		{6000, 3, UNTESTED_NOTHING},
		{7000, 9, UNTESTED_NOTHING},
		{8000, 9, UNTESTED_NOTHING}, /* it has grown, but was told 4 s ago */
		{63999, 9, UNTESTED_NOTHING},
		{64000, 9, UNTESTED_SOME},
		{64001, 0, UNTESTED_OVER}, /* at once */
		{64002, 0, UNTESTED_NOTHING},
		{65000, 9, UNTESTED_NOTHING},
		{66000, 0, UNTESTED_NOTHING}, /* it was not told: nothing to take back */
		{124000, 10, UNTESTED_SOME},  /* all there are */
		{900000, 10, UNTESTED_NOTHING},
	};
	struct untested u = {.targets = 10};

	(void)state;
	for (size_t i = 0; i < COUNT(looks); i++) {
		u.now = looks[i].now;
		assert_int_equal(untested_look(&u, looks[i].at_ms), looks[i].news);
	}
}

static void a_number_that_never_stands_is_told_all_the_same(void **state)
{
	struct untested u = {.targets = 1000};
	uint64_t at_ms = 5000;

	(void)state;
	for (; at_ms < 5000 + UNTESTED_SETTLE_MS; at_ms += 1000) {
		u.now = 100 + (uint32_t)(at_ms / 1000 % 7);
		assert_int_equal(untested_look(&u, at_ms), UNTESTED_NOTHING);
	}
	u.now = 120;
	assert_int_equal(untested_look(&u, at_ms), UNTESTED_SOME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_told_when_it_stands_when_it_grows_and_when_it_is_over),
		cmocka_unit_test(a_number_that_never_stands_is_told_all_the_same),
	};

	TEST_MAIN(tests);
}
