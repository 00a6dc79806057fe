/* dns/loader.c, zone_files.c, publish.c and owner.c when something fails for a while: no change
 * is lost, nothing is said that is not so, and only one generation speaks. */
#include "tests/unit/dns_stage.h"

#include "dns/owner.h"
#include "dns/zone_files.h"

#include <sys/resource.h>

/* calloc() of `size` octets an element calls `hook`, once, and fails if that says so. */
static struct {
	size_t size;
	bool (*hook)(struct stage *s);
	struct stage *stage;
} trap;

void *__interceptor_calloc(size_t count, size_t size) __attribute__((weak)); /* of a sanitizer */
void *__libc_calloc(size_t count, size_t size);

/* TSan's own beginning of a thread calls this */
__attribute__((no_sanitize("thread"))) void *calloc(size_t count, size_t size)
{
	bool (*hook)(struct stage * s) = trap.hook;

	if (hook != NULL && size == trap.size) {
		trap.hook = NULL;
		if (hook(trap.stage))
			return NULL;
	}
	return __interceptor_calloc != NULL ? __interceptor_calloc(count, size)
					    : __libc_calloc(count, size);
}

static bool no_memory(struct stage *s)
{
	(void)s;
	return true;
}

static void set_trap(struct stage *s, size_t size, bool (*hook)(struct stage *s))
{
	trap.size = size;
	trap.stage = s;
	trap.hook = hook;
}

/* A file that is old enough to be read at once. */
static void write_rested(struct stage *s, const char *name, const char *text)
{
	static const struct timespec rested[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};

	lab_write(&s->lab, ".rested", text);
	assert_int_equal(utimensat(s->lab.zones, ".rested", rested, 0), 0);
	assert_int_equal(renameat(s->lab.zones, ".rested", s->lab.zones, name), 0);
}

static struct stage *started(void)
{
	struct stage *s = stage_new();

	write_rested(s, "a.test.zone", LAB_ZONE("1", "192.0.2.1"));
	start_loader(s);
	loader_step(s->loader, clock_mono_ms() + 1000); /* what the start has still to do */
	while (lab_event(&s->lab) != NULL)
		;
	return s;
}

static void finished(struct stage *s)
{
	stop_loader(s);
	stage_free(s);
}

/* How many events have `text`. */
static unsigned count_told(struct stage *s, const char *text)
{
	const struct event *e;
	unsigned count = 0;

	while ((e = lab_event(&s->lab)) != NULL)
		count += strstr(e->text, text) != NULL;
	return count;
}

static void a_dataset_without_memory_is_built_later_and_announced_then(void **state)
{
	struct stage *s = started();
	uint64_t now_ms = clock_mono_ms();
	struct board_zone row;

	(void)state;
	write_rested(s, "b.test.zone", LAB_ZONE("7", "192.0.2.7"));
	set_trap(s, sizeof(struct dataset), no_memory);
	loader_step(s->loader, now_ms);
	assert_null(trap.hook);
	assert_int_equal(serial_of(s, "a.test"), 1);
	assert_int_equal(serial_of(s, "b.test"), 0);
	assert_false(lab_row(&s->lab, "b.test.zone", &row));
	assert_int_equal(count_told(s, "out of memory"), 1);
	loader_step(s->loader, now_ms + RETRY_FIRST_MS); /* no file has changed since */
	assert_int_equal(serial_of(s, "b.test"), 7);
	assert_true(lab_row(&s->lab, "b.test.zone", &row));
	assert_int_equal(row.flags, ZONE_SERVED);
	finished(s);
}

