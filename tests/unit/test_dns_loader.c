/* dns/loader.c with dns/zone_files.c, zone_file.c, zone_claims.c, zone_copies.c, publish.c:
 * files that come, change, break and go. */
#include "tests/unit/dns_stage.h"

/* Step until the file's row has an error with `text` in it. */
static void wait_error(struct stage *s, const char *file, const char *text)
{
	struct board_zone row;

	while (!lab_row(&s->lab, file, &row) || strstr(row.error, text) == NULL) {
		loader_step(s->loader, clock_mono_ms());
		(void)usleep(5000);
	}
}

static void changed_added_and_removed_files_take_effect(void **state)
{
	struct stage *s = stage_new();
	struct board_zone row;

	(void)state;
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("1", "192.0.2.1"));
	start_loader(s);
	assert_int_equal(serial_of(s, "www.a.test"), 1);
	assert_true(lab_row(&s->lab, "a.test.zone", &row));
	assert_string_equal(row.name, "a.test");
	assert_int_equal(row.serial, 1);
	assert_int_equal(row.records, 3);
	assert_int_equal(row.flags, ZONE_SERVED);
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("2", "192.0.2.2"));
	wait_serial(s, "www.a.test", 2);
	lab_write(&s->lab, "b.test.zone", LAB_ZONE("7", "192.0.2.7"));
	wait_serial(s, "b.test", 7);
	assert_int_equal(serial_of(s, "www.a.test"), 2);
	assert_int_equal(unlinkat(s->lab.zones, "a.test.zone", 0), 0);
	wait_serial(s, "www.a.test", 0);
	while (lab_row(&s->lab, "a.test.zone", &row))
		loader_step(s->loader, clock_mono_ms());
	assert_int_equal(serial_of(s, "b.test"), 7);
	stop_loader(s);
	stage_free(s);
}

static void only_zone_names_count(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	lab_write(&s->lab, ".hidden.zone", LAB_ZONE("1", "192.0.2.1"));
	lab_write(&s->lab, "a.test.zone~", LAB_ZONE("1", "192.0.2.1"));
	lab_write(&s->lab, ".zone", LAB_ZONE("1", "192.0.2.1"));
	assert_int_equal(mkdirat(s->lab.zones, "folder", 0700), 0);
	start_loader(s);
	assert_int_equal(zoneset_count(atomic_load(&s->server.data)->zones), 0);
	assert_int_equal(atomic_load(&s->lab.board.dns->zone_count), 0);
	stop_loader(s);
	stage_free(s);
}

static void a_broken_file_leaves_the_last_good_version(void **state)
{
	struct stage *s = stage_new();
	struct board_zone row;
	const struct event *e;
	bool told = false;

	(void)state;
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("1", "192.0.2.1"));
	start_loader(s);
	while (lab_event(&s->lab) != NULL)
		;
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("2", "192.0.2.2") "bad A 1.2.3\n");
	wait_error(s, "a.test.zone", "a.test.zone:5:");
	assert_int_equal(serial_of(s, "www.a.test"), 1);
	assert_true(lab_row(&s->lab, "a.test.zone", &row));
	assert_int_equal(row.flags, ZONE_SERVED | ZONE_STALE);
	while ((e = lab_event(&s->lab)) != NULL) {
		told = told ||
		       (e->kind == EVENT_ZONE && e->level == LEVEL_ERROR &&
			       strcmp(e->object, "a.test") == 0 && strcmp(e->to, "stale") == 0);
	}
	assert_true(told);
	/* over a restart, too */
	stop_loader(s);
	start_loader(s);
	assert_int_equal(serial_of(s, "www.a.test"), 1);
	assert_true(lab_row(&s->lab, "a.test.zone", &row));
	assert_int_equal(row.flags, ZONE_SERVED | ZONE_STALE);
	assert_int_equal(atomic_load(&s->lab.board.dns->zone_count), 1);
	assert_null(lab_event(&s->lab)); /* what was told once is not told again */
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("3", "192.0.2.3"));
	wait_serial(s, "www.a.test", 3);
	assert_true(lab_row(&s->lab, "a.test.zone", &row));
	assert_int_equal(row.flags, ZONE_SERVED);
	assert_string_equal(row.error, "");
	stop_loader(s);
	stage_free(s);
}

static void a_file_that_was_never_good_fails_its_names_only(void **state)
{
	struct stage *s = stage_new();
	struct board_zone row;

	(void)state;
	lab_write(&s->lab, "a.test.zone", "nonsense\n");
	lab_write(&s->lab, "b.test.zone", LAB_ZONE("1", "192.0.2.1"));
	start_loader(s);
	assert_int_equal(serial_of(s, "www.a.test"), -1);
	assert_int_equal(serial_of(s, "www.b.test"), 1);
	assert_true(lab_row(&s->lab, "a.test.zone", &row));
	assert_string_equal(row.name, "a.test");
	assert_int_equal(row.flags, 0);
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("5", "192.0.2.5"));
	wait_serial(s, "www.a.test", 5);
	stop_loader(s);
	stage_free(s);
}

