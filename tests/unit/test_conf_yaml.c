#include "tests/unit/conf_text.h"

#include "conf/yaml.h"

#define HINT "; put quotes around an IPv6 address: \"2001:db8::1\", \"[::1]:53\""

struct yaml_case {
	const char *file, *messages;
};

static void run(const struct yaml_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_null(conf_expect_whole(cases[i].file, cases[i].messages));
}

static void what_hides_values_is_refused(void **state)
{
	static const struct yaml_case cases[] = {
		{CONF_HEAD "regions:\n  a: ^&x {serves: [GB]}\n",
			"anchors (&name) are not supported: a value that starts with & needs "
			"quotes"},
		{CONF_HEAD "regions: {a: ^*x}\n",
			"aliases (*name) are not supported: repeat the value"},
		{"listen: ^&x [*x]\n", /* a cycle */
			"anchors (&name) are not supported: a value that starts with & needs "
			"quotes"},
		{CONF_HEAD "state: ^!!str 5\n",
			"tags (!name) are not supported: a value that starts with ! needs quotes"},
		{CONF_HEAD "log: ^!map {level: info}\n",
			"tags (!name) are not supported: a value that starts with ! needs quotes"},
		{CONF_HEAD "^---\n" CONF_HEAD, "a second document: one file is one configuration"},
		{CONF_HEAD "state: ^\"a\\0b\"\n", "a NUL character (\\0) in a word"},
		{CONF_HEAD "? ^[a, b]\n: c\n", "a key must be a word, not a list or a mapping"},
	};

	(void)state;
	run(cases, COUNT(cases));
}

static void syntax_errors_have_a_place(void **state)
{
	static const struct yaml_case cases[] = {
		{"listen: \"x^",
			"found unexpected end of stream while scanning a quoted scalar that "
			"began at 1:9"},
		{"listen: ^@x\n", "found character that cannot start any token"},
		{"a: b^: c\n", "mapping values are not allowed in this context"},
		{CONF_HEAD "state: a^\x01\n", "control characters are not allowed"},
		{CONF_HEAD "# é\nstate: é^\xff\n", "invalid leading UTF-8 octet"},
	};

	(void)state;
	run(cases, COUNT(cases));
}

static void a_bare_ipv6_address_gets_a_hint(void **state)
{
	static const struct yaml_case cases[] = {
		{"listen: [127.0.0.1:53, [^::1]:53]\n", "did not find expected node content" HINT},
		{"listen: [^::1]\n", "did not find expected node content" HINT},
		/* where the list that cannot be read began */
		{"listen: [127.0.0.1:53, 2001:db8::1\n^",
			"did not find expected ',' or ']' while parsing a "
			"flow sequence that began at 1:9" HINT},
		/* quoted ones and comments give none */
		{"listen: [\"[::1]:53\", ^@] # ::1\n",
			"found character that cannot start any token"},
	};

	(void)state;
	run(cases, COUNT(cases));
}

static void what_is_meant_is_said(void **state)
{
	static const struct yaml_case cases[] = {
		{CONF_HEAD "log:\n^\tlevel: info\n",
			"found character that cannot start any token; this is a tab, and YAML is "
			"indented with blanks"},
		{CONF_HEAD "^state\nuser: nobody\n", "could not find expected ':'; write \"key: "
						     "value\", with a colon and a blank"},
		{CONF_HEAD "^state x: y\n",
			"unknown key \"state x\": a colon is missing after \"state\""},
	};

	(void)state;
	run(cases, COUNT(cases));
}

/* libyaml stops at the first; each takes its top-level key along, and no more. */
static void every_syntax_error_is_found(void **state)
{
	static const struct yaml_case cases[] = {
		{CONF_HEAD "regions: {a: ^&x {serves: [GB]}, b: *x}\nlog:\n^\tlevel: info\n"
			   "dns: {^nsiid: x}\nstate: ^!x y\n",
			"anchors (&name) are not supported: a value that starts with & needs "
			"quotes\n"
			"found character that cannot start any token; this is a tab, and YAML is "
			"indented with blanks\n"
			"dns: unknown key \"nsiid\"; did you mean \"nsid\"?\n"
			"tags (!name) are not supported: a value that starts with ! needs quotes"},
		/* what is cut is not missing, and nobody misses its names */
		{"listen: ^@\nzones: z\nregions: {a: ^*b}\n"
		 "pools: {p: {endpoints: {e: {address: 192.0.2.1, region: a, weight: ^x}}}}\n",
			"found character that cannot start any token\n"
			"aliases (*name) are not supported: repeat the value\n"
			"pools.p.endpoints.e.weight: \"x\" is no whole number"},
	};

	(void)state;
	run(cases, COUNT(cases));
}

