#include "tests/unit/conf_text.h"
#include "tests/unit/test.h"

#include "board/generation.h"

/* Endpoints get addresses 192.0.2.1, .2 … in the order of the file. */
#define CHECKS                                                                                     \
	"checks:\n"                                                                                \
	"  home: {http: {path: /healthz, port: 8080}, interval: 5s, timeout: 2s}\n"                \
	"  same: {http: {path: /healthz, port: 8080}, interval: 5s, timeout: 2s}\n"                \
	"  slow: {http: {path: /healthz, port: 8080}, interval: 9s, timeout: 2s}\n"                \
	"  tcp: {tcp: {port: 8080}, interval: 5s, timeout: 2s}\n"
#define POOL(name, check, endpoints)                                                               \
	"  " name ": {" check "steer: [weighted], endpoints: {" endpoints "}}\n"

struct room {
	struct board board;
	struct slots *slots;
};

static void room_open(struct room *r)
{
	struct err e;

	assert_int_equal(board_create_private(&r->board, &e), 0);
	r->slots = slots_new(&r->board);
	assert_non_null(r->slots);
}

static void room_close(struct room *r)
{
	slots_free(r->slots);
	board_destroy(&r->board);
}

static struct generation *build(
	struct room *r, const struct conf *c, uint32_t number, const struct generation *previous)
{
	struct generation *g = NULL;
	struct err e;

	assert_int_equal(generation_build(c, number, r->slots, &r->board, previous, &g, &e), 0);
	assert_int_equal(g->number, number);
	return g;
}

static void set_verdict(struct room *r, const struct generation *g, size_t probe, enum verdict v)
{
	struct board_probe p = {
		.failures = 2, .since_ms = 11, .checked_ms = 12, .reason = "refused"};

	atomic_init(&p.word, VERDICT_WORD(v, 999));
	board_write_probe(&r->board, g->probes[probe].slot, &p);
}

static struct board_probe read_probe(struct room *r, const struct generation *g, size_t probe)
{
	struct board_probe p;

	assert_true(board_read_probe(&r->board, g->probes[probe].slot, &p));
	return p;
}

static void equal_probes_of_different_pools_run_once(void **state)
{
	struct conf *c = conf_good(CHECKS "pools:\n" POOL("a", "check: home, ",
		"x: {address: [192.0.2.1, \"2001:db8::1\"]}, y: {address: 192.0.2.2}")
			POOL("b", "check: same, ", "z: {address: 192.0.2.1}")
				POOL("c", "check: slow, ", "z: {address: 192.0.2.1}")
					POOL("d", "", "z: {address: 192.0.2.1}"));
	struct generation *g;
	struct room r;

	(void)state;
	room_open(&r);
	g = build(&r, c, 1, NULL);
	/* a/x over both families, a/y, and c/z, which is tested more rarely */
	assert_int_equal(g->probe_count, 4);
	assert_int_equal(g->endpoint_probe[0][0], g->endpoint_probe[2][0]);
	assert_int_not_equal(g->endpoint_probe[0][0], g->endpoint_probe[0][1]);
	assert_int_not_equal(g->endpoint_probe[0][0], g->endpoint_probe[3][0]);
	assert_int_equal(g->endpoint_probe[1][1], PROBE_NONE);
	assert_int_equal(g->endpoint_probe[4][0], PROBE_NONE);
	assert_int_equal(g->probes[g->endpoint_probe[0][0]].user_count, 2);
	for (size_t i = 0; i < g->probe_count; i++) {
		for (uint32_t u = 0; u < g->probes[i].user_count; u++) {
			const struct probe_user *user =
				&g->probe_users[g->probes[i].first_user + u];

			assert_int_equal(g->endpoint_probe[user->endpoint][user->family], i);
		}
	}
	assert_string_equal(r.board.supervisor->endpoint[g->endpoint_slot[2]].key, "b/z");
	assert_int_equal(slots_count(r.slots, SLOT_PROBE), 4);
	generation_free(g, r.slots);
	assert_int_equal(slots_count(r.slots, SLOT_PROBE), 0);
	assert_int_equal(slots_count(r.slots, SLOT_ENDPOINT), 0);
	room_close(&r);
	conf_free(c);
}

static void overrides_follow_the_name_and_verdicts_the_probe(void **state)
{
	struct conf *before = conf_good(CHECKS "pools:\n" POOL(
		"web", "check: home, ", "lon1: {address: 192.0.2.1}, lon2: {address: 192.0.2.2}"));
	/* another order, lon1 with another machine's address, lon3 with lon1's old one */
	struct conf *after = conf_good(CHECKS "pools:\n" POOL("web", "check: home, ",
		"lon3: {address: 192.0.2.1}, lon2: {address: 192.0.2.2}, lon1: {address: "
		"192.0.2.9}"));
	struct generation *g1, *g2;
	struct room r;

	(void)state;
	room_open(&r);
	g1 = build(&r, before, 1, NULL);
	set_verdict(&r, g1, g1->endpoint_probe[0][0], VERDICT_DOWN);
	set_verdict(&r, g1, g1->endpoint_probe[1][0], VERDICT_UP);
	g2 = build(&r, after, 2, g1);
	assert_int_equal(g2->endpoint_slot[2], g1->endpoint_slot[0]);
	assert_int_equal(g2->endpoint_slot[1], g1->endpoint_slot[1]);
	assert_int_equal(g2->probes[g2->endpoint_probe[0][0]].slot,
		g1->probes[g1->endpoint_probe[0][0]].slot);
	assert_int_equal(
		verdict_of_word(atomic_load(
			&r.board.health->probe[g2->probes[g2->endpoint_probe[2][0]].slot].word)),
		VERDICT_UNKNOWN);
	generation_free(g1, r.slots);
	assert_int_equal(slots_count(r.slots, SLOT_ENDPOINT), 3);
	assert_int_equal(read_probe(&r, g2, g2->endpoint_probe[0][0]).checked_ms, 12);
	generation_free(g2, r.slots);
	room_close(&r);
	conf_free(before);
	conf_free(after);
}