static void of_two_files_with_one_apex_the_first_stays(void **state)
{
	struct stage *s = stage_new();
	struct board_zone row;

	(void)state;
	lab_write(&s->lab, "b.zone", "$ORIGIN a.test.\n" LAB_ZONE("1", "192.0.2.1"));
	start_loader(s);
	assert_int_equal(serial_of(s, "a.test"), 1);
	lab_write(&s->lab, "a.zone",
		"$ORIGIN a.test.\n" LAB_ZONE(
			"2", "192.0.2.2")); /* sorts before it, comes after it */
	wait_error(s, "a.zone", "is served from b.zone");
	assert_true(lab_row(&s->lab, "a.zone", &row));
	assert_true(strncmp(row.error, "a.zone: error: ", 15) == 0);
	assert_int_equal(serial_of(s, "a.test"), 1);
	assert_int_equal(unlinkat(s->lab.zones, "b.zone", 0), 0);
	wait_serial(s, "a.test", 2); /* its chance has come */
	stop_loader(s);
	/* at a start the name that sorts first wins */
	lab_write(&s->lab, "b.zone", "$ORIGIN a.test.\n" LAB_ZONE("1", "192.0.2.1"));
	start_loader(s);
	assert_int_equal(serial_of(s, "a.test"), 2);
	assert_true(lab_row(&s->lab, "b.zone", &row));
	assert_non_null(strstr(row.error, "is served from a.zone"));
	stop_loader(s);
	stage_free(s);
}

static void copies_go_with_their_zones(void **state)
{
	struct stage *s = stage_new();
	struct board_zone row;

	(void)state;
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("1", "192.0.2.1"));
	lab_write(&s->lab, "b.test.zone", LAB_ZONE("1", "192.0.2.1"));
	start_loader(s);
	assert_true(copy_exists(s, "a.test.zone"));
	assert_true(lab_row(&s->lab, "a.test.zone", &row));
	assert_true(row.good_real_ms > 0);
	assert_int_equal(unlinkat(s->lab.zones, "a.test.zone", 0), 0);
	while (copy_exists(s, "a.test.zone"))
		loader_step(s->loader, clock_mono_ms());
	stop_loader(s);
	assert_int_equal(unlinkat(s->lab.zones, "b.test.zone", 0), 0);
	start_loader(s); /* removed while nobody looked: it has its time, too */
	assert_int_equal(serial_of(s, "b.test"), 1);
	while (copy_exists(s, "b.test.zone"))
		loader_step(s->loader, clock_mono_ms());
	assert_int_equal(serial_of(s, "b.test"), 0);
	assert_false(lab_row(&s->lab, "b.test.zone", &row));
	stop_loader(s);
	stage_free(s);
}

static void included_files_are_followed(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	assert_int_equal(mkdirat(s->lab.zones, "inc", 0700), 0);
	lab_write(&s->lab, "inc/head", "@ SOA ns h 1 1 1 1 60\n");
	lab_write(&s->lab, "a.test.zone", "$TTL 60\n$INCLUDE inc/head\n@ NS ns.test.\n");
	start_loader(s);
	assert_int_equal(serial_of(s, "a.test"), 1);
	lab_write(&s->lab, "inc/head", "@ SOA ns h 2 1 1 1 60\n");
	wait_serial(s, "a.test", 2);
	/* a broken include, mended: the file itself never changes */
	lab_write(&s->lab, "b.test.zone", "$TTL 60\n$INCLUDE inc/other\n@ NS ns.test.\n");
	wait_error(s, "b.test.zone", "inc/other");
	lab_write(&s->lab, "inc/other", "@ SOA ns h 9 1 1 1 60\n");
	wait_serial(s, "b.test", 9);
	stop_loader(s);
	stage_free(s);
}

/* A good zone whose include breaks keeps what it had, and follows it again once it is mended. */
static void an_included_file_that_breaks_is_still_followed(void **state)
{
	struct stage *s = stage_new();
	struct board_zone row;

	(void)state;
	lab_write(&s->lab, "head", "@ SOA ns h 1 1 1 1 60\n");
	lab_write(&s->lab, "a.test.zone", "$TTL 60\n$INCLUDE head\n@ NS ns.test.\n");
	start_loader(s);
	lab_write(&s->lab, "head", "@ SOA ns h x 1 1 1 60\n");
	wait_error(s, "a.test.zone", "head:1:12: error: serial \"x\"");
	assert_int_equal(serial_of(s, "a.test"), 1);
	lab_write(&s->lab, "head", "@ SOA ns h 2 1 1 1 60\n");
	wait_serial(s, "a.test", 2);
	assert_true(lab_row(&s->lab, "a.test.zone", &row));
	assert_string_equal(row.error, "");
	stop_loader(s);
	stage_free(s);
}

