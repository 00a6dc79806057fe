#include "tests/unit/test.h"

#include "base/text.h"

static void durations_take_units(void **state)
{
	static const struct {
		const char *in;
		uint64_t ms;
		const char *out; /* NULL: refused */
	} cases[] = {
		{"250ms", 250, "250ms"},
		{"5s", 5000, "5s"},
		{"90s", 90000, "1m30s"},
		{"1h30m", 5400000, "1h30m"},
		{"7d", 604800000, "7d"},
		{"0", 0, "0s"},
		{"0s", 0, "0s"},
		{"5", 0, NULL},
		{"", 0, NULL},
		{"5 s", 0, NULL},
		{"-5s", 0, NULL},
		{"5S", 0, NULL},
		{"30m1h", 0, NULL},
		{"1s1s", 0, NULL},
		{"1.5s", 0, NULL},
		{"99999999999999999999s", 0, NULL},
		{"40000d", 0, NULL},
	};
	char text[DURATION_TEXT_MAX];
	uint64_t ms;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int rc = duration_parse(cases[i].in, &ms);

		assert_int_equal(rc, cases[i].out != NULL ? 0 : -1);
		if (rc < 0)
			continue;
		assert_true(ms == cases[i].ms);
		assert_string_equal(duration_format(ms, text), cases[i].out);
	}
}

static void sizes_take_units(void **state)
{
	static const struct {
		const char *in;
		uint64_t octets;
		const char *out;
	} cases[] = {
		{"0", 0, "0"},
		{"4096", 4096, "4KiB"},
		{"1000", 1000, "1000"},
		{"64KiB", 65536, "64KiB"},
		{"2GiB", UINT64_C(2) << 30, "2GiB"},
		{"64KB", 0, NULL},
		{"KiB", 0, NULL},
		{"1152921504606846977", 0, NULL},
		{"9999999999GiB", 0, NULL},
	};
	char text[SIZE_TEXT_MAX];
	uint64_t octets;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int rc = size_parse(cases[i].in, &octets);

		assert_int_equal(rc, cases[i].out != NULL ? 0 : -1);
		if (rc < 0)
			continue;
		assert_true(octets == cases[i].octets);
		assert_string_equal(size_format(octets, text), cases[i].out);
	}
}

static void a_misspelt_word_finds_its_neighbour(void **state)
{
	static const char *const words[] = {
		"listen", "zones", "pools", "interval", "timeout", "at"};
	static const struct {
		const char *wrong, *expect;
	} cases[] = {
		{"lisen", "listen"},
		{"Zone", "zones"},
		{"intreval", "interval"}, /* neighbours swapped */
		{"tiemout", "timeout"},
		{"banana", NULL},
		{"x", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *found = text_nearest(cases[i].wrong, words, COUNT(words));

		if (cases[i].expect == NULL)
			assert_null(found);
		else
			assert_string_equal(found, cases[i].expect);
	}
}

static void text_grows_and_stays_terminated(void **state)
{
	struct text t = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		text_printf(&t, "%d,", i);
	text_puts(&t, "end");
	assert_false(t.failed);
	assert_int_equal(t.length, strlen(t.data));
	assert_string_equal(t.data + t.length - 7, "999,end");
	text_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_take_units),
		cmocka_unit_test(sizes_take_units),
		cmocka_unit_test(a_misspelt_word_finds_its_neighbour),
		cmocka_unit_test(text_grows_and_stays_terminated),
	};
	TEST_MAIN(tests);
}
