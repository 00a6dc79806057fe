#include "tests/unit/control_fixture.h"

#include "base/io.h"
#include "board/serving.h"
#include "board/snapshot.h"
#include "steer/view_snapshot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW  UINT64_C(1000000)       /* monotonic */
#define REAL UINT64_C(1795424462345) /* the same moment */

/* The element of this name. */
static const json_t *named(const json_t *array, const char *name)
{
	const json_t *element;
	size_t i;

	json_array_foreach(array, i, element)
	{
		if (strcmp(json_string_value(json_object_get(element, "name")), name) == 0)
			return element;
	}
	fail_msg("nothing is named %s", name);
	return NULL;
}

static const json_t *pool_of(const json_t *snapshot, const char *pool)
{
	return named(json_object_get(snapshot, "pools"), pool);
}

static const json_t *endpoint_of(const json_t *snapshot, const char *pool, const char *endpoint)
{
	return named(json_object_get(pool_of(snapshot, pool), "endpoints"), endpoint);
}

static json_int_t get_int(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	assert_true(json_is_integer(v));
	return json_integer_value(v);
}

static const char *get_text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	assert_non_null(s);
	return s;
}

static bool get_bool(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	assert_true(json_is_boolean(v));
	return json_is_true(v);
}

/* lon1 down over IPv4, drained lon2, nyc1 with a weight, unknown else. */
static void set_scene(struct stage *s)
{
	stage_verdict(s, WEB_LON1, 0, VERDICT_DOWN, NOW - 5000, "connection refused");
	stage_verdict(s, WEB_LON1, 1, VERDICT_UP, NOW - 7000, "200 OK");
	atomic_store(
		&stage_override(s, WEB_LON2)->state, OVERRIDE_WORD(OVERRIDE_DRAIN, NOW + 60000));
	atomic_store(&stage_override(s, WEB_NYC1)->weight, WEIGHT_WORD(7, 0));
	atomic_store(&s->board.health->load[s->generation->endpoint_slot[WEB_LON1]], 12);
}

static void a_snapshot_tells_what_is_on_the_board(void **state)
{
	struct stage s;
	const json_t *e, *address;
	json_t *o;

	(void)state;
	stage_open(&s);
	set_scene(&s);
	o = snapshot_take(&s.board, s.generation, NOW, REAL);
	assert_int_equal(get_int(o, "version"), SNAPSHOT_VERSION);
	e = endpoint_of(o, "web", "lon1");
	assert_int_equal(get_int(e, "load"), 12);
	assert_string_equal(get_text(e, "region"), "london");
	assert_true(get_bool(e, "serving")); /* over IPv6 */
	address = json_array_get(json_object_get(e, "addresses"), 0);
	assert_string_equal(get_text(address, "address"), "192.0.2.11");
	assert_string_equal(get_text(address, "verdict"), "down");
	assert_string_equal(get_text(address, "reason"), "connection refused");
	assert_int_equal(get_int(address, "since_ms"), REAL - 5000);
	assert_false(get_bool(address, "serving"));
	assert_true(get_bool(json_array_get(json_object_get(e, "addresses"), 1), "serving"));
	e = endpoint_of(o, "web", "lon2");
	assert_string_equal(get_text(e, "override"), "drain");
	assert_int_equal(get_int(e, "override_until_ms"), REAL + 60000);
	assert_false(get_bool(e, "serving"));
	e = endpoint_of(o, "web", "nyc1");
	assert_int_equal(get_int(e, "weight"), 7);
	assert_int_equal(get_int(e, "configured_weight"), 20);
	assert_true(json_is_null(json_object_get(e, "weight_until_ms")));
	assert_true(get_bool(e, "serving")); /* unknown serves */
	e = endpoint_of(o, "api", "sin1");
	assert_string_equal(
		get_text(json_array_get(json_object_get(e, "addresses"), 0), "verdict"), "up");
	assert_int_equal(get_int(pool_of(o, "web"), "serving"), 2);
	json_decref(o);
	stage_close(&s);
}

