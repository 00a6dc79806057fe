/* The scheduler under a clock that the test moves. */
#include "health/scheduler.h"

#include "tests/unit/test.h"

#define T0 1000000u

struct trial {
	struct scheduler s;
	uint64_t now_ms;
	uint64_t *checked_ms;
};

static void trial_init(struct trial *t, uint32_t count, uint32_t running_max, uint32_t interval_ms,
	uint32_t timeout_ms, uint8_t jitter)
{
	struct err e;

	t->now_ms = T0;
	assert_int_equal(scheduler_init(&t->s, count, running_max, 42, &e), 0);
	t->checked_ms = calloc(count, sizeof *t->checked_ms);
	assert_non_null(t->checked_ms);
	for (uint32_t i = 0; i < count; i++)
		scheduler_set(&t->s, i, interval_ms, timeout_ms, jitter);
}

static void trial_begin(struct trial *t)
{
	for (uint32_t i = 0; i < t->s.count; i++) {
		if (t->checked_ms[i] != 0)
			scheduler_resume(&t->s, i, t->checked_ms[i]);
	}
	scheduler_begin(&t->s, t->now_ms);
}

static void trial_free(struct trial *t)
{
	scheduler_free(&t->s);
	free(t->checked_ms);
}

/* The next action, moving the clock to it. */
static enum schedule_action next(struct trial *t, uint32_t *entry)
{
	uint64_t at_ms = scheduler_next_ms(&t->s);

	if (at_ms == UINT64_MAX)
		return SCHEDULE_NOTHING;
	if (at_ms > t->now_ms)
		t->now_ms = at_ms;
	return scheduler_pop(&t->s, t->now_ms, entry);
}

/* Every start for `span_ms`, each probe taking `probe_ms` (no time at all when 0). */
struct starts {
	uint32_t count[64], total;
	uint64_t last_ms[64], shortest_ms, longest_ms;
};

static struct starts watch(struct trial *t, uint64_t span_ms)
{
	struct starts out = {.shortest_ms = UINT64_MAX};
	uint64_t end_ms = t->now_ms + span_ms;
	uint32_t i;

	while (scheduler_next_ms(&t->s) < end_ms) {
		if (next(t, &i) == SCHEDULE_NOTHING)
			continue; /* places that were missed are left out */
		assert_int_equal(t->s.running, 1);
		if (out.count[i] > 0) {
			uint64_t gap_ms = t->now_ms - out.last_ms[i];

			out.shortest_ms = gap_ms < out.shortest_ms ? gap_ms : out.shortest_ms;
			out.longest_ms = gap_ms > out.longest_ms ? gap_ms : out.longest_ms;
		}
		out.last_ms[i] = t->now_ms;
		out.count[i]++;
		out.total++;
		(void)scheduler_finished(&t->s, i, t->now_ms);
	}
	return out;
}

static void a_cold_start_probes_everything_once_at_a_bounded_rate(void **state)
{
	enum { COUNT_MOST = 40000 };
	static const struct {
		uint32_t count, interval_ms, timeout_ms, ends_ms;
	} cases[] = {
		{10000, 5000, 1000, 1000}, /* 10,000 a second, whatever the timeout */
		{10000, 5000, 100, 1000}, {40000, 5000, 1000, 4000},
		{40000, 2000, 1000, 2000}, /* an interval has room for no more than one round */
	};

	(void)state;
	for (size_t n = 0; n < COUNT(cases); n++) {
		uint8_t *started = calloc(COUNT_MOST, 1);
		struct trial t;
		uint32_t i;

		trial_init(&t, cases[n].count, COUNT_MOST, cases[n].interval_ms,
			cases[n].timeout_ms, 10);
		trial_begin(&t);
		for (uint32_t k = 0; k < cases[n].count;) {
			uint64_t due_ms = T0 + (uint64_t)cases[n].ends_ms * k / cases[n].count;

			assert_int_equal(next(&t, &i), SCHEDULE_START);
			(void)scheduler_finished(&t.s, i, t.now_ms);
			if (started[i]++ > 0)
				continue; /* its second place, while the round goes on */
			assert_in_range(t.now_ms, due_ms, due_ms + 1);
			k++;
		}
		assert_int_equal(t.s.missed + t.s.waited, 0);
		free(started);
		trial_free(&t);
	}
}

