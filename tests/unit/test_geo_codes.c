#include "tests/unit/conf_fixture.h"

#include "geo/codes.h"
#include "geo/ranges.h"

static uint16_t code(const char *text)
{
	return code_number(text, strlen(text));
}

static void only_two_letters_are_a_code(void **state)
{
	(void)state;
	assert_int_equal(code("AA"), 0);
	assert_int_equal(code("ZZ"), 675);
	assert_int_equal(code("gb"), code("GB"));
	assert_int_equal(code("NO"), 13 * 26 + 14); /* Norway */
	assert_int_equal(code(""), CODE_NONE);
	assert_int_equal(code("G"), CODE_NONE);
	assert_int_equal(code("GBR"), CODE_NONE);
	assert_int_equal(code("G1"), CODE_NONE);
	assert_int_equal(code("United Kingdom"), CODE_NONE);
}

/* ISO 3166-1 has 249 officially assigned codes; XK (Kosovo) is the one more that databases use. */
static void every_assigned_country_has_a_continent(void **state)
{
	size_t known = 0;

	(void)state;
	for (uint16_t c = 0; c < CODE_COUNT; c++)
		known += code_continent(c) != CODE_NONE;
	assert_int_equal(known, 249 + 1);
}

static void countries_lie_where_geonames_says(void **state)
{
	static const struct {
		const char *country, *continent;
	} cases[] = {{"GB", "EU"}, {"RU", "EU"}, {"TR", "AS"}, {"CY", "EU"}, {"EG", "AF"},
		{"US", "NA"}, {"MX", "NA"}, {"PA", "NA"}, {"CO", "SA"}, {"AU", "OC"}, {"GU", "OC"},
		{"SG", "AS"}, {"AQ", "AN"}, {"NA", "AF"}, {"AS", "OC"}, {"SA", "AS"}, {"AF", "AS"}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(code_continent(code(cases[i].country)), code(cases[i].continent));
	assert_int_equal(code_continent(code("ZZ")), CODE_NONE);
	assert_int_equal(code_continent(code("EU")), CODE_NONE);
}

static void country_beats_continent_beats_default(void **state)
{
	struct conf *c = fixture_conf();
	struct code_rules rules;

	(void)state;
	fixture_region(c, "europe", "continent:EU");
	fixture_region(c, "london", "GB IE");
	fixture_region(c, "rest", "default");
	code_rules_build(&rules, c);
	assert_int_equal(code_rules_decide(&rules, code("GB"), code("EU")), 1);
	assert_int_equal(code_rules_decide(&rules, code("GB"), code("NA")), 1);
	assert_int_equal(code_rules_decide(&rules, code("FR"), code("EU")), 0);
	assert_int_equal(code_rules_decide(&rules, code("FR"), CODE_NONE), 0); /* derived */
	assert_int_equal(code_rules_decide(&rules, CODE_NONE, code("EU")), 0);
	assert_int_equal(code_rules_decide(&rules, code("US"), code("NA")), 2);
	assert_int_equal(code_rules_decide(&rules, code("ZZ"), CODE_NONE), 2);
	assert_int_equal(code_rules_decide(&rules, CODE_NONE, CODE_NONE), RANGE_HOLE);
	fixture_free(c);
}

static void without_a_default_nobody_serves_the_rest(void **state)
{
	struct conf *c = fixture_conf();
	struct code_rules rules;

	(void)state;
	fixture_region(c, "london", "GB");
	code_rules_build(&rules, c);
	assert_int_equal(code_rules_decide(&rules, code("GB"), CODE_NONE), 0);
	assert_int_equal(code_rules_decide(&rules, code("FR"), CODE_NONE), RANGE_NO_REGION);
	fixture_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_two_letters_are_a_code),
		cmocka_unit_test(every_assigned_country_has_a_continent),
		cmocka_unit_test(countries_lie_where_geonames_says),
		cmocka_unit_test(country_beats_continent_beats_default),
		cmocka_unit_test(without_a_default_nobody_serves_the_rest),
	};

	TEST_MAIN(tests);
}