#define KEPT "the content changed and the serial did not"

/* Step until an event says `text`. Returns how many said KEPT on the way, that one included. */
static unsigned wait_told(struct stage *s, const char *text)
{
	unsigned kept = 0;

	for (;;) {
		const struct event *e;

		loader_step(s->loader, clock_mono_ms());
		while ((e = lab_event(&s->lab)) != NULL) {
			if (strcmp(e->text, KEPT) == 0) {
				assert_int_equal(e->level, LEVEL_WARNING);
				assert_string_equal(e->object, "a.test");
				kept++;
			}
			if (strstr(e->text, text) != NULL)
				return kept;
		}
		(void)usleep(5000);
	}
}

static void a_serial_that_stays_while_the_content_changes_is_told(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("1", "192.0.2.1"));
	start_loader(s);
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("2", "192.0.2.2"));
	assert_int_equal(wait_told(s, "serial 2"), 0);
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("2", "192.0.2.3"));
	assert_int_equal(wait_told(s, KEPT), 1);
	/* beside other warnings, too */
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("2", "192.0.2.4") "x.org. TXT x\n");
	assert_int_equal(wait_told(s, KEPT), 1);
	/* over a broken version in between; the same content again is no change */
	lab_write(&s->lab, "a.test.zone", "nonsense\n");
	assert_int_equal(wait_told(s, "has no type"), 0);
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("2", "192.0.2.4"));
	assert_int_equal(wait_told(s, "loaded"), 0);
	lab_write(&s->lab, "a.test.zone", "nonsense\n");
	assert_int_equal(wait_told(s, "has no type"), 0);
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("2", "192.0.2.5"));
	assert_int_equal(wait_told(s, KEPT), 1);
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("3", "192.0.2.5"));
	assert_int_equal(wait_told(s, "serial 3"), 0);
	stop_loader(s);
	stage_free(s);
}

/* Is the board's row of the file without anything served? */
static bool is_refused(struct stage *s, const char *file)
{
	struct board_zone row;

	return lab_row(&s->lab, file, &row) && row.flags == 0;
}

/* A link that leads nowhere is a broken file like any other, and its message says where it leads. */
static void a_link_that_cannot_be_followed_is_a_broken_file(void **state)
{
	struct stage *s = stage_new();
	struct board_zone row;
	const struct event *e;

	(void)state;
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("1", "192.0.2.1"));
	assert_int_equal(symlinkat("../nowhere/b", s->lab.zones, "b.test.zone"), 0);
	start_loader(s);
	assert_true(is_refused(s, "b.test.zone"));
	assert_int_equal(serial_of(s, "www.b.test"), -1); /* SERVFAIL, not REFUSED */
	assert_true(lab_row(&s->lab, "b.test.zone", &row));
	assert_string_equal(row.error, "b.test.zone: error: cannot open: symbolic link to "
				       "../nowhere/b: No such file or directory");
	assert_int_equal(symlinkat("c.test.zone", s->lab.zones, "c.test.zone"), 0);
	wait_error(s, "c.test.zone",
		"symbolic link to c.test.zone: Too many levels of symbolic links");
	assert_int_equal(serial_of(s, "www.c.test"), -1);
	/* in place of a good zone: it serves on, and says so */
	assert_int_equal(symlinkat("/nowhere", s->lab.zones, "link"), 0);
	assert_int_equal(renameat(s->lab.zones, "link", s->lab.zones, "a.test.zone"), 0);
	wait_error(s, "a.test.zone", "symbolic link to /nowhere: No such file or directory");
	assert_int_equal(serial_of(s, "www.a.test"), 1);
	assert_true(lab_row(&s->lab, "a.test.zone", &row));
	assert_int_equal(row.flags, ZONE_SERVED | ZONE_STALE);
	/* the target comes: nothing in the folder changes */
	lab_write(&s->lab, "target", LAB_ZONE("7", "192.0.2.7"));
	assert_int_equal(unlinkat(s->lab.zones, "c.test.zone", 0), 0);
	assert_int_equal(symlinkat("target", s->lab.zones, "c.test.zone"), 0);
	wait_serial(s, "www.c.test", 7);
	while ((e = lab_event(&s->lab)) != NULL)
		assert_null(strstr(e->text, "rows for zones are taken"));
	assert_int_equal(atomic_load(&s->lab.board.dns->zones_unlisted), 0);
	stop_loader(s);
	stage_free(s);
}