static void a_few_targets_are_probed_at_once(void **state)
{
	struct trial t;
	uint32_t i;

	(void)state;
	trial_init(&t, 3, 10, 5000, 2000, 10);
	trial_begin(&t);
	for (int n = 0; n < 3; n++)
		assert_int_equal(scheduler_pop(&t.s, T0 + 1, &i), SCHEDULE_START);
	trial_free(&t);
}

static void places_are_spread_over_the_interval(void **state)
{
	enum { TENTHS = 10, COUNT_MAX = 1000 };
	uint32_t started[TENTHS] = {0};
	struct trial t;
	uint32_t i;

	(void)state;
	trial_init(&t, COUNT_MAX, COUNT_MAX, 5000, 2000, 0);
	trial_begin(&t);
	while (scheduler_next_ms(&t.s) < T0 + 1000) {
		assert_int_equal(next(&t, &i), SCHEDULE_START);
		(void)scheduler_finished(&t.s, i, t.now_ms);
	}
	t.now_ms = T0 + 6000; /* the second round is over; the third is the steady state */
	while (scheduler_next_ms(&t.s) < T0 + 6000) {
		assert_int_equal(scheduler_pop(&t.s, scheduler_next_ms(&t.s), &i), SCHEDULE_START);
		(void)scheduler_finished(&t.s, i, scheduler_next_ms(&t.s));
	}
	while (scheduler_next_ms(&t.s) < T0 + 11000) {
		assert_int_equal(next(&t, &i), SCHEDULE_START);
		started[(t.now_ms - T0 - 6000) / 500]++;
		(void)scheduler_finished(&t.s, i, t.now_ms);
	}
	for (int n = 0; n < TENTHS; n++)
		assert_in_range(started[n], 90, 110); /* of 100 on average */
	trial_free(&t);
}

static void starts_of_a_target_keep_their_distance(void **state)
{
	static const struct {
		uint8_t jitter;
		uint64_t shortest_ms, longest_ms;
	} cases[] = {{0, 1000, 1000}, {10, 900, 1100}, {50, 500, 1500}};

	(void)state;
	for (size_t n = 0; n < COUNT(cases); n++) {
		struct trial t;
		struct starts seen;

		trial_init(&t, 64, 64, 1000, 500, cases[n].jitter);
		trial_begin(&t);
		(void)watch(&t, 2000); /* the first round is quicker */
		seen = watch(&t, 100000);
		assert_true(seen.shortest_ms >= cases[n].shortest_ms);
		assert_true(seen.longest_ms <= cases[n].longest_ms);
		assert_int_equal(scheduler_gap_ms(1000, cases[n].jitter), cases[n].shortest_ms);
		assert_in_range(seen.total, 64 * 97, 64 * 103);
		if (cases[n].jitter > 0)
			assert_true(seen.shortest_ms < 1000 && seen.longest_ms > 1000);
		trial_free(&t);
	}
}

static void a_late_outcome_does_not_move_the_place(void **state)
{
	struct trial t;
	uint32_t i;
	uint64_t first_ms;

	(void)state;
	trial_init(&t, 1, 1, 1000, 900, 0);
	trial_begin(&t);
	assert_int_equal(next(&t, &i), SCHEDULE_START);
	first_ms = scheduler_finished(&t.s, 0, t.now_ms + 1);
	for (uint32_t n = 0; n < 20; n++) {
		assert_int_equal(next(&t, &i), SCHEDULE_START);
		assert_int_equal(t.now_ms, first_ms + n * 1000);
		assert_int_equal(
			scheduler_finished(&t.s, 0, t.now_ms + n * 40), first_ms + (n + 1) * 1000);
	}
	trial_free(&t);
}

static void a_target_is_never_probed_twice_at_a_time(void **state)
{
	struct trial t;
	uint32_t i;

	(void)state;
	trial_init(&t, 1, 8, 1000, 1000, 50);
	trial_begin(&t);
	for (int n = 0; n < 100; n++) {
		assert_int_equal(next(&t, &i), SCHEDULE_START);
		assert_int_equal(
			next(&t, &i), SCHEDULE_EXPIRE); /* though its next place has come */
		assert_int_equal(t.s.running, 1);
		(void)scheduler_finished(&t.s, i, t.now_ms);
	}
	trial_free(&t);
}

