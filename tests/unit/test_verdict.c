/* The state machine against a plain model with a real exponential, over all short rows of evidence;
 * and what damping is for, told as stories. */
#include "health/verdict.h"

#include "tests/unit/test.h"

#include <math.h>

#define START_MS 1000000u

static const struct flap_limits bgp = {.penalty = 1000,
	.suppress = 2500,
	.reuse = 750,
	.half_life_ms = 60000,
	.max_suppress_ms = 600000};

/* ---- the model ---- */

struct model {
	struct verdict_limits limits;
	int row; /* > 0: successes in a row, < 0: failures */
	bool known, good, suppressed;
	double penalty;
	uint64_t charged_ms;
	enum verdict verdict;
	uint64_t since_ms;
	bool close; /* a penalty was so near a limit that the last digit decides: anything goes */
};

static double penalty_of(const struct model *m, uint64_t at_ms)
{
	return m->penalty * exp2(-(double)(at_ms - m->charged_ms) / m->limits.flap.half_life_ms);
}

static bool above(struct model *m, double value, double limit)
{
	if (fabs(value - limit) < limit * 0.002)
		m->close = true;
	return value > limit;
}

static void model_charge(struct model *m, double points, uint64_t at_ms)
{
	m->penalty = penalty_of(m, at_ms) + points;
	m->charged_ms = at_ms;
	if (above(m, m->penalty, m->limits.flap.suppress))
		m->suppressed = true;
}

static void model_step(struct model *m, bool success, uint64_t at_ms)
{
	const struct flap_limits *flap = &m->limits.flap;
	double share = (double)m->limits.interval_ms * VERDICT_DIP_LOOKS / flap->half_life_ms;
	int before = m->row;
	enum verdict verdict = m->verdict;

	if (success)
		m->row = before > 0 ? before + 1 : 1;
	else
		m->row = before < 0 ? before - 1 : -1;
	if (at_ms - m->charged_ms >= flap->max_suppress_ms ||
		!above(m, penalty_of(m, at_ms), flap->reuse))
		m->suppressed = false;
	if (!m->known) {
		m->known = true;
		m->good = success;
	} else if (m->good && -m->row >= m->limits.fall) {
		m->good = false;
		model_charge(m, flap->penalty, at_ms);
	} else if (!m->good && m->row >= m->limits.rise) {
		m->good = true;
		model_charge(m, flap->penalty, at_ms);
	} else if (m->good && success && before < 0) {
		model_charge(m, flap->penalty * (share < 1 ? share : 1), at_ms);
	}
	if (!m->good || m->suppressed)
		m->verdict = VERDICT_DOWN;
	else if (success)
		m->verdict = VERDICT_UP;
	if (m->verdict != verdict)
		m->since_ms = at_ms;
}

/* Play the future: when is the verdict another one, if every probe from now on says the same? */
static uint64_t model_doubt(const struct model *m, uint64_t next_ms, bool *close)
{
	struct model future = *m;

	if ((m->verdict == VERDICT_UP) == (m->row > 0))
		return 0; /* the last outcome agrees: no streak has begun */
	for (uint64_t at_ms = next_ms; !future.close; at_ms += m->limits.gap_ms) {
		model_step(&future, m->row > 0, at_ms);
		if (future.verdict != m->verdict && !future.close)
			return at_ms;
	}
	*close = true;
	return 0;
}

/* ---- all short rows ---- */

struct run {
	struct verdict_limits limits;
	uint32_t step_ms; /* between two pieces of evidence */
	unsigned length;
};

/* Over the board and back: another process goes on with it. */
static struct verdict_state successor(const struct verdict_state *s, uint64_t now_ms)
{
	struct board_probe cell = {0};

	verdict_store(s, &cell);
	return verdict_restore(&cell, true, now_ms);
}

