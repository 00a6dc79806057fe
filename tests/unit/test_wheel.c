#include "tests/unit/test.h"

#include "balancer/wheel.h"

#define HORIZON_MS ((uint64_t)WHEEL_SLOTS * WHEEL_TICK_MS)

/* The first moment, in steps of 1 ms, at which the entry comes up; it is taken out then. */
static uint64_t comes_up(struct wheel *w, const struct wheel_entry *e, uint64_t from_ms)
{
	for (uint64_t now_ms = from_ms;; now_ms++) {
		struct wheel_entry *got = wheel_expire(w, now_ms);

		if (got == NULL)
			continue;
		assert_ptr_equal(got, e);
		return now_ms;
	}
}

static void an_entry_is_never_early_and_at_most_a_tick_late(void **state)
{
	static const uint64_t delays_ms[] = {1, 49, 50, 51, 100, 999, 5000, HORIZON_MS - 200};
	const uint64_t start_ms = 1234567;
	struct wheel wheel;

	(void)state;
	for (size_t i = 0; i < COUNT(delays_ms); i++) {
		struct wheel_entry e = {0};
		uint64_t due_ms = start_ms + delays_ms[i], at_ms;

		wheel_init(&wheel, start_ms);
		wheel_add(&wheel, &e, start_ms, due_ms);
		at_ms = comes_up(&wheel, &e, start_ms);
		assert_true(at_ms >= due_ms && at_ms <= due_ms + WHEEL_TICK_MS);
		assert_int_equal(wheel.count, 0);
	}
}

static void what_lies_beyond_the_horizon_comes_up_early_to_be_added_again(void **state)
{
	struct wheel_entry e = {0};
	struct wheel wheel;
	uint64_t at_ms;

	(void)state;
	wheel_init(&wheel, 1000);
	wheel_add(&wheel, &e, 1000, 1000 + 3600000);
	at_ms = comes_up(&wheel, &e, 1000);
	assert_true(at_ms > 1000 + HORIZON_MS / 2 && at_ms <= 1000 + HORIZON_MS);
}

static void an_overdue_entry_added_while_expiring_waits_for_the_next_tick(void **state)
{
	struct wheel_entry e = {0};
	struct wheel wheel;

	(void)state;
	wheel_init(&wheel, 1000);
	wheel_add(&wheel, &e, 1000, 1000);
	assert_ptr_equal(wheel_expire(&wheel, 5000), &e); /* late: the thread was busy */
	wheel_add(&wheel, &e, 5000, 0);
	assert_null(wheel_expire(&wheel, 5000));
	assert_ptr_equal(wheel_expire(&wheel, 5000 + WHEEL_TICK_MS), &e);
}

static void entries_leave_from_any_place_of_a_bucket(void **state)
{
	struct wheel_entry e[3] = {0};
	struct wheel wheel;

	(void)state;
	for (size_t leaver = 0; leaver < 3; leaver++) {
		unsigned left = 0;

		wheel_init(&wheel, 1000);
		for (size_t i = 0; i < 3; i++)
			wheel_add(&wheel, &e[i], 1000, 2000);
		wheel_remove(&wheel, &e[leaver]);
		wheel_remove(&wheel, &e[leaver]); /* harmless */
		assert_int_equal(wheel.count, 2);
		for (struct wheel_entry *got; (got = wheel_expire(&wheel, 3000)) != NULL; left++)
			assert_ptr_not_equal(got, &e[leaver]);
		assert_int_equal(left, 2);
	}
}

static void an_empty_wheel_follows_the_clock(void **state)
{
	struct wheel_entry e = {0};
	struct wheel wheel;
	uint64_t at_ms;

	(void)state;
	wheel_init(&wheel, 1000);
	wheel_add(&wheel, &e, 90000000, 90000100); /* a day later */
	at_ms = comes_up(&wheel, &e, 90000000);
	assert_true(at_ms >= 90000100 && at_ms <= 90000100 + WHEEL_TICK_MS);
}

static void take_empties_the_wheel(void **state)
{
	struct wheel_entry e[40] = {0};
	struct wheel wheel;
	unsigned n = 0;

	(void)state;
	wheel_init(&wheel, 1000);
	for (size_t i = 0; i < COUNT(e); i++)
		wheel_add(&wheel, &e[i], 1000, 1000 + i * 777);
	while (wheel_take(&wheel) != NULL)
		n++;
	assert_int_equal(n, COUNT(e));
	assert_int_equal(wheel.count, 0);
	assert_null(wheel_expire(&wheel, 90000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_is_never_early_and_at_most_a_tick_late),
		cmocka_unit_test(what_lies_beyond_the_horizon_comes_up_early_to_be_added_again),
		cmocka_unit_test(an_overdue_entry_added_while_expiring_waits_for_the_next_tick),
		cmocka_unit_test(entries_leave_from_any_place_of_a_bucket),
		cmocka_unit_test(an_empty_wheel_follows_the_clock),
		cmocka_unit_test(take_empties_the_wheel),
	};

	TEST_MAIN(tests);
}