static void every_duplicate_is_reported(void **state)
{
	static const struct yaml_case cases[] = {
		{CONF_HEAD "state: a\n^state: b\nlog: {level: info, ^level: debug}\n^state: c\n",
			"\"state\" is given twice: first at line 3\n\"level\" is given twice: "
			"first at line 5\n"
			"\"state\" is given twice: first at line 3"},
		{CONF_HEAD "pools:\n  a: {endpoints: {e: {address: 192.0.2.1}}}\n"
			   "  ^a: {endpoints: {e: {address: 192.0.2.1}}}\n",
			"\"a\" is given twice: first at line 4"},
		{CONF_HEAD "state: a\n^\"state\": b\n",
			"\"state\" is given twice: first at line 3"},
	};

	(void)state;
	run(cases, COUNT(cases));
}

static void an_empty_file_lacks_the_required_keys(void **state)
{
	static const char *const files[] = {
		"", "\n", "# nothing\n", "---\n", "{}\n", "\xef\xbb\xbf"};

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct text messages = {0};

		assert_null(conf_of(files[i], strlen(files[i]), &messages));
		if (strcmp(files[i], "---\n") == 0) /* one empty value */
			assert_string_equal(messages.data,
				"2:1: the file takes a mapping of keys: \"listen: …\"");
		else
			assert_string_equal(messages.data,
				"1:1: \"listen\" is missing\n1:1: \"zones\" is missing");
		text_free(&messages);
	}
}

static void a_file_of_another_shape_is_refused(void **state)
{
	static const struct yaml_case cases[] = {
		{"^[a, b]\n", "the file takes a mapping of keys: \"listen: …\""},
		{"^waymark\n", "the file takes a mapping of keys: \"listen: …\""},
	};

	(void)state;
	run(cases, COUNT(cases));
}

/* `count` times `unit` after a head. */
static void repeat(struct text *out, const char *head, const char *unit, size_t count)
{
	text_puts(out, head);
	while (count-- > 0)
		text_puts(out, unit);
}

static void depth_and_size_are_bounded(void **state)
{
	struct text text = {0}, messages = {0};
	struct report report = {0};
	struct conf *c;

	(void)state;
	repeat(&text, "x: ", "[", 100000);
	assert_null(conf_of(text.data, text.length, &messages));
	assert_non_null(strstr(messages.data, ": lists and mappings are nested too deep"));
	text_free(&text);
	text_free(&messages);

	repeat(&text, CONF_HEAD "x: [", "1,", YAML_NODES_MAX);
	assert_null(conf_of(text.data, text.length, &messages));
	assert_non_null(strstr(messages.data, ": too many keys and values in one file"));
	text_free(&messages);
	text_free(&text);

	repeat(&text, CONF_HEAD, "################################\n", CONF_FILE_MAX / 33 + 1);
	assert_int_equal(conf_parse("big.yaml", text.data, text.length, &c, &report), -1);
	assert_string_equal(report.items[0].text, "is larger than 16777216 octets");
	report_free(&report);
	text_free(&text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_hides_values_is_refused),
		cmocka_unit_test(syntax_errors_have_a_place),
		cmocka_unit_test(a_bare_ipv6_address_gets_a_hint),
		cmocka_unit_test(what_is_meant_is_said),
		cmocka_unit_test(every_syntax_error_is_found),
		cmocka_unit_test(every_duplicate_is_reported),
		cmocka_unit_test(an_empty_file_lacks_the_required_keys),
		cmocka_unit_test(a_file_of_another_shape_is_refused),
		cmocka_unit_test(depth_and_size_are_bounded),
	};

	TEST_MAIN(tests);
}