static void a_round_trip_keeps_overrides_and_young_verdicts(void **state)
{
	/* another process, 20 s later by wall clock, on a machine that was started anew */
	const uint64_t now = 50000, real = REAL + 20000;
	struct snapshot_counts counts;
	struct board_probe probe;
	struct stage a, b;
	struct err e;
	json_t *o;

	(void)state;
	stage_open(&a);
	set_scene(&a);
	o = snapshot_take(&a.board, a.generation, NOW, REAL);
	stage_open(&b);
	assert_int_equal(snapshot_restore(&b.board, b.generation, o, now, real, &counts, &e), 0);
	assert_int_equal(counts.overrides, 2);
	assert_int_equal(counts.overrides_gone, 0);
	assert_int_equal(counts.verdicts, 2);
	assert_true(atomic_load(&stage_override(&b, WEB_LON2)->state) ==
		    OVERRIDE_WORD(OVERRIDE_DRAIN, now + 40000));
	assert_true(atomic_load(&stage_override(&b, WEB_NYC1)->weight) == WEIGHT_WORD(7, 0));
	assert_true(board_read_probe(&b.board,
		b.generation->probes[b.generation->endpoint_probe[WEB_LON1][0]].slot, &probe));
	assert_int_equal(verdict_of_word(atomic_load(&probe.word)), VERDICT_DOWN);
	assert_string_equal(probe.reason, "connection refused");
	assert_int_equal(probe.since_ms, now - 25000);
	json_decref(o);
	stage_close(&a);
	stage_close(&b);
}

static struct board_probe probe_at(const struct stage *s, uint32_t endpoint, int family)
{
	uint32_t index = s->generation->endpoint_probe[endpoint][family];
	struct board_probe probe;

	assert_true(board_read_probe(&s->board, s->generation->probes[index].slot, &probe));
	return probe;
}

/* Suppressed with a penalty of 3,000 at NOW: 2,000 are left after 35 s, below 750 after 120 s. */
static void damping_goes_on_after_a_restart(void **state)
{
	const uint64_t now = 500000, real = REAL + 60000;
	struct board_probe probe;
	struct stage a, b;
	const json_t *address;
	struct err e;
	json_t *o;

	(void)state;
	stage_open(&a);
	set_scene(&a);
	probe = probe_at(&a, WEB_LON1, 0);
	probe.successes = 1;
	probe.penalty = 3000 * FLAP_POINT;
	probe.penalty_ms = NOW;
	probe.flags = PROBE_SUPPRESSED;
	board_write_probe(&a.board,
		a.generation->probes[a.generation->endpoint_probe[WEB_LON1][0]].slot, &probe);
	o = snapshot_take(&a.board, a.generation, NOW + 35098, REAL);
	address = json_array_get(json_object_get(endpoint_of(o, "web", "lon1"), "addresses"), 0);
	assert_string_equal(get_text(address, "reason"),
		"connection refused, 1 of 3 good; suppressed for flapping");
	assert_in_range(
		(uint64_t)get_int(address, "suppressed_until_ms"), REAL + 84902, REAL + 84912);
	json_decref(o);
	o = snapshot_take(&a.board, a.generation, NOW, REAL);
	stage_open(&b);
	assert_int_equal(snapshot_restore(&b.board, b.generation, o, now, real, NULL, &e), 0);
	json_decref(o);
	probe = probe_at(&b, WEB_LON1, 0);
	assert_int_equal(probe.flags, PROBE_SUPPRESSED);
	o = snapshot_take(&b.board, b.generation, now, real);
	address = json_array_get(json_object_get(endpoint_of(o, "web", "lon1"), "addresses"), 0);
	assert_in_range(
		(uint64_t)get_int(address, "suppressed_until_ms"), real + 60000, real + 60010);
	assert_string_equal(
		get_text(address, "reason"), "connection refused; suppressed for flapping");
	json_decref(o);
	stage_close(&a);
	stage_close(&b);
}

