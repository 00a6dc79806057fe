/* The state machine against a slow model that keeps the whole history and works everything out
 * anew, over all short rows of evidence. */
#include "health/verdict.h"

#include "tests/unit/test.h"

#define HISTORY_MAX 64
#define START_MS    1000000u

struct past {
	enum evidence evidence;
	uint64_t at_ms;
};

/* The model: what happened, and nothing else. */
struct model {
	struct verdict_limits limits;
	struct past past[HISTORY_MAX];
	size_t count;
};

struct opinion {
	enum verdict verdict;
	uint64_t since_ms;
};

/* Length of the row of equal results that ends with past[last]. */
static uint32_t row_length(const struct model *m, size_t last)
{
	bool success = m->past[last].evidence == EVIDENCE_SUCCESS;
	uint32_t n = 0;

	for (size_t i = last + 1; i-- > 0;) {
		if ((m->past[i].evidence == EVIDENCE_SUCCESS) != success)
			break;
		n++;
	}
	return n;
}

/* Damped at `when`: the last changes up to then, each less than a window after the one before it and the last
 * less than a window ago, are at least VERDICT_FLAP_CHANGES. */
static bool is_damped(const uint64_t *changes, size_t count, uint64_t when_ms)
{
	size_t run = 0;

	for (size_t i = count; i-- > 0; when_ms = changes[i]) {
		if (when_ms - changes[i] >= VERDICT_FLAP_WINDOW_MS)
			break;
		run++;
	}
	return run >= VERDICT_FLAP_CHANGES;
}

/* Read the whole history from its beginning. */
static struct opinion model_read(const struct model *m)
{
	struct opinion o = {VERDICT_UNKNOWN, 0};
	uint64_t changes[HISTORY_MAX];
	size_t change_count = 0;

	for (size_t i = 0; i < m->count; i++) {
		bool success = m->past[i].evidence == EVIDENCE_SUCCESS;
		uint64_t at_ms = m->past[i].at_ms;
		uint32_t need = success ? m->limits.rise : m->limits.fall;
		enum verdict wants = success ? VERDICT_UP : VERDICT_DOWN;

		if (success && is_damped(changes, change_count, at_ms))
			need *= 2;
		if (o.verdict == VERDICT_UNKNOWN) {
			o = (struct opinion){wants, at_ms};
		} else if (o.verdict != wants && row_length(m, i) >= need) {
			o = (struct opinion){wants, at_ms};
			changes[change_count++] = at_ms;
		}
	}
	return o;
}

/* Play the future: when is the verdict another one, if every probe from now on says the same? */
static uint64_t model_doubt(const struct model *m, uint64_t next_ms)
{
	struct model future = *m;
	enum verdict now = model_read(m).verdict;
	enum evidence last = m->past[m->count - 1].evidence;
	bool success = last == EVIDENCE_SUCCESS;

	if ((now == VERDICT_UP) == success)
		return 0; /* the last outcome agrees: no streak has begun */
	for (uint64_t at_ms = next_ms;; at_ms += m->limits.gap_ms) {
		assert_true(future.count < HISTORY_MAX);
		future.past[future.count++] = (struct past){last, at_ms};
		if (model_read(&future).verdict != now)
			return at_ms;
	}
}

struct run {
	struct verdict_limits limits;
	uint32_t step_ms; /* between two pieces of evidence */
	unsigned kinds;   /* 2: no passive evidence; 3: with */
	unsigned length;
};

