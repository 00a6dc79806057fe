/* The pure parts of commands: requests, targets, overrides and their ends, what people are shown. */
#include "tests/unit/control_fixture.h"

#include "board/serving.h"
#include "control/client_print.h"
#include "control/overrides.h"
#include "control/request.h"
#include "control/target.h"

/* ---- requests ---- */

static void good_requests_are_understood(void **state)
{
	struct request r;
	struct err e;
	const char *line = "{\"command\":\"weight\",\"target\":\"web/"
			   "lon1\",\"weight\":65535,\"for_ms\":60000}";

	(void)state;
	assert_int_equal(request_parse(line, strlen(line), &r, &e), 0);
	assert_int_equal(r.command, COMMAND_WEIGHT);
	assert_string_equal(r.target, "web/lon1");
	assert_int_equal(r.weight, 65535);
	assert_int_equal(r.for_ms, 60000);
	request_free(&r);
	line = " {\"since\":0, \"command\":\"watch\"} ";
	assert_int_equal(request_parse(line, strlen(line), &r, &e), 0);
	assert_int_equal(r.command, COMMAND_WATCH);
	assert_true((r.given & ARG_SINCE) != 0 && r.since == 0);
	assert_string_equal(r.pool, "");
	request_free(&r);
}

static void bad_requests_say_what_is_wrong(void **state)
{
	static const struct {
		const char *line, *error;
	} cases[] = {
		{"", "not JSON"},
		{"drain web/lon1", "not JSON"},
		{"[]", "string \"command\""},
		{"{}", "string \"command\""},
		{"{\"command\":3}", "string \"command\""},
		{"{\"command\":\"drian\"}", "did you mean \"drain\"?"},
		{"{\"command\":\"frobnicate\"}",
			"status, drain, force-up, force-down, weight, "
			"restore, zones, zones forget, reload, watch, snapshot"},
		{"{\"command\":\"drain\"}", "needs \"target\""},
		{"{\"command\":\"drain\",\"target\":7}", "must be a string"},
		{"{\"command\":\"drain\",\"target\":\"x\",\"weight\":1}", "takes no \"weight\""},
		{"{\"command\":\"drain\",\"target\":\"x\",\"colour\":1}", "takes no \"colour\""},
		{"{\"command\":\"drain\",\"target\":\"x\",\"target\":\"y\"}", "not JSON"},
		{"{\"command\":\"drain\",\"target\":\"x\",\"for_ms\":0}", "above 0"},
		{"{\"command\":\"drain\",\"target\":\"x\",\"for_ms\":9223372036854775807}",
			"100 years"},
		{"{\"command\":\"drain\",\"target\":\"x\",\"for_ms\":-1}", "0 or more"},
		{"{\"command\":\"drain\",\"target\":\"x\",\"for_ms\":1.5}", "whole number"},
		{"{\"command\":\"weight\",\"target\":\"x\"}", "needs \"weight\""},
		{"{\"command\":\"zones forget\"}", "needs \"zone\""},
		{"{\"command\":\"zones\",\"zone\":\"x\"}", "takes no \"zone\""},
		{"{\"command\":\"weight\",\"target\":\"x\",\"weight\":65536}", "above 65535"},
		{"{\"command\":\"watch\",\"format\":\"xml\"}", "\"json\" or \"text\""},
		{"{\"command\":\"watch\",\"once\":1}", "true or false"},
		{"{\"command\":\"status\"} {}", "not JSON"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct request r;
		struct err e;

		if (request_parse(cases[i].line, strlen(cases[i].line), &r, &e) == 0)
			fail_msg("accepted: %s", cases[i].line);
		if (strstr(e.text, cases[i].error) == NULL)
			fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].line, e.text,
				cases[i].error);
	}
}

/* ---- targets ---- */

static void targets_are_found(void **state)
{
	static const struct {
		const char *text;
		size_t count;
		uint32_t first, last;
	} cases[] = {
		{"web/lon1", 1, WEB_LON1, WEB_LON1},
		{"api/lon1", 1, API_LON1, API_LON1},
		{"nyc1", 1, WEB_NYC1, WEB_NYC1},
		{"region:london", 3, WEB_LON1, API_LON1},
		{"region:singapore", 1, API_SIN1, API_SIN1},
	};
	struct stage s;

	(void)state;
	stage_open(&s);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct target t;

		assert_int_equal(target_resolve(s.conf, cases[i].text, &t, NULL), 0);
		assert_int_equal(t.count, cases[i].count);
		assert_int_equal(t.endpoint[0], cases[i].first);
		assert_int_equal(t.endpoint[t.count - 1], cases[i].last);
		target_free(&t);
	}
	stage_close(&s);
}