static void who_served_last_outlives_a_restart(void **state)
{
	struct snapshot_counts counts;
	struct stage a, b;
	const json_t *words;
	struct err e;
	json_t *o;

	(void)state;
	stage_open(&a);
	a.conf->pools[0].when_all_down = ALL_DOWN_LAST_GOOD; /* web; api keeps none */
	atomic_store(&a.board.health->last_good[a.generation->endpoint_slot[WEB_LON1]][1],
		LAST_GOOD_POOL | LAST_GOOD_REGION);
	atomic_store(&a.board.health->last_good[a.generation->endpoint_slot[WEB_NYC1]][0],
		LAST_GOOD_REGION);
	o = snapshot_take(&a.board, a.generation, NOW, REAL);
	words = json_object_get(
		json_array_get(json_object_get(endpoint_of(o, "web", "lon1"), "addresses"), 1),
		"last_good");
	assert_int_equal(json_array_size(words), 2);
	words = json_object_get(
		json_array_get(json_object_get(endpoint_of(o, "api", "sin1"), "addresses"), 0),
		"last_good");
	assert_true(json_is_null(words));
	stage_open(&b);
	assert_int_equal(
		snapshot_restore(&b.board, b.generation, o, 50000, REAL + 1, &counts, &e), 0);
	for (uint32_t i = 0; i < b.conf->endpoint_count; i++)
		for (int f = 0; f < 2; f++)
			assert_int_equal(
				atomic_load(
					&b.board.health
						 ->last_good[b.generation->endpoint_slot[i]][f]),
				atomic_load(
					&a.board.health
						 ->last_good[a.generation->endpoint_slot[i]][f]));
	json_decref(o);
	stage_close(&b);
	stage_close(&a);
}

static void what_is_over_or_old_is_not_restored(void **state)
{
	static const struct {
		uint64_t later_ms; /* than the snapshot */
		size_t overrides, overrides_gone, verdicts;
	} cases[] = {
		{59999, 2, 0, 2},
		{60000, 1, 1, 2}, /* the drain ends at this moment */
		{SNAPSHOT_VERDICT_AGE_MAX_MS - 7000, 1, 1, 2},
		{SNAPSHOT_VERDICT_AGE_MAX_MS - 6999, 1, 1,
			1}, /* one was checked 7 s before, the other 5 s */
		{SNAPSHOT_VERDICT_AGE_MAX_MS - 4999, 1, 1, 0},
	};
	struct stage a;
	json_t *o;

	(void)state;
	stage_open(&a);
	set_scene(&a);
	o = snapshot_take(&a.board, a.generation, NOW, REAL);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct snapshot_counts counts;
		struct stage b;

		stage_open(&b);
		assert_int_equal(
			snapshot_restore(&b.board, b.generation, o, NOW + cases[i].later_ms,
				REAL + cases[i].later_ms, &counts, NULL),
			0);
		assert_int_equal(counts.overrides, cases[i].overrides);
		assert_int_equal(counts.overrides_gone, cases[i].overrides_gone);
		assert_int_equal(counts.verdicts, cases[i].verdicts);
		stage_close(&b);
	}
	/* the clock was set back: a verdict from the future is no verdict */
	{
		struct snapshot_counts counts;
		struct stage b;

		stage_open(&b);
		assert_int_equal(snapshot_restore(&b.board, b.generation, o, NOW, REAL - 3600000,
					 &counts, NULL),
			0);
		assert_int_equal(counts.verdicts, 0);
		stage_close(&b);
	}
	json_decref(o);
	stage_close(&a);
}

static void an_endpoint_with_another_address_inherits_no_verdict(void **state)
{
	const char *old = "192.0.2.11, ", *at = strstr(stage_yaml, old);
	struct snapshot_counts counts;
	struct stage a, b;
	char yaml[2048];
	json_t *o;

	(void)state;
	stage_open(&a);
	set_scene(&a);
	o = snapshot_take(&a.board, a.generation, NOW, REAL);
	(void)snprintf(yaml, sizeof yaml, "%.*s192.0.2.99, %s", (int)(at - stage_yaml), stage_yaml,
		at + strlen(old));
	stage_open_with(&b, yaml);
	assert_int_equal(snapshot_restore(&b.board, b.generation, o, NOW, REAL, &counts, NULL), 0);
	assert_int_equal(counts.verdicts, 1);  /* the IPv6 one */
	assert_int_equal(counts.overrides, 2); /* these follow the name */
	json_decref(o);
	stage_close(&a);
	stage_close(&b);
}