static void a_removed_file_is_announced_once_its_zone_is_gone(void **state)
{
	struct stage *s = started();
	uint64_t now_ms = clock_mono_ms();
	struct board_zone row;

	(void)state;
	assert_int_equal(unlinkat(s->lab.zones, "a.test.zone", 0), 0);
	loader_step(s->loader, now_ms);
	set_trap(s, sizeof(struct dataset), no_memory);
	loader_step(s->loader, now_ms + LAB_REMOVE_AFTER_MS);
	assert_null(trap.hook);
	assert_int_equal(serial_of(s, "a.test"), 1);
	assert_true(lab_row(&s->lab, "a.test.zone", &row));
	assert_true(copy_exists(s, "a.test.zone"));
	loader_step(s->loader, now_ms + LAB_REMOVE_AFTER_MS + RETRY_FIRST_MS);
	assert_int_equal(serial_of(s, "a.test"), 0);
	assert_false(lab_row(&s->lab, "a.test.zone", &row));
	assert_false(copy_exists(s, "a.test.zone"));
	finished(s);
}

#define CLAIM_SIZE (3 * sizeof(void *)) /* of zone_claims.c: the only ones of that size in a scan */

static void files_that_could_not_be_settled_serve_after_the_next_scan(void **state)
{
	struct stage *s = started();
	uint64_t now_ms = clock_mono_ms();

	(void)state;
	write_rested(s, "a.test.zone", LAB_ZONE("2", "192.0.2.2"));
	write_rested(s, "b.test.zone", LAB_ZONE("7", "192.0.2.7"));
	set_trap(s, CLAIM_SIZE, no_memory);
	loader_step(s->loader, now_ms);
	assert_null(trap.hook);
	assert_int_equal(serial_of(s, "a.test"), 1);
	assert_int_equal(serial_of(s, "b.test"), 0);
	loader_step(s->loader, now_ms + RETRY_FIRST_MS);
	assert_int_equal(serial_of(s, "a.test"), 2);
	assert_int_equal(serial_of(s, "b.test"), 7);
	finished(s);
}

/* From now on nothing can be opened. Returns what undoes it. */
static struct rlimit use_up_descriptors(void)
{
	struct rlimit before, none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	return before;
}

static void a_folder_that_cannot_be_read_for_a_while_loses_no_change(void **state)
{
	struct stage *s = started();
	uint64_t now_ms = clock_mono_ms();
	struct rlimit before;

	(void)state;
	write_rested(s, "a.test.zone", LAB_ZONE("2", "192.0.2.2"));
	before = use_up_descriptors();
	for (unsigned i = 0; i < 3; i++)
		loader_step(s->loader, now_ms + i * RETRY_FIRST_MS);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(serial_of(s, "a.test"), 1);
	assert_int_equal(count_told(s, "cannot read this folder"), 1);
	loader_step(s->loader, now_ms + 3 * RETRY_FIRST_MS);
	assert_int_equal(serial_of(s, "a.test"), 2);
	assert_int_equal(count_told(s, "can be read again"), 1);
	finished(s);
}

static void a_generation_that_cannot_read_the_folder_does_not_start(void **state)
{
	struct stage *s = started();
	struct rlimit before;
	struct err e;
	int rc;

	(void)state;
	stop_loader(s);
	assert_int_equal(dns_server_init(&s->server, &s->lab.start, &e), 0);
	assert_int_equal(loader_open(&s->loader, &s->server, &e), 0);
	before = use_up_descriptors();
	rc = loader_start(s->loader, &e);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(rc, -1);
	assert_non_null(strstr(e.text, "cannot read this folder"));
	assert_true(copy_exists(s, "a.test.zone"));
	finished(s);
}

#define EMPTY_POOL "pool POOL web region=paris\n"

static int start_with(struct stage *s, bool replaces_conf, struct err *e)
{
	s->lab.start.replaces_conf = replaces_conf;
	assert_int_equal(dns_server_init(&s->server, &s->lab.start, e), 0);
	assert_int_equal(loader_open(&s->loader, &s->server, e), 0);
	return loader_start(s->loader, e);
}

