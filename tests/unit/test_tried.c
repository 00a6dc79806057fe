#include "balancer/tried.h"

#include "tests/unit/test.h"

static void expect(const struct tried *t, const uint32_t *want, uint32_t attempted, uint32_t count)
{
	assert_int_equal(t->attempted, attempted);
	assert_int_equal(t->count, count);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(tried_list(t)[i], want[i]);
}

static void those_tried_stand_before_those_passed_over(void **state)
{
	struct tried t;

	(void)state;
	tried_init(&t);
	assert_true(tried_add(&t, 7));
	assert_true(tried_add(&t, 8));
	assert_true(tried_add(&t, 9));
	tried_attempt(&t);
	assert_true(tried_add(&t, 10));
	tried_attempt(&t);
	expect(&t, (const uint32_t[]){9, 10, 7, 8}, 2, 4);
	tried_forget_passed(&t);
	expect(&t, (const uint32_t[]){9, 10}, 2, 2);
	tried_forget(&t);
	expect(&t, NULL, 0, 0);
	tried_free(&t);
}

static void more_than_a_few_are_kept_as_well(void **state)
{
	struct tried t;

	(void)state;
	tried_init(&t);
	for (uint32_t i = 0; i < 16384; i++) {
		assert_true(tried_add(&t, i * 3));
		tried_attempt(&t);
	}
	for (uint32_t i = 0; i < 16384; i++)
		assert_int_equal(tried_list(&t)[i], i * 3);
	assert_int_equal(t.attempted, 16384);
	tried_free(&t);
	tried_free(&t);
	assert_true(tried_add(&t, 1));
	expect(&t, (const uint32_t[]){1}, 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_tried_stand_before_those_passed_over),
		cmocka_unit_test(more_than_a_few_are_kept_as_well),
	};

	TEST_MAIN(tests);
}
