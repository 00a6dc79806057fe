/* dns/zone_files.c, zone_claims.c, publish.c and loader.c: zones whose files are gone. */
#include "tests/unit/dns_stage.h"

#define HOUR_MS UINT64_C(3600000)

static void write_rested(struct stage *s, const char *name, const char *text)
{
	static const struct timespec rested[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};

	lab_write(&s->lab, ".rested", text);
	assert_int_equal(utimensat(s->lab.zones, ".rested", rested, 0), 0);
	assert_int_equal(renameat(s->lab.zones, ".rested", s->lab.zones, name), 0);
}

/* The next event; false when there is none. */
static bool next_told(struct stage *s, struct event *out)
{
	const struct event *e = lab_event(&s->lab);

	if (e != NULL)
		*out = *e;
	return e != NULL;
}

static void nothing_told(struct stage *s)
{
	struct event e;

	if (next_told(s, &e))
		fail_msg("told: %s -> %s: %s", e.from, e.to, e.text);
}

/* A zone a.test, served from a.test.zone for an hour when that goes; nothing is left to do or say. */
static struct stage *started(void)
{
	struct stage *s = stage_new();

	s->lab.conf->zones.remove_after_ms = (uint32_t)HOUR_MS;
	write_rested(s, "a.test.zone", LAB_ZONE("1", "192.0.2.1"));
	start_loader(s);
	loader_step(s->loader, clock_mono_ms());
	while (lab_event(&s->lab) != NULL)
		;
	return s;
}

/* The file goes; the time at which that was first seen. */
static uint64_t lose(struct stage *s)
{
	uint64_t now_ms = clock_mono_ms();
	struct board_zone row;
	struct event e;

	assert_int_equal(unlinkat(s->lab.zones, "a.test.zone", 0), 0);
	loader_step(s->loader, now_ms);
	assert_true(lab_row(&s->lab, "a.test.zone", &row));
	assert_int_equal(row.flags, ZONE_SERVED); /* editors make short gaps */
	nothing_told(s);
	loader_step(s->loader, now_ms + GONE_MS);
	assert_true(next_told(s, &e));
	assert_int_equal(e.level, LEVEL_WARNING);
	assert_string_equal(e.from, "serving");
	assert_string_equal(e.to, "missing");
	assert_non_null(strstr(e.text, "a.test.zone is gone; serial 1 serves on until "));
	nothing_told(s);
	return now_ms;
}

static void assert_missing(struct stage *s, uint64_t since_ms)
{
	struct board_zone row;

	assert_true(lab_row(&s->lab, "a.test.zone", &row));
	assert_int_equal(row.flags, ZONE_SERVED | ZONE_STALE | ZONE_MISSING);
	assert_int_equal(row.gone_ms, since_ms);
	assert_int_equal(row.remove_ms, since_ms + HOUR_MS);
	assert_int_equal(serial_of(s, "www.a.test"), 1);
	assert_true(copy_exists(s, "a.test.zone"));
}

static void assert_dropped(struct stage *s)
{
	struct board_zone row;

	assert_int_equal(serial_of(s, "www.a.test"), 0);
	assert_false(lab_row(&s->lab, "a.test.zone", &row));
	assert_false(copy_exists(s, "a.test.zone"));
}

static void finished(struct stage *s)
{
	stop_loader(s);
	stage_free(s);
}

static void a_zone_serves_on_without_its_file_until_its_time_is_over(void **state)
{
	struct stage *s = started();
	uint64_t gone_ms = lose(s);
	struct event e;

	(void)state;
	assert_missing(s, gone_ms);
	loader_step(s->loader, gone_ms + HOUR_MS - 1);
	assert_missing(s, gone_ms);
	nothing_told(s);
	loader_step(s->loader, gone_ms + HOUR_MS);
	assert_dropped(s);
	assert_true(next_told(s, &e));
	assert_int_equal(e.level, LEVEL_WARNING);
	assert_string_equal(e.from, "missing");
	assert_string_equal(e.to, "none");
	assert_non_null(strstr(e.text, "has been gone for 1h: served no more"));
	nothing_told(s);
	finished(s);
}

