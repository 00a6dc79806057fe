/* The prober at its bounds: too many probes at once, no descriptors, a process that was held up. */
#include "health/prober.h"

#include "tests/unit/health_lab.h"

#include <sys/resource.h>

struct bench {
	struct lab lab;
	struct event_base *base;
	struct prober *prober;
	bool stopped;
};

static void bench_open(struct bench *b, uint32_t running_max)
{
	struct err e;

	b->stopped = false;
	b->base = event_base_new();
	assert_non_null(b->base);
	assert_int_equal(
		prober_new(&b->prober, &b->lab.generation, &b->lab.board, b->base, running_max, &e),
		0);
	prober_go(b->prober, clock_mono_ms());
}

static void bench_close(struct bench *b)
{
	prober_free(b->prober);
	event_base_free(b->base);
	lab_free(&b->lab);
}

static void bench_turn(struct bench *b)
{
	const struct timeval at_most = {.tv_usec = 10000};

	(void)event_base_loopexit(b->base, &at_most);
	(void)event_base_loop(b->base, EVLOOP_ONCE);
}

static uint64_t counted(const struct bench *b, enum health_counter c)
{
	return atomic_load(&b->lab.board.health->counter[c]);
}

/* The text of the next notice; "" when there is none now. */
static struct event notice(struct bench *b)
{
	struct event e = {0};

	(void)event_next(
		board_ring(&b->lab.board, ROLE_HEALTH), &b->lab.cursor, clock_mono_ms(), &e);
	return e;
}

/* A full queue: the target answers no SYN. */
static void fill_queue(struct lab *lab, uint32_t target, int filler[4])
{
	struct sockaddr_storage ss;
	socklen_t size = hostport_to_sockaddr(&lab->probe[target].target, &ss);

	assert_int_equal(listen(lab->listener[target], 0), 0);
	for (int i = 0; i < 4; i++) {
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(filler[i], (struct sockaddr *)&ss, size);
	}
}

static void set_stopped(void *arg)
{
	struct bench *b = arg;

	b->stopped = true;
}

static void probes_beyond_the_limit_wait_and_are_told_of(void **state)
{
	struct bench b;
	struct event e;
	int filler[4];

	(void)state;
	lab_init(&b.lab);
	fill_queue(&b.lab, 1, filler); /* holds the only place for its timeout */
	bench_open(&b, 1);
	while (counted(&b, HEALTH_PROBES_WAITED) == 0 || verdict_at(&b.lab, 0) != VERDICT_UP ||
		verdict_at(&b.lab, 1) != VERDICT_DOWN)
		bench_turn(&b);
	do
		e = notice(&b);
	while (e.text[0] != '\0');
	prober_notice(b.prober, clock_mono_ms());
	e = notice(&b);
	assert_int_equal(e.kind, EVENT_NOTICE);
	assert_int_equal(e.level, LEVEL_WARNING);
	assert_non_null(strstr(e.text, "had to wait: 1 run at once"));
	for (uint64_t n = counted(&b, HEALTH_PROBES_WAITED);
		counted(&b, HEALTH_PROBES_WAITED) == n;)
		bench_turn(&b);
	prober_notice(b.prober, clock_mono_ms()); /* not again within a minute */
	assert_string_equal(notice(&b).text, "");
	prober_notice(b.prober, clock_mono_ms() + PROBER_NOTICE_MS);
	assert_non_null(strstr(notice(&b).text, "had to wait"));
	for (int i = 0; i < 4; i++)
		(void)close(filler[i]);
	bench_close(&b);
}