/* Paris has no endpoint: a reload's configuration is refused, a start and a zone file are not. */
static void a_new_configuration_leaves_no_pool_record_without_an_answer(void **state)
{
	static const char told[] = "has no endpoint in region \"paris\"";
	struct stage *s = started();
	struct err e;

	(void)state;
	stop_loader(s);
	assert_int_equal(start_with(s, true, &e), 0); /* the zones are good */
	loader_take_over(s->loader);
	write_rested(s, "b.test.zone", LAB_ZONE("1", "192.0.2.1") EMPTY_POOL);
	loader_step(s->loader, clock_mono_ms());
	assert_int_equal(serial_of(s, "b.test"), 1);
	assert_int_equal(count_told(s, told), 1);
	stop_loader(s);
	assert_int_equal(start_with(s, true, &e), -1);
	assert_non_null(strstr(e.text, told));
	assert_string_equal(e.file, "b.test.zone");
	assert_int_equal(e.line, 5);
	stop_loader(s);
	assert_int_equal(start_with(s, false, &e), 0);
	assert_int_equal(serial_of(s, "b.test"), 1);
	finished(s);
}

static void a_removed_folder_leaves_its_zones_in_service(void **state)
{
	struct stage *s = started();
	uint64_t now_ms = clock_mono_ms();

	(void)state;
	assert_int_equal(unlinkat(s->lab.zones, "a.test.zone", 0), 0);
	assert_int_equal(rmdir(s->lab.path), 0);
	loader_step(s->loader, now_ms);
	loader_step(s->loader, now_ms + 2 * RETRY_FIRST_MS);
	assert_int_equal(serial_of(s, "a.test"), 1);
	assert_true(copy_exists(s, "a.test.zone"));
	assert_int_equal(count_told(s, "this folder was removed"), 1);
	finished(s);
}

/* The loading itself takes long, and a file is being written meanwhile. */
static bool write_meanwhile(struct stage *s)
{
	(void)usleep(5000); /* its time is later than the step's */
	lab_write(&s->lab, "a.test.zone", LAB_ZONE("2", "192.0.2.2"));
	return false;
}

static void a_file_written_during_a_scan_rests_like_any_other(void **state)
{
	(void)state;
	for (bool conclusive = false; !conclusive;) {
		struct stage *s = started();
		uint64_t until_ms;

		lab_write(&s->lab, "event", "");
		set_trap(s, sizeof(struct zone_file *), write_meanwhile);
		until_ms = clock_real_ms() + STAMP_REST_MS;
		loader_step(s->loader, clock_mono_ms());
		assert_null(trap.hook);
		conclusive = clock_real_ms() < until_ms; /* else it may have rested by then */
		if (conclusive)
			assert_int_equal(serial_of(s, "a.test"), 1);
		wait_serial(s, "a.test", 2);
		finished(s);
	}
}

static void a_copy_that_cannot_be_written_is_written_later(void **state)
{
	struct stage *s = started();
	uint64_t now_ms = clock_mono_ms();
	struct board_zone row;

	(void)state;
	assert_int_equal(mkdirat(s->lab.state, COPIES_FOLDER "/b.test.zone", 0700), 0);
	write_rested(s, "b.test.zone", LAB_ZONE("7", "192.0.2.7"));
	loader_step(s->loader, now_ms);
	assert_int_equal(serial_of(s, "b.test"), 7);
	assert_true(lab_row(&s->lab, "b.test.zone", &row));
	assert_int_equal(row.good_real_ms, 0);
	assert_int_equal(unlinkat(s->lab.state, COPIES_FOLDER "/b.test.zone", AT_REMOVEDIR), 0);
	loader_step(s->loader, now_ms + RETRY_LAST_MS);
	assert_true(copy_exists(s, "b.test.zone"));
	assert_true(lab_row(&s->lab, "b.test.zone", &row));
	assert_true(row.good_real_ms > 0);
	finished(s);
}

static bool change_meanwhile(struct stage *s)
{
	lab_write(&s->lab, "event", "");
	return false;
}

