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

	assert_int_equal(generation_build(c, number, r->slots, &g, &e), 0);
	assert_int_equal(g->number, number);
	if (previous != NULL)
		generation_inherit(g, previous, &r->board);
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

/* ---- what a new probe starts with ---- */

static struct board_probe probe_of(struct room *r, const struct generation *g, size_t endpoint)
{
	return read_probe(r, g, g->endpoint_probe[endpoint][0]);
}

static enum verdict verdict_in(struct board_probe p)
{
	return verdict_of_word(atomic_load(&p.word));
}

static void a_probe_with_new_timing_goes_on_with_verdict_and_streak(void **state)
{
	struct conf *before = conf_good(
		CHECKS "pools:\n" POOL("web", "check: home, ", "a: {address: 192.0.2.1}"));
	struct conf *slower = conf_good(
		CHECKS "pools:\n" POOL("web", "check: slow, ", "a: {address: 192.0.2.1}"));
	struct generation *g1, *g2;
	struct board_probe p;
	struct room r;

	(void)state;
	room_open(&r);
	g1 = build(&r, before, 1, NULL);
	assert_false(g1->probes[0].is_new); /* nobody serves on for it */
	set_verdict(&r, g1, 0, VERDICT_DOWN);
	g2 = build(&r, slower, 2, g1);
	assert_int_not_equal(g2->probes[0].slot, g1->probes[0].slot);
	assert_false(g2->probes[0].is_new);
	p = read_probe(&r, g2, 0);
	assert_int_equal(atomic_load(&p.word), VERDICT_WORD(VERDICT_DOWN, 999));
	assert_int_equal(p.failures, 2);
	assert_int_equal(p.checked_ms, 12);
	assert_string_equal(p.reason, "refused");
	/* the last word of the old health counts */
	set_verdict(&r, g1, 0, VERDICT_UP);
	generation_inherit(g2, g1, &r.board);
	assert_int_equal(verdict_in(read_probe(&r, g2, 0)), VERDICT_UP);
	generation_free(g1, r.slots);
	generation_free(g2, r.slots);
	generation_free(NULL, r.slots);
	room_close(&r);
	conf_free(before);
	conf_free(slower);
}

static void a_new_test_of_an_old_address_inherits_the_verdict_alone(void **state)
{
	struct conf *before = conf_good(
		CHECKS "pools:\n" POOL("web", "check: home, ", "a: {address: 192.0.2.1}"));
	struct conf *after =
		conf_good(CHECKS "  path: {http: {path: /new, port: 8080}, interval: 5s, timeout: "
				 "2s}\npools:\n" POOL("web", "check: path, ",
					 "a: {address: 192.0.2.1}, b: {address: 192.0.2.9}"));
	struct conf *then =
		conf_good(CHECKS "pools:\n" POOL("web", "check: tcp, ", "a: {address: 192.0.2.1}"));
	struct generation *g1, *g2, *g3;
	struct board_probe p;
	struct room r;

	(void)state;
	room_open(&r);
	g1 = build(&r, before, 1, NULL);
	set_verdict(&r, g1, 0, VERDICT_DOWN);
	g2 = build(&r, after, 2, g1);
	p = probe_of(&r, g2, 0);
	assert_int_equal(atomic_load(&p.word), VERDICT_WORD(VERDICT_DOWN, 0));
	assert_int_equal(p.failures, 0);
	assert_int_equal(p.since_ms, 11);
	assert_int_equal(p.checked_ms, 0); /* it has not been tried: it is, at once */
	assert_string_equal(p.reason, "inherited: refused");
	/* an address that nobody has tested */
	assert_int_equal(verdict_in(probe_of(&r, g2, 1)), VERDICT_UNKNOWN);
	assert_false(g2->probes[g2->endpoint_probe[0][0]].is_new);
	assert_true(g2->probes[g2->endpoint_probe[1][0]].is_new);
	/* two reloads without an outcome in between */
	g3 = build(&r, then, 3, g2);
	p = probe_of(&r, g3, 0);
	assert_int_equal(verdict_in(p), VERDICT_DOWN);
	assert_string_equal(p.reason, "inherited: refused");
	generation_free(g1, r.slots);
	generation_free(g2, r.slots);
	generation_free(g3, r.slots);
	room_close(&r);
	conf_free(before);
	conf_free(after);
	conf_free(then);
}