static void check_row(const struct run *r, uint32_t row)
{
	struct model m = {.limits = r->limits};
	struct verdict_state s = {0};

	for (unsigned i = 0; i < r->length; i++, row /= 2) {
		enum evidence e = (enum evidence)(row % 2);
		uint64_t now_ms = START_MS + (uint64_t)i * r->step_ms;
		uint64_t next_ms = now_ms + r->limits.gap_ms;
		enum verdict before = s.verdict;
		bool changed = verdict_step(&s, e, &r->limits, now_ms, next_ms);
		bool success = e == EVIDENCE_SUCCESS, close = false;
		uint64_t doubt_ms;

		model_step(&m, success, now_ms);
		if (m.close)
			return;
		assert_int_equal(s.verdict, m.verdict);
		assert_int_equal(s.good, m.good);
		assert_int_equal(s.suppressed, m.suppressed);
		assert_int_equal(s.since_ms, m.since_ms);
		assert_int_equal(changed, s.verdict != before);
		assert_int_equal(success ? s.successes : s.failures, abs(m.row));
		assert_int_equal(success ? s.failures : s.successes, 0);
		doubt_ms = model_doubt(&m, next_ms, &close);
		if (close)
			return;
		assert_int_equal(s.doubt_until_ms, doubt_ms);
		s = successor(&s, now_ms);
	}
}

static void check_all_rows(const struct run *r)
{
	for (uint32_t row = 0; row < UINT32_C(1) << r->length; row++)
		check_row(r, row);
}

static void every_short_row_agrees_with_the_model(void **state)
{
	static const uint32_t steps_ms[] = {1000, 5000, 20000, 61000};

	(void)state;
	for (uint16_t fall = 1; fall <= 3; fall++) {
		for (uint16_t rise = 1; rise <= 3; rise++) {
			for (size_t i = 0; i < COUNT(steps_ms); i++) {
				struct run r = {
					.limits = {.fall = fall,
						.rise = rise,
						.gap_ms = 19000,
						.interval_ms = steps_ms[i],
						.flap = bgp},
					.step_ms = steps_ms[i],
					.length = 11,
				};

				check_all_rows(&r);
				r.limits.gap_ms = 170000; /* longer than most suppressions */
				check_all_rows(&r);
			}
		}
	}
}

/* ---- stories ---- */

/* A check with the default thresholds and damping. */
static struct verdict_limits usual(uint32_t interval_ms)
{
	return (struct verdict_limits){.fall = 2,
		.rise = 3,
		.gap_ms = interval_ms - interval_ms / 10,
		.interval_ms = interval_ms,
		.flap = bgp};
}

static void probe(struct verdict_state *s, const struct verdict_limits *limits, bool success,
	uint64_t *now_ms)
{
	*now_ms += limits->interval_ms;
	(void)verdict_step(s, success ? EVIDENCE_SUCCESS : EVIDENCE_FAILURE, limits, *now_ms,
		*now_ms + limits->interval_ms);
}

static void eight_flaps_in_eight_seconds_end_down_until_it_is_quiet(void **state)
{
	struct verdict_limits limits = usual(1000);
	struct verdict_state s = {0};
	uint64_t now_ms = START_MS, quiet_ms;
	unsigned changes = 0;

	(void)state;
	limits.fall = limits.rise = 1;
	probe(&s, &limits, true, &now_ms);
	for (unsigned i = 0; i < 8; i++) {
		enum verdict before = s.verdict;

		probe(&s, &limits, i % 2 != 0, &now_ms);
		changes += s.verdict != before;
	}
	assert_int_equal(changes, 3); /* down, up, down: the third is above 2500 */
	assert_int_equal(s.verdict, VERDICT_DOWN);
	assert_true(s.suppressed && s.good); /* the last flap was up */
	assert_true(flap_at(&s.flap, &bgp, now_ms) > 7000 * FLAP_POINT);
	quiet_ms = now_ms;
	while (s.verdict == VERDICT_DOWN)
		probe(&s, &limits, true, &now_ms);
	/* 60 s × log2(7,660 / 750) = 201 s */
	assert_in_range(now_ms - quiet_ms, 195000, 206000);
}