static void deadlines_come_before_later_starts(void **state)
{
	struct trial t;
	uint32_t i;

	(void)state;
	trial_init(&t, 2, 2, 10000, 10000, 0);
	scheduler_set(&t.s, 1, 10000, 30, 0);
	t.checked_ms[0] = T0 - 9000;
	t.checked_ms[1] = T0 - 10000;
	trial_begin(&t);
	assert_int_equal(next(&t, &i), SCHEDULE_START);
	assert_int_equal(i, 1);
	assert_int_equal(scheduler_overdue_ms(&t.s, 1, T0 + 20), 0);
	assert_int_equal(next(&t, &i), SCHEDULE_EXPIRE);
	assert_int_equal(i, 1);
	assert_int_equal(t.now_ms, T0 + 30);
	assert_int_equal(scheduler_overdue_ms(&t.s, 1, T0 + 37), 7);
	(void)scheduler_finished(&t.s, 1, t.now_ms);
	assert_int_equal(next(&t, &i), SCHEDULE_START);
	assert_int_equal(i, 0);
	assert_int_equal(t.now_ms, T0 + 1000);
	trial_free(&t);
}

static void beyond_the_limit_probes_wait_in_order_and_are_counted(void **state)
{
	struct trial t;
	uint32_t i;

	(void)state;
	trial_init(&t, 5, 2, 1000, 1000, 0);
	for (i = 0; i < 5; i++)
		t.checked_ms[i] = T0 - 900 + i;
	trial_begin(&t);
	t.now_ms = T0 + 110;
	for (uint32_t n = 0; n < 2; n++) {
		assert_int_equal(scheduler_pop(&t.s, t.now_ms, &i), SCHEDULE_START);
		assert_int_equal(i, n);
	}
	assert_int_equal(scheduler_pop(&t.s, t.now_ms, &i), SCHEDULE_NOTHING);
	assert_int_equal(t.s.waiting, 3);
	assert_int_equal(t.s.waited, 3);
	for (uint32_t n = 2; n < 5; n++) {
		(void)scheduler_finished(&t.s, n - 2, t.now_ms);
		assert_true(scheduler_next_ms(&t.s) <= t.now_ms);
		assert_int_equal(scheduler_pop(&t.s, t.now_ms, &i), SCHEDULE_START);
		assert_int_equal(i, n);
		assert_int_equal(t.s.running, 2);
	}
	assert_int_equal(t.s.waiting, 0);
	trial_free(&t);
}

static void a_deadline_is_seen_while_others_wait(void **state)
{
	struct trial t;
	uint32_t i;

	(void)state;
	trial_init(&t, 2, 1, 1000, 300, 0);
	trial_begin(&t);
	t.now_ms = T0 + 10;
	assert_int_equal(scheduler_pop(&t.s, t.now_ms, &i), SCHEDULE_START);
	assert_int_equal(scheduler_pop(&t.s, t.now_ms, &i), SCHEDULE_NOTHING);
	assert_int_equal(next(&t, &i), SCHEDULE_EXPIRE);
	assert_int_equal(i, 0);
	trial_free(&t);
}

static void a_new_process_goes_on_where_the_old_one_was(void **state)
{
	struct trial t;
	struct starts seen;

	(void)state;
	trial_init(&t, 50, 50, 5000, 2000, 0);
	for (uint32_t i = 0; i < 50; i++)
		t.checked_ms[i] = T0 - i * 100;
	trial_begin(&t);
	for (uint32_t i = 0; i < 50; i++)
		assert_int_equal(scheduler_start_ms(&t.s, i), T0 - i * 100 + 5000);
	seen = watch(&t, 5000 + 1);
	assert_true(seen.total >= 50 && seen.total <= 51);
	for (uint32_t i = 0; i < 50; i++)
		assert_true(seen.count[i] >= 1);
	trial_free(&t);
}

static void late_targets_are_made_up_for_without_a_burst(void **state)
{
	struct trial t;

	(void)state;
	trial_init(&t, 64, 64, 5000, 2000, 0);
	for (uint32_t i = 0; i < 32; i++)
		t.checked_ms[i] = T0 - 5000 - 800; /* 0.8 s late */
	for (uint32_t i = 32; i < 64; i++)
		t.checked_ms[i] = 1; /* for ages */
	trial_begin(&t);
	for (uint32_t i = 0; i < 32; i++)
		assert_in_range(scheduler_start_ms(&t.s, i), T0, T0 + 799);
	for (uint32_t i = 32; i < 64; i++)
		assert_in_range(scheduler_start_ms(&t.s, i), T0, T0 + 4999);
	trial_free(&t);
}