/* One machine, tested in many ways: 0 /a :8080, 1 /b :8080, 2 tcp :8080, 3 tcp :9000. */
#define WAYS                                                                                       \
	"checks:\n"                                                                                \
	"  a: {http: {path: /a, port: 8080}, interval: 5s, timeout: 2s}\n"                         \
	"  b: {http: {path: /b, port: 8080}, interval: 5s, timeout: 2s}\n"                         \
	"  tcp: {tcp: {port: 8080}, interval: 5s, timeout: 2s}\n"                                  \
	"  other: {tcp: {port: 9000}, interval: 5s, timeout: 2s}\n"
#define ONE(pool, check) POOL(pool, "check: " check ", ", "x: {address: 192.0.2.1}")

static void the_nearest_old_probe_decides(void **state)
{
	static const struct {
		const char *check;   /* what pool `new` tests the machine with */
		enum verdict old[4]; /* of a, b, tcp and other */
		enum verdict wanted;
	} cases[] = {
		/* the same test but for its timing, though others are of the same port */
		{"{http: {path: /b, port: 8080}, interval: 9s, timeout: 2s}",
			{VERDICT_UP, VERDICT_DOWN, VERDICT_UP, VERDICT_UP}, VERDICT_DOWN},
		/* port and kind */
		{"{tcp: {port: 9000}, interval: 9s, timeout: 2s}",
			{VERDICT_UP, VERDICT_UP, VERDICT_UP, VERDICT_DOWN}, VERDICT_DOWN},
		{"{http: {path: /c, port: 8080}, interval: 5s, timeout: 2s}",
			{VERDICT_UP, VERDICT_UP, VERDICT_DOWN, VERDICT_DOWN}, VERDICT_UP},
		/* the port alone */
		{"{http: {path: /c, port: 9000}, interval: 5s, timeout: 2s}",
			{VERDICT_UP, VERDICT_UP, VERDICT_UP, VERDICT_DOWN}, VERDICT_DOWN},
		/* the address alone */
		{"{tcp: {port: 7777}, interval: 5s, timeout: 2s}",
			{VERDICT_DOWN, VERDICT_DOWN, VERDICT_DOWN, VERDICT_DOWN}, VERDICT_DOWN},
		/* one without a verdict says nothing */
		{"{tcp: {port: 9000}, interval: 9s, timeout: 2s}",
			{VERDICT_DOWN, VERDICT_DOWN, VERDICT_DOWN, VERDICT_UNKNOWN}, VERDICT_DOWN},
		{"{tcp: {port: 9000}, interval: 9s, timeout: 2s}",
			{VERDICT_UNKNOWN, VERDICT_UNKNOWN, VERDICT_UNKNOWN, VERDICT_UNKNOWN},
			VERDICT_UNKNOWN},
	};
	struct conf *before = conf_good(WAYS "pools:\n" ONE("a", "a") ONE("b", "b")
			ONE("tcp", "tcp") ONE("other", "other"));
	struct room r;

	(void)state;
	room_open(&r);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[1024];
		struct generation *g1 = build(&r, before, 1, NULL), *g2;
		struct conf *after;

		(void)snprintf(text, sizeof text, "checks:\n  new: %s\npools:\n" ONE("new", "new"),
			cases[i].check);
		after = conf_good(text);
		for (size_t p = 0; p < 4; p++)
			set_verdict(&r, g1, p, cases[i].old[p]);
		g2 = build(&r, after, 2, g1);
		if (verdict_in(probe_of(&r, g2, 0)) != cases[i].wanted)
			fail_msg("case %zu: %s", i, verdict_name(verdict_in(probe_of(&r, g2, 0))));
		assert_false(g2->probes[0].is_new);
		generation_free(g1, r.slots);
		generation_free(g2, r.slots);
		conf_free(after);
	}
	room_close(&r);
	conf_free(before);
}

