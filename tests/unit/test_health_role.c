/* The whole role as a thread, on a private board, with a link and targets of the test's own. */
#include "base/link.h"
#include "health/role.h"
#include "health/verdict.h"

#include "tests/unit/health_lab.h"

static void *run_role(void *arg)
{
	struct lab *lab = arg;

	lab->exit_code = health_role(&lab->start);
	return NULL;
}

static void expect_message(struct lab *lab, enum link_type type)
{
	struct link_message m;
	int got;

	while ((got = link_receive(lab->link, &m)) < 0)
		(void)usleep(1000);
	assert_int_equal(got, 1);
	assert_int_equal(m.type, type);
}

static void lab_ready(struct lab *lab)
{
	assert_int_equal(pthread_create(&lab->thread, NULL, run_role, lab), 0);
	expect_message(lab, LINK_READY);
}

static void lab_go(struct lab *lab)
{
	lab_ready(lab);
	assert_int_equal(link_send(lab->link, LINK_GO, 0, NULL), 0);
}

static void lab_stop(struct lab *lab)
{
	assert_int_equal(link_send(lab->link, LINK_STOP, 0, NULL), 0);
	expect_message(lab, LINK_STOPPED);
	(void)pthread_join(lab->thread, NULL);
	assert_int_equal(lab->exit_code, 0);
}

static void set_override(struct lab *lab, uint32_t endpoint, enum override o)
{
	atomic_store(
		&lab->board.control->override[endpoint_slots[endpoint]].state, OVERRIDE_WORD(o, 0));
	(void)atomic_fetch_add(&lab->board.control->epoch, 1);
}

/* Until health has seen `count` failed connects in all. */
static void wait_for_failures(const struct lab *lab, uint64_t count)
{
	while (atomic_load(&lab->board.health->counter[HEALTH_CONNECT_FAILURES]) < count)
		(void)usleep(1000);
}

/* A balancer worker in row `row`. */
static void fail_connections(struct lab *lab, uint32_t row, uint32_t probe, uint32_t count)
{
	_Atomic uint32_t *failures =
		&lab->board.balancer->row[row].connect_failures[PROBE_SLOT(probe)];
	uint64_t one = 1;

	(void)atomic_fetch_add(failures, count);
	assert_int_equal(write(lab->start.wake, &one, sizeof one), sizeof one);
}

static void start_worker(struct lab *lab, uint32_t row)
{
	atomic_store(&lab->board.balancer->row[row].beat_ms, clock_mono_ms());
}

/* ---- tests ---- */

static void verdicts_reach_the_board_with_events(void **state)
{
	struct lab lab;
	struct event e;
	char address[HOSTPORT_TEXT_MAX];

	(void)state;
	lab_init(&lab);
	lab_go(&lab);
	wait_for_verdict(&lab, 0, VERDICT_UP);
	wait_for_verdict(&lab, 1, VERDICT_DOWN);
	assert_string_equal(cell_at(&lab, 0).reason, "connected");
	assert_string_equal(cell_at(&lab, 1).reason, "connect: connection refused");
	assert_true(cell_at(&lab, 0).latency_us > 0);
	assert_true(atomic_load(&lab.board.health->epoch) >= 2);
	for (int n = 0; n < 2; n++) {
		uint32_t i;

		e = next_event(&lab, EVENT_VERDICT);
		i = strcmp(e.endpoint, "lon1") == 0 ? 0 : 1;
		assert_string_equal(e.pool, "web");
		assert_string_equal(e.endpoint, lab.endpoint[i].name);
		assert_string_equal(e.object, hostport_format(&lab.probe[i].target, address));
		assert_string_equal(e.from, "unknown");
		assert_string_equal(e.to, i == 0 ? "up" : "down");
		assert_string_equal(e.text, cell_at(&lab, i).reason);
		assert_int_equal(e.level, i == 0 ? LEVEL_INFO : LEVEL_WARNING);
		assert_int_equal(e.role, ROLE_HEALTH);
		assert_int_equal(e.generation, 7);
	}
	lab_stop(&lab);
	assert_true(atomic_load(&lab.board.health->counter[HEALTH_PROBES]) >= 2);
	assert_true(atomic_load(&lab.board.health->counter[HEALTH_PROBES_FAILED]) >= 1);
	assert_int_equal(atomic_load(&lab.board.health->counter[HEALTH_CHANGES]), 2);
	lab_free(&lab);
}

