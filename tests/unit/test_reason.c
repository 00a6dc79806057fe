#include "board/reason.h"

#include "tests/unit/test.h"

static void a_reason_never_contradicts_its_verdict(void **state)
{
	static const struct {
		enum verdict verdict;
		uint16_t successes, failures;
		uint32_t flags;
		const char *outcome, *reason;
	} cases[] = {
		{VERDICT_UNKNOWN, 0, 0, 0, "", ""},
		{VERDICT_UP, 9, 0, PROBE_GOOD, "status 200", "status 200"},
		{VERDICT_UP, 0, 1, PROBE_GOOD, "status 503", "status 503, 1 of 2 bad"},
		{VERDICT_DOWN, 0, 5, 0, "status 503", "status 503"},
		{VERDICT_DOWN, 2, 0, 0, "status 200", "status 200, 2 of 3 good"},
		{VERDICT_DOWN, 2, 0, PROBE_SUPPRESSED, "status 200",
			"status 200, 2 of 3 good; suppressed for flapping"},
		{VERDICT_DOWN, 40, 0, PROBE_SUPPRESSED | PROBE_GOOD, "status 200",
			"status 200; suppressed for flapping"},
		{VERDICT_DOWN, 0, 1, PROBE_SUPPRESSED | PROBE_GOOD, "status 503",
			"status 503; suppressed for flapping"},
		{VERDICT_DOWN, 0, 1, PROBE_GOOD, "status 503", "status 503"},
		{VERDICT_UP, 0, 1, PROBE_GOOD, "not tested: connect: network is unreachable",
			"not tested: connect: network is unreachable, 1 of 2 bad"},
	};
	static const struct conf_check check = {.fall = 2, .rise = 3};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct board_probe p = {.successes = cases[i].successes,
			.failures = cases[i].failures,
			.flags = cases[i].flags};
		char text[REASON_TEXT_MAX];

		atomic_init(&p.word, VERDICT_WORD(cases[i].verdict, 0));
		(void)snprintf(p.reason, sizeof p.reason, "%s", cases[i].outcome);
		assert_string_equal(reason_format(&p, &check, text), cases[i].reason);
	}
}

static void the_longest_reason_fits(void **state)
{
	static const struct conf_check check = {.fall = 1000, .rise = 1000};
	struct board_probe p = {.successes = UINT16_MAX, .flags = PROBE_SUPPRESSED};
	char text[REASON_TEXT_MAX];

	(void)state;
	atomic_init(&p.word, VERDICT_WORD(VERDICT_DOWN, 0));
	memset(p.reason, 'x', sizeof p.reason - 1);
	assert_non_null(strstr(
		reason_format(&p, &check, text), "65535 of 1000 good; suppressed for flapping"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reason_never_contradicts_its_verdict),
		cmocka_unit_test(the_longest_reason_fits),
	};

	TEST_MAIN(tests);
}
