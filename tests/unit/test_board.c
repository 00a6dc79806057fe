#include "tests/unit/test.h"

#include "board/board.h"

#include "board/beat.h"
#include "board/seqlock.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct board *private_board(void)
{
	static struct board b;
	struct err e;

	assert_int_equal(board_create_private(&b, &e), 0);
	return &b;
}

/* ---- details behind a sequence number ---- */

#define ROUNDS 20000u

static void fill_probe(struct board_probe *p, uint32_t n)
{
	*p = (struct board_probe){
		.successes = (uint16_t)n, .latency_us = n, .since_ms = n, .checked_ms = n};
	atomic_init(&p->word, VERDICT_WORD(n % 3, n));
	memset(p->reason, (int)('a' + n % 26), BOARD_REASON_MAX - 1);
}

static void *write_probes(void *arg)
{
	struct board *b = arg;
	struct board_probe p;

	for (uint32_t n = 1; n <= ROUNDS; n++) {
		fill_probe(&p, n);
		board_write_probe(b, 7, &p);
	}
	return NULL;
}

/* Threads stand for processes: TSan cannot see between those. */
static void a_reader_never_gets_half_of_a_write(void **state)
{
	struct board *b = private_board();
	struct board_probe p = {0}, want;
	pthread_t writer;

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, write_probes, b), 0);
	while (p.latency_us < ROUNDS) {
		if (!board_read_probe(b, 7, &p) || p.latency_us == 0)
			continue;
		fill_probe(&want, p.latency_us);
		assert_int_equal(p.successes, want.successes);
		assert_int_equal(p.since_ms, want.since_ms);
		assert_int_equal(p.checked_ms, want.checked_ms);
		assert_string_equal(p.reason, want.reason);
	}
	(void)pthread_join(writer, NULL);
	board_destroy(b);
}

static void a_write_cut_short_hides_the_reason_until_the_next_write(void **state)
{
	struct board *b = private_board();
	struct board_probe p;

	(void)state;
	fill_probe(&p, 4); /* 4 % 3 = VERDICT_UP */
	board_write_probe(b, 3, &p);
	seqlock_begin(&b->health->probe[3].sequence); /* and killed here */
	memset(&p, 'x', sizeof p);
	assert_false(board_read_probe(b, 3, &p));
	assert_string_equal(p.reason, "");
	assert_int_equal(p.checked_ms, 0);
	assert_int_equal(verdict_of_word(atomic_load(&p.word)), VERDICT_UP);
	assert_int_equal(doubt_of_word(atomic_load(&p.word)), 4);
	fill_probe(&p, 5);
	board_write_probe(b, 3, &p);
	assert_true(board_read_probe(b, 3, &p));
	assert_int_equal(p.checked_ms, 5);
	board_destroy(b);
}

static void the_epoch_moves_with_the_word_only(void **state)
{
	struct board *b = private_board();
	struct board_probe p;
	uint64_t epoch;

	(void)state;
	fill_probe(&p, 4);
	epoch = board_epoch(b);
	board_write_probe(b, 3, &p);
	assert_int_equal(board_epoch(b), epoch + 1);
	p.checked_ms = 99;
	board_write_probe(b, 3, &p);
	assert_int_equal(board_epoch(b), epoch + 1);
	atomic_fetch_add(&b->control->epoch, 1);
	atomic_fetch_add(&b->supervisor->epoch, 1);
	assert_int_equal(board_epoch(b), epoch + 3);
	board_destroy(b);
}

static void zones_and_databases_are_read_as_written(void **state)
{
	struct board *b = private_board();
	struct board_zone z = {.serial = 7,
				  .records = 3,
				  .flags = ZONE_SERVED,
				  .name = "master.com"},
			  zone;
	struct board_database d = {.networks = 9, .built_real_ms = 5, .path = "/x.mmdb"}, database;

	(void)state;
	board_write_zone(b, 2, &z);
	board_write_database(b, 1, &d);
	assert_true(board_read_zone(b, 2, &zone));
	assert_int_equal(zone.serial, 7);
	assert_string_equal(zone.name, "master.com");
	assert_true(board_read_database(b, 1, &database));
	assert_int_equal(database.networks, 9);
	assert_string_equal(database.path, "/x.mmdb");
	board_destroy(b);
}

static void texts_of_a_mad_writer_end(void **state)
{
	struct board *b = private_board();
	struct board_zone *z = &b->dns->zone[0], zone;

	(void)state;
	memset(z->name, 'x', sizeof z->name);
	memset(z->error, 'x', sizeof z->error);
	assert_true(board_read_zone(b, 0, &zone));
	assert_int_equal(strlen(zone.name), sizeof zone.name - 1);
	assert_int_equal(strlen(zone.error), sizeof zone.error - 1);
	board_destroy(b);
}

/* ---- words ---- */