static void want_of_descriptors_changes_no_verdict(void **state)
{
	struct bench b;
	struct event e;
	struct rlimit was, none;

	(void)state;
	lab_init(&b.lab);
	bench_open(&b, 8);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	while (counted(&b, HEALTH_PROBES_NOT_RUN) < 4)
		bench_turn(&b);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(counted(&b, HEALTH_PROBES), 0);
	assert_int_equal(verdict_at(&b.lab, 0), VERDICT_UNKNOWN);
	assert_int_equal(verdict_at(&b.lab, 1), VERDICT_UNKNOWN);
	prober_notice(b.prober, clock_mono_ms());
	e = notice(&b);
	assert_int_equal(e.level, LEVEL_WARNING);
	assert_non_null(strstr(e.text, "2 of 2 IPv4 targets"));
	assert_non_null(strstr(e.text, "(socket: too many open files)"));
	assert_string_equal(cell_at(&b.lab, 0).reason, "not tested: socket: too many open files");
	while (verdict_at(&b.lab, 0) != VERDICT_UP || verdict_at(&b.lab, 1) != VERDICT_DOWN)
		bench_turn(&b); /* tried again as soon as there are some */
	prober_notice(b.prober, clock_mono_ms());
	do
		e = notice(&b);
	while (e.kind != EVENT_NOTICE);
	assert_int_equal(e.level, LEVEL_INFO);
	assert_string_equal(e.text, "all 2 IPv4 targets are tested again");
	bench_close(&b);
}

static void a_process_that_was_held_up_blames_no_target(void **state)
{
	struct bench b;
	int filler[4];

	(void)state;
	lab_init(&b.lab);
	fill_queue(&b.lab, 1, filler);
	bench_open(&b, 8);
	while (verdict_at(&b.lab, 0) != VERDICT_UP) /* the other one runs now */
		bench_turn(&b);
	(void)usleep((PROBER_HELD_UP_MS + b.lab.check.timeout_ms + 100) * 1000);
	while (counted(&b, HEALTH_PROBES_NOT_RUN) == 0)
		bench_turn(&b);
	assert_int_equal(verdict_at(&b.lab, 1), VERDICT_UNKNOWN);
	for (int i = 0; i < 4; i++)
		(void)close(filler[i]);
	bench_close(&b);
}

/* The probe is under way when the route goes: its silence is this machine's. */
static void a_route_lost_while_a_probe_runs_blames_no_target(void **state)
{
	struct bench b;
	int filler[4];

	(void)state;
	lab_init(&b.lab);
	fill_queue(&b.lab, 1, filler);
	bench_open(&b, 8);
	while (verdict_at(&b.lab, 0) != VERDICT_UP) /* the other one runs now */
		bench_turn(&b);
	assert_int_equal(verdict_at(&b.lab, 1), VERDICT_UNKNOWN);
	assert_int_equal(addr_parse("255.255.255.255", &b.lab.probe[1].target.addr), 0);
	while (counted(&b, HEALTH_PROBES_NOT_RUN) == 0)
		bench_turn(&b);
	assert_int_equal(verdict_at(&b.lab, 1), VERDICT_UNKNOWN);
	assert_non_null(strstr(cell_at(&b.lab, 1).reason, "not tested: connect: "));
	for (int i = 0; i < 4; i++)
		(void)close(filler[i]);
	bench_close(&b);
}

static void stopping_lets_running_probes_end(void **state)
{
	struct bench b;
	int filler[4];
	uint64_t probes;

	(void)state;
	lab_init(&b.lab);
	fill_queue(&b.lab, 1, filler);
	bench_open(&b, 8);
	while (verdict_at(&b.lab, 0) != VERDICT_UP)
		bench_turn(&b);
	prober_stop(b.prober, set_stopped, &b);
	while (!b.stopped)
		bench_turn(&b);
	assert_int_equal(verdict_at(&b.lab, 1), VERDICT_DOWN); /* its outcome was not lost */
	probes = counted(&b, HEALTH_PROBES);
	for (int i = 0; i < 30; i++)
		bench_turn(&b);
	assert_int_equal(counted(&b, HEALTH_PROBES), probes);
	for (int i = 0; i < 4; i++)
		(void)close(filler[i]);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probes_beyond_the_limit_wait_and_are_told_of),
		cmocka_unit_test(want_of_descriptors_changes_no_verdict),
		cmocka_unit_test(a_process_that_was_held_up_blames_no_target),
		cmocka_unit_test(a_route_lost_while_a_probe_runs_blames_no_target),
		cmocka_unit_test(stopping_lets_running_probes_end),
	};

	TEST_MAIN(tests);
}
