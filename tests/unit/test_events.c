#include "tests/unit/test.h"

#include "board/events.h"

#include <pthread.h>

#define WRITERS 4u
#define EACH    500u /* WRITERS * EACH < EVENT_RING_SIZE: nothing is overwritten */

static struct event_ring *ring_new(void)
{
	struct event_ring *ring = aligned_alloc(64, sizeof *ring);

	assert_non_null(ring);
	memset(ring, 0, sizeof *ring);
	return ring;
}

static void emit_number(struct event_ring *ring, unsigned n)
{
	struct event e = {.kind = EVENT_NOTICE, .real_ms = n + 1};

	(void)snprintf(e.text, sizeof e.text, "%u", n);
	event_emit(ring, &e);
}

static void events_come_in_order_and_once(void **state)
{
	struct event_ring *ring = ring_new();
	struct event_cursor cursor = {0};
	struct event e;

	(void)state;
	assert_int_equal(event_next(ring, &cursor, 1, &e), 0);
	for (unsigned i = 0; i < 3; i++)
		emit_number(ring, i);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(event_next(ring, &cursor, 1, &e), 1);
		assert_int_equal(e.real_ms, i + 1);
	}
	assert_int_equal(event_next(ring, &cursor, 1, &e), 0);
	assert_int_equal(cursor.lost, 0);
	free(ring);
}

static void the_time_is_filled_in(void **state)
{
	struct event_ring *ring = ring_new();
	struct event_cursor cursor = {0};
	struct event e = {.kind = EVENT_ROLE};

	(void)state;
	event_emit(ring, &e);
	assert_int_equal(event_next(ring, &cursor, 1, &e), 1);
	assert_true(e.real_ms > UINT64_C(1700000000000));
	free(ring);
}

static void what_a_slow_reader_missed_is_counted(void **state)
{
	struct event_ring *ring = ring_new();
	struct event_cursor cursor = {0};
	struct event e;

	(void)state;
	for (unsigned i = 0; i < EVENT_RING_SIZE + 10; i++)
		emit_number(ring, i);
	assert_int_equal(event_next(ring, &cursor, 1, &e), 1);
	assert_int_equal(cursor.lost, 10);
	assert_int_equal(e.real_ms, 11);
	free(ring);
}

static void a_slot_whose_writer_died_is_skipped_after_a_while(void **state)
{
	struct event_ring *ring = ring_new();
	struct event_cursor cursor = {0};
	struct event e;

	(void)state;
	atomic_fetch_add(&ring->claimed, 1); /* and killed */
	emit_number(ring, 1);
	assert_int_equal(event_next(ring, &cursor, 1000, &e), 0);
	assert_int_equal(event_next(ring, &cursor, 1000 + EVENT_COMMIT_MS - 1, &e), 0);
	assert_int_equal(event_next(ring, &cursor, 1000 + EVENT_COMMIT_MS, &e), 1);
	assert_string_equal(e.text, "1");
	assert_int_equal(cursor.lost, 1);
	/* the next one gets its own wait */
	atomic_fetch_add(&ring->claimed, 1);
	assert_int_equal(event_next(ring, &cursor, 2000, &e), 0);
	assert_int_equal(event_next(ring, &cursor, 2000 + EVENT_COMMIT_MS - 1, &e), 0);
	free(ring);
}

static void a_slot_left_in_mid_write_works_again_two_laps_later(void **state)
{
	struct event_ring *ring = ring_new();
	struct event_cursor cursor = {0};
	struct event e;

	(void)state;
	/* killed while it filled slot 0: bit 63 and its position */
	atomic_store(&ring->slot[0].commit, UINT64_C(1) << 63);
	atomic_fetch_add(&ring->claimed, 1);
	for (unsigned i = 1; i < EVENT_RING_SIZE; i++)
		emit_number(ring, i);
	emit_number(ring, EVENT_RING_SIZE); /* finds the mark: lost */
	for (unsigned i = 1; i < EVENT_RING_SIZE; i++)
		assert_int_equal(event_next(ring, &cursor, 1, &e), 1);
	assert_int_equal(event_next(ring, &cursor, 1, &e), 0);
	assert_int_equal(event_next(ring, &cursor, 1 + EVENT_COMMIT_MS, &e), 0);
	assert_int_equal(cursor.lost, 2);
	for (unsigned i = 1; i < EVENT_RING_SIZE; i++) {
		emit_number(ring, i);
		assert_int_equal(event_next(ring, &cursor, 500, &e), 1);
	}
	emit_number(ring, 77);
	assert_int_equal(event_next(ring, &cursor, 500, &e), 1);
	assert_string_equal(e.text, "77");
	free(ring);
}