static void wrong_targets_name_the_nearest_or_the_candidates(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"", "no endpoint is named"},
		{"lon1", "say which: web/lon1, api/lon1"},
		{"nyc2", "did you mean \"web/nyc1\"?"},
		{"web/lon3", "did you mean \"web/lon"},
		{"web/sin1", "there is no endpoint \"web/sin1\""},
		{"wob/lon1", "did you mean \"web\"?"},
		{"region:lodnon", "did you mean \"london\"?"},
		{"region:", "there is no region \"\""},
		{"region:newyork ", "did you mean \"newyork\"?"},
		{"api", "\"api\" is a pool"},
		{"/", "there is no pool \"\""},
		{"web/", "there is no endpoint \"web/\""},
		{"web/lon1/x", "there is no endpoint \"web/lon1/x\""},
		{"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
		 "zzzzzzzzzzzzzzzzzz"
		 "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
			"longer than any name"},
	};
	struct stage s;

	(void)state;
	stage_open(&s);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct target t;
		struct err e;

		assert_int_equal(target_resolve(s.conf, cases[i].text, &t, &e), -1);
		if (strstr(e.text, cases[i].error) == NULL)
			fail_msg("\"%s\": \"%s\" does not say \"%s\"", cases[i].text, e.text,
				cases[i].error);
	}
	stage_close(&s);
}

static void filters_must_exist(void **state)
{
	struct stage s;
	struct err e;

	(void)state;
	stage_open(&s);
	assert_int_equal(target_filter(s.conf, "", "", &e), 0);
	assert_int_equal(target_filter(s.conf, "web", "", &e), 0);
	assert_int_equal(target_filter(s.conf, "", "sin1", &e), 0);
	assert_int_equal(target_filter(s.conf, "web", "lon2", &e), 0);
	assert_int_equal(target_filter(s.conf, "web", "sin1", &e), -1);
	assert_int_equal(target_filter(s.conf, "wbe", "", &e), -1);
	assert_non_null(strstr(e.text, "did you mean \"web\"?"));
	stage_close(&s);
}

/* ---- overrides ---- */

#define NOW  UINT64_C(1000000)
#define REAL UINT64_C(1795424462345)

struct ended {
	size_t count;
	uint32_t endpoint;
	struct orders what;
};

static void note_end(void *context, uint32_t endpoint, const struct orders *what)
{
	struct ended *ended = context;

	ended->count++;
	ended->endpoint = endpoint;
	ended->what = *what;
}

static void an_override_ends_by_the_wall_clock(void **state)
{
	const struct orders drain = {
		.override = OVERRIDE_DRAIN, .override_until_real_ms = REAL + 10000};
	struct ended ended = {0};
	struct overrides o;
	struct stage s;
	uint64_t epoch;

	(void)state;
	stage_open(&s);
	assert_int_equal(overrides_open(&o, &s.board, s.generation, NOW, REAL, NULL), 0);
	overrides_set(&o, WEB_LON1, &drain);
	assert_true(atomic_load(&stage_override(&s, WEB_LON1)->state) ==
		    OVERRIDE_WORD(OVERRIDE_DRAIN, NOW + 10000));
	assert_int_equal(overrides_tick(&o, NOW + 9999, REAL + 9999, note_end, &ended), 0);
	/* the clock is set back by an hour: the drain lasts an hour longer */
	epoch = atomic_load(&s.board.control->epoch);
	assert_int_equal(
		overrides_tick(&o, NOW + 9999, REAL + 9999 - 3600000, note_end, &ended), 0);
	assert_true(atomic_load(&stage_override(&s, WEB_LON1)->state) ==
		    OVERRIDE_WORD(OVERRIDE_DRAIN, NOW + 10000 + 3600000));
	assert_true(atomic_load(&s.board.control->epoch) > epoch);
	/* and forward past its end: it is over, and told once */
	assert_int_equal(overrides_tick(&o, NOW + 10000, REAL + 10000, note_end, &ended), 1);
	assert_true(atomic_load(&stage_override(&s, WEB_LON1)->state) == 0);
	assert_int_equal(ended.count, 1);
	assert_int_equal(ended.endpoint, WEB_LON1);
	assert_int_equal(ended.what.override, OVERRIDE_DRAIN);
	assert_false(ended.what.weighted);
	assert_int_equal(overrides_tick(&o, NOW + 20000, REAL + 20000, note_end, &ended), 0);
	overrides_close(&o);
	stage_close(&s);
}