static void check_row(const struct run *r, uint32_t row)
{
	struct model m = {.limits = r->limits};
	struct verdict_state s = {0};
	uint64_t doubt_ms = 0;

	for (unsigned i = 0; i < r->length; i++, row /= r->kinds) {
		enum evidence e = (enum evidence)(row % r->kinds);
		uint64_t now_ms = START_MS + (uint64_t)i * r->step_ms;
		uint64_t next_ms = now_ms + r->limits.gap_ms;
		enum verdict before = s.verdict;
		bool changed = verdict_step(&s, e, &r->limits, now_ms, next_ms);
		struct opinion want;

		m.past[m.count++] = (struct past){e, now_ms};
		want = model_read(&m);
		assert_int_equal(s.verdict, want.verdict);
		assert_int_equal(s.since_ms, want.since_ms);
		assert_int_equal(changed, s.verdict != before);
		assert_int_equal(e == EVIDENCE_SUCCESS ? s.successes : s.failures,
			row_length(&m, m.count - 1));
		assert_int_equal(e == EVIDENCE_SUCCESS ? s.failures : s.successes, 0);
		if (e != EVIDENCE_PASSIVE_FAILURE)
			doubt_ms = model_doubt(&m, next_ms);
		else if (want.verdict == VERDICT_DOWN)
			doubt_ms = 0;
		assert_int_equal(s.doubt_until_ms, doubt_ms);
	}
}

static void check_all_rows(const struct run *r)
{
	uint32_t rows = 1;

	for (unsigned i = 0; i < r->length; i++)
		rows *= r->kinds;
	for (uint32_t row = 0; row < rows; row++)
		check_row(r, row);
}

static void every_short_row_agrees_with_the_model(void **state)
{
	static const uint32_t steps_ms[] = {1000, VERDICT_FLAP_WINDOW_MS / 4,
		VERDICT_FLAP_WINDOW_MS - 1, VERDICT_FLAP_WINDOW_MS};

	(void)state;
	for (uint16_t fall = 1; fall <= 3; fall++) {
		for (uint16_t rise = 1; rise <= 3; rise++) {
			for (size_t i = 0; i < COUNT(steps_ms); i++) {
				struct run r = {
					.limits = {.fall = fall, .rise = rise, .gap_ms = 900},
					.step_ms = steps_ms[i],
					.kinds = 2,
					.length = 12,
				};

				check_all_rows(&r);
				r.limits.gap_ms = VERDICT_FLAP_WINDOW_MS / 3;
				check_all_rows(&r); /* damping ends before the streak does */
				r.kinds = 3;
				r.length = 7;
				check_all_rows(&r);
			}
		}
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
		{EVIDENCE_PASSIVE_FAILURE, VERDICT_DOWN},
	};
	struct verdict_limits limits = {.fall = 5, .rise = 5, .gap_ms = 1000};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct verdict_state s = {0};

		assert_true(verdict_step(&s, cases[i].evidence, &limits, 70, 1070));
		assert_int_equal(s.verdict, cases[i].verdict);
		assert_int_equal(s.since_ms, 70);
		assert_int_equal(s.flaps, 0);
		assert_int_equal(s.doubt_until_ms, 0);
	}
}