static void what_a_mad_writer_left_is_tamed(void **state)
{
	struct event_ring *ring = ring_new();
	struct event_cursor cursor = {.next = 0};
	struct event e;

	(void)state;
	memset(&ring->slot[0].event, 0xff, sizeof ring->slot[0].event);
	atomic_store(&ring->slot[0].commit, 1);
	atomic_store(&ring->claimed, 1);
	assert_int_equal(event_next(ring, &cursor, 1, &e), 1);
	assert_int_equal(e.kind, EVENT_NOTICE);
	assert_int_equal(strlen(e.text), sizeof e.text - 1);
	assert_int_equal(strlen(e.pool), sizeof e.pool - 1);
	atomic_store(&ring->claimed, 0); /* a claim taken back */
	assert_int_equal(event_next(ring, &cursor, 1, &e), 0);
	free(ring);
}

struct writer {
	struct event_ring *ring;
	unsigned number;
};

static void *write_many(void *arg)
{
	const struct writer *w = arg;

	for (unsigned i = 0; i < EACH; i++)
		emit_number(w->ring, w->number * EACH + i);
	return NULL;
}

static void many_threads_lose_nothing(void **state)
{
	struct event_ring *ring = ring_new();
	struct event_cursor cursor = {0};
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];
	unsigned char seen[WRITERS * EACH] = {0};
	unsigned got = 0, last[WRITERS] = {0};
	struct event e;

	(void)state;
	for (unsigned i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){ring, i};
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, &writers[i]), 0);
	}
	while (got < WRITERS * EACH) { /* the clock stands still: nobody is given up */
		unsigned n;

		if (event_next(ring, &cursor, 1, &e) == 0)
			continue;
		n = (unsigned)strtoul(e.text, NULL, 10);
		assert_int_equal(e.real_ms, n + 1);
		assert_int_equal(seen[n]++, 0);
		assert_true(last[n / EACH] <= n); /* each thread's own order */
		last[n / EACH] = n;
		got++;
	}
	for (unsigned i = 0; i < WRITERS; i++)
		(void)pthread_join(threads[i], NULL);
	assert_int_equal(cursor.lost, 0);
	free(ring);
}

/* The reader is slow: what it gets must be whole all the same. */
static void overwritten_events_are_lost_and_never_mixed(void **state)
{
	struct event_ring *ring = ring_new();
	struct event_cursor cursor = {0};
	struct writer writer = {ring, 0};
	pthread_t threads[WRITERS];
	unsigned got = 0;
	struct event e;

	(void)state;
	for (unsigned round = 0; round < 8; round++) {
		for (unsigned i = 0; i < WRITERS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, write_many, &writer), 0);
		for (unsigned i = 0; i < 100; i++) {
			if (event_next(ring, &cursor, 1, &e) == 0)
				continue;
			assert_int_equal(e.real_ms, strtoul(e.text, NULL, 10) + 1);
			got++;
		}
		for (unsigned i = 0; i < WRITERS; i++)
			(void)pthread_join(threads[i], NULL);
	}
	while (event_next(ring, &cursor, 1000000, &e) == 1)
		got++;
	assert_int_equal(got + cursor.lost, 8 * WRITERS * EACH);
	free(ring);
}

static void kinds_have_names(void **state)
{
	(void)state;
	assert_string_equal(event_kind_name(EVENT_VERDICT), "verdict");
	assert_string_equal(event_kind_name(EVENT_NOTICE), "notice");
	assert_string_equal(event_kind_name((enum event_kind)200), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_come_in_order_and_once),
		cmocka_unit_test(the_time_is_filled_in),
		cmocka_unit_test(what_a_slow_reader_missed_is_counted),
		cmocka_unit_test(a_slot_whose_writer_died_is_skipped_after_a_while),
		cmocka_unit_test(a_slot_left_in_mid_write_works_again_two_laps_later),
		cmocka_unit_test(what_a_mad_writer_left_is_tamed),
		cmocka_unit_test(many_threads_lose_nothing),
		cmocka_unit_test(overwritten_events_are_lost_and_never_mixed),
		cmocka_unit_test(kinds_have_names),
	};

	TEST_MAIN(tests);
}
