/* Copying the roles' rings into the public one: numbers, order, and a control killed at every step. */
#include "tests/unit/control_fixture.h"

#include "control/events.h"

#define NOW UINT64_C(1000)

static void emit(struct board *b, enum role r, uint64_t real_ms, const char *text)
{
	struct event e = {.real_ms = real_ms, .kind = EVENT_NOTICE, .role = (uint8_t)r};

	(void)snprintf(e.text, sizeof e.text, "%s", text);
	event_emit(board_ring(b, r), &e);
}

static void assert_text(const struct board *b, uint64_t sequence, const char *text)
{
	struct event e;

	assert_true(events_read(b, sequence, &e));
	assert_string_equal(e.text, text);
}

static void numbers_start_at_the_boards_birth(void **state)
{
	struct copier c;
	struct board b;

	(void)state;
	assert_int_equal(board_create_private(&b, NULL), 0);
	events_open(&c, &b);
	assert_true(events_next(&b) == (b.supervisor->created_real_ms << 20) / 1000);
	assert_true(events_oldest(&b) == events_next(&b));
	emit(&b, ROLE_HEALTH, 1, "first");
	assert_int_equal(events_copy(&c, NOW), 1);
	assert_text(&b, events_first(&b), "first");
	assert_int_equal(events_copy(&c, NOW), 0);
	board_destroy(&b);
}

static void rings_are_merged_by_time(void **state)
{
	struct copier c;
	struct board b;
	uint64_t at;

	(void)state;
	assert_int_equal(board_create_private(&b, NULL), 0);
	events_open(&c, &b);
	at = events_next(&b);
	emit(&b, ROLE_SUPERVISOR, 40, "d");
	emit(&b, ROLE_HEALTH, 10, "a");
	emit(&b, ROLE_HEALTH, 30, "c");
	emit(&b, ROLE_DNS, 20, "b");
	emit(&b, ROLE_BALANCER, 50, "e");
	assert_int_equal(events_copy(&c, NOW), 5);
	assert_text(&b, at, "a");
	assert_text(&b, at + 1, "b");
	assert_text(&b, at + 2, "c");
	assert_text(&b, at + 3, "d");
	assert_text(&b, at + 4, "e");
	board_destroy(&b);
}

static void controls_own_events_are_numbered_too(void **state)
{
	struct event e = {.kind = EVENT_OVERRIDE, .text = "mine"}, out;
	struct copier c;
	struct board b;
	uint64_t at;

	(void)state;
	assert_int_equal(board_create_private(&b, NULL), 0);
	events_open(&c, &b);
	at = events_next(&b);
	events_publish(&c, &e);
	assert_true(events_read(&b, at, &out));
	assert_string_equal(out.text, "mine");
	assert_int_equal(out.role, ROLE_CONTROL);
	assert_true(out.real_ms > 0);
	board_destroy(&b);
}

/*
 * The stores of one copy, in order (control/events.c); a control killed after any of them must leave a
 * board on which the next one neither doubles nor skips an event.
 */
static void a_kill_at_any_step_neither_doubles_nor_skips(void **state)
{
	enum step { COPYING, UNCOMMIT, HALF_WRITTEN, COMMIT, COPIED, NEXT, STEPS };

	(void)state;
	for (int last = COPYING; last < STEPS; last++) {
		struct event_record *slot;
		struct event e;
		struct copier c;
		struct board b;
		uint64_t at;

		assert_int_equal(board_create_private(&b, NULL), 0);
		events_open(&c, &b);
		emit(&b, ROLE_HEALTH, 1, "one");
		emit(&b, ROLE_HEALTH, 2, "two");
		emit(&b, ROLE_HEALTH, 3, "three");
		at = events_next(&b);
		/* control copied "one" in peace, then was killed in the midst of "two" */
		slot = &b.control->events[at % EVENT_PUBLIC_SIZE];
		memcpy(&slot->event, &b.health->events.slot[0].event, sizeof e);
		atomic_store(&slot->commit, at + 1);
		atomic_store(&b.control->copied[ROLE_HEALTH], 1);
		atomic_store(&b.control->next_sequence, at + 1);
		slot = &b.control->events[(at + 1) % EVENT_PUBLIC_SIZE];
		for (int step = COPYING; step <= last; step++) {
			switch ((enum step)step) {
			case COPYING:
				atomic_store(
					&b.control->copying, ((uint64_t)ROLE_HEALTH + 1) << 60 | 1);
				break;
			case UNCOMMIT: atomic_store(&slot->commit, 0); break;
			case HALF_WRITTEN:
				memcpy(&slot->event, &b.health->events.slot[1].event, 100);
				break;
			case COMMIT:
				memcpy(&slot->event, &b.health->events.slot[1].event, sizeof e);
				atomic_store(&slot->commit, at + 2);
				break;
			case COPIED: atomic_store(&b.control->copied[ROLE_HEALTH], 2); break;
			case NEXT: atomic_store(&b.control->next_sequence, at + 2); break;
			case STEPS: break;
			}
		}
		events_open(&c, &b);
		(void)events_copy(&c, NOW);
		assert_true(events_next(&b) == at + 3);
		assert_text(&b, at, "one");
		assert_text(&b, at + 1, "two");
		assert_text(&b, at + 2, "three");
		board_destroy(&b);
	}
}