static void a_probe_with_new_timing_starts_with_the_old_verdict(void **state)
{
	struct conf *before = conf_good(
		CHECKS "pools:\n" POOL("web", "check: home, ", "a: {address: 192.0.2.1}"));
	struct conf *slower = conf_good(
		CHECKS "pools:\n" POOL("web", "check: slow, ", "a: {address: 192.0.2.1}"));
	struct conf *other =
		conf_good(CHECKS "pools:\n" POOL("web", "check: tcp, ", "a: {address: 192.0.2.1}"));
	struct generation *g1, *g2, *g3;
	struct board_probe p;
	struct room r;

	(void)state;
	room_open(&r);
	g1 = build(&r, before, 1, NULL);
	set_verdict(&r, g1, 0, VERDICT_DOWN);
	g2 = build(&r, slower, 2, g1);
	assert_int_not_equal(g2->probes[0].slot, g1->probes[0].slot);
	p = read_probe(&r, g2, 0);
	assert_int_equal(atomic_load(&p.word), VERDICT_WORD(VERDICT_DOWN, 0));
	assert_int_equal(p.failures, 0); /* counted against another threshold */
	assert_string_equal(p.reason, "refused");
	/* another kind of test says nothing about this one */
	g3 = build(&r, other, 3, g2);
	p = read_probe(&r, g3, 0);
	assert_int_equal(verdict_of_word(atomic_load(&p.word)), VERDICT_UNKNOWN);
	generation_free(g1, r.slots);
	generation_free(g2, r.slots);
	generation_free(g3, r.slots);
	generation_free(NULL, r.slots);
	room_close(&r);
	conf_free(before);
	conf_free(slower);
	conf_free(other);
}

static void a_probes_key_says_what_decides_its_verdict(void **state)
{
	struct conf_check c = {.kind = CHECK_HTTP,
		.port = 8080,
		.path = "/healthz",
		.expect = {{200, 299}, {404, 404}},
		.expect_count = 2,
		.interval_ms = 5000,
		.timeout_ms = 2000,
		.fall = 2,
		.rise = 3,
		.jitter_percent = 10};
	struct hostport target = {.port = 8080};
	char path[CONF_URL_PATH_MAX + 1], key[BOARD_KEY_MAX], other[BOARD_KEY_MAX];

	(void)state;
	assert_int_equal(addr_parse("2001:db8::1", &target.addr), 0);
	probe_key(&c, &target, key);
	assert_string_equal(key,
		"http [2001:db8::1]:8080 /healthz host= expect=200-299,404-404 @5000/2000/2/3/10");
	/* too long for a key: still different for different tests, and still within it */
	memset(path, 'p', CONF_URL_PATH_MAX);
	path[CONF_URL_PATH_MAX] = '\0';
	c.path = path;
	c.interval_ms = c.timeout_ms = UINT32_MAX;
	c.fall = c.rise = UINT16_MAX;
	probe_key(&c, &target, key);
	path[CONF_URL_PATH_MAX - 1] = 'q';
	probe_key(&c, &target, other);
	assert_true(strlen(key) < BOARD_KEY_MAX);
	assert_string_not_equal(key, other);
	assert_non_null(strstr(key, " @4294967295/4294967295/65535/65535/10"));
}

static void a_board_without_room_takes_nothing(void **state)
{
	struct conf *c = conf_good(CHECKS "pools:\n" POOL(
		"web", "check: home, ", "lon1: {address: 192.0.2.1}, lon2: {address: 192.0.2.2}"));
	struct generation *g = NULL;
	struct room r;
	struct err e;
	bool fresh;

	(void)state;
	room_open(&r);
	for (uint32_t i = 0, slot; i < BOARD_PROBES_MAX - 1; i++) {
		char key[16];

		(void)snprintf(key, sizeof key, "%u", i);
		assert_int_equal(slots_take(r.slots, SLOT_PROBE, key, &slot, &fresh, &e), 0);
	}
	assert_int_equal(generation_build(c, 1, r.slots, &r.board, NULL, &g, &e), -1);
	assert_null(g);
	assert_non_null(strstr(e.text, "65536 probes"));
	assert_int_equal(slots_count(r.slots, SLOT_PROBE), BOARD_PROBES_MAX - 1);
	assert_int_equal(slots_count(r.slots, SLOT_ENDPOINT), 0);
	room_close(&r);
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_probes_of_different_pools_run_once),
		cmocka_unit_test(overrides_follow_the_name_and_verdicts_the_probe),
		cmocka_unit_test(a_probe_with_new_timing_starts_with_the_old_verdict),
		cmocka_unit_test(a_probes_key_says_what_decides_its_verdict),
		cmocka_unit_test(a_board_without_room_takes_nothing),
	};

	TEST_MAIN(tests);
}