static void a_last_probe_in_the_future_counts_as_now(void **state)
{
	struct trial t;

	(void)state;
	trial_init(&t, 1, 1, 5000, 2000, 0);
	t.checked_ms[0] = UINT64_MAX;
	trial_begin(&t);
	assert_int_equal(scheduler_start_ms(&t.s, 0), T0 + 5000);
	trial_free(&t);
}

static void places_missed_by_a_stopped_process_are_counted_and_left_out(void **state)
{
	struct trial t;
	struct starts seen;

	(void)state;
	trial_init(&t, 50, 50, 1000, 500, 0);
	for (uint32_t i = 0; i < 50; i++)
		t.checked_ms[i] = T0 - i * 20;
	trial_begin(&t);
	t.now_ms = T0 + 7500; /* stopped for so long */
	seen = watch(&t, 1001);
	assert_in_range(seen.total, 50, 51); /* one each, in their places */
	for (uint32_t i = 0; i < 50; i++)
		assert_true(seen.count[i] >= 1);
	assert_in_range(t.s.missed, 50 * 7, 50 * 8);
	trial_free(&t);
}

static void what_cannot_be_run_is_tried_again_soon(void **state)
{
	struct trial t;
	uint32_t i;

	(void)state;
	trial_init(&t, 1, 1, 60000, 500, 0);
	trial_begin(&t);
	assert_int_equal(next(&t, &i), SCHEDULE_START);
	scheduler_retry(&t.s, 0, t.now_ms);
	assert_int_equal(t.s.running, 0);
	assert_int_equal(scheduler_start_ms(&t.s, 0), t.now_ms + SCHEDULER_RETRY_MS);
	assert_int_equal(next(&t, &i), SCHEDULE_START);
	trial_free(&t);

	trial_init(&t, 1, 1, 200, 100, 0);
	trial_begin(&t);
	assert_int_equal(next(&t, &i), SCHEDULE_START);
	scheduler_retry(&t.s, 0, t.now_ms);
	assert_int_equal(scheduler_start_ms(&t.s, 0), t.now_ms + 200);
	trial_free(&t);
}

static void after_stop_only_deadlines_are_left(void **state)
{
	struct trial t;
	uint32_t i;

	(void)state;
	trial_init(&t, 40, 4, 1000, 900, 0);
	trial_begin(&t);
	t.now_ms = T0 + 10;
	while (scheduler_pop(&t.s, t.now_ms, &i) == SCHEDULE_START) {
	}
	assert_int_equal(t.s.running, 4);
	scheduler_stop(&t.s);
	(void)scheduler_finished(&t.s, 0, t.now_ms);
	for (int n = 0; n < 3; n++) {
		assert_int_equal(next(&t, &i), SCHEDULE_EXPIRE);
		(void)scheduler_finished(&t.s, i, t.now_ms);
	}
	assert_int_equal(next(&t, &i), SCHEDULE_NOTHING);
	assert_int_equal(t.s.running, 0);
	trial_free(&t);
}

static void no_targets_is_fine(void **state)
{
	struct trial t = {.now_ms = T0};
	struct err e;
	uint32_t i;

	(void)state;
	assert_int_equal(scheduler_init(&t.s, 0, 1, 1, &e), 0);
	scheduler_begin(&t.s, T0);
	assert_int_equal(next(&t, &i), SCHEDULE_NOTHING);
	scheduler_free(&t.s);
}

static void a_hurried_entry_starts_at_once_and_keeps_its_places(void **state)
{
	struct trial t;
	uint32_t i;

	(void)state;
	trial_init(&t, 2, 10, 60000, 1000, 0);
	t.checked_ms[0] = T0 - 10000;
	t.checked_ms[1] = T0 - 20000;
	trial_begin(&t);
	assert_true(scheduler_hurry(&t.s, 0, T0 + 5));
	assert_int_equal(scheduler_next_ms(&t.s), T0 + 5);
	assert_int_equal(scheduler_pop(&t.s, T0 + 5, &i), SCHEDULE_START);
	assert_int_equal(i, 0);
	assert_int_equal(scheduler_finished(&t.s, 0, T0 + 6), T0 + 50000);
	/* again: a second after its start, not sooner */
	assert_true(scheduler_hurry(&t.s, 0, T0 + 100));
	assert_false(scheduler_hurry(&t.s, 0, T0 + 101));
	assert_int_equal(scheduler_start_ms(&t.s, 0), T0 + 5 + SCHEDULER_HURRY_MS);
	assert_int_equal(scheduler_pop(&t.s, T0 + 5 + SCHEDULER_HURRY_MS, &i), SCHEDULE_START);
	assert_int_equal(scheduler_finished(&t.s, 0, T0 + 1010), T0 + 50000);
	trial_free(&t);
}