static void a_file_that_comes_back_ends_the_wait(void **state)
{
	struct stage *s = started();
	uint64_t gone_ms = lose(s);
	struct board_zone row;
	struct event e;

	(void)state;
	for (unsigned serial = 1; serial <= 2; serial++) { /* the same, then another content */
		write_rested(s, "a.test.zone",
			serial == 1 ? LAB_ZONE("1", "192.0.2.1") : LAB_ZONE("2", "192.0.2.1"));
		loader_step(s->loader, gone_ms + 2000);
		assert_int_equal(serial_of(s, "a.test"), serial);
		assert_true(lab_row(&s->lab, "a.test.zone", &row));
		assert_int_equal(row.flags, ZONE_SERVED);
		assert_int_equal(row.gone_ms, 0);
		assert_true(next_told(s, &e));
		assert_string_equal(e.from, "missing");
		assert_string_equal(e.to, "serving");
		assert_non_null(strstr(e.text, "its file is back: loaded a.test.zone: serial"));
		nothing_told(s);
		if (serial == 1)
			gone_ms = lose(s);
	}
	loader_step(s->loader, gone_ms + 2 * HOUR_MS);
	assert_int_equal(serial_of(s, "a.test"), 2);
	/* back, but broken: the last good version stays */
	assert_int_equal(unlinkat(s->lab.zones, "a.test.zone", 0), 0);
	gone_ms = clock_mono_ms() + 3 * HOUR_MS;
	loader_step(s->loader, gone_ms);
	loader_step(s->loader, gone_ms + GONE_MS);
	write_rested(s, "a.test.zone", "nonsense\n");
	loader_step(s->loader, gone_ms + GONE_MS + 1);
	assert_true(lab_row(&s->lab, "a.test.zone", &row));
	assert_int_equal(row.flags, ZONE_SERVED | ZONE_STALE);
	assert_int_equal(serial_of(s, "a.test"), 2);
	finished(s);
}

/* A restarted process, or a new generation. */
static void the_wait_goes_on_in_the_next_process(void **state)
{
	struct stage *s = started();
	uint64_t gone_ms = lose(s);

	(void)state;
	stop_loader(s);
	start_loader(s);
	assert_missing(s, gone_ms);
	nothing_told(s); /* what was told once is not told again */
	loader_step(s->loader, gone_ms + HOUR_MS - 1);
	assert_missing(s, gone_ms);
	loader_step(s->loader, gone_ms + HOUR_MS);
	assert_dropped(s);
	finished(s);
}

/* The next process has read the file before it went; the one before it has missed it since. */
static void a_file_that_went_while_the_next_process_was_loading_has_no_second_wait(void **state)
{
	struct stage *s = started();
	uint64_t gone_ms = clock_mono_ms();
	struct board_zone row;
	struct err e;

	(void)state;
	stop_loader(s);
	assert_int_equal(dns_server_init(&s->server, &s->lab.start, &e), 0);
	assert_int_equal(loader_open(&s->loader, &s->server, &e), 0);
	assert_int_equal(loader_start(s->loader, &e), 0);
	assert_true(lab_row(&s->lab, "a.test.zone", &row));
	row.flags = ZONE_SERVED | ZONE_STALE | ZONE_MISSING;
	row.gone_ms = gone_ms;
	row.remove_ms = gone_ms + HOUR_MS;
	board_write_zone(&s->lab.board, 0, &row);
	assert_int_equal(unlinkat(s->lab.zones, "a.test.zone", 0), 0);
	loader_take_over(s->loader);
	assert_missing(s, gone_ms);
	nothing_told(s);
	finished(s);
}

/* And the other way round: it came back, and the process before had not seen that yet. */
static void a_file_that_came_back_while_the_next_process_was_loading_is_back(void **state)
{
	struct stage *s = started();
	struct board_zone row;
	struct event told;

	(void)state;
	(void)lose(s);
	stop_loader(s);
	write_rested(s, "a.test.zone", LAB_ZONE("2", "192.0.2.2"));
	start_loader(s);
	assert_true(lab_row(&s->lab, "a.test.zone", &row));
	assert_int_equal(row.flags, ZONE_SERVED);
	assert_int_equal(serial_of(s, "a.test"), 2);
	assert_true(next_told(s, &told));
	assert_string_equal(told.from, "missing");
	assert_string_equal(told.to, "serving");
	nothing_told(s);
	finished(s);
}

static void a_zone_that_the_process_before_has_dropped_stays_dropped(void **state)
{
	const struct board_zone none = {0};
	struct stage *s = started();

	(void)state;
	stop_loader(s);
	assert_int_equal(unlinkat(s->lab.zones, "a.test.zone", 0), 0);
	board_write_zone(&s->lab.board, 0, &none); /* dropped after this one has read the copy */
	start_loader(s);
	assert_dropped(s);
	nothing_told(s);
	finished(s);
}

/* A new board knows nothing: a zone that the last run served has its time from now on. */
static void after_a_restart_the_last_good_copy_serves_for_its_time(void **state)
{
	const struct board_zone none = {0};
	struct stage *s = started();
	struct board_zone row;
	struct event e;

	(void)state;
	stop_loader(s);
	assert_int_equal(unlinkat(s->lab.zones, "a.test.zone", 0), 0);
	board_write_zone(&s->lab.board, 0, &none);
	atomic_store(&s->lab.board.dns->zone_count, 0);
	atomic_store(&s->lab.board.dns->owner, 0);
	start_loader(s);
	assert_true(lab_row(&s->lab, "a.test.zone", &row));
	assert_missing(s, row.gone_ms);
	assert_true(next_told(s, &e));
	assert_int_equal(e.level, LEVEL_WARNING);
	assert_string_equal(e.to, "missing");
	loader_step(s->loader, row.gone_ms + HOUR_MS);
	assert_dropped(s);
	finished(s);
}