#define IN_LON1(members)                                                                           \
	"{\"version\":1,\"pools\":[{\"name\":\"web\",\"endpoints\":[{\"name\":\"lon1\"," members   \
	"}]}],"                                                                                    \
	"\"probes\":[]}"

static void hostile_snapshots_change_nothing(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{\"version\":1}",
		"{\"version\":2,\"pools\":[],\"probes\":[]}",
		"{\"version\":\"1\",\"pools\":[],\"probes\":[]}",
		"{\"version\":1,\"pools\":{},\"probes\":[]}",
		"{\"version\":1,\"pools\":[],\"probes\":{}}",
		"{\"version\":-1,\"pools\":[],\"probes\":[]}",
		"{\"version\":1,\"pools\":[3,null,{\"name\":7}],\"probes\":[null,{\"key\":3}]}",
		"{\"version\":1,\"pools\":[{\"name\":\"web\",\"endpoints\":{\"lon1\":1}}],"
		"\"probes\":[]}",
		"{\"version\":1,\"pools\":[{\"name\":\"web\",\"endpoints\":[1,\"drain\",{\"name\":["
		"]}]}],\"probes\":[]}",
		IN_LON1("\"override\":\"explode\""),
		IN_LON1("\"override\":7"),
		IN_LON1("\"override\":\"drain\""),
		IN_LON1("\"override\":\"drain\",\"override_until_ms\":\"soon\""),
		IN_LON1("\"override\":\"drain\",\"override_until_ms\":9223372036854775807"),
		IN_LON1("\"override\":\"drain\",\"override_until_ms\":-5"),
		IN_LON1("\"weight_override\":65536,\"weight_until_ms\":null"),
		IN_LON1("\"weight_override\":-1,\"weight_until_ms\":null"),
		IN_LON1("\"weight_override\":1.5,\"weight_until_ms\":null"),
		IN_LON1("\"weight_override\":1"),
		"{\"version\":1,\"pools\":[{\"name\":\"gone\",\"endpoints\":[{\"name\":\"lon1\","
		"\"override\":\"drain\",\"override_until_ms\":null}]}],\"probes\":[]}",
	};
	struct stage s;

	(void)state;
	stage_open(&s);
	for (size_t i = 0; i < COUNT(texts); i++) {
		json_t *o = json_loads(texts[i], 0, NULL);
		struct snapshot_counts counts = {0};
		struct err e;

		assert_non_null(o);
		(void)snapshot_restore(&s.board, s.generation, o, NOW, REAL, &counts, &e);
		assert_int_equal(counts.overrides + counts.verdicts, 0);
		for (uint32_t k = 0; k < s.conf->endpoint_count; k++) {
			assert_true(atomic_load(&stage_override(&s, k)->state) == 0);
			assert_true(atomic_load(&stage_override(&s, k)->weight) == 0);
		}
		json_decref(o);
	}
	stage_close(&s);
}