static void every_second_failure_ends_suppressed_however_often_one_looks(void **state)
{
	static const uint32_t intervals_ms[] = {100, 1000, 2000, 5000, 10000, 20000};

	(void)state;
	for (size_t i = 0; i < COUNT(intervals_ms); i++) {
		struct verdict_limits limits = usual(intervals_ms[i]);
		struct verdict_state s = {0};
		uint64_t now_ms = START_MS;
		bool success = true;

		for (; s.verdict != VERDICT_DOWN; success = !success) {
			probe(&s, &limits, success, &now_ms);
			assert_true(now_ms < START_MS + 300000);
		}
		assert_true(s.suppressed && s.good);
		for (unsigned n = 0; n < 2000; n++, success = !success) {
			probe(&s, &limits, success, &now_ms);
			assert_int_equal(s.verdict, VERDICT_DOWN);
		}
	}
}

static void one_failed_probe_a_minute_changes_nothing(void **state)
{
	static const uint32_t intervals_ms[] = {100, 1000, 2000, 5000, 10000};

	(void)state;
	for (size_t i = 0; i < COUNT(intervals_ms); i++) {
		struct verdict_limits limits = usual(intervals_ms[i]);
		struct verdict_state s = {0};
		uint64_t now_ms = START_MS;
		uint32_t a_minute = 60000 / intervals_ms[i];

		for (uint32_t n = 1; n < 200 * a_minute; n++) {
			probe(&s, &limits, n % a_minute != 0, &now_ms);
			assert_int_equal(s.verdict, VERDICT_UP);
			assert_false(s.suppressed);
		}
	}
}

/* A tenth of the probes fails, each alone: a bad line, not a proxy to be taken out. */
static void a_tenth_of_failures_is_borne(void **state)
{
	struct verdict_limits limits = usual(5000);
	struct verdict_state s = {0};
	uint64_t now_ms = START_MS;

	(void)state;
	for (unsigned n = 1; n < 5000; n++) {
		probe(&s, &limits, n % 10 != 0, &now_ms);
		assert_int_equal(s.verdict, VERDICT_UP);
	}
}

static void a_restart_now_and_then_is_not_damped(void **state)
{
	struct verdict_limits limits = usual(5000);
	struct verdict_state s = {0};
	uint64_t now_ms = START_MS;

	(void)state;
	for (unsigned hour = 0; hour < 20; hour++) {
		for (unsigned n = 0; n < 60; n++)
			probe(&s, &limits, n >= 6, &now_ms); /* 30 s of 5 min */
		assert_int_equal(s.verdict, VERDICT_UP);
		assert_false(s.suppressed);
	}
}

static void suppression_ends_at_most_ten_minutes_after_the_last_change(void **state)
{
	struct verdict_limits limits = usual(100);
	struct verdict_state s = {0};
	uint64_t now_ms = START_MS, last_ms;

	(void)state;
	limits.fall = limits.rise = 1;
	for (unsigned i = 0; i < 20000; i++)
		probe(&s, &limits, i % 2 == 0, &now_ms);
	assert_true(s.suppressed);
	last_ms = now_ms;
	probe(&s, &limits, true, &now_ms);
	while (s.verdict == VERDICT_DOWN)
		probe(&s, &limits, true, &now_ms);
	assert_in_range(now_ms - last_ms, 590000, 600000 + 2 * 100);
}

static void only_a_success_frees(void **state)
{
	struct verdict_limits limits = usual(5000);
	struct verdict_state s = {.verdict = VERDICT_DOWN,
		.good = true,
		.suppressed = true,
		.successes = 4,
		.since_ms = 5,
		.flap = {.penalty = 751 * FLAP_POINT, .at_ms = START_MS}};
	uint64_t now_ms = START_MS;

	(void)state;
	probe(&s, &limits, false, &now_ms);
	assert_false(s.suppressed);
	assert_int_equal(s.verdict, VERDICT_DOWN); /* not up with a failure for a reason */
	assert_int_equal(s.doubt_until_ms, 0);
	probe(&s, &limits, true, &now_ms);
	assert_int_equal(s.verdict, VERDICT_UP);
}

static void no_penalty_is_no_damping(void **state)
{
	struct verdict_limits limits = usual(1000);
	struct verdict_state s = {.verdict = VERDICT_DOWN,
		.good = true,
		.suppressed = true,
		.flap = {.penalty = 9000 * FLAP_POINT, .at_ms = START_MS}};
	uint64_t now_ms = START_MS;

	(void)state;
	limits.fall = limits.rise = 1;
	limits.flap.penalty = 0; /* by a reload */
	for (unsigned i = 0; i < 100; i++) {
		probe(&s, &limits, i % 2 == 0, &now_ms);
		assert_int_equal(s.verdict, i % 2 == 0 ? VERDICT_UP : VERDICT_DOWN);
		assert_false(s.suppressed);
	}
}