static void of_equally_near_probes_the_endpoints_own_decides(void **state)
{
	struct conf *before = conf_good(WAYS "pools:\n" ONE("a", "a") ONE("b", "b"));
	struct conf *after =
		conf_good("checks:\n"
			  "  a: {http: {path: /a2, port: 8080}, interval: 5s, timeout: 2s}\n"
			  "  b: {http: {path: /b2, port: 8080}, interval: 5s, timeout: 2s}\n"
			  "pools:\n" ONE("b", "b") ONE("a", "a"));
	struct generation *g1, *g2;
	struct room r;

	(void)state;
	room_open(&r);
	g1 = build(&r, before, 1, NULL);
	set_verdict(&r, g1, 0, VERDICT_DOWN);
	set_verdict(&r, g1, 1, VERDICT_UP);
	g2 = build(&r, after, 2, g1);
	assert_int_equal(verdict_in(probe_of(&r, g2, 0)), VERDICT_UP);
	assert_int_equal(verdict_in(probe_of(&r, g2, 1)), VERDICT_DOWN);
	generation_free(g1, r.slots);
	generation_free(g2, r.slots);
	room_close(&r);
	conf_free(before);
	conf_free(after);
}

/* There and back again, while the first generation drains: nobody has tested its probes since. */
static void what_only_a_draining_generation_knew_counts_as_nothing(void **state)
{
	struct conf *first = conf_good(CHECKS "pools:\n" POOL(
		"web", "check: home, ", "a: {address: 192.0.2.1}, b: {address: 192.0.2.2}"));
	struct conf *second =
		conf_good(CHECKS "pools:\n" POOL("web", "check: tcp, ", "a: {address: 192.0.2.1}"));
	struct generation *g1, *g2, *g3;
	struct room r;

	(void)state;
	room_open(&r);
	g1 = build(&r, first, 1, NULL);
	set_verdict(&r, g1, 0, VERDICT_UP);
	set_verdict(&r, g1, 1, VERDICT_UP);
	g2 = build(&r, second, 2, g1);
	set_verdict(&r, g2, 0, VERDICT_DOWN);
	g3 = build(&r, first, 3, g2);
	assert_int_equal(g3->probes[0].slot, g1->probes[0].slot);
	assert_int_equal(verdict_in(probe_of(&r, g3, 0)), VERDICT_DOWN);
	assert_int_equal(verdict_in(probe_of(&r, g3, 1)), VERDICT_UNKNOWN);
	assert_true(g3->probes[1].is_new);
	generation_free(g1, r.slots);
	generation_free(g2, r.slots);
	generation_free(g3, r.slots);
	room_close(&r);
	conf_free(first);
	conf_free(second);
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
		.jitter_percent = 10,
		.flap = {.penalty = 1000,
			.suppress = 2500,
			.reuse = 750,
			.half_life_ms = 60000,
			.max_suppress_ms = 600000}};
	struct hostport target = {.port = 8080};
	char path[CONF_URL_PATH_MAX + 1], key[BOARD_KEY_MAX], other[BOARD_KEY_MAX];

	(void)state;
	assert_int_equal(addr_parse("2001:db8::1", &target.addr), 0);
	probe_key(&c, &target, key);
	assert_string_equal(key, "http [2001:db8::1]:8080 /healthz host= expect=200-299,404-404 "
				 "@5000/2000/2/3/10/1000/60000/2500/750/600000");
	/* too long for a key: still different for different tests, and still within it */
	memset(path, 'p', CONF_URL_PATH_MAX);
	path[CONF_URL_PATH_MAX] = '\0';
	c.path = path;
	c.interval_ms = c.timeout_ms = UINT32_MAX;
	c.fall = c.rise = UINT16_MAX;
	c.flap = (struct flap_limits){1000000, 1000000, 1000000, 86400000, 86400000};
	probe_key(&c, &target, key);
	path[CONF_URL_PATH_MAX - 1] = 'q';
	probe_key(&c, &target, other);
	assert_true(strlen(key) < BOARD_KEY_MAX);
	assert_string_not_equal(key, other);
	assert_non_null(strstr(key, " @4294967295/4294967295/65535/65535/10/"
				    "1000000/86400000/1000000/1000000/86400000"));
}