static int temporary_folder(char *path)
{
	int fd;

	assert_non_null(mkdtemp(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void a_broken_state_file_is_put_aside_and_named(void **state)
{
	static const char *const broken[] = {
		"", "{\"version\":1,", "[]", "{\"version\":9,\"pools\":[],\"probes\":[]}"};
	char path[] = "/tmp/waymark-test-XXXXXX";
	int folder = temporary_folder(path);
	struct stage s;
	struct err e;

	(void)state;
	stage_open(&s);
	assert_int_equal(
		snapshot_load(folder, &s.board, s.generation, NOW, REAL, NULL, &e), 0); /* none */
	for (size_t i = 0; i < COUNT(broken); i++) {
		struct stat st;

		assert_int_equal(
			file_write_atomic(folder, SNAPSHOT_FILE, broken[i], strlen(broken[i]), &e),
			0);
		assert_int_equal(
			snapshot_load(folder, &s.board, s.generation, NOW, REAL, NULL, &e), -1);
		assert_string_equal(e.file, SNAPSHOT_FILE);
		assert_non_null(strstr(e.text, SNAPSHOT_BROKEN));
		assert_int_equal(fstatat(folder, SNAPSHOT_BROKEN, &st, 0), 0);
		assert_int_equal(fstatat(folder, SNAPSHOT_FILE, &st, 0), -1);
	}
	(void)unlinkat(folder, SNAPSHOT_BROKEN, 0);
	(void)close(folder);
	assert_int_equal(rmdir(path), 0);
	stage_close(&s);
}

static void a_state_file_is_loaded(void **state)
{
	char path[] = "/tmp/waymark-test-XXXXXX", *text;
	int folder = temporary_folder(path);
	struct snapshot_counts counts;
	struct stage a, b;
	struct err e;
	json_t *o;

	(void)state;
	stage_open(&a);
	set_scene(&a);
	o = snapshot_take(&a.board, a.generation, NOW, REAL);
	text = json_dumps(o, JSON_COMPACT);
	assert_int_equal(file_write_atomic(folder, SNAPSHOT_FILE, text, strlen(text), &e), 0);
	stage_open(&b);
	assert_int_equal(snapshot_load(folder, &b.board, b.generation, NOW, REAL, &counts, &e), 1);
	assert_int_equal(counts.overrides, 2);
	assert_int_equal(counts.verdicts, 2);
	free(text);
	json_decref(o);
	(void)unlinkat(folder, SNAPSHOT_FILE, 0);
	(void)close(folder);
	assert_int_equal(rmdir(path), 0);
	stage_close(&a);
	stage_close(&b);
}

/* The view made from the text must be the one that workers build from the board. */
static void a_view_of_the_snapshot_equals_a_view_of_the_board(void **state)
{
	struct view *live, *read;
	struct stage s;
	struct err e;
	json_t *o;

	(void)state;
	stage_open(&s);
	set_scene(&s);
	live = view_new(s.conf);
	read = view_new(s.conf);
	view_build(live, s.generation, &s.board, NOW);
	o = snapshot_take(&s.board, s.generation, NOW, REAL);
	assert_int_equal(view_from_snapshot(read, o, NOW, REAL, &e), 0);
	for (uint32_t i = 0; i < s.conf->endpoint_count; i++) {
		assert_int_equal(read->endpoint[i].load, live->endpoint[i].load);
		for (int f = 0; f < 2; f++) {
			const struct view_state *x = &live->endpoint[i].family[f],
						*y = &read->endpoint[i].family[f];

			assert_int_equal(x->exists, y->exists);
			if (!x->exists)
				continue;
			assert_int_equal(x->serving, y->serving);
			assert_int_equal(x->verdict, y->verdict);
			assert_int_equal(x->override, y->override);
			assert_int_equal(x->weight, y->weight);
			assert_int_equal(x->doubt_until_ms, y->doubt_until_ms);
		}
	}
	assert_true(read->all_ready);
	(void)json_object_set_new(o, "version", json_integer(99));
	assert_int_equal(view_from_snapshot(read, o, NOW, REAL, &e), -1);
	json_decref(o);
	view_free(live);
	view_free(read);
	stage_close(&s);
}

/* Slots are other processes' numbers: a generation with wild ones must not be followed. */
static void wild_slots_are_not_followed(void **state)
{
	struct stage s;
	uint32_t kept;
	json_t *o;

	(void)state;
	stage_open(&s);
	kept = s.generation->endpoint_slot[0];
	s.generation->endpoint_slot[0] = UINT32_MAX;
	o = snapshot_take(&s.board, s.generation, NOW, REAL);
	assert_non_null(o);
	s.generation->endpoint_slot[0] = kept;
	json_decref(o);
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_snapshot_tells_what_is_on_the_board),
		cmocka_unit_test(a_round_trip_keeps_overrides_and_young_verdicts),
		cmocka_unit_test(damping_goes_on_after_a_restart),
		cmocka_unit_test(who_served_last_outlives_a_restart),
		cmocka_unit_test(what_is_over_or_old_is_not_restored),
		cmocka_unit_test(an_endpoint_with_another_address_inherits_no_verdict),
		cmocka_unit_test(hostile_snapshots_change_nothing),
		cmocka_unit_test(a_broken_state_file_is_put_aside_and_named),
		cmocka_unit_test(a_state_file_is_loaded),
		cmocka_unit_test(a_view_of_the_snapshot_equals_a_view_of_the_board),
		cmocka_unit_test(wild_slots_are_not_followed),
	};

	TEST_MAIN(tests);
}
