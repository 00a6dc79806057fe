/* The set of zones: the longest apex at or above a name, also the parent's for DS, and no apex twice. */
#include "tests/unit/zone_fixture.h"

static struct zone *zone_of(const char *apex)
{
	const struct zone_pools pools = {.any = true};
	static const char text[] = "@ 60 SOA ns. h. 1 1 1 1 1\n@ 60 NS ns.\n";
	struct report report = {0};
	struct zone *z = NULL;

	if (zone_parse(text, strlen(text), -1, apex, apex, &pools, &z, &report) < 0)
		fail_msg("%s: %s", apex, report.items[0].text);
	report_free(&report);
	return z;
}

#define ZONES_MAX 8

struct set {
	struct zone *zones[ZONES_MAX];
	size_t count;
	struct zoneset *set;
};

static void set_up(struct set *s, const char *const *apexes)
{
	struct err e;

	s->count = 0;
	for (; apexes[s->count] != NULL; s->count++)
		s->zones[s->count] = zone_of(apexes[s->count]);
	if (zoneset_build(s->zones, s->count, &s->set, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(zoneset_count(s->set), s->count);
	for (size_t i = 0; i < s->count; i++)
		assert_ptr_equal(zoneset_at(s->set, i), s->zones[i]);
}

static void tear_down(struct set *s)
{
	zoneset_free(s->set);
	for (size_t i = 0; i < s->count; i++)
		zone_free(s->zones[i]);
}

struct find_case {
	const char *name;
	bool above;
	const char *apex; /* NULL: no zone */
	unsigned label;
};

static void expect(const struct set *s, const struct find_case *c)
{
	const struct zone *z;
	struct dname name;
	const char *why = NULL;
	uint8_t label = 99;

	assert_int_equal(dname_from_text(&name, c->name, NULL, &why), 0);
	z = zoneset_find(s->set, &name, c->above, &label);
	if ((z != NULL) != (c->apex != NULL) ||
		(z != NULL && (strcmp(zone_file(z, 0), c->apex) != 0 || label != c->label)))
		fail_msg("%s%s: %s, label %u", c->name, c->above ? " above" : "",
			z != NULL ? zone_file(z, 0) : "none", label);
}

static void the_longest_apex_wins(void **state)
{
	static const char *const apexes[] = {"example.com.", "sub.example.com.",
		"deep.er.sub.example.com.", "example.net.", "org.", NULL};
	static const struct find_case cases[] = {
		{"example.com.", false, "example.com.", 0},
		{"WWW.Example.COM.", false, "example.com.", 1},
		{"sub.example.com.", false, "sub.example.com.", 0},
		{"a.b.sub.example.com.", false, "sub.example.com.", 2},
		{"er.sub.example.com.", false, "sub.example.com.", 1},
		{"x.deep.er.sub.example.com.", false, "deep.er.sub.example.com.", 1},
		{"notexample.com.", false, NULL, 0},
		{"com.", false, NULL, 0},
		{".", false, NULL, 0},
		{"a.org.", false, "org.", 1},
		{"example.net.example.org.", false, "org.", 3},
		/* DS at a child's apex is the parent's (RFC 4035, 3.1.4.1) */
		{"sub.example.com.", true, "example.com.", 1},
		{"deep.er.sub.example.com.", true, "sub.example.com.", 2},
		{"example.com.", true, NULL, 0},
		{"x.sub.example.com.", true, "sub.example.com.", 1},
		{".", true, NULL, 0},
	};
	struct set s;

	(void)state;
	set_up(&s, apexes);
	for (size_t i = 0; i < COUNT(cases); i++)
		expect(&s, &cases[i]);
	tear_down(&s);
}

static void the_root_and_very_deep_zones_are_found(void **state)
{
	char deep[2 * 120 + 1] = "", below[sizeof deep + 2];
	const char *apexes[] = {".", deep, NULL};
	struct find_case c = {.name = below, .apex = deep, .label = 1};
	struct set s;

	(void)state;
	for (int i = 0; i < 120; i++)
		memcpy(deep + (size_t)2 * (size_t)i, "x.", 3);
	(void)snprintf(below, sizeof below, "y.%s", deep);
	set_up(&s, apexes);
	expect(&s, &c);
	c = (struct find_case){.name = deep, .above = true, .apex = ".", .label = 120};
	expect(&s, &c);
	c = (struct find_case){.name = deep + 2, .apex = ".", .label = 119};
	expect(&s, &c);
	c = (struct find_case){.name = ".", .apex = "."};
	expect(&s, &c);
	c = (struct find_case){.name = ".", .above = true};
	expect(&s, &c);
	tear_down(&s);
}

static void an_apex_that_comes_twice_is_refused_with_both_files(void **state)
{
	struct zone *zones[] = {zone_of("example.com."), zone_of("org."), zone_of("EXAMPLE.com.")};
	struct zoneset *set = NULL;
	struct err e;

	(void)state;
	assert_int_equal(zoneset_build(zones, 3, &set, &e), -1);
	assert_null(set);
	assert_string_equal(
		e.text, "zone example.com. is there twice: example.com. and EXAMPLE.com.");
	assert_int_equal(zoneset_build(zones, 2, &set, &e), 0);
	zoneset_free(set);
	for (size_t i = 0; i < COUNT(zones); i++)
		zone_free(zones[i]);
}

static void an_empty_set_has_nothing(void **state)
{
	static const char *const none[] = {NULL};
	const struct find_case c = {.name = "a.b."};
	struct set s;

	(void)state;
	set_up(&s, none);
	expect(&s, &c);
	tear_down(&s);
	zoneset_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_apex_wins),
		cmocka_unit_test(the_root_and_very_deep_zones_are_found),
		cmocka_unit_test(an_apex_that_comes_twice_is_refused_with_both_files),
		cmocka_unit_test(an_empty_set_has_nothing),
	};

	TEST_MAIN(tests);
}