static void doubt_ends_with_the_probe_that_could_decide(void **state)
{
	struct verdict_limits limits = {.fall = 3, .rise = 2, .gap_ms = 4500};
	struct verdict_state s = {.verdict = VERDICT_UP};

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

static void passive_evidence_starts_no_doubt(void **state)
{
	struct verdict_limits limits = {.fall = 3, .rise = 2, .gap_ms = 5000};
	struct verdict_state s = {.verdict = VERDICT_UP};

	(void)state;
	(void)verdict_step(&s, EVIDENCE_PASSIVE_FAILURE, &limits, 10000, 15000);
	assert_int_equal(s.failures, 1);
	assert_int_equal(s.doubt_until_ms, 0);
	verdict_reschedule(&s, &limits, 17000);
	assert_int_equal(s.doubt_until_ms, 0);
	(void)verdict_step(&s, EVIDENCE_FAILURE, &limits, 15000, 20000);
	assert_int_equal(s.doubt_until_ms, 20000); /* it counts in the streak, though */
	verdict_reschedule(&s, &limits, 21000);
	assert_int_equal(s.doubt_until_ms, 21000);
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
	struct verdict_state s = {.verdict = VERDICT_UP};
	uint64_t now_ms = 1;

	(void)state;
	for (uint32_t i = 1; i < UINT16_MAX; i++, now_ms++)
		assert_false(verdict_step(&s, EVIDENCE_FAILURE, &limits, now_ms, now_ms + 1));
	assert_true(verdict_step(&s, EVIDENCE_FAILURE, &limits, now_ms, now_ms + 1));
	assert_false(verdict_step(&s, EVIDENCE_FAILURE, &limits, now_ms, now_ms + 1));
	assert_int_equal(s.failures, UINT16_MAX);

	/* damped: twice this rise would be out of reach */
	s.flap_ms = UINT64_MAX;
	for (uint32_t i = 1; i < UINT16_MAX; i++, now_ms++)
		assert_false(verdict_step(&s, EVIDENCE_SUCCESS, &limits, now_ms, now_ms + 1));
	assert_true(verdict_step(&s, EVIDENCE_SUCCESS, &limits, now_ms, now_ms + 1));
}

static void lower_thresholds_after_a_reload_take_effect_at_the_next_outcome(void **state)
{
	struct verdict_limits limits = {.fall = 2, .rise = 2, .gap_ms = 1000};
	struct verdict_state s = {.verdict = VERDICT_UP, .failures = 7, .doubt_until_ms = 5000};

	(void)state;
	verdict_reschedule(&s, &limits, 6000);
	assert_int_equal(s.doubt_until_ms, 6000);
	assert_true(verdict_step(&s, EVIDENCE_FAILURE, &limits, 6000, 7000));
}

static void state_goes_over_the_board_and_back(void **state)
{
	struct board_probe cell = {
		.failures = 2, .since_ms = 400, .checked_ms = 900, .flap_ms = 5000, .flaps = 4};
	struct verdict_state s;

	(void)state;
	atomic_init(&cell.word, VERDICT_WORD(VERDICT_UP, 1234));
	s = verdict_restore(&cell, true, 1000);
	assert_int_equal(s.verdict, VERDICT_UP);
	assert_int_equal(s.failures, 2);
	assert_int_equal(s.successes, 0);
	assert_int_equal(s.since_ms, 400);
	assert_int_equal(s.flap_ms, 5000);
	assert_int_equal(s.flaps, 4);
	assert_int_equal(s.doubt_until_ms, 1234);
}

static void what_no_writer_leaves_is_put_right(void **state)
{
	struct board_probe cell = {
		.failures = 2, .successes = 3, .since_ms = 2000, .flap_ms = UINT64_MAX, .flaps = 9};
	struct verdict_state s;

	(void)state;
	atomic_init(&cell.word, VERDICT_WORD(VERDICT_DOWN, 0));
	s = verdict_restore(&cell, true, 1000);
	assert_int_equal(s.failures + s.successes, 0);
	assert_int_equal(s.since_ms, 1000);
	assert_int_equal(s.flap_ms, 0);

	/* torn by a killed writer: the word alone counts */
	cell.successes = 0;
	s = verdict_restore(&cell, false, 1000);
	assert_int_equal(s.verdict, VERDICT_DOWN);
	assert_int_equal(s.failures, 0);
	assert_int_equal(s.flaps, 0);
	assert_int_equal(s.since_ms, 1000);

	atomic_init(&cell.word, 3); /* no verdict */
	assert_int_equal(verdict_restore(&cell, true, 1000).verdict, VERDICT_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_short_row_agrees_with_the_model),
		cmocka_unit_test(first_outcome_decides),
		cmocka_unit_test(doubt_ends_with_the_probe_that_could_decide),
		cmocka_unit_test(passive_evidence_starts_no_doubt),
		cmocka_unit_test(unknown_is_in_doubt_until_its_first_probe),
		cmocka_unit_test(streaks_stay_at_their_maximum),
		cmocka_unit_test(lower_thresholds_after_a_reload_take_effect_at_the_next_outcome),
		cmocka_unit_test(state_goes_over_the_board_and_back),
		cmocka_unit_test(what_no_writer_leaves_is_put_right),
	};

	TEST_MAIN(tests);
}