static void nothing_is_written_before_go(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	lab_ready(&lab);
	assert_int_equal(atomic_load(&lab.board.health->beat_ms), 0);
	assert_int_equal(atomic_load(&lab.board.health->epoch), 0);
	lab_stop(&lab); /* stopped before it served */
	assert_int_equal(atomic_load(&lab.board.health->beat_ms), 0);
	assert_int_equal(atomic_load(&lab.board.health->counter[HEALTH_PROBES]), 0);
	lab_free(&lab);
}

static void it_beats_and_only_the_link_stops_it(void **state)
{
	struct lab lab;
	uint64_t beat;

	(void)state;
	lab_init(&lab);
	lab_go(&lab);
	wait_for_verdict(&lab, 0, VERDICT_UP);
	(void)raise(SIGTERM);
	(void)raise(SIGINT);
	(void)raise(SIGHUP);
	beat = atomic_load(&lab.board.health->beat_ms);
	while (atomic_load(&lab.board.health->beat_ms) == beat)
		(void)usleep(1000);
	lab_stop(&lab);
	lab_free(&lab);
}

static void the_end_of_the_link_ends_the_role(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	lab_go(&lab);
	wait_for_verdict(&lab, 0, VERDICT_UP);
	(void)shutdown(lab.link, SHUT_RDWR);
	(void)pthread_join(lab.thread, NULL);
	assert_int_equal(lab.exit_code, 0);
	lab_free(&lab);
}

static void a_slot_past_the_board_is_refused(void **state)
{
	struct lab lab;
	struct link_message m;

	(void)state;
	lab_init(&lab);
	lab.probe[1].slot = BOARD_PROBES_MAX;
	assert_int_equal(pthread_create(&lab.thread, NULL, run_role, &lab), 0);
	(void)pthread_join(lab.thread, NULL);
	assert_int_equal(lab.exit_code, 1);
	assert_int_equal(link_receive(lab.link, &m), 1);
	assert_int_equal(m.type, LINK_FAILED);
	assert_non_null(strstr(m.text, "past the board's end"));
	lab_free(&lab);
}

/* Both targets are up, and by their interval no probe is due for an hour. */
static void lab_rest(struct lab *lab)
{
	lab->check.interval_ms = 3600000;
	lab->check.timeout_ms = 2000;
	for (uint32_t i = 0; i < TARGETS; i++)
		put_cell(lab, i, (struct board_probe){.checked_ms = clock_mono_ms(), .since_ms = 1},
			VERDICT_WORD(VERDICT_UP, 0));
}

static uint64_t probes_of(const struct lab *lab)
{
	return atomic_load(&lab->board.health->counter[HEALTH_PROBES]);
}

static void a_failed_connect_makes_the_check_run_at_once(void **state)
{
	struct lab lab;
	struct event e;

	(void)state;
	lab_init(&lab);
	lab_rest(&lab);
	start_worker(&lab, 3);
	lab.board.balancer->row[3].connect_failures[PROBE_SLOT(1)] = 1000; /* of the past */
	lab_go(&lab);
	while (atomic_load(&lab.board.health->beat_ms) == 0)
		(void)usleep(1000);
	fail_connections(&lab, 3, 1, 1); /* one is enough, although fall is 2 */
	e = next_event(&lab, EVENT_VERDICT);
	assert_string_equal(e.endpoint, "nyc1");
	assert_string_equal(e.from, "up");
	assert_string_equal(e.to, "down");
	assert_string_equal(e.text, "connect: connection refused"); /* what the check saw */
	assert_int_equal(probes_of(&lab), 2);
	assert_int_equal(verdict_at(&lab, 0), VERDICT_UP);
	lab_stop(&lab);
	assert_int_equal(atomic_load(&lab.board.health->counter[HEALTH_CONNECT_FAILURES]), 1);
	assert_int_equal(atomic_load(&lab.board.health->counter[HEALTH_PROBES_HURRIED]), 2);
	lab_free(&lab);
}

static void no_number_of_failed_connects_switches_off_what_the_check_says_is_up(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	lab_rest(&lab);
	start_worker(&lab, 0);
	lab_go(&lab);
	while (atomic_load(&lab.board.health->beat_ms) == 0)
		(void)usleep(1000);
	for (uint64_t n = 1; n <= 20; n++) {
		fail_connections(&lab, 0, 0, 1000);
		wait_for_failures(&lab, n * 1000);
		assert_int_equal(verdict_at(&lab, 0), VERDICT_UP);
	}
	while (cell_at(&lab, 0).successes == 0) /* the check ran, and it decides */
		(void)usleep(1000);
	assert_int_equal(verdict_at(&lab, 0), VERDICT_UP);
	assert_int_equal(cell_at(&lab, 0).failures, 0);
	assert_int_equal(
		doubt_of_word(atomic_load(&lab.board.health->probe[PROBE_SLOT(0)].word)), 0);
	lab_stop(&lab);
	lab_free(&lab);
}

