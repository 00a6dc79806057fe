#include "tests/unit/test.h"

#include "base/err.h"

static void format_leaves_out_what_is_unknown(void **state)
{
	static const struct {
		const char *file, *expect;
		uint32_t line, column;
	} cases[] = {
		{NULL, "error: no", 0, 0},
		{"a.zone", "a.zone: error: no", 0, 0},
		{"a.zone", "a.zone:7: error: no", 7, 0},
		{"a.zone", "a.zone:7:3: error: no", 7, 3},
	};
	char out[200];
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(
			err_at(&e, cases[i].file, cases[i].line, cases[i].column, "%s", "no"), -1);
		err_format(&e, out, sizeof out);
		assert_string_equal(out, cases[i].expect);
	}
	assert_int_equal(err_set(NULL, "nobody listens"), -1);
}

static void long_paths_keep_their_end(void **state)
{
	char path[600];
	struct err e;

	(void)state;
	memset(path, 'a', sizeof path);
	memcpy(path + sizeof path - 8, "/z.zone", 8);
	err_at(&e, path, 1, 1, "x");
	assert_int_equal(strlen(e.file), ERR_FILE_MAX - 1);
	assert_string_equal(e.file + ERR_FILE_MAX - 8, "/z.zone");
}

static void a_full_report_goes_on_counting(void **state)
{
	struct report r = {0};

	(void)state;
	for (int i = 0; i < REPORT_MAX + 5; i++)
		report_add(&r, i % 2 ? SEVERITY_WARNING : SEVERITY_ERROR, "f", 1, 1, "%d", i);
	assert_int_equal(r.count, REPORT_MAX);
	assert_int_equal(r.errors + r.warnings, REPORT_MAX + 5);
	assert_string_equal(r.items[3].text, "3");
	report_free(&r);
	assert_null(r.items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_leaves_out_what_is_unknown),
		cmocka_unit_test(long_paths_keep_their_end),
		cmocka_unit_test(a_full_report_goes_on_counting),
	};
	TEST_MAIN(tests);
}
