#include "tests/unit/test.h"

#include "board/event_format.h"

/* 2026-11-23T09:01:02.345Z, as `date -u -d ... +%s` says. */
#define MOMENT UINT64_C(1795424462345)

static struct event verdict_event(void)
{
	return (struct event){.real_ms = MOMENT,
		.kind = EVENT_VERDICT,
		.level = LEVEL_WARNING,
		.role = ROLE_HEALTH,
		.generation = 3,
		.pool = "web",
		.endpoint = "lon1",
		.object = "192.0.2.11:8080",
		.from = "up",
		.to = "down",
		.text = "connect: connection refused"};
}

static void a_line_has_all_fields_in_order(void **state)
{
	struct event e = verdict_event();
	char line[EVENT_LINE_MAX];
	const char *expected =
		"2026-11-23T09:01:02.345Z warning verdict web/lon1 192.0.2.11:8080 up -> down: "
		"connect: connection refused [77]\n";

	(void)state;
	assert_int_equal(event_format_text(&e, 77, line, sizeof line), strlen(expected));
	assert_string_equal(line, expected);
}

static void parts_that_do_not_apply_are_left_out(void **state)
{
	static const struct {
		struct event e;
		uint64_t sequence;
		const char *line;
	} cases[] = {
		{{.real_ms = MOMENT, .kind = EVENT_NOTICE, .level = LEVEL_INFO, .text = "hello"}, 0,
			"2026-11-23T09:01:02.345Z info notice: hello\n"},
		{{.real_ms = MOMENT,
			 .kind = EVENT_ROLE,
			 .level = LEVEL_ERROR,
			 .object = "dns",
			 .from = "serving",
			 .to = "dead"},
			5, "2026-11-23T09:01:02.345Z error role dns serving -> dead [5]\n"},
		{{.real_ms = MOMENT,
			 .kind = EVENT_POOL,
			 .level = LEVEL_DEBUG,
			 .pool = "web",
			 .to = "down"},
			5, "2026-11-23T09:01:02.345Z debug pool web - -> down [5]\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char line[EVENT_LINE_MAX];

		(void)event_format_text(&cases[i].e, cases[i].sequence, line, sizeof line);
		assert_string_equal(line, cases[i].line);
	}
}

static void hostile_text_stays_one_line_of_ascii(void **state)
{
	struct event e = verdict_event();
	char line[EVENT_LINE_MAX];
	json_t *o;

	(void)state;
	(void)snprintf(e.text, sizeof e.text, "a\nb\tc\x1b[31m\xff\xc3\xa9\\d \"q\"");
	(void)snprintf(e.object, sizeof e.object, "/srv/my zones/x");
	(void)event_format_text(&e, 0, line, sizeof line);
	assert_non_null(strstr(line, "a\\x0ab\\x09c\\x1b[31m\\xff\\xc3\\xa9\\x5cd \"q\"\n"));
	assert_non_null(strstr(line, " /srv/my\\x20zones/x "));
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	(void)event_format_json(&e, 0, line, sizeof line);
	for (const char *p = line; *p != '\0'; p++)
		assert_true((*p >= 0x20 && *p < 0x7f) || (*p == '\n' && p[1] == '\0'));
	o = json_loads(line, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(o, "text")),
		"a\\x0ab\\x09c\\x1b[31m\\xff\\xc3\\xa9\\d \"q\"");
	json_decref(o);
}

/* Rings belong to other processes: strings may be unterminated, numbers out of range. */
static void a_wild_event_is_shown_not_trusted(void **state)
{
	struct event e;
	char line[EVENT_LINE_MAX];
	size_t length;

	(void)state;
	memset(&e, 0xff, sizeof e);
	length = event_format_text(&e, UINT64_MAX, line, sizeof line);
	assert_true(length < sizeof line && line[length - 1] == '\n' && line[length] == '\0');
	length = event_format_json(&e, 1, line, sizeof line);
	assert_true(length > 0 && length < sizeof line && line[length - 1] == '\n');
	assert_true(event_passes(&e, LEVEL_ERROR));
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
	struct event e = verdict_event();
	char line[40];

	(void)state;
	assert_int_equal(event_format_text(&e, 1, line, sizeof line), sizeof line - 1);
	assert_string_equal(line, "2026-11-23T09:01:02.345Z warning verdi\n");
}

static void json_has_the_documented_members(void **state)
{
	struct event e = verdict_event();
	json_t *o = event_to_json(&e, 77);
	json_t *expected = json_pack("{s:i,s:s,s:s,s:s,s:s,s:i,s:s,s:s,s:s,s:s,s:s,s:s}", "seq", 77,
		"time", "2026-11-23T09:01:02.345Z", "level", "warning", "event", "verdict", "role",
		"health", "generation", 3, "pool", "web", "endpoint", "lon1", "object",
		"192.0.2.11:8080", "from", "up", "to", "down", "text",
		"connect: connection refused");

	(void)state;
	assert_non_null(expected);
	assert_true(json_equal(o, expected));
	json_decref(o);
	json_decref(expected);
}

static void the_level_filters(void **state)
{
	struct event e = verdict_event();

	(void)state;
	assert_true(event_passes(&e, LEVEL_DEBUG));
	assert_true(event_passes(&e, LEVEL_WARNING));
	assert_false(event_passes(&e, LEVEL_ERROR));
}

static void escaping_for_json_twice_changes_nothing(void **state)
{
	json_t *once = json_escaped("x\x01\\y", 16), *twice;

	(void)state;
	assert_string_equal(json_string_value(once), "x\\x01\\y");
	twice = json_escaped(json_string_value(once), 64);
	assert_true(json_equal(once, twice));
	json_decref(once);
	json_decref(twice);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_all_fields_in_order),
		cmocka_unit_test(parts_that_do_not_apply_are_left_out),
		cmocka_unit_test(hostile_text_stays_one_line_of_ascii),
		cmocka_unit_test(a_wild_event_is_shown_not_trusted),
		cmocka_unit_test(a_long_line_is_cut_and_still_ends),
		cmocka_unit_test(json_has_the_documented_members),
		cmocka_unit_test(the_level_filters),
		cmocka_unit_test(escaping_for_json_twice_changes_nothing),
	};

	TEST_MAIN(tests);
}