static void a_worker_that_appears_later_counts_from_then_on(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	lab_rest(&lab);
	lab_go(&lab);
	lab.board.balancer->row[900].connect_failures[PROBE_SLOT(1)] = UINT32_MAX; /* wraps */
	atomic_store(&lab.board.balancer->row[900].active[endpoint_slots[0]], 5);
	start_worker(&lab, 900);
	while (atomic_load(&lab.board.health->load[endpoint_slots[0]]) != 5)
		(void)usleep(1000);
	assert_int_equal(atomic_load(&lab.board.health->counter[HEALTH_CONNECT_FAILURES]), 0);
	fail_connections(&lab, 900, 1, 2);
	wait_for_failures(&lab, 2);
	lab_stop(&lab);
	assert_int_equal(atomic_load(&lab.board.health->counter[HEALTH_CONNECT_FAILURES]), 2);
	lab_free(&lab);
}

static void load_is_summed_over_all_rows(void **state)
{
	struct lab lab;
	struct board_balancer *balancer;

	(void)state;
	lab_init(&lab);
	balancer = lab.board.balancer;
	start_worker(&lab, 0);
	start_worker(&lab, 1023);
	atomic_store(&balancer->row[0].active[endpoint_slots[1]], 7);
	atomic_store(&balancer->row[1023].active[endpoint_slots[1]], 35);
	lab_go(&lab);
	while (atomic_load(&lab.board.health->load[endpoint_slots[1]]) != 42)
		(void)usleep(1000);
	assert_int_equal(atomic_load(&lab.board.health->load[endpoint_slots[0]]), 0);
	atomic_store(&balancer->row[0].active[endpoint_slots[1]], 0);
	while (atomic_load(&lab.board.health->load[endpoint_slots[1]]) != 35)
		(void)usleep(1000);
	lab_stop(&lab);
	lab_free(&lab);
}

static void a_pool_that_dies_and_comes_back_is_told(void **state)
{
	struct lab lab;
	struct event e;

	(void)state;
	lab_init(&lab);
	lab_go(&lab);
	wait_for_verdict(&lab, 0, VERDICT_UP);
	wait_for_verdict(&lab, 1, VERDICT_DOWN);
	set_override(&lab, 0, OVERRIDE_DRAIN);
	e = next_event(&lab, EVENT_POOL);
	assert_string_equal(e.pool, "web");
	assert_string_equal(e.object, "IPv4");
	assert_string_equal(e.from, "serving");
	assert_string_equal(e.to, "dead");
	assert_string_equal(e.text, "no IPv4 address serves: when_all_down is serve_all");
	assert_int_equal(e.level, LEVEL_ERROR);
	set_override(&lab, 1, OVERRIDE_FORCE_UP);
	e = next_event(&lab, EVENT_POOL);
	assert_string_equal(e.from, "dead");
	assert_string_equal(e.to, "serving");
	lab_stop(&lab);
	lab_free(&lab);
}

static void a_new_process_goes_on_from_the_cells(void **state)
{
	struct lab lab;
	struct board_probe cell;

	(void)state;
	lab_init(&lab);
	lab.check.fall = 1000;
	put_cell(&lab, 1,
		(struct board_probe){.failures = 998,
			.since_ms = 5,
			.checked_ms = 6,
			.penalty = 500 * FLAP_POINT,
			.penalty_ms = 4,
			.reason = "old"},
		VERDICT_WORD(VERDICT_UP, 77));
	lab_go(&lab);
	wait_for_verdict(&lab, 1, VERDICT_DOWN); /* two failures, not a thousand */
	cell = cell_at(&lab, 1);
	assert_true(cell.failures >= 1000 && cell.failures < 1100);
	lab_stop(&lab);
	/* and the next one is told how it stands by nobody but the cell */
	cell = cell_at(&lab, 1);
	lab.exit_code = -1;
	lab.cursor.next = atomic_load(&board_ring(&lab.board, ROLE_HEALTH)->claimed);
	lab_go(&lab);
	while (cell_at(&lab, 1).failures == cell.failures)
		(void)usleep(1000);
	assert_int_equal(cell_at(&lab, 1).since_ms, cell.since_ms);
	assert_int_equal(
		atomic_load(&board_ring(&lab.board, ROLE_HEALTH)->claimed), lab.cursor.next);
	lab_stop(&lab);
	lab_free(&lab);
}