static void changes_do_not_wait_for_all_copies(void **state)
{
	struct stage *s = started();

	(void)state;
	write_rested(s, "b.test.zone", LAB_ZONE("1", "192.0.2.1"));
	write_rested(s, "c.test.zone", LAB_ZONE("1", "192.0.2.1"));
	set_trap(s, sizeof(struct dataset), change_meanwhile);
	loader_step(s->loader, clock_mono_ms());
	assert_true(copy_exists(s, "b.test.zone"));
	assert_false(copy_exists(s, "c.test.zone"));
	loader_step(s->loader, clock_mono_ms());
	assert_true(copy_exists(s, "c.test.zone"));
	finished(s);
}

static bool take_over(struct stage *s)
{
	atomic_store(&s->lab.board.dns->owner, 2);
	return false;
}

/* A long load: the new generation takes over in the middle of it. */
static void a_loader_that_is_overtaken_writes_nothing_more(void **state)
{
	struct stage *s = started();
	uint64_t now_ms = clock_mono_ms();
	struct board_zone row;

	(void)state;
	write_rested(s, "b.test.zone", LAB_ZONE("1", "192.0.2.1"));
	loader_step(s->loader, now_ms);
	assert_true(copy_exists(s, "b.test.zone"));
	assert_int_equal(unlinkat(s->lab.zones, "b.test.zone", 0), 0);
	loader_step(s->loader, now_ms + 1);
	write_rested(s, "a.test.zone", LAB_ZONE("2", "192.0.2.2"));
	write_rested(s, "c.test.zone", LAB_ZONE("1", "192.0.2.1"));
	while (lab_event(&s->lab) != NULL)
		;
	set_trap(s, sizeof(struct dataset), take_over);
	loader_step(s->loader, now_ms + 1 + LAB_REMOVE_AFTER_MS);
	assert_null(trap.hook);
	assert_true(lab_row(&s->lab, "a.test.zone", &row));
	assert_int_equal(row.serial, 1);
	assert_true(lab_row(&s->lab, "b.test.zone", &row));
	assert_false(lab_row(&s->lab, "c.test.zone", &row));
	assert_true(copy_exists(s, "b.test.zone"));
	assert_false(copy_exists(s, "c.test.zone"));
	assert_null(lab_event(&s->lab));
	finished(s);
}

/* ---- owner.c ---- */

struct generations {
	struct lab lab;
	struct generation newer;
	struct role_start start;
	struct dns_server old, new;
	unsigned written; /* by one at a time: that is what TSan looks at */
};

static struct generations *two_generations(void)
{
	struct generations *g = aligned_alloc(64, (sizeof *g + 63) / 64 * 64);

	assert_non_null(g);
	lab_open(&g->lab);
	g->newer = *g->lab.generation;
	g->newer.number = 2;
	g->start = g->lab.start;
	g->start.generation = &g->newer;
	memset(&g->old, 0, sizeof g->old);
	memset(&g->new, 0, sizeof g->new);
	g->old.start = &g->lab.start;
	g->new.start = &g->start;
	g->old.board = g->new.board = &g->lab.board;
	g->written = 0;
	assert_true(owner_take(&g->old));
	return g;
}

static void two_generations_free(struct generations *g)
{
	lab_close(&g->lab);
	free(g);
}

static void *write_until_overtaken(void *arg)
{
	struct generations *g = arg;

	while (owner_begin(&g->old)) {
		g->written++;
		owner_end(&g->old);
	}
	return NULL;
}

static void the_new_owner_waits_for_a_write_that_has_begun(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct generations *g = two_generations();
		pthread_t old;

		assert_int_equal(pthread_create(&old, NULL, write_until_overtaken, g), 0);
		assert_true(owner_take(&g->new));
		g->written = 0;
		assert_int_equal(pthread_join(old, NULL), 0);
		assert_int_equal(g->written, 0);
		assert_true(owner_is_self(&g->new));
		assert_true(owner_is_other(&g->old));
		two_generations_free(g);
	}
}

