#include "tests/unit/test.h"

#include "board/slots.h"

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

static uint32_t take(struct room *r, enum slot_kind kind, const char *key, bool expect_fresh)
{
	uint32_t slot = UINT32_MAX;
	bool fresh;
	struct err e;

	assert_int_equal(slots_take(r->slots, kind, key, &slot, &fresh, &e), 0);
	assert_int_equal(fresh, expect_fresh);
	return slot;
}

static void a_key_keeps_its_slot_while_anybody_uses_it(void **state)
{
	struct room r;
	uint32_t a, b;

	(void)state;
	room_open(&r);
	a = take(&r, SLOT_ENDPOINT, "web/lon1", true);
	b = take(&r, SLOT_ENDPOINT, "web/lon2", true);
	assert_int_not_equal(a, b);
	assert_int_equal(take(&r, SLOT_ENDPOINT, "web/lon1", false), a); /* the next generation */
	slots_drop(r.slots, SLOT_ENDPOINT, a);
	assert_int_equal(take(&r, SLOT_ENDPOINT, "web/lon1", false), a);
	assert_string_equal(r.board.supervisor->endpoint[a].key, "web/lon1");
	assert_int_equal(atomic_load(&r.board.supervisor->endpoint[a].used), 1);
	assert_int_equal(slots_count(r.slots, SLOT_ENDPOINT), 2);
	room_close(&r);
}

static void a_freed_slot_is_the_first_to_be_given_out(void **state)
{
	struct room r;
	uint32_t b;

	(void)state;
	room_open(&r);
	(void)take(&r, SLOT_ENDPOINT, "a", true);
	b = take(&r, SLOT_ENDPOINT, "b", true);
	(void)take(&r, SLOT_ENDPOINT, "c", true);
	slots_drop(r.slots, SLOT_ENDPOINT, b);
	assert_int_equal(atomic_load(&r.board.supervisor->endpoint[b].used), 0);
	assert_int_equal(take(&r, SLOT_ENDPOINT, "d", true), b);
	slots_drop(r.slots, SLOT_ENDPOINT, 1000); /* nobody uses it: nothing happens */
	assert_int_equal(slots_count(r.slots, SLOT_ENDPOINT), 3);
	room_close(&r);
}

static void nobody_inherits_a_strangers_cells(void **state)
{
	struct room r;
	struct board_probe p = {.checked_ms = 7, .reason = "connection refused"};
	uint32_t endpoint, probe;
	uint64_t epoch;

	(void)state;
	room_open(&r);
	endpoint = take(&r, SLOT_ENDPOINT, "web/lon1", true);
	probe = take(&r, SLOT_PROBE, "tcp 192.0.2.1:80", true);
	atomic_store(&r.board.control->override[endpoint].state, OVERRIDE_WORD(OVERRIDE_DRAIN, 0));
	atomic_store(&r.board.control->override[endpoint].weight, WEIGHT_WORD(3, 0));
	atomic_store(&r.board.health->load[endpoint], 9);
	atomic_init(&p.word, VERDICT_WORD(VERDICT_DOWN, 0));
	board_write_probe(&r.board, probe, &p);
	/* kept as long as the slots are */
	assert_int_equal(take(&r, SLOT_ENDPOINT, "web/lon1", false), endpoint);
	assert_int_equal(
		atomic_load(&r.board.control->override[endpoint].state) & 3, OVERRIDE_DRAIN);
	slots_drop(r.slots, SLOT_ENDPOINT, endpoint);
	slots_drop(r.slots, SLOT_ENDPOINT, endpoint);
	slots_drop(r.slots, SLOT_PROBE, probe);
	epoch = board_epoch(&r.board);
	assert_int_equal(take(&r, SLOT_ENDPOINT, "web/other", true), endpoint);
	assert_int_equal(take(&r, SLOT_PROBE, "tcp 192.0.2.2:80", true), probe);
	assert_int_equal(atomic_load(&r.board.control->override[endpoint].state), 0);
	assert_int_equal(atomic_load(&r.board.control->override[endpoint].weight), 0);
	assert_int_equal(atomic_load(&r.board.health->load[endpoint]), 0);
	assert_true(board_read_probe(&r.board, probe, &p));
	assert_int_equal(verdict_of_word(atomic_load(&p.word)), VERDICT_UNKNOWN);
	assert_string_equal(p.reason, "");
	assert_true(board_epoch(&r.board) > epoch);
	room_close(&r);
}