static void a_rise_that_damping_holds_down_is_told(void **state)
{
	struct board_probe cell;
	struct lab lab;
	struct event e;

	(void)state;
	lab_init(&lab);
	lab.check.flap = (struct flap_limits){.penalty = 1000,
		.suppress = 2500,
		.reuse = 750,
		.half_life_ms = 86400000,
		.max_suppress_ms = 2 * 86400000};
	put_cell(&lab, 0,
		(struct board_probe){.since_ms = 5,
			.checked_ms = 6,
			.penalty = 2400 * FLAP_POINT,
			.penalty_ms = clock_mono_ms()},
		VERDICT_WORD(VERDICT_DOWN, 0));
	lab_go(&lab);
	do
		e = next_event(&lab, EVENT_VERDICT);
	while (strcmp(e.endpoint, "lon1") != 0);
	assert_string_equal(e.from, "down");
	assert_string_equal(e.to, "down");
	assert_non_null(strstr(e.text, "connected; suppressed for flapping: penalty 3"));
	assert_int_equal(verdict_at(&lab, 0), VERDICT_DOWN);
	cell = cell_at(&lab, 0);
	assert_int_equal(cell.flags, PROBE_SUPPRESSED | PROBE_GOOD);
	assert_int_equal(cell.since_ms, 5); /* it was down all the time */
	lab_stop(&lab);
	lab_free(&lab);
}

static void a_cell_left_half_written_is_repaired(void **state)
{
	struct lab lab;
	struct board_probe cell;

	(void)state;
	lab_init(&lab);
	put_cell(&lab, 0, (struct board_probe){.successes = 9, .since_ms = 5, .reason = "torn"},
		VERDICT_WORD(VERDICT_UP, 0));
	atomic_store(&lab.board.health->probe[PROBE_SLOT(0)].sequence, 7);
	assert_false(board_read_probe(&lab.board, PROBE_SLOT(0), &cell));
	lab_go(&lab);
	while (!board_read_probe(&lab.board, PROBE_SLOT(0), &cell))
		(void)usleep(1000);
	assert_int_equal(verdict_of_word(atomic_load(&cell.word)), VERDICT_UP);
	assert_true(cell.since_ms > 5);
	lab_stop(&lab);
	lab_free(&lab);
}

static void silence_ends_by_the_timeout_with_its_phase(void **state)
{
	struct lab lab;
	struct sockaddr_storage ss;
	socklen_t size;
	int filler[4];

	(void)state;
	lab_init(&lab);
	assert_int_equal(listen(lab.listener[1], 0), 0); /* a full queue answers nothing */
	size = hostport_to_sockaddr(&lab.probe[1].target, &ss);
	for (size_t i = 0; i < COUNT(filler); i++) {
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(filler[i], (struct sockaddr *)&ss, size);
	}
	lab_go(&lab);
	wait_for_verdict(&lab, 1, VERDICT_DOWN);
	assert_string_equal(cell_at(&lab, 1).reason, "timeout after 100ms in connect");
	lab_stop(&lab);
	for (size_t i = 0; i < COUNT(filler); i++)
		(void)close(filler[i]);
	lab_free(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_reach_the_board_with_events),
		cmocka_unit_test(nothing_is_written_before_go),
		cmocka_unit_test(it_beats_and_only_the_link_stops_it),
		cmocka_unit_test(the_end_of_the_link_ends_the_role),
		cmocka_unit_test(a_slot_past_the_board_is_refused),
		cmocka_unit_test(a_failed_connect_makes_the_check_run_at_once),
		cmocka_unit_test(
			no_number_of_failed_connects_switches_off_what_the_check_says_is_up),
		cmocka_unit_test(a_worker_that_appears_later_counts_from_then_on),
		cmocka_unit_test(load_is_summed_over_all_rows),
		cmocka_unit_test(a_pool_that_dies_and_comes_back_is_told),
		cmocka_unit_test(a_new_process_goes_on_from_the_cells),
		cmocka_unit_test(a_rise_that_damping_holds_down_is_told),
		cmocka_unit_test(a_cell_left_half_written_is_repaired),
		cmocka_unit_test(silence_ends_by_the_timeout_with_its_phase),
	};

	TEST_MAIN(tests);
}