static void an_older_generation_takes_nothing_over(void **state)
{
	struct generations *g = two_generations();

	(void)state;
	assert_true(owner_take(&g->new));
	assert_false(owner_take(&g->old));
	assert_true(owner_is_self(&g->new));
	two_generations_free(g);
}

static void a_process_killed_in_mid_write_holds_nobody_up_for_ever(void **state)
{
	struct generations *g = two_generations();

	(void)state;
	assert_true(owner_begin(&g->old)); /* and never ends it */
	assert_true(owner_take(&g->old));  /* started anew: at once */
	assert_true(owner_begin(&g->old));
	assert_true(owner_take(&g->new));
	owner_end(&g->old); /* it was only stopped */
	assert_true(owner_is_self(&g->new));
	assert_true(owner_begin(&g->new));
	two_generations_free(g);
}

/* ---- more zones than rows ---- */

static void zones_without_a_row_are_served_counted_and_told_once(void **state)
{
	struct stage *s = started();
	struct board_zone row = {.name = "other", .file = "other.zone"};
	struct board_dns *dns = s->lab.board.dns;
	uint64_t now_ms = clock_mono_ms();

	(void)state;
	for (uint32_t i = 1; i < BOARD_ZONES_MAX; i++)
		board_write_zone(&s->lab.board, i, &row);
	atomic_store(&dns->zone_count, BOARD_ZONES_MAX);
	write_rested(s, "b.test.zone", LAB_ZONE("1", "192.0.2.1"));
	loader_step(s->loader, now_ms);
	assert_int_equal(serial_of(s, "b.test"), 1);
	assert_int_equal(atomic_load(&dns->zones_unlisted), 1);
	assert_int_equal(count_told(s, "rows for zones are taken"), 1);
	write_rested(s, "c.test.zone", LAB_ZONE("1", "192.0.2.1"));
	loader_step(s->loader, now_ms);
	assert_int_equal(serial_of(s, "c.test"), 1);
	assert_int_equal(atomic_load(&dns->zones_unlisted), 2);
	assert_int_equal(count_told(s, "rows for zones are taken"), 0);
	/* a row becomes free: the next news of a zone without one takes it */
	row.name[0] = '\0';
	board_write_zone(&s->lab.board, 100, &row);
	write_rested(s, "c.test.zone", LAB_ZONE("2", "192.0.2.2"));
	loader_step(s->loader, now_ms);
	assert_true(lab_row(&s->lab, "c.test.zone", &row));
	assert_int_equal(row.serial, 2);
	assert_int_equal(atomic_load(&dns->zones_unlisted), 1);
	finished(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dataset_without_memory_is_built_later_and_announced_then),
		cmocka_unit_test(a_removed_file_is_announced_once_its_zone_is_gone),
		cmocka_unit_test(files_that_could_not_be_settled_serve_after_the_next_scan),
		cmocka_unit_test(a_folder_that_cannot_be_read_for_a_while_loses_no_change),
		cmocka_unit_test(a_generation_that_cannot_read_the_folder_does_not_start),
		cmocka_unit_test(a_new_configuration_leaves_no_pool_record_without_an_answer),
		cmocka_unit_test(a_removed_folder_leaves_its_zones_in_service),
		cmocka_unit_test(a_file_written_during_a_scan_rests_like_any_other),
		cmocka_unit_test(a_copy_that_cannot_be_written_is_written_later),
		cmocka_unit_test(changes_do_not_wait_for_all_copies),
		cmocka_unit_test(a_loader_that_is_overtaken_writes_nothing_more),
		cmocka_unit_test(the_new_owner_waits_for_a_write_that_has_begun),
		cmocka_unit_test(an_older_generation_takes_nothing_over),
		cmocka_unit_test(a_process_killed_in_mid_write_holds_nobody_up_for_ever),
		cmocka_unit_test(zones_without_a_row_are_served_counted_and_told_once),
	};

	TEST_MAIN(tests);
}