static uint32_t target(const struct generation *g, size_t listener, uint32_t endpoint)
{
	return generation_target(g, listener, endpoint, 0);
}

static void targets_are_addresses_with_the_ports_of_listeners(void **state)
{
	struct conf *c = conf_good(
		CHECKS "pools:\n"
		       "  a: {when_all_down: {pool: b}, endpoints: {x: {address: [192.0.2.1, "
		       "\"2001:db8::1\"]}, y: {address: 192.0.2.2}}}\n"
		       "  b: {endpoints: {z: {address: 192.0.2.1}}}\n"
		       "  alone: {endpoints: {z: {address: 192.0.2.9}}}\n"
		       "balancer:\n"
		       "  - {name: one, listen: \"127.0.0.1:1\", pool: a, port: 80}\n"
		       "  - {name: two, listen: \"127.0.0.1:2\", pool: b, port: 80}\n"
		       "  - {name: three, listen: \"127.0.0.1:3\", pool: b, port: 443}\n");
	struct generation *first, *second;
	struct room r;
	uint32_t slot;

	(void)state;
	room_open(&r);
	first = build(&r, c, 1, NULL);
	/* a/x over both families, a/y; b/z on 443; nobody connects to alone/z */
	assert_int_equal(first->target_count, 4);
	assert_int_equal(target(first, 0, 0), target(first, 0, 2)); /* a falls back to b */
	assert_int_equal(target(first, 0, 0), target(first, 1, 2));
	assert_int_not_equal(target(first, 1, 2), target(first, 2, 2));
	assert_int_not_equal(target(first, 0, 0), target(first, 0, 1));
	assert_int_not_equal(generation_target(first, 0, 0, 1), TARGET_NONE);
	assert_int_equal(generation_target(first, 0, 1, 1), TARGET_NONE);
	assert_int_equal(target(first, 0, 3), TARGET_NONE);
	assert_int_equal(target(first, 2, 0), TARGET_NONE);
	slot = first->targets[target(first, 2, 2)].slot;
	assert_string_equal(r.board.supervisor->target[slot].key, "192.0.2.1:443");
	atomic_store(&r.board.balancer->target[slot], TARGET_WORD(3, 1, 5));
	/* a reload finds its own again */
	second = build(&r, c, 2, first);
	generation_free(first, r.slots);
	assert_int_equal(second->targets[target(second, 2, 2)].slot, slot);
	assert_int_equal(atomic_load(&r.board.balancer->target[slot]), TARGET_WORD(3, 1, 5));
	generation_free(second, r.slots);
	assert_int_equal(slots_count(r.slots, SLOT_TARGET), 0);
	/* and nobody else does */
	second = build(&r, c, 3, NULL);
	for (size_t i = 0; i < second->target_count; i++)
		assert_int_equal(
			atomic_load(&r.board.balancer->target[second->targets[i].slot]), 0);
	generation_free(second, r.slots);
	room_close(&r);
	conf_free(c);
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
	assert_int_equal(generation_build(c, 1, r.slots, &g, &e), -1);
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
		cmocka_unit_test(a_probe_with_new_timing_goes_on_with_verdict_and_streak),
		cmocka_unit_test(a_new_test_of_an_old_address_inherits_the_verdict_alone),
		cmocka_unit_test(the_nearest_old_probe_decides),
		cmocka_unit_test(of_equally_near_probes_the_endpoints_own_decides),
		cmocka_unit_test(what_only_a_draining_generation_knew_counts_as_nothing),
		cmocka_unit_test(a_probes_key_says_what_decides_its_verdict),
		cmocka_unit_test(targets_are_addresses_with_the_ports_of_listeners),
		cmocka_unit_test(a_board_without_room_takes_nothing),
	};

	TEST_MAIN(tests);
}