static void first_outcome_decides(void **state)
{
	static const struct {
		enum evidence evidence;
		enum verdict verdict;
	} cases[] = {
		{EVIDENCE_SUCCESS, VERDICT_UP},
		{EVIDENCE_FAILURE, VERDICT_DOWN},
	};
	struct verdict_limits limits = {.fall = 5, .rise = 5, .gap_ms = 1000};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct verdict_state s = {0};

		assert_true(verdict_step(&s, cases[i].evidence, &limits, 70, 1070));
		assert_int_equal(s.verdict, cases[i].verdict);
		assert_int_equal(s.since_ms, 70);
		assert_int_equal(s.flap.penalty, 0);
		assert_int_equal(s.doubt_until_ms, 0);
	}
}

static void doubt_ends_with_the_probe_that_could_decide(void **state)
{
	struct verdict_limits limits = {.fall = 3, .rise = 2, .gap_ms = 4500};
	struct verdict_state s = {.verdict = VERDICT_UP, .good = true};

	(void)state;
	/* one failure seen, two to come: the next probe and one more */
	(void)verdict_step(&s, EVIDENCE_FAILURE, &limits, 10000, 15000);
	assert_int_equal(s.doubt_until_ms, 19500);
	(void)verdict_step(&s, EVIDENCE_FAILURE, &limits, 15000, 20000);
	assert_int_equal(s.doubt_until_ms, 20000);
	assert_true(verdict_step(&s, EVIDENCE_FAILURE, &limits, 20000, 25000));
	assert_int_equal(s.doubt_until_ms, 0);
	(void)verdict_step(&s, EVIDENCE_SUCCESS, &limits, 25000, 30000);
	assert_int_equal(s.doubt_until_ms, 30000);
}

static void a_probe_that_moved_moves_the_doubt(void **state)
{
	struct verdict_limits limits = {.fall = 3, .rise = 2, .gap_ms = 5000};
	struct verdict_state s = {.verdict = VERDICT_UP, .good = true};

	(void)state;
	verdict_reschedule(&s, &limits, 17000);
	assert_int_equal(s.doubt_until_ms, 0); /* no streak has begun */
	(void)verdict_step(&s, EVIDENCE_FAILURE, &limits, 10000, 15000);
	assert_int_equal(s.doubt_until_ms, 20000);
	verdict_reschedule(&s, &limits, 11000);
	assert_int_equal(s.doubt_until_ms, 16000);
}

static void unknown_is_in_doubt_until_its_first_probe(void **state)
{
	struct verdict_limits limits = {.fall = 3, .rise = 2, .gap_ms = 5000};
	struct verdict_state s = {0};

	(void)state;
	verdict_reschedule(&s, &limits, 12345);
	assert_int_equal(s.doubt_until_ms, 12345);
}

static void streaks_stay_at_their_maximum(void **state)
{
	struct verdict_limits limits = {.fall = UINT16_MAX, .rise = UINT16_MAX, .gap_ms = 1};
	struct verdict_state s = {.verdict = VERDICT_UP, .good = true};
	uint64_t now_ms = 1;

	(void)state;
	for (uint32_t i = 1; i < UINT16_MAX; i++, now_ms++)
		assert_false(verdict_step(&s, EVIDENCE_FAILURE, &limits, now_ms, now_ms + 1));
	assert_true(verdict_step(&s, EVIDENCE_FAILURE, &limits, now_ms, now_ms + 1));
	assert_false(verdict_step(&s, EVIDENCE_FAILURE, &limits, now_ms, now_ms + 1));
	assert_int_equal(s.failures, UINT16_MAX);
	for (uint32_t i = 1; i < UINT16_MAX; i++, now_ms++)
		assert_false(verdict_step(&s, EVIDENCE_SUCCESS, &limits, now_ms, now_ms + 1));
	assert_true(verdict_step(&s, EVIDENCE_SUCCESS, &limits, now_ms, now_ms + 1));
}