static void without_a_copy_the_next_process_says_what_it_lacks(void **state)
{
	struct stage *s = started();
	struct board_zone row;
	struct event e;

	(void)state;
	stop_loader(s);
	s->lab.start.state.fd = -1; /* no state folder */
	start_loader(s);
	while (lab_event(&s->lab) != NULL)
		;
	(void)lose(s);
	stop_loader(s);
	start_loader(s);
	assert_int_equal(serial_of(s, "a.test"), 0);
	assert_false(lab_row(&s->lab, "a.test.zone", &row));
	assert_true(next_told(s, &e));
	assert_int_equal(e.level, LEVEL_WARNING);
	assert_string_equal(e.object, "a.test");
	assert_string_equal(e.to, "none");
	assert_non_null(strstr(e.text, "no last good copy"));
	finished(s);
}

static void an_order_drops_the_zone_it_means(void **state)
{
	struct stage *s = started();
	uint64_t gone_ms = lose(s);
	_Atomic uint64_t *forget = s->lab.board.control->forget;
	struct event e;

	(void)state;
	atomic_store(&forget[0], gone_ms - 1); /* of an earlier disappearance */
	atomic_store(&forget[1], gone_ms);     /* of another zone */
	loader_step(s->loader, gone_ms + 1000);
	assert_missing(s, gone_ms);
	atomic_store(&forget[0], gone_ms);
	loader_step(s->loader, gone_ms + 1000);
	assert_dropped(s);
	assert_true(next_told(s, &e));
	assert_string_equal(e.from, "missing");
	assert_string_equal(e.to, "none");
	/* the same file again is another matter */
	write_rested(s, "a.test.zone", LAB_ZONE("1", "192.0.2.1"));
	loader_step(s->loader, gone_ms + 2000);
	assert_int_equal(serial_of(s, "a.test"), 1);
	finished(s);
}

static void a_renamed_file_takes_its_zone_along(void **state)
{
	static const char text[] = "$ORIGIN moved.test.\n" LAB_ZONE("1", "192.0.2.1");
	struct stage *s = started();
	uint64_t now_ms = clock_mono_ms();
	struct board_zone row;
	struct event e;
	bool told = false;

	(void)state;
	write_rested(s, "old.zone", text);
	loader_step(s->loader, now_ms);
	assert_int_equal(serial_of(s, "moved.test"), 1);
	assert_int_equal(renameat(s->lab.zones, "old.zone", s->lab.zones, "new.zone"), 0);
	loader_step(s->loader, now_ms + 1);
	assert_int_equal(serial_of(s, "moved.test"), 1);
	assert_true(lab_row(&s->lab, "new.zone", &row));
	assert_int_equal(row.flags, ZONE_SERVED);
	loader_step(s->loader, now_ms + 1 + GONE_MS);
	assert_int_equal(serial_of(s, "moved.test"), 1);
	assert_false(lab_row(&s->lab, "old.zone", &row));
	assert_false(copy_exists(s, "old.zone"));
	assert_true(copy_exists(s, "new.zone"));
	while (next_told(s, &e)) {
		assert_int_equal(e.level, LEVEL_INFO);
		told = told || strcmp(e.text, "old.zone is gone; zone moved.test. is served from "
					      "new.zone") == 0;
	}
	assert_true(told);
	finished(s);
}

static void a_file_that_was_never_good_goes_at_once(void **state)
{
	struct stage *s = started();
	uint64_t now_ms = clock_mono_ms();
	struct board_zone row;

	(void)state;
	write_rested(s, "b.test.zone", "nonsense\n");
	loader_step(s->loader, now_ms);
	assert_int_equal(serial_of(s, "b.test"), -1);
	assert_int_equal(unlinkat(s->lab.zones, "b.test.zone", 0), 0);
	loader_step(s->loader, now_ms + 1);
	loader_step(s->loader, now_ms + 1 + GONE_MS);
	assert_int_equal(serial_of(s, "b.test"), 0);
	assert_false(lab_row(&s->lab, "b.test.zone", &row));
	finished(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_zone_serves_on_without_its_file_until_its_time_is_over),
		cmocka_unit_test(a_file_that_comes_back_ends_the_wait),
		cmocka_unit_test(the_wait_goes_on_in_the_next_process),
		cmocka_unit_test(
			a_file_that_went_while_the_next_process_was_loading_has_no_second_wait),
		cmocka_unit_test(a_file_that_came_back_while_the_next_process_was_loading_is_back),
		cmocka_unit_test(a_zone_that_the_process_before_has_dropped_stays_dropped),
		cmocka_unit_test(after_a_restart_the_last_good_copy_serves_for_its_time),
		cmocka_unit_test(without_a_copy_the_next_process_says_what_it_lacks),
		cmocka_unit_test(an_order_drops_the_zone_it_means),
		cmocka_unit_test(a_renamed_file_takes_its_zone_along),
		cmocka_unit_test(a_file_that_was_never_good_goes_at_once),
	};

	TEST_MAIN(tests);
}