static void a_lap_of_the_public_ring_forgets_the_oldest(void **state)
{
	struct event out;
	struct copier c;
	struct board b;
	uint64_t first;

	(void)state;
	assert_int_equal(board_create_private(&b, NULL), 0);
	events_open(&c, &b);
	first = events_next(&b);
	for (unsigned i = 0; i < EVENT_PUBLIC_SIZE + 10; i++) {
		emit(&b, ROLE_DNS, i + 1, "x");
		(void)events_copy(&c, NOW);
	}
	assert_true(events_oldest(&b) == first + 10);
	assert_false(events_read(&b, first + 9, &out));
	assert_true(events_read(&b, first + 10, &out));
	assert_int_equal(out.real_ms, 11);
	assert_false(events_read(&b, events_next(&b), &out));
	board_destroy(&b);
}

static void what_overflowed_is_counted_and_told(void **state)
{
	struct event last;
	struct copier c;
	struct board b;

	(void)state;
	assert_int_equal(board_create_private(&b, NULL), 0);
	events_open(&c, &b);
	for (unsigned i = 0; i < EVENT_RING_SIZE + 7; i++)
		emit(&b, ROLE_BALANCER, i + 1, "x");
	while (events_copy(&c, NOW) > 0)
		;
	assert_int_equal(atomic_load(&b.control->counter[CONTROL_EVENTS_LOST]), 7);
	/* the report came after the first batch; find it */
	for (uint64_t at = events_first(&b);; at++) {
		assert_true(events_read(&b, at, &last));
		if (last.role == ROLE_CONTROL)
			break;
	}
	assert_non_null(strstr(last.text, "7 events of balancer are lost"));
	board_destroy(&b);
}

/* Whoever copies wakes the log by what is returned: a loss after which nothing comes must be told, too. */
static void the_first_round_of_all_endpoints_fits(void **state)
{
	struct copier c;
	struct board b;
	struct event e;

	(void)state;
	assert_int_equal(board_create_private(&b, NULL), 0);
	events_open(&c, &b);
	/* control is away for all of it: every address of every endpoint that can be configured */
	for (unsigned i = 0; i < 2 * CONF_ENDPOINTS_MAX; i++)
		emit(&b, ROLE_HEALTH, i + 1, "x");
	for (uint64_t at = events_first(&b); at < events_first(&b) + 2 * CONF_ENDPOINTS_MAX;) {
		assert_true(events_copy(&c, NOW) > 0);
		for (; at < events_next(&b); at++) {
			assert_true(events_read(&b, at, &e));
			assert_int_equal(e.real_ms, at - events_first(&b) + 1);
		}
	}
	assert_int_equal(atomic_load(&b.control->counter[CONTROL_EVENTS_LOST]), 0);
	board_destroy(&b);
}

static void a_loss_alone_counts_as_something_new(void **state)
{
	struct event told;
	struct copier c;
	struct board b;
	uint64_t at;

	(void)state;
	assert_int_equal(board_create_private(&b, NULL), 0);
	events_open(&c, &b);
	at = events_next(&b);
	atomic_fetch_add(&b.health->events.claimed, 1); /* its writer is killed now */
	assert_int_equal(events_copy(&c, NOW), 0);
	assert_int_equal(events_copy(&c, NOW + EVENT_COMMIT_MS), 1);
	assert_true(events_read(&b, at, &told));
	assert_non_null(strstr(told.text, "1 events of health are lost"));
	assert_int_equal(events_copy(&c, NOW + 2 * EVENT_COMMIT_MS), 0);
	board_destroy(&b);
}

static void a_wild_board_is_put_right(void **state)
{
	struct copier c;
	struct board b;

	(void)state;
	assert_int_equal(board_create_private(&b, NULL), 0);
	atomic_store(&b.control->next_sequence, 3); /* before the board's birth */
	atomic_store(&b.control->copying, UINT64_MAX);
	atomic_store(&b.control->copied[ROLE_HEALTH], UINT64_MAX);
	events_open(&c, &b);
	assert_true(events_next(&b) == events_first(&b));
	emit(&b, ROLE_HEALTH, 1, "x");
	(void)events_copy(&c, NOW);
	emit(&b, ROLE_HEALTH, 2, "y");
	(void)events_copy(&c, NOW);
	assert_true(events_next(&b) > events_first(&b));
	board_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_start_at_the_boards_birth),
		cmocka_unit_test(rings_are_merged_by_time),
		cmocka_unit_test(controls_own_events_are_numbered_too),
		cmocka_unit_test(a_kill_at_any_step_neither_doubles_nor_skips),
		cmocka_unit_test(a_lap_of_the_public_ring_forgets_the_oldest),
		cmocka_unit_test(what_overflowed_is_counted_and_told),
		cmocka_unit_test(the_first_round_of_all_endpoints_fits),
		cmocka_unit_test(a_loss_alone_counts_as_something_new),
		cmocka_unit_test(a_wild_board_is_put_right),
	};

	TEST_MAIN(tests);
}
