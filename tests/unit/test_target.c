/* The balancer's own verdict: the word of one target. */
#include "balancer/target.h"

#include "tests/unit/test.h"

#define T0 1000000u

static uint64_t fail_times(uint64_t word, unsigned n, uint64_t now_ms)
{
	while (n-- > 0)
		word = target_failed(word, false, now_ms);
	return word;
}

static void single_failures_set_nothing_aside(void **state)
{
	uint64_t word = fail_times(0, TARGET_FALL - 1, T0);

	(void)state;
	assert_int_equal(target_state(word, T0), TARGET_OPEN);
	assert_int_equal(target_failures(word), TARGET_FALL - 1);
	/* a success has made the word 0: they are not in a row any more */
	assert_int_equal(target_state(fail_times(0, TARGET_FALL - 1, T0), T0), TARGET_OPEN);
}

static void failures_in_a_row_set_it_aside_for_a_pause(void **state)
{
	uint64_t word = fail_times(0, TARGET_FALL, T0);

	(void)state;
	assert_int_equal(target_asides(word), 1);
	assert_int_equal(target_state(word, T0 + TARGET_PAUSE_MS - 1), TARGET_ASIDE);
	assert_int_equal(target_state(word, T0 + TARGET_PAUSE_MS), TARGET_DUE);
}

static void attempts_that_were_under_way_tell_nothing_new(void **state)
{
	uint64_t word = fail_times(0, TARGET_FALL, T0);

	(void)state;
	assert_int_equal(fail_times(word, 100, T0 + 500), word);
	assert_int_equal(fail_times(word, 100, T0 + TARGET_PAUSE_MS), word);
}

static void each_failed_trial_doubles_the_pause_up_to_its_maximum(void **state)
{
	static const uint32_t pauses_s[] = {2, 4, 8, 16, 30, 30};
	uint64_t word = fail_times(0, TARGET_FALL, T0), now_ms = T0;

	(void)state;
	for (size_t i = 0; i < COUNT(pauses_s); i++) {
		now_ms = target_retry(word);
		word = target_failed(word, true, now_ms);
		assert_int_equal(target_retry(word), now_ms + pauses_s[i] * 1000);
		assert_int_equal(target_asides(word), i + 2);
	}
	for (unsigned i = 0; i < 1000; i++)
		word = target_failed(word, true, now_ms);
	assert_int_equal(target_failures(word), UINT8_MAX);
	assert_int_equal(target_asides(word), UINT8_MAX);
	assert_int_equal(target_retry(word), now_ms + TARGET_PAUSE_MAX_MS);
}

static void only_one_has_the_lease(void **state)
{
	uint64_t word = fail_times(0, TARGET_FALL, T0), due_ms = target_retry(word);
	uint64_t leased = target_leased(word, due_ms, 5000);

	(void)state;
	assert_int_equal(target_state(leased, due_ms), TARGET_ASIDE);
	assert_int_equal(target_state(leased, due_ms + 5000), TARGET_DUE); /* it never came back */
	assert_int_equal(
		target_state(target_returned(leased, due_ms + 10), due_ms + 10), TARGET_DUE);
	assert_int_equal(target_returned(0, due_ms), 0); /* a success came in between */
	assert_int_equal(target_returned(fail_times(0, 1, T0), due_ms), fail_times(0, 1, T0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_failures_set_nothing_aside),
		cmocka_unit_test(failures_in_a_row_set_it_aside_for_a_pause),
		cmocka_unit_test(attempts_that_were_under_way_tell_nothing_new),
		cmocka_unit_test(each_failed_trial_doubles_the_pause_up_to_its_maximum),
		cmocka_unit_test(only_one_has_the_lease),
	};

	TEST_MAIN(tests);
}