static void override_and_weight_end_apart(void **state)
{
	const struct orders both = {.override = OVERRIDE_FORCE_UP,
		.weighted = true,
		.weight = 3,
		.weight_until_real_ms = REAL + 5000};
	struct ended ended = {0};
	struct overrides o;
	struct stage s;

	(void)state;
	stage_open(&s);
	assert_int_equal(overrides_open(&o, &s.board, s.generation, NOW, REAL, NULL), 0);
	overrides_set(&o, WEB_LON2, &both);
	assert_int_equal(overrides_tick(&o, NOW + 5000, REAL + 5000, note_end, &ended), 1);
	assert_true(ended.what.weighted && ended.what.weight == 3 &&
		    ended.what.override == OVERRIDE_NONE);
	assert_true(atomic_load(&stage_override(&s, WEB_LON2)->state) ==
		    OVERRIDE_WORD(OVERRIDE_FORCE_UP, 0));
	assert_true(atomic_load(&stage_override(&s, WEB_LON2)->weight) == 0);
	overrides_close(&o);
	stage_close(&s);
}

static void a_new_control_goes_on_with_what_is_on_the_board(void **state)
{
	struct ended ended = {0};
	struct overrides o;
	struct stage s;

	(void)state;
	stage_open(&s);
	atomic_store(
		&stage_override(&s, WEB_LON1)->state, OVERRIDE_WORD(OVERRIDE_DRAIN, NOW + 1000));
	atomic_store(&stage_override(&s, WEB_LON2)->state,
		OVERRIDE_WORD(OVERRIDE_DRAIN, NOW - 1000)); /* missed */
	assert_int_equal(overrides_open(&o, &s.board, s.generation, NOW, REAL, NULL), 0);
	assert_int_equal(o.orders[WEB_LON1].override_until_real_ms, REAL + 1000);
	assert_int_equal(overrides_tick(&o, NOW, REAL, note_end, &ended), 1);
	assert_int_equal(ended.endpoint, WEB_LON2);
	assert_int_equal(overrides_tick(&o, NOW + 1000, REAL + 1000, note_end, &ended), 1);
	assert_int_equal(ended.endpoint, WEB_LON1);
	overrides_close(&o);
	stage_close(&s);
}

static void serving_endpoints_are_counted_per_family(void **state)
{
	struct pool_serving n;
	struct stage s;

	(void)state;
	stage_open(&s);
	stage_verdict(&s, WEB_LON1, 0, VERDICT_DOWN, NOW, "");
	atomic_store(&stage_override(&s, WEB_NYC1)->state, OVERRIDE_WORD(OVERRIDE_DRAIN, 0));
	pool_serving(&s.board, s.generation, 0, NOW, &n);
	assert_int_equal(n.have[0], 3);
	assert_int_equal(n.have[1], 1);
	assert_int_equal(n.serving[0], 1); /* lon2, unknown */
	assert_int_equal(n.serving[1], 1);
	assert_int_equal(n.left[0], 2);
	assert_int_equal(n.left[1], 1);
	stage_close(&s);
}

/* ---- what people are shown ---- */

static void ages_have_two_units(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} cases[] = {{0, "0s"}, {999, "0s"}, {1000, "1s"}, {60000, "1m"}, {200000, "3m20s"},
		{3600000, "1h"}, {3661000, "1h1m"}, {86400000, "1d"}, {90061000, "1d1h"},
		{UINT64_MAX, "213503982334d14h"}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[AGE_TEXT_MAX];

		assert_string_equal(age_format(cases[i].ms, text), cases[i].text);
	}
}

static void tables_survive_any_reply(void **state)
{
	static const char *const replies[] = {"{}", "[]", "null",
		"{\"pools\":3,\"roles\":[1,{}],\"clock\":\"x\"}",
		"{\"pools\":[1,{\"endpoints\":[2,{\"name\":[],\"addresses\":[{\"address\":5}]}]}]}",
		"{\"zones\":[1,{\"name\":7},{\"zone\":\"a\",\"error\":\"b\"}],\"databases\":[{}]}",
		"{\"changed\":[{},3]}"};

	(void)state;
	for (size_t i = 0; i < COUNT(replies); i++) {
		json_t *o = json_loads(replies[i], JSON_DECODE_ANY, NULL);
		struct text out = {0};

		print_status(o, &out);
		print_zones(o, &out);
		print_changed(o, &out);
		assert_false(out.failed);
		text_free(&out);
		json_decref(o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_requests_are_understood),
		cmocka_unit_test(bad_requests_say_what_is_wrong),
		cmocka_unit_test(targets_are_found),
		cmocka_unit_test(wrong_targets_name_the_nearest_or_the_candidates),
		cmocka_unit_test(filters_must_exist),
		cmocka_unit_test(an_override_ends_by_the_wall_clock),
		cmocka_unit_test(override_and_weight_end_apart),
		cmocka_unit_test(a_new_control_goes_on_with_what_is_on_the_board),
		cmocka_unit_test(serving_endpoints_are_counted_per_family),
		cmocka_unit_test(ages_have_two_units),
		cmocka_unit_test(tables_survive_any_reply),
	};

	TEST_MAIN(tests);
}