static void lower_thresholds_after_a_reload_take_effect_at_the_next_outcome(void **state)
{
	struct verdict_limits limits = {.fall = 2, .rise = 2, .gap_ms = 1000};
	struct verdict_state s = {
		.verdict = VERDICT_UP, .good = true, .failures = 7, .doubt_until_ms = 5000};

	(void)state;
	verdict_reschedule(&s, &limits, 6000);
	assert_int_equal(s.doubt_until_ms, 6000);
	assert_true(verdict_step(&s, EVIDENCE_FAILURE, &limits, 6000, 7000));
}

static void state_goes_over_the_board_and_back(void **state)
{
	const struct verdict_state s = {.verdict = VERDICT_DOWN,
		.good = true,
		.suppressed = true,
		.successes = 2,
		.flap = {.penalty = 123456, .at_ms = 300},
		.since_ms = 400,
		.doubt_until_ms = 1234};
	struct verdict_state back = successor(&s, 1000);

	(void)state;
	assert_int_equal(back.verdict, s.verdict);
	assert_true(back.good && back.suppressed);
	assert_int_equal(back.successes, 2);
	assert_int_equal(back.failures, 0);
	assert_int_equal(back.flap.penalty, 123456);
	assert_int_equal(back.flap.at_ms, 300);
	assert_int_equal(back.since_ms, 400);
	assert_int_equal(back.doubt_until_ms, 1234);
}

static void what_no_writer_leaves_is_put_right(void **state)
{
	struct board_probe cell = {.failures = 2,
		.successes = 3,
		.since_ms = 2000,
		.penalty = 5,
		.penalty_ms = UINT64_MAX,
		.flags = PROBE_SUPPRESSED};
	struct verdict_state s;

	(void)state;
	atomic_init(&cell.word, VERDICT_WORD(VERDICT_UP, 0));
	s = verdict_restore(&cell, true, 1000);
	assert_int_equal(s.failures + s.successes, 0);
	assert_int_equal(s.since_ms, 1000);
	assert_int_equal(s.flap.at_ms, 1000);
	assert_true(s.good && !s.suppressed); /* it is up */

	/* torn by a killed writer: the word alone counts */
	cell.successes = 0;
	atomic_init(&cell.word, VERDICT_WORD(VERDICT_DOWN, 0));
	s = verdict_restore(&cell, false, 1000);
	assert_int_equal(s.verdict, VERDICT_DOWN);
	assert_int_equal(s.failures, 0);
	assert_int_equal(s.flap.penalty, 0);
	assert_false(s.good || s.suppressed);
	assert_int_equal(s.since_ms, 1000);

	atomic_init(&cell.word, 3); /* no verdict */
	assert_int_equal(verdict_restore(&cell, true, 1000).verdict, VERDICT_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_short_row_agrees_with_the_model),
		cmocka_unit_test(eight_flaps_in_eight_seconds_end_down_until_it_is_quiet),
		cmocka_unit_test(every_second_failure_ends_suppressed_however_often_one_looks),
		cmocka_unit_test(one_failed_probe_a_minute_changes_nothing),
		cmocka_unit_test(a_tenth_of_failures_is_borne),
		cmocka_unit_test(a_restart_now_and_then_is_not_damped),
		cmocka_unit_test(suppression_ends_at_most_ten_minutes_after_the_last_change),
		cmocka_unit_test(only_a_success_frees),
		cmocka_unit_test(no_penalty_is_no_damping),
		cmocka_unit_test(first_outcome_decides),
		cmocka_unit_test(doubt_ends_with_the_probe_that_could_decide),
		cmocka_unit_test(a_probe_that_moved_moves_the_doubt),
		cmocka_unit_test(unknown_is_in_doubt_until_its_first_probe),
		cmocka_unit_test(streaks_stay_at_their_maximum),
		cmocka_unit_test(lower_thresholds_after_a_reload_take_effect_at_the_next_outcome),
		cmocka_unit_test(state_goes_over_the_board_and_back),
		cmocka_unit_test(what_no_writer_leaves_is_put_right),
	};

	TEST_MAIN(tests);
}