static void a_full_table_and_a_long_key_are_errors(void **state)
{
	struct room r;
	char key[BOARD_KEY_MAX + 1];
	uint32_t slot;
	bool fresh;
	struct err e;

	(void)state;
	room_open(&r);
	for (uint32_t i = 0; i < BOARD_LISTENERS_MAX; i++) {
		(void)snprintf(key, sizeof key, "l%u", i);
		assert_int_equal(take(&r, SLOT_LISTENER, key, true), i);
	}
	assert_int_equal(slots_take(r.slots, SLOT_LISTENER, "more", &slot, &fresh, &e), -1);
	assert_non_null(strstr(e.text, "512 listeners"));
	assert_int_equal(take(&r, SLOT_LISTENER, "l7", false), 7);
	memset(key, 'x', BOARD_KEY_MAX);
	key[BOARD_KEY_MAX] = '\0';
	assert_int_equal(slots_take(r.slots, SLOT_ENDPOINT, key, &slot, &fresh, &e), -1);
	key[BOARD_KEY_MAX - 1] = '\0';
	assert_int_equal(take(&r, SLOT_ENDPOINT, key, true), 0);
	room_close(&r);
}

/* The index against a plain array, over many takes and drops. */
static void the_index_finds_every_key_after_any_history(void **state)
{
	enum { KEYS = 600, STEPS = 20000 };
	static uint32_t uses[KEYS], slot_of[KEYS];
	struct room r;
	uint32_t seed = 1;

	(void)state;
	room_open(&r);
	for (int i = 0; i < STEPS; i++) {
		char key[16];
		uint32_t k;

		seed = seed * 1664525u + 1013904223u;
		k = (seed >> 8) % KEYS;
		(void)snprintf(key, sizeof key, "key%u", k);
		if (uses[k] > 0 && (seed >> 28) % 2 == 0) {
			slots_drop(r.slots, SLOT_PROBE, slot_of[k]);
			uses[k]--;
			continue;
		}
		if (uses[k] > 0)
			assert_int_equal(take(&r, SLOT_PROBE, key, false), slot_of[k]);
		else
			slot_of[k] = take(&r, SLOT_PROBE, key, true);
		assert_true(slot_of[k] < KEYS);
		uses[k]++;
	}
	room_close(&r);
}

static void a_dead_workers_gauges_are_cleared_and_its_counters_kept(void **state)
{
	struct room r;
	struct board_balancer_row *row;
	uint32_t endpoint, listener;

	(void)state;
	room_open(&r);
	row = &r.board.balancer->row[5];
	endpoint = take(&r, SLOT_ENDPOINT, "web/lon1", true);
	listener = take(&r, SLOT_LISTENER, "https", true);
	atomic_store(&row->active[endpoint], 3);
	atomic_store(&row->listener_active[listener], 3);
	atomic_store(&row->connect_failures[2], 4);
	atomic_store(&row->counter[BALANCER_ACCEPTED], 100);
	atomic_store(&r.board.balancer->row[6].active[endpoint], 8); /* a living neighbour */
	slots_clear_gauges(r.slots, 5, 1);
	assert_int_equal(atomic_load(&row->active[endpoint]), 0);
	assert_int_equal(atomic_load(&row->listener_active[listener]), 0);
	assert_int_equal(atomic_load(&row->connect_failures[2]), 4);
	assert_int_equal(atomic_load(&row->counter[BALANCER_ACCEPTED]), 100);
	assert_int_equal(atomic_load(&r.board.balancer->row[6].active[endpoint]), 8);
	room_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_keeps_its_slot_while_anybody_uses_it),
		cmocka_unit_test(a_freed_slot_is_the_first_to_be_given_out),
		cmocka_unit_test(nobody_inherits_a_strangers_cells),
		cmocka_unit_test(a_full_table_and_a_long_key_are_errors),
		cmocka_unit_test(the_index_finds_every_key_after_any_history),
		cmocka_unit_test(a_dead_workers_gauges_are_cleared_and_its_counters_kept),
	};

	TEST_MAIN(tests);
}