static void words_keep_what_is_packed_into_them(void **state)
{
	const uint64_t years_ms = UINT64_C(100) * 365 * 86400 * 1000; /* fits 47 bits */
	uint64_t word = VERDICT_WORD(VERDICT_DOWN, years_ms);

	(void)state;
	assert_int_equal(verdict_of_word(word), VERDICT_DOWN);
	assert_int_equal(doubt_of_word(word), years_ms);
	assert_int_equal(verdict_of_word(3), VERDICT_UNKNOWN); /* no such verdict */
	assert_int_equal(OVERRIDE_WORD(OVERRIDE_FORCE_DOWN, years_ms) >> 16, years_ms);
	assert_int_equal(OVERRIDE_WORD(OVERRIDE_FORCE_DOWN, 0) & 3, OVERRIDE_FORCE_DOWN);
	assert_int_equal(WEIGHT_WORD(65535, years_ms) >> 17, years_ms);
	assert_int_equal(WEIGHT_WORD(65535, 0) & 0xffff, 65535);
	assert_int_not_equal(WEIGHT_WORD(0, 0), 0);
}

static void names_never_leave_their_tables(void **state)
{
	(void)state;
	assert_string_equal(role_name(ROLE_BALANCER), "balancer");
	assert_string_equal(role_name((enum role)99), "?");
	assert_string_equal(verdict_name(VERDICT_DOWN), "down");
	assert_string_equal(override_name(OVERRIDE_FORCE_UP), "force_up");
	assert_string_equal(role_state_name(ROLE_DRAINING), "draining");
	assert_string_equal(dns_counters[DNS_TRUNCATED].name, "truncated");
	assert_string_equal(balancer_counters[BALANCER_ACCEPTED].name, "accepted");
}

/* ---- sheets between processes ---- */

/* What a forked role does there; its exit status, or minus its signal. */
static int in_child(struct board *b, enum role self, int (*act)(struct board *b))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct err e;

		(void)signal(SIGSEGV, SIG_DFL);
		_exit(board_enter(b, self, &e) < 0 ? 99 : act(b));
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int write_own(struct board *b)
{
	atomic_store(&b->health->probe[1].word, 42);
	return b->self == ROLE_HEALTH && b->fd[ROLE_DNS] == -1 && b->read_fd[ROLE_DNS] == -1 ? 0
											     : 1;
}

static int write_control(struct board *b)
{
	atomic_store(&b->control->epoch, 42);
	return 0;
}

static int make_writable(struct board *b)
{
	return mprotect(b->control, 4096, PROT_READ | PROT_WRITE) < 0 ? 0 : 1;
}

static int read_control(struct board *b)
{
	return (int)atomic_load(&b->control->epoch);
}

static void a_role_writes_its_own_sheet_only(void **state)
{
	struct board b;
	struct err e;

	(void)state;
	assert_int_equal(board_create(&b, &e), 0);
	assert_int_equal(in_child(&b, ROLE_HEALTH, write_own), 0);
	assert_int_equal(atomic_load(&b.health->probe[1].word), 42);
	atomic_store(&b.control->epoch, 17);
	assert_int_equal(in_child(&b, ROLE_HEALTH, read_control), 17);
	assert_int_equal(in_child(&b, ROLE_HEALTH, make_writable), 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_int_equal(in_child(&b, ROLE_HEALTH, write_control), -SIGSEGV);
#else
	assert_int_not_equal(in_child(&b, ROLE_HEALTH, write_control), 0);
#endif
	assert_int_equal(atomic_load(&b.control->epoch), 17);
	board_destroy(&b);
}

static void sheets_cannot_change_their_size(void **state)
{
	struct board b;
	struct err e;

	(void)state;
	assert_int_equal(board_create(&b, &e), 0);
	for (int r = 0; r < ROLE_COUNT; r++)
		assert_int_equal(ftruncate(b.fd[r], 4096), -1);
	board_destroy(&b);
}

static void a_new_board_numbers_events_after_any_older_one(void **state)
{
	struct board *b = private_board();
	uint64_t first = atomic_load(&b->control->next_sequence);

	(void)state;
	assert_int_equal(first, b->supervisor->created_real_ms * 1048576 / 1000);
	assert_int_equal(b->supervisor->magic, BOARD_MAGIC);
	assert_ptr_equal(board_ring(b, ROLE_DNS), &b->dns->events);
	assert_null(board_ring(b, ROLE_CONTROL));
	board_destroy(b);
	board_destroy(b); /* nothing left to do */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_never_gets_half_of_a_write),
		cmocka_unit_test(a_write_cut_short_hides_the_reason_until_the_next_write),
		cmocka_unit_test(the_epoch_moves_with_the_word_only),
		cmocka_unit_test(zones_and_databases_are_read_as_written),
		cmocka_unit_test(texts_of_a_mad_writer_end),
		cmocka_unit_test(words_keep_what_is_packed_into_them),
		cmocka_unit_test(names_never_leave_their_tables),
		cmocka_unit_test(a_role_writes_its_own_sheet_only),
		cmocka_unit_test(sheets_cannot_change_their_size),
		cmocka_unit_test(a_new_board_numbers_events_after_any_older_one),
	};

	TEST_MAIN(tests);
}