static void a_file_that_rests_is_not_called_unlisted(void **state)
{
	struct stage *s = stage_new();
	const struct event *e;

	(void)state;
	start_loader(s);
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("1", "192.0.2.1"));
	wait_serial(s, "a.test", 1);
	lab_write(&s->lab, "young.test.zone", LAB_ZONE("1", "192.0.2.1"));
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("2", "192.0.2.1"));
	while (serial_of(s, "young.test") == 0 || serial_of(s, "a.test") == 1) {
		lab_write(&s->lab, "younger.test.zone", LAB_ZONE("1", "192.0.2.1"));
		loader_step(s->loader, clock_mono_ms());
		assert_int_equal(atomic_load(&s->lab.board.dns->zones_unlisted), 0);
		(void)usleep(20000);
	}
	while ((e = lab_event(&s->lab)) != NULL)
		assert_null(strstr(e->text, "rows for zones are taken"));
	stop_loader(s);
	stage_free(s);
}

/* What no event tells is found by the rescan: here the target of a link, outside the folder. */
static void changes_outside_the_folder_are_found_by_the_rescan(void **state)
{
	static const struct timespec rested[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	static const char text[] = LAB_ZONE("2", "192.0.2.2");
	struct stage *s = stage_new();
	uint64_t now_ms;
	int fd;

	(void)state;
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("1", "192.0.2.1"));
	assert_int_equal(renameat(s->lab.zones, "a.test.zone", s->lab.state, "outside"), 0);
	assert_int_equal(utimensat(s->lab.state, "outside", rested, 0), 0);
	assert_int_equal(symlinkat("../state/outside", s->lab.zones, "a.test.zone"), 0);
	start_loader(s);
	assert_int_equal(serial_of(s, "a.test"), 1);
	now_ms = clock_mono_ms() + 1000;
	loader_step(s->loader, now_ms); /* what the start has still to do */
	fd = openat(s->lab.state, "outside", O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof text - 1), (int)sizeof text - 1);
	close(fd);
	assert_int_equal(utimensat(s->lab.state, "outside", rested, 0), 0);
	loader_step(s->loader, now_ms + 1000);
	assert_int_equal(serial_of(s, "a.test"), 1); /* nothing told of it */
	loader_step(s->loader, now_ms + s->lab.conf->zones.rescan_ms);
	assert_int_equal(serial_of(s, "a.test"), 2);
	stop_loader(s);
	stage_free(s);
}

static void another_generation_s_rows_are_left_alone(void **state)
{
	static const struct timespec rested[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	struct stage *s = stage_new();
	struct board_zone row;

	(void)state;
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("1", "192.0.2.1"));
	start_loader(s);
	atomic_store(&s->lab.board.dns->owner, 2);
	lab_write(&s->lab, "a.test.zone", "nonsense\n");
	assert_int_equal(utimensat(s->lab.zones, "a.test.zone", rested, 0), 0); /* due at once */
	loader_step(s->loader, clock_mono_ms());
	assert_true(lab_row(&s->lab, "a.test.zone", &row));
	assert_string_equal(row.error, "");
	atomic_store(&s->lab.board.dns->owner, 1);
	assert_int_equal(utimensat(s->lab.zones, "a.test.zone", rested, 0), 0); /* another event */
	loader_step(s->loader, clock_mono_ms());
	assert_true(lab_row(&s->lab, "a.test.zone", &row));
	assert_string_not_equal(row.error, "");
	stop_loader(s);
	stage_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changed_added_and_removed_files_take_effect),
		cmocka_unit_test(only_zone_names_count),
		cmocka_unit_test(a_broken_file_leaves_the_last_good_version),
		cmocka_unit_test(a_file_that_was_never_good_fails_its_names_only),
		cmocka_unit_test(of_two_files_with_one_apex_the_first_stays),
		cmocka_unit_test(copies_go_with_their_zones),
		cmocka_unit_test(included_files_are_followed),
		cmocka_unit_test(an_included_file_that_breaks_is_still_followed),
		cmocka_unit_test(a_serial_that_stays_while_the_content_changes_is_told),
		cmocka_unit_test(a_link_that_cannot_be_followed_is_a_broken_file),
		cmocka_unit_test(a_file_that_rests_is_not_called_unlisted),
		cmocka_unit_test(changes_outside_the_folder_are_found_by_the_rescan),
		cmocka_unit_test(another_generation_s_rows_are_left_alone),
	};

	TEST_MAIN(tests);
}