static void what_is_due_before_a_second_has_passed_needs_no_hurry(void **state)
{
	struct trial t;
	uint32_t i;

	(void)state;
	trial_init(&t, 1, 1, 500, 100, 0);
	t.checked_ms[0] = T0 - 500;
	trial_begin(&t);
	assert_int_equal(scheduler_pop(&t.s, T0, &i), SCHEDULE_START);
	assert_false(scheduler_hurry(&t.s, 0, T0 + 5));
	assert_int_equal(scheduler_finished(&t.s, 0, T0 + 10), T0 + 500);
	assert_false(scheduler_hurry(&t.s, 0, T0 + 20));
	assert_int_equal(scheduler_start_ms(&t.s, 0), T0 + 500);
	trial_free(&t);
}

static void an_entry_that_is_hurried_while_it_runs_runs_once_more(void **state)
{
	struct trial t;
	uint32_t i;

	(void)state;
	trial_init(&t, 1, 1, 60000, 5000, 0);
	t.checked_ms[0] = T0 - 60000;
	trial_begin(&t);
	assert_int_equal(scheduler_pop(&t.s, T0, &i), SCHEDULE_START);
	assert_true(scheduler_hurry(&t.s, 0, T0 + 10));
	assert_false(scheduler_hurry(&t.s, 0, T0 + 20));
	assert_int_equal(scheduler_start_ms(&t.s, 0), T0 + SCHEDULER_HURRY_MS);
	assert_int_equal(scheduler_finished(&t.s, 0, T0 + 30), T0 + SCHEDULER_HURRY_MS);
	assert_int_equal(scheduler_pop(&t.s, T0 + SCHEDULER_HURRY_MS, &i), SCHEDULE_START);
	assert_int_equal(scheduler_finished(&t.s, 0, T0 + 1030), T0 + 60000);
	trial_free(&t);
}

static void who_waits_for_a_place_is_not_hurried(void **state)
{
	struct trial t;
	uint32_t i;

	(void)state;
	trial_init(&t, 2, 1, 60000, 5000, 0);
	t.checked_ms[0] = t.checked_ms[1] = T0 - 60000;
	trial_begin(&t);
	assert_int_equal(scheduler_pop(&t.s, T0, &i), SCHEDULE_START);
	assert_int_equal(scheduler_pop(&t.s, T0, &i), SCHEDULE_NOTHING);
	assert_false(scheduler_hurry(&t.s, 1, T0 + 10));
	scheduler_stop(&t.s);
	assert_false(scheduler_hurry(&t.s, 0, T0 + 10));
	trial_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cold_start_probes_everything_once_at_a_bounded_rate),
		cmocka_unit_test(a_few_targets_are_probed_at_once),
		cmocka_unit_test(places_are_spread_over_the_interval),
		cmocka_unit_test(starts_of_a_target_keep_their_distance),
		cmocka_unit_test(a_late_outcome_does_not_move_the_place),
		cmocka_unit_test(a_target_is_never_probed_twice_at_a_time),
		cmocka_unit_test(deadlines_come_before_later_starts),
		cmocka_unit_test(beyond_the_limit_probes_wait_in_order_and_are_counted),
		cmocka_unit_test(a_deadline_is_seen_while_others_wait),
		cmocka_unit_test(a_new_process_goes_on_where_the_old_one_was),
		cmocka_unit_test(late_targets_are_made_up_for_without_a_burst),
		cmocka_unit_test(a_last_probe_in_the_future_counts_as_now),
		cmocka_unit_test(places_missed_by_a_stopped_process_are_counted_and_left_out),
		cmocka_unit_test(what_cannot_be_run_is_tried_again_soon),
		cmocka_unit_test(after_stop_only_deadlines_are_left),
		cmocka_unit_test(no_targets_is_fine),
		cmocka_unit_test(a_hurried_entry_starts_at_once_and_keeps_its_places),
		cmocka_unit_test(what_is_due_before_a_second_has_passed_needs_no_hurry),
		cmocka_unit_test(an_entry_that_is_hurried_while_it_runs_runs_once_more),
		cmocka_unit_test(who_waits_for_a_place_is_not_hurried),
	};

	TEST_MAIN(tests);
}
